/* Where one writes. */
import { t } from "./i18n.js";

export class Composer {
	limit = 4096; // bytes of UTF-8, as the server counts
	#form;
	#box;
	#room;
	#onText;
	#draft;

	/** The draft survives a reload of this tab; it is user's alone. */
	constructor(form, user, onText) {
		this.#draft = `gatecast.draft.${user}`;
		this.#form = form;
		this.#box = form.querySelector("textarea");
		this.#room = form.querySelector(".room-left");
		this.#onText = onText;
		form.addEventListener("submit", (e) => {
			e.preventDefault();
			this.#submit();
		});
		this.#box.addEventListener("input", () => this.#changed());
		this.#box.addEventListener("keydown", (e) => this.#key(e));
		this.#box.value = sessionStorage.getItem(this.#draft) ?? "";
		this.#changed();
		if (matchMedia("(pointer: fine)").matches)
			this.#box.focus();
	}

	takeBack(texts) {
		this.#box.value = [...texts, textOf(this.#box)]
		    .filter(Boolean).join("\n");
		this.#changed();
	}

	forget() {
		this.#box.value = "";
		this.#changed();
	}

	#key(e) {
		if (e.key !== "Enter" || e.shiftKey || e.altKey)
			return;
		/* Safari ends the composition first; 229 is then what is left. */
		if (e.isComposing || e.keyCode === 229)
			return;
		e.preventDefault();
		if (!e.repeat)
			this.#submit();
	}

	#submit() {
		const text = textOf(this.#box);
		if (text === "" || bytesOf(text) > this.limit)
			return;
		this.#box.value = "";
		this.#changed();
		this.#onText(text);
		this.#box.focus();
	}

	#changed() {
		const text = textOf(this.#box);
		const left = this.limit - bytesOf(text);
		this.#room.textContent = left < 0 ? t("too_long", { n: -left })
		    : left < this.limit / 8 ? t("left_over", { n: left }) : "";
		if (text === "")
			sessionStorage.removeItem(this.#draft);
		else
			sessionStorage.setItem(this.#draft, text);
		this.#form.classList.toggle("too-long", left < 0);
		this.#form.classList.toggle("empty", text === "");
		this.#box.style.height = "auto";
		this.#box.style.height = `${this.#box.scrollHeight}px`;
	}
}

/* Without what the server refuses. */
function textOf(box) {
	return box.value.replace(/[\0-\x08\x0b-\x1f]/g, "").trimEnd();
}

function bytesOf(text) {
	return new TextEncoder().encode(text).length;
}
