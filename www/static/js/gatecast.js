/* A live channel to wsd for any page behind the login: www/README.md. */
import { Share } from "./share.js";

/* Beside the site's static/, wherever that is. */
const at = (name) => new URL(`../../${name}`, import.meta.url).pathname;
const defaults = {
	user: "",
	shared: true,
	path: at("websocket"),
	session: at("session"),
	sessionEvery: 4 * 60e3,
	backoffBase: 500,
	backoffMax: 30e3,
	openTimeout: 15e3,
	ackTimeout: 15e3,
	stableAfter: 10e3,
};
const WORKER_TIMEOUT = 4e3; // without an answer it has failed

export function connect(options = {}) {
	return new Gatecast({ ...defaults, ...options });
}

/* 16 random bytes as hex; randomUUID is for https alone. */
function newRef() {
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
	#ticker;
	#cursor = null; // {epoch, seq}
	#pending = new Map(); // ref -> {text, settle, fail}
	#histories = new Map(); // id -> {settle, fail}
	#historyId = 0;
	#ended = new AbortController();

	constructor(opts) {
		super();
		this.#opts = opts;
		this.#isShared = opts.shared;
		this.#listen(window, "online", () => this.#post("networkChanged"));
		this.#listen(document, "visibilitychange", () => this.#shown());
		/* A page in the browser's back/forward cache would stay online. */
		this.#listen(window, "pagehide", () => this.#leave());
		this.#listen(window, "pageshow", (e) => e.persisted && this.#enter());
		this.#ticker = setInterval(() => this.#active(), 30e3);
		queueMicrotask(() => this.#enter()); // after the caller's on()
	}

	on(type, fn) {
		this.addEventListener(type, (e) => fn(e.detail));
		return this;
	}

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

	history({ before = this.#cursor?.seq + 1, limit = 50 } = {}) {
		return new Promise((settle, fail) => {
			if (this.state !== "open")
				return fail(new Error("not connected"));
			const id = ++this.#historyId;
			this.#histories.set(id, { settle, fail });
			this.#post("history", { id, before, limit });
		});
	}

	retryNow() {
		this.#post("retry");
	}

	close() {
		this.#end("closed");
	}

	#listen(target, type, fn) {
		target.addEventListener(type, fn, { signal: this.#ended.signal });
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

	/* The worker fails: on over a connection of our own. */
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
		this.#ended.abort();
		clearInterval(this.#ticker);
		this.state = state;
		this.#emit("state", { state, retryAt: 0 });
		for (const ref of [...this.#pending.keys()])
			this.#refused({ ref, code: "session_over" });
		if (state === "over")
			this.#emit("over", {});
	}
}
