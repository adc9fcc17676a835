/* Desktop notifications, for those who asked for them. */
import { t } from "./i18n.js";

const WANTED = "gatecast.notify";
const SEEN = "gatecast.seen";
const LONGEST = 200;

export class Notifier {
	#button;

	constructor(button) {
		this.#button = button;
		button.addEventListener("click", () => this.toggle());
		this.#show();
	}

	/** A line has come; id: the same in every tab. */
	tell(id, user, text) {
		if (document.visibilityState === "visible")
			localStorage.setItem(SEEN, id);
		else if (this.#isOn())
			setTimeout(() => this.#raise(id, user, text), 500);
	}

	#isOn() {
		return Notification.permission === "granted" &&
		    localStorage.getItem(WANTED) === "yes";
	}

	#raise(id, user, text) {
		if (localStorage.getItem(SEEN) === id)
			return;
		const shown = new Notification(user, {
			body: text.slice(0, LONGEST), tag: id,
			icon: new URL("../img/logo.svg", import.meta.url).href,
		});
		shown.onclick = () => {
			window.focus();
			shown.close();
		};
	}

	async toggle() {
		if (this.#isOn())
			localStorage.removeItem(WANTED);
		else if (await Notification.requestPermission() === "granted")
			localStorage.setItem(WANTED, "yes");
		this.#show();
	}

	#show() {
		this.#button.hidden = Notification.permission === "denied";
		this.#button.textContent = t(this.#isOn() ? "notify_off" : "notify");
	}
}
