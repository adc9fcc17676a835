/**
 * gatecast.js: a live channel to wsd (subprotocol gatecast.v1) that survives
 * bad networks, for any page of the site. No dependencies, nothing about the
 * page's looks.
 *
 *   import { connect } from "/static/js/gatecast.js";
 *   const cast = connect();
 *   cast.on("message", (m) => console.log(m.user, m.text));
 *   cast.send("hello");
 *
 * What it promises: events arrive once and in the server's order; after a
 * lost connection it comes back by itself and goes on where it was (cursor
 * EPOCH-SEQ), and where that cannot be, it says so by "gap", or by a "hello"
 * with resumed = false. A text given to send() is sent again after each
 * reconnect until the server has answered; the server knows it by its ref and
 * broadcasts it once.
 *
 * Events; each handler gets one object:
 *   state    {state, retryAt}  "connecting" | "open" | "waiting" (next try at
 *            retryAt, in Date.now() milliseconds) | "over" (the session has
 *            ended: send the reader to the login) | "closed" (by close())
 *   hello    {user, epoch, seq, resumed, online: [{user, since}], …}
 *   message  {seq, user, time, text}
 *   join, leave  {seq, user, time}
 *   notice   {seq, time, text}  from the administrator
 *   gap      {from, to}  these numbers are lost to us
 *   ack      {ref, seq}  the server has it, under this number
 *   error    {ref, code, detail, retry_after_ms}  the server refused it
 *   over     {}
 */

const PROTOCOL = "gatecast.v1";

const defaults = {
	path: "/websocket",
	session: "/session", // asked now and then; 401 means over. null: never
	sessionEvery: 4 * 60e3, // keeps the session from idling out
	backoffBase: 500,
	backoffMax: 30e3,
	openTimeout: 15e3, // until hello
	ackTimeout: 15e3, // no answer for so long: the connection is dead
	stableAfter: 10e3, // a connection this old starts the backoff afresh
};

const CLOSE_SESSION_OVER = 4401;
/* Closes after which an immediate return would make things worse. */
const CLOSE_FLOOR = { 1013: 5e3, 4429: 5e3 };

/** Opens a channel; options as in defaults above. */
export function connect(options = {}) {
	return new Gatecast({ ...defaults, ...options });
}

/** 16 random bytes as hex: the client's own id of one message. */
export function newRef() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

class Gatecast extends EventTarget {
	state = "connecting";
	user = null;
	messageBytes = 4096;

	#opts;
	#ws = null;
	#epoch = null;
	#seq = 0;
	#pending = new Map(); // ref -> {text, settle, fail, sentAt}
	#histories = []; // waiting history requests, in order
	#attempt = 0;
	#openedAt = 0;
	#askFirst = false; // ask for the session before the next try
	#askedAt = Date.now();
	#timer = 0;
	#ackTimer = 0;
	#undo = [];

	constructor(opts) {
		super();
		this.#opts = opts;
		this.#listen(window, "online", () => this.#networkChanged());
		this.#listen(document, "visibilitychange", () => this.#shown());
		this.#listen(window, "pagehide", () => this.#sleep());
		this.#listen(window, "pageshow", () => this.#wake());
		const every = setInterval(() => this.#keepAlive(), 30e3);
		this.#undo.push(() => clearInterval(every));
		queueMicrotask(() => this.#open()); // after the caller's on()
	}

	/** Calls fn with the event's object. Returns this. */
	on(type, fn) {
		this.addEventListener(type, (e) => fn(e.detail));
		return this;
	}

	/**
	 * Sends a text, now or as soon as there is a connection. Returns {ref,
	 * done}: done resolves to {ref, seq}, or rejects with an Error with
	 * .code. The same comes as "ack" or "error", so done may be ignored.
	 * With an earlier ref a refused text is tried again.
	 */
	send(text, ref = newRef()) {
		const item = { text, sentAt: 0 };
		const done = new Promise((settle, fail) => {
			item.settle = settle;
			item.fail = fail;
		});
		done.catch(() => {});
		this.#pending.set(ref, item);
		if (this.state === "over" || this.state === "closed")
			queueMicrotask(() => this.#refused({ ref, code: "session_over" }));
		else if (new TextEncoder().encode(text).length > this.messageBytes)
			queueMicrotask(() => this.#refused({ ref, code: "too_long" }));
		else if (this.state === "open")
			this.#put(ref, item);
		return { ref, done };
	}

	/** Older events, newest last: resolves to {messages, more}. */
	history({ before = this.#seq + 1, limit = 50 } = {}) {
		return new Promise((settle, fail) => {
			if (this.state !== "open")
				return fail(new Error("not connected"));
			this.#histories.push({ settle, fail });
			this.#ws.send(JSON.stringify({ type: "history", before, limit }));
		});
	}

	/** Tries again now instead of at retryAt. */
	retryNow() {
		if (this.state === "waiting")
			this.#retry();
	}

	/** Ends it for good. */
	close() {
		this.#end("closed");
	}

	#listen(target, type, fn) {
		target.addEventListener(type, fn);
		this.#undo.push(() => target.removeEventListener(type, fn));
	}

	#emit(type, detail) {
		this.dispatchEvent(new CustomEvent(type, { detail }));
	}

	#become(state, retryAt = 0) {
		this.state = state;
		this.#emit("state", { state, retryAt });
	}

	#url() {
		const url = new URL(this.#opts.path, location.href);
		url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
		if (this.#epoch !== null)
			url.searchParams.set("since", `${this.#epoch}-${this.#seq}`);
		return url.href;
	}

	#open() {
		if (this.state === "closed" || this.state === "over")
			return;
		clearTimeout(this.#timer);
		this.#become("connecting");
		this.#openedAt = 0;
		const ws = new WebSocket(this.#url(), PROTOCOL);
		this.#ws = ws;
		ws.onmessage = (e) => this.#ws === ws && this.#receive(e.data);
		ws.onclose = (e) => this.#ws === ws && this.#lost(e.code);
		this.#timer = setTimeout(() => this.#drop(), this.#opts.openTimeout);
	}

	/* Gives the socket up without waiting for the other side. */
	#drop() {
		const ws = this.#ws;
		this.#lost(1006);
		ws?.close();
	}

	#lost(code) {
		this.#ws = null;
		clearTimeout(this.#timer);
		clearTimeout(this.#ackTimer);
		for (const h of this.#histories.splice(0))
			h.fail(new Error("connection lost"));
		for (const item of this.#pending.values())
			item.sentAt = 0;
		if (code === CLOSE_SESSION_OVER)
			return this.#end("over");
		const age = this.#openedAt ? Date.now() - this.#openedAt : 0;
		if (age > this.#opts.stableAfter)
			this.#attempt = 0;
		/* A browser does not tell why a handshake was refused. */
		this.#askFirst = !this.#openedAt;
		this.#wait(CLOSE_FLOOR[code] ?? 0);
	}

	/* Exponential backoff with full jitter: after a restart of the server
	 * its pages do not come back all at once. */
	#wait(floor) {
		const { backoffBase, backoffMax } = this.#opts;
		const top = Math.min(backoffMax, backoffBase * 2 ** this.#attempt++);
		const delay = floor + Math.random() * top;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#retry(), delay);
		this.#become("waiting", Date.now() + delay);
	}

	async #retry() {
		clearTimeout(this.#timer);
		this.#become("connecting");
		if (this.#askFirst)
			await this.#askSession();
		if (this.state === "connecting" && !this.#ws)
			this.#open();
	}

	#networkChanged() {
		this.#attempt = 0;
		if (this.state === "open")
			this.#drop(); // it belongs to the network that went away
		if (this.state === "waiting")
			this.#retry();
	}

	#shown() {
		if (document.visibilityState === "visible")
			this.retryNow();
		this.#keepAlive();
	}

	/* A page in the browser's back/forward cache would stay online, deaf. */
	#sleep() {
		const ws = this.#ws;
		if (ws)
			this.#lost(1000);
		clearTimeout(this.#timer);
		ws?.close(1000);
	}

	#wake() {
		this.#attempt = 0;
		this.retryNow();
	}

	#keepAlive() {
		if (document.visibilityState === "visible" &&
		    Date.now() - this.#askedAt >= this.#opts.sessionEvery)
			this.#askSession();
	}

	/* Counts as activity on the server, which wsd cannot note. Only a plain
	 * "no session" means anything here; the rest is the network's affair. */
	async #askSession() {
		if (!this.#opts.session)
			return;
		this.#askedAt = Date.now();
		try {
			const answer = await fetch(this.#opts.session, {
				cache: "no-store",
				credentials: "same-origin",
				headers: { Accept: "application/json" },
				signal: AbortSignal.timeout(5e3),
			});
			if (answer.status === 401)
				this.#end("over");
		} catch {
			/* unreachable: the next try will tell */
		}
	}

	#receive(data) {
		let m;
		try {
			m = JSON.parse(data);
		} catch {
			return;
		}
		switch (m.type) {
		case "hello":
			return this.#greeted(m);
		case "message":
		case "join":
		case "leave":
		case "notice":
			if (m.seq <= this.#seq)
				return; // had it
			this.#seq = m.seq;
			return this.#emit(m.type, m);
		case "gap":
			this.#seq = Math.max(this.#seq, m.to);
			return this.#emit("gap", m);
		case "ack":
			return this.#acked(m);
		case "error":
			return this.#refused(m);
		case "history":
			return this.#histories.shift()?.settle(m);
		}
	}

	#greeted(m) {
		clearTimeout(this.#timer);
		this.#openedAt = Date.now();
		this.#epoch = m.epoch;
		this.#seq = m.seq;
		this.user = m.user;
		this.messageBytes = m.message_bytes ?? this.messageBytes;
		this.#emit("hello", m);
		this.#become("open");
		for (const [ref, item] of this.#pending)
			if (!item.sentAt)
				this.#put(ref, item);
	}

	#put(ref, item) {
		item.sentAt = Date.now();
		this.#ws.send(JSON.stringify({ type: "send", ref, text: item.text }));
		this.#watchAcks();
	}

	#watchAcks() {
		clearTimeout(this.#ackTimer);
		const [oldest] = this.#pending.values();
		if (oldest && this.state === "open")
			this.#ackTimer = setTimeout(() => this.#drop(),
			    oldest.sentAt + this.#opts.ackTimeout - Date.now());
	}

	#take(ref) {
		const item = this.#pending.get(ref);
		this.#pending.delete(ref);
		this.#watchAcks();
		return item;
	}

	#acked(m) {
		this.#attempt = 0;
		this.#take(m.ref)?.settle({ ref: m.ref, seq: m.seq });
		this.#emit("ack", m);
	}

	#refused(m) {
		const why = new Error(m.detail ?? m.code);
		/* What we send has a ref; without one it is about a request. */
		const item = m.ref === null ? this.#histories.shift()
		    : this.#take(m.ref);
		item?.fail(Object.assign(why, { code: m.code }));
		this.#emit("error", m);
	}

	#end(state) {
		if (this.state === "over" || this.state === "closed")
			return;
		const ws = this.#ws;
		this.#ws = null;
		clearTimeout(this.#timer);
		for (const undo of this.#undo.splice(0))
			undo();
		ws?.close(1000);
		this.#become(state);
		for (const ref of [...this.#pending.keys()])
			this.#refused({ ref, code: "session_over" });
		clearTimeout(this.#ackTimer);
		if (state === "over")
			this.#emit("over", {});
	}
}
