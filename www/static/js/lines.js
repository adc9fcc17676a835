/* The elements of the log; text goes in as textContent alone. */
import { dayName, fullTime, has, list, t, timeOfDay } from "./i18n.js";
import { linked } from "./links.js";

const NAMES = 5; // of those who came or went, in one line

export function make(tag, className, ...inside) {
	const el = document.createElement(tag);
	if (className)
		el.className = className;
	el.append(...inside);
	return el;
}

function clockOf(entry) {
	const el = make("time", "when", timeOfDay(entry.at));
	el.dateTime = new Date(entry.at).toISOString();
	el.title = fullTime(entry.at);
	return el;
}

/* A name has the same one of eight colours everywhere. */
export function hueOf(name) {
	let hash = 2166136261;
	for (const unit of name)
		hash = Math.imul(hash ^ unit.codePointAt(0), 16777619) >>> 0;
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return String((hash ^ (hash >>> 16)) & 7);
}

function nameOf(user, isMine) {
	const el = make("bdi", isMine ? "who mine" : "who", user);
	if (!isMine)
		el.dataset.hue = hueOf(user);
	return el;
}

/** The list item of an entry; me: the reader's own name. */
export function makeLine(entry, me) {
	const li = make("li", `line ${entry.kind}`);
	const isMine = entry.user === me;
	switch (entry.kind) {
	case "message":
	case "notice": {
		const who = entry.kind === "notice"
		    ? make("span", "who", t("notice")) : nameOf(entry.user, isMine);
		const text = make("p", "text", ...linked(entry.text));
		text.dir = "auto";
		li.append(who, text, clockOf(entry));
		break;
	}
	case "join":
	case "leave":
		li.append(make("p", "text"), clockOf(entry));
		break;
	default:
		li.append(make("p", "text", t(entry.kind)));
	}
	return li;
}

/** Shows where an own message stands; on: {retry, discard}. */
export function showDelivery(entry, on) {
	entry.el.dataset.state = entry.state;
	entry.el.querySelector(".delivery")?.remove();
	if (entry.state === "pending")
		entry.el.append(make("p", "delivery", t("sending")));
	if (entry.state !== "failed")
		return;
	const key = `failed_${entry.code}`;
	const p = make("p", "delivery", make("span", "",
	    t(has(key) ? key : "failed")));
	for (const action of ["retry", "discard"]) {
		const button = make("button", "link", t(action));
		button.type = "button";
		button.dataset.action = action;
		button.onclick = () => on[action](entry);
		p.append(" ", button);
	}
	entry.el.append(p);
}

const isPresence = (entry) => ["join", "leave"].includes(entry?.kind);
const dayOf = (entry) => new Date(entry.at).toDateString();

export function isOneRun(above, entry) {
	return isPresence(above) && isPresence(entry) &&
	    dayOf(above) === dayOf(entry);
}

/** Neighbouring joins and leaves, as one line at the first of them. */
export function showRun(run, me) {
	const net = new Map();
	for (const { user, kind } of run)
		net.set(user, (net.get(user) ?? 0) + (kind === "join" ? 1 : -1));
	const parts = [];
	for (const [key, sign] of [["joined", 1], ["left", -1]]) {
		const users = [...net.keys()].filter((u) => net.get(u) === sign);
		if (users.includes(me))
			parts.push(t(`you_${key}`));
		const names = users.filter((u) => u !== me);
		const shown = names.slice(0, NAMES).map((u) => `\u2068${u}\u2069`);
		if (names.length > NAMES)
			shown.push(t("more", { n: names.length - NAMES }));
		if (shown.length > 0)
			parts.push(t(key, { user: list(shown) }));
	}
	const [first] = run;
	for (const entry of run)
		entry.el.hidden = entry !== first;
	first.el.querySelector(".text").textContent = parts.join(t("stop"));
	first.el.querySelector(".when").replaceWith(clockOf(run.at(-1)));
	first.el.classList.toggle("nothing", parts.length === 0);
}

/** The day's heading, and the grouping. */
export function placeAfter(entry, above) {
	const li = entry.el;
	const isNewDay = !above || dayOf(above) !== dayOf(entry);
	const heading = li.querySelector(".day");
	if (!isNewDay)
		heading?.remove();
	else if (heading)
		heading.textContent = dayName(entry.at);
	else
		li.prepend(make("p", "day", make("span", "", dayName(entry.at))));
	const isFollow = !isNewDay && entry.kind === "message" &&
	    above.kind === "message" && above.user === entry.user &&
	    Math.floor(above.at / 60e3) === Math.floor(entry.at / 60e3);
	li.classList.toggle("follow", isFollow);
	li.classList.toggle("quiet-above", isPresence(above));
}
