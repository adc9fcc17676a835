/* The newest notice on top; the same one never twice. www/README.md */
import { connect } from "../js/gatecast.js";

const KEEP = 50;
const state = document.getElementById("state");
const board = document.getElementById("board");
const cast = connect();
let epoch = null;
let next = 0; // history is still to be asked for below this; 0: none
const shown = new Set();

function put({ seq, time, text }) {
	if (shown.has(seq))
		return;
	shown.add(seq);
	const item = document.createElement("li");
	const words = document.createElement("p");
	const when = document.createElement("time");
	words.textContent = text; // never innerHTML
	words.dir = "auto";
	when.dateTime = time;
	when.textContent = new Date(time).toLocaleString();
	item.append(words, when);
	item.dataset.seq = seq;
	/* Live ones come in order; what history brings goes below them. */
	const older = [...board.children].find((li) => li.dataset.seq < seq);
	board.insertBefore(item, older ?? null);
	board.children[KEEP]?.remove();
}

cast.on("notice", put);

/* What was put up before, in pages from the newest, for messages lie between.
 * What a lost connection cuts short goes on at the next hello. */
async function fill() {
	while (next > 0 && board.children.length < KEEP) {
		const { messages, more } =
		    await cast.history({ before: next, limit: 100 });
		messages.filter((m) => m.type === "notice").forEach(put);
		next = more ? messages[0].seq : 0;
	}
}

cast.on("hello", ({ epoch: now, seq, resumed }) => {
	if (now !== epoch) { // the server's numbers start again
		epoch = now;
		shown.clear();
		board.replaceChildren();
	}
	if (!resumed)
		next = seq + 1;
	fill().catch(() => {});
});

const words = {
	connecting: () => "Connecting…",
	open: () => `Live, as ${cast.user}`,
	waiting: () => "Connection lost; it comes back by itself",
	closed: () => "Closed",
};
cast.on("state", ({ state: is }) => {
	if (is === "over") {
		const link = document.createElement("a");
		const login = new URL("../../login", import.meta.url);
		login.searchParams.set("next", location.pathname);
		link.href = login.href;
		link.textContent = "Sign in";
		state.replaceChildren(link, " to see what is new here");
	} else {
		state.textContent = words[is]();
	}
});
