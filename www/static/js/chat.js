import { Composer } from "./composer.js";
import { connect } from "./gatecast.js";
import { t } from "./i18n.js";
import { make } from "./lines.js";
import { Log } from "./log.js";
import { People } from "./people.js";
import { Scroll } from "./scroll.js";
import { Status } from "./status.js";

const LOGIN = `login?next=${new URL("index", location).pathname}`;
const SPOKEN = 6; // lines a screen reader may still have to say

const find = (id) => document.getElementById(id);
const me = find("chat").dataset.user;

const cast = connect({ user: me });
const scroll = new Scroll(find("log"), find("jump"), () => older());
const log = new Log(find("lines"), scroll,
    (entry) => cast.send(entry.text, entry.ref));
const people = new People(find("people"));
const status = new Status(find("state"), () => cast.retryNow());
const composer = new Composer(find("composer"), me,
    (text) => log.addPending(cast.send(text).ref, text));
log.me = people.me = status.user = me;

let epoch = null;
let unseen = 0;
let isMarked = false; // a line stands above what the reader has not seen
let isAsking = false;
let hasOlder = true;
let notifier = null;
const title = document.title;

/* Few want it; the others do without its code. */
const notify = find("notify");
const loadNotifier = async () => {
	const { Notifier } = await import("./notify.js");
	notifier = new Notifier(notify);
};
if (window.Notification?.permission === "granted") {
	loadNotifier();
} else if (window.Notification?.permission === "default") {
	notify.hidden = false;
	notify.textContent = t("notify");
	notify.addEventListener("click", async () => {
		await loadNotifier();
		notifier.toggle();
	}, { once: true });
}

cast.on("state", (s) => status.show(s));

cast.on("hello", (hello) => {
	people.set(hello.online.map((o) => o.user));
	composer.limit = hello.message_bytes;
	if (hello.resumed)
		return;
	if (epoch !== null) {
		log.newGeneration();
		log.add("fresh", { seq: -1 });
	}
	epoch = hello.epoch;
	hasOlder = true;
	queueMicrotask(() => older(hello.seq + 1));
});

cast.on("message", (m) => {
	if (log.add("message", m) && m.user !== me)
		news(m.user, m);
});

cast.on("notice", (m) => {
	if (log.add("notice", m))
		news(t("notice"), m);
});

cast.on("join", (m) => {
	people.add(m.user);
	log.add("join", m);
});

cast.on("leave", (m) => {
	people.remove(m.user);
	log.add("leave", m);
});

cast.on("gap", (m) => log.add("gap", { seq: m.to }));
cast.on("ack", (m) => log.acked(m.ref, m.seq));
cast.on("error", (m) => m.ref && log.failed(m.ref, m.code));
let patience = 0;
cast.on("over", () => setTimeout(() => location.assign(LOGIN), patience));

addEventListener("pagehide", (e) => e.persisted ||
    composer.takeBack(log.unsent));
find("logout").form.addEventListener("submit", () => {
	patience = 5e3;
	composer.forget();
});

async function older(before = log.oldest) {
	if (isAsking || !hasOlder || !before)
		return;
	isAsking = true;
	try {
		const { messages, more } = await cast.history({ before, limit: 100 });
		hasOlder = more;
		scroll.above(() => {
			for (const m of messages)
				log.add(m.type ?? "message", m);
		});
	} catch {
		/* the connection went; scrolling or a hello asks again */
	}
	isAsking = false;
}

/* For the eye, the ear and the tab's title. */
function news(user, m) {
	scroll.count();
	notifier?.tell(`${epoch}-${m.seq}`, user, m.text);
	const isSeen = scroll.isAtBottom &&
	    document.visibilityState === "visible";
	if (!isSeen && !isMarked)
		log.mark(m.seq);
	isMarked = !isSeen;
	const spoken = find("spoken");
	spoken.append(make("p", "", t("says", { user, text: m.text })));
	while (spoken.childElementCount > SPOKEN)
		spoken.firstElementChild.remove();
	if (document.visibilityState === "visible")
		return;
	unseen++;
	document.title = `(${unseen}) ${title}`;
}

document.addEventListener("visibilitychange", () => {
	if (document.visibilityState === "visible") {
		unseen = 0;
		document.title = title;
	}
});
