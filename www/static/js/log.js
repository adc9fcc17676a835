/*
 * What was said, in the server's order, each once: by (generation, seq), a
 * new epoch being a new generation. One's own comes back as ack (ref, seq)
 * and as broadcast (seq, text), in either order: www/README.md.
 */
import { t } from "./i18n.js";
import { isOneRun, make, makeLine, placeAfter, showDelivery, showRun }
    from "./lines.js";

const KEEP = 2000; // entries on the page

export class Log {
	#list;
	#scroll;
	#on; // {retry(entry), discard(entry)}
	#entries = []; // top to bottom
	#bySeq = new Map(); // of this generation
	#byRef = new Map(); // one's own, until acknowledged and broadcast
	#generation = 0;
	#mark = make("p", "day mark", make("span", "", t("new_here")));
	me = "";

	constructor(list, scroll, onRetry) {
		this.#list = list;
		this.#scroll = scroll;
		this.#on = {
			retry: (entry) => {
				this.#setState(entry, "pending");
				onRetry(entry);
			},
			discard: (entry) => this.#remove(entry),
		};
	}

	/** To ask for what was before; 0: not known. */
	get oldest() {
		const [first] = this.#entries;
		return first?.generation === this.#generation ? first.seq : 0;
	}

	get unsent() {
		return [...this.#byRef.values()].filter((e) => e.seq === Infinity)
		    .map((e) => e.text);
	}

	mark(seq) {
		this.#bySeq.get(seq)?.el.prepend(this.#mark);
	}

	/** The server counts anew. */
	newGeneration() {
		/* Acknowledged, and the broadcast will not come any more. */
		for (const entry of this.#bySeq.values())
			if (entry.generation === Infinity) {
				this.#byRef.delete(entry.ref);
				this.#settle(entry, entry.at);
			}
		this.#generation++;
		this.#bySeq.clear();
	}

	addPending(ref, text) {
		const entry = {
			kind: "message", user: this.me, at: Date.now(), text, ref,
			generation: Infinity, seq: Infinity, state: "pending",
		};
		this.#byRef.set(ref, entry);
		this.#insert(entry);
		showDelivery(entry, this.#on);
		this.#mark.remove();
		this.#scroll.toBottom();
	}

	/** False if it stands here already. */
	add(kind, event) {
		if (this.#bySeq.has(event.seq))
			return this.#confirm(this.#bySeq.get(event.seq), event);
		const waiting = kind === "message" && event.user === this.me &&
		    [...this.#byRef.values()].find((e) =>
			e.state === "pending" && e.seq === Infinity &&
			e.text === event.text);
		if (waiting) {
			this.#number(waiting, event.seq);
			return this.#confirm(waiting, event);
		}
		const entry = {
			kind, user: event.user, text: event.text, state: "sent",
			at: event.time ? Date.parse(event.time) : Date.now(),
			generation: this.#generation, seq: event.seq,
		};
		if (kind !== "gap" && kind !== "fresh")
			this.#bySeq.set(event.seq, entry);
		this.#insert(entry);
		return true;
	}

	acked(ref, seq) {
		const entry = this.#byRef.get(ref);
		if (!entry)
			return;
		const holder = this.#bySeq.get(seq);
		if (!holder) {
			this.#number(entry, seq);
			this.#setState(entry, "sent");
		} else if (holder === entry) {
			this.#byRef.delete(ref);
		} else if (holder.ref) {
			[holder.ref, entry.ref] = [ref, holder.ref];
			this.#byRef.set(entry.ref, entry);
			this.#byRef.delete(ref);
		} else {
			this.#remove(entry); // broadcast before the text was known
		}
	}

	failed(ref, code) {
		const entry = this.#byRef.get(ref);
		if (!entry || entry.state !== "pending")
			return;
		entry.code = code;
		this.#setState(entry, "failed");
	}

	#number(entry, seq) {
		entry.seq = seq;
		this.#bySeq.set(seq, entry);
	}

	/* Something that is here now has its place. */
	#confirm(entry, event) {
		if (entry.generation !== Infinity)
			return false;
		if (entry.state === "sent")
			this.#byRef.delete(entry.ref);
		this.#settle(entry, Date.parse(event.time));
		return true;
	}

	#settle(entry, at) {
		const from = this.#entries.indexOf(entry);
		this.#entries.splice(from, 1);
		this.#place(from);
		entry.generation = this.#generation;
		entry.at = at;
		this.#insert(entry);
		this.#setState(entry, "sent");
	}

	#setState(entry, state) {
		entry.state = state;
		this.#scroll.keeping(() => showDelivery(entry, this.#on));
	}

	#insert(entry) {
		let at = this.#entries.length;
		while (at > 0 && isAbove(entry, this.#entries[at - 1]))
			at--;
		this.#scroll.keeping(() => {
			const old = entry.el;
			entry.el = makeLine(entry, this.me);
			old?.remove();
			this.#list.insertBefore(entry.el,
			    this.#entries[at]?.el ?? null);
			this.#entries.splice(at, 0, entry);
			this.#placeRun(at - 1);
			this.#place(at);
			this.#place(at + 1);
			this.#trim();
		});
	}

	#place(at) {
		if (!this.#entries[at])
			return;
		placeAfter(this.#entries[at], this.#entries[at - 1]);
		this.#placeRun(at);
	}

	#placeRun(at) {
		const all = this.#entries;
		if (!isOneRun(all[at], all[at]))
			return;
		let from = at, to = at;
		while (isOneRun(all[from - 1], all[from]))
			from--;
		while (isOneRun(all[to], all[to + 1]))
			to++;
		showRun(all.slice(from, to + 1), this.me);
	}

	#remove(entry) {
		const at = this.#entries.indexOf(entry);
		this.#entries.splice(at, 1);
		this.#byRef.delete(entry.ref);
		entry.el.remove();
		this.#place(at);
	}

	/* Only while the reader is at the bottom: nothing jumps. */
	#trim() {
		if (this.#entries.length <= KEEP || !this.#scroll.isAtBottom)
			return;
		for (const old of this.#entries.splice(0, KEEP / 10)) {
			old.el.remove();
			if (this.#bySeq.get(old.seq) === old)
				this.#bySeq.delete(old.seq);
		}
		this.#place(0);
	}
}

function isAbove(a, b) {
	return a.generation !== b.generation
	    ? a.generation < b.generation : a.seq < b.seq;
}
