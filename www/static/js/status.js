/* Whether what one writes now gets through. */
import { t } from "./i18n.js";

export class Status {
	user = "";
	#line;
	#text;
	#spoken;
	#button;
	#state = { state: "connecting", retryAt: 0 };
	#ticker = 0;

	constructor(line, onRetry) {
		this.#line = line;
		this.#text = line.querySelector("[data-state-text]");
		this.#spoken = line.querySelector("[role=status]");
		this.#button = line.querySelector("button");
		this.#button.textContent = t("retry_now");
		this.#button.addEventListener("click", onRetry);
		for (const type of ["online", "offline"])
			addEventListener(type, () => this.#draw());
		this.#draw();
	}

	show(state) {
		clearInterval(this.#ticker);
		/* A try that takes no time should not flicker. */
		const isRetry = state.state === "connecting" &&
		    this.#state.state === "waiting";
		this.#state = state;
		if (isRetry)
			this.#ticker = setTimeout(() => this.#draw(), 300);
		else
			this.#draw();
		if (state.state === "waiting")
			this.#ticker = setInterval(() => this.#draw(), 500);
	}

	#draw() {
		const { state, retryAt } = this.#state;
		const isOffline = state === "waiting" && !navigator.onLine;
		const isBlocked = state === "waiting" && this.#state.isBlocked;
		const shown = isOffline ? "offline" : isBlocked ? "blocked" : state;
		const n = Math.max(1, Math.ceil((retryAt - Date.now()) / 1e3));
		const text = shown === "closed" ? ""
		    : t(shown, { n, user: this.user });
		this.#text.textContent = text;
		if (this.#line.dataset.state !== shown)
			this.#spoken.textContent = text;
		this.#line.dataset.state = shown;
		this.#button.hidden = state !== "waiting";
	}
}
