/* Who is online. */
import { t } from "./i18n.js";
import { hueOf, make } from "./lines.js";

const SHOWN = 300;

export class People {
	me = "";
	#list;
	#counts;
	#users = new Set();
	#isDirty = false;

	constructor(panel) {
		this.#list = panel.querySelector("ul");
		this.#counts = document.querySelectorAll("[data-online-count]");
	}

	set(users) {
		this.#users = new Set(users);
		this.#changed();
	}

	add(user) {
		this.#users.add(user);
		this.#changed();
	}

	remove(user) {
		this.#users.delete(user);
		this.#changed();
	}

	/* A thousand joins in a row are one drawing. */
	#changed() {
		if (this.#isDirty)
			return;
		this.#isDirty = true;
		setTimeout(() => {
			this.#isDirty = false;
			this.#draw();
		});
	}

	#draw() {
		const rank = (user) => (user === this.me ? 0 : 1);
		const users = [...this.#users].sort((a, b) =>
			rank(a) - rank(b) || a.localeCompare(b));
		const rows = users.slice(0, SHOWN).map((user) => {
			const name = make("bdi", "who", user);
			const row = make("li", "", name);
			if (user === this.me) {
				name.classList.add("mine");
				row.append(" ", make("span", "aside", t("you")));
			} else {
				name.dataset.hue = hueOf(user);
			}
			return row;
		});
		if (users.length > SHOWN)
			rows.push(make("li", "aside",
			    t("more_people", { n: users.length - SHOWN })));
		this.#list.replaceChildren(...rows);
		for (const el of this.#counts)
			el.textContent = t("online", { n: users.length });
	}
}
