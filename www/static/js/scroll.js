/* The log follows the newest line while the reader is there. */
import { t } from "./i18n.js";

const NEAR_PX = 40;

export class Scroll {
	isAtBottom = true;
	#box;
	#jump;
	#unread = 0;
	#isDue = false;
	#onTop;

	constructor(box, jump, onTop) {
		this.#onTop = onTop;
		this.#box = box;
		this.#jump = jump;
		box.addEventListener("scroll", () => this.#scrolled(),
		    { passive: true });
		jump.addEventListener("click", () => this.toBottom());
		/* A phone's keyboard, a growing composer, a turned screen. */
		new ResizeObserver(() => this.isAtBottom && this.toBottom())
		    .observe(box);
	}

	toBottom() {
		this.#box.scrollTop = this.#box.scrollHeight;
		this.isAtBottom = true;
		this.#unread = 0;
		this.#show();
	}

	/** Does change(), and stays at the bottom: once a frame. */
	keeping(change) {
		change();
		if (!this.isAtBottom || this.#isDue)
			return;
		this.#isDue = true;
		requestAnimationFrame(() => {
			this.#isDue = false;
			if (this.isAtBottom)
				this.toBottom();
		});
	}

	/** Does change() above the reader, who stays at the same line. */
	above(change) {
		const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
		change();
		if (!this.isAtBottom)
			this.#box.scrollTop = this.#box.scrollHeight - fromEnd;
	}

	count() {
		if (this.isAtBottom)
			return;
		this.#unread++;
		this.#show();
	}

	#scrolled() {
		const { scrollTop, scrollHeight, clientHeight } = this.#box;
		this.isAtBottom = scrollHeight - clientHeight - scrollTop < NEAR_PX;
		if (this.isAtBottom)
			this.#unread = 0;
		else if (scrollTop < clientHeight)
			this.#onTop();
		this.#show();
	}

	#show() {
		this.#jump.hidden = this.isAtBottom;
		this.#jump.classList.toggle("news", this.#unread > 0);
		this.#jump.textContent = this.#unread > 0
		    ? t("unread", { n: this.#unread }) : t("to_bottom");
	}
}
