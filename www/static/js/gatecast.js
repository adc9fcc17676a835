/**
 * gatecast.js: a live channel to wsd (subprotocol gatecast.v1) that survives
 * bad networks, for any page behind the same login. No dependencies, nothing
 * about the page's looks.
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
 * All pages of one browser share one connection in a SharedWorker
 * (worker.js). Where there is none, or it does not answer, a page has a
 * connection of its own; nothing else changes.
 *
 * Events; each handler gets one object:
 *   state    {state, retryAt, isBlocked}  "connecting" | "open" | "waiting"
 *            (next try at retryAt, in Date.now() milliseconds; isBlocked: the
 *            site answers, but no WebSocket gets through) | "over" (the
 *            session has ended: send the reader to the login) | "closed" (by
 *            close())
 *   hello    {user, epoch, seq, resumed, online: [{user, since}], …}
 *   message  {seq, user, time, text}
 *   join, leave  {seq, user, time}
 *   notice   {seq, time, text}  from the administrator
 *   gap      {from, to}  these numbers are lost to us
 *   ack      {ref, seq}  the server has it, under this number
 *   error    {ref, code, detail, retry_after_ms}  the server refused it
 *   over     {}
 */
import { Share } from "./share.js";

const defaults = {
	user: "", // if given: another one's session counts as over
	shared: true, // with the other pages of this browser
	path: "/websocket",
	session: "/session", // asked now and then; 401 means over. null: never
	sessionEvery: 4 * 60e3, // keeps the session from idling out
	backoffBase: 500,
	backoffMax: 30e3,
	openTimeout: 15e3, // until hello
	ackTimeout: 15e3, // no answer for so long: the connection is dead
	stableAfter: 10e3, // a connection this old starts the backoff afresh
};
const WORKER_TIMEOUT = 4e3; // without an answer it has failed

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
	#port = null;
	#isShared;
	#answerTimer = 0;
	#cursor = null; // {epoch, seq}
	#pending = new Map(); // ref -> {text, settle, fail}
	#histories = new Map(); // id -> {settle, fail}
	#historyId = 0;
	#undo = [];

	constructor(opts) {
		super();
		this.#opts = opts;
		this.#isShared = opts.shared;
		this.#listen(window, "online", () => this.#post("networkChanged"));
		this.#listen(document, "visibilitychange", () => this.#shown());
		/* A page in the browser's back/forward cache would stay online. */
		this.#listen(window, "pagehide", () => this.#leave());
		this.#listen(window, "pageshow", (e) => e.persisted && this.#enter());
		const every = setInterval(() => this.#active(), 30e3);
		this.#undo.push(() => clearInterval(every));
		queueMicrotask(() => this.#enter()); // after the caller's on()
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
		const item = { text };
		const done = new Promise((settle, fail) =>
			Object.assign(item, { settle, fail }));
		done.catch(() => {});
		this.#pending.set(ref, item);
		if (this.#isEnded())
			queueMicrotask(() => this.#refused({ ref, code: "session_over" }));
		else if (new TextEncoder().encode(text).length > this.messageBytes)
			queueMicrotask(() => this.#refused({ ref, code: "too_long" }));
		else
			this.#post("send", { ref, text });
		return { ref, done };
	}

	/** Older events, newest last: resolves to {messages, more}. */
	history({ before = this.#cursor?.seq + 1, limit = 50 } = {}) {
		return new Promise((settle, fail) => {
			if (this.state !== "open")
				return fail(new Error("not connected"));
			const id = ++this.#historyId;
			this.#histories.set(id, { settle, fail });
			this.#post("history", { id, before, limit });
		});
	}

	/** Tries again now instead of at retryAt. */
	retryNow() {
		this.#post("retry");
	}

	/** Ends it for good, for this page. */
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

	#isEnded() {
		return this.state === "over" || this.state === "closed";
	}

	#post(what, arg) {
		this.#port?.postMessage([what, arg]);
	}

	#enter() {
		if (this.#isEnded())
			return;
		const port = this.#port = this.#newPort();
		port.onmessage = ({ data: [type, detail] }) => {
			if (this.#port !== port)
				return;
			clearTimeout(this.#answerTimer);
			this.#receive(type, detail);
		};
		this.#post("enter", { opts: this.#opts, cursor: this.#cursor });
		this.#expectAnswer();
		for (const [ref, { text }] of this.#pending)
			this.#post("send", { ref, text });
	}

	/* One worker a user: whoever signs in next has another one. */
	#newPort() {
		if (this.#isShared)
			try {
				const worker = new SharedWorker(
				    new URL("worker.js", import.meta.url),
				    { type: "module",
					name: `gatecast ${this.#opts.path} ${this.#opts.user}` });
				worker.onerror = () => this.#alone();
				return worker.port;
			} catch {
				this.#isShared = false;
			}
		const { port1, port2 } = new MessageChannel();
		new Share().attach(port2);
		return port1;
	}

	#expectAnswer() {
		clearTimeout(this.#answerTimer);
		if (this.#isShared)
			this.#answerTimer =
			    setTimeout(() => this.#alone(), WORKER_TIMEOUT);
	}

	/* The worker fails: what is open goes on over a connection of our own. */
	#alone() {
		if (!this.#isShared || !this.#port)
			return;
		this.#leave();
		this.#isShared = false;
		this.#enter();
	}

	#leave() {
		clearTimeout(this.#answerTimer);
		this.#post("leave");
		this.#port = null;
		for (const { fail } of this.#histories.values())
			fail(new Error("connection lost"));
		this.#histories.clear();
	}

	#shown() {
		if (document.visibilityState === "visible") {
			this.#post("retry");
			this.#active();
		}
	}

	#active() {
		if (document.visibilityState !== "visible" || !this.#port)
			return;
		this.#post("active");
		this.#post("ping");
		this.#expectAnswer();
	}

	#receive(type, m) {
		switch (type) {
		case "state":
			if (m.state === "over")
				return this.#end("over");
			this.state = m.state;
			return this.#emit("state", m);
		case "hello":
			this.#cursor = { epoch: m.epoch, seq: m.seq };
			this.state = "open"; // its event comes after this one
			this.user = m.user;
			this.messageBytes = m.message_bytes ?? this.messageBytes;
			return this.#emit("hello", m);
		case "message":
		case "join":
		case "leave":
		case "notice":
			if (!this.#cursor || m.seq <= this.#cursor.seq)
				return; // had it
			this.#cursor.seq = m.seq;
			return this.#emit(type, m);
		case "gap":
			if (this.#cursor)
				this.#cursor.seq = Math.max(this.#cursor.seq, m.to);
			return this.#emit("gap", m);
		case "ack":
			if (!this.#pending.has(m.ref))
				return; // another page's
			this.#take(m.ref).settle({ ref: m.ref, seq: m.seq });
			return this.#emit("ack", m);
		case "error":
			if (m.ref === null || this.#pending.has(m.ref))
				this.#refused(m);
			return;
		case "history": {
			const request = this.#histories.get(m.id);
			this.#histories.delete(m.id);
			if (m.answer)
				request?.settle(m.answer);
			else
				request?.fail(new Error(m.why));
		}
		}
	}

	#take(ref) {
		const item = this.#pending.get(ref);
		this.#pending.delete(ref);
		return item;
	}

	#refused(m) {
		const why = new Error(m.detail ?? m.code);
		this.#take(m.ref)?.fail(Object.assign(why, { code: m.code }));
		this.#emit("error", m);
	}

	#end(state) {
		if (this.#isEnded())
			return;
		this.#leave();
		for (const undo of this.#undo.splice(0))
			undo();
		this.state = state;
		this.#emit("state", { state, retryAt: 0 });
		for (const ref of [...this.#pending.keys()])
			this.#refused({ ref, code: "session_over" });
		if (state === "over")
			this.#emit("over", {});
	}
}
