/* One connection to wsd. */
const CLOSE_SESSION_OVER = 4401;
/* Closes after which an immediate return would make things worse. */
const CLOSE_FLOOR = { 1013: 5e3, 4429: 5e3 };
const BLOCKED_AFTER = 3; // failed handshakes while the site answered
const SETTLED = 2e3; // several pages tell of the same change

export class Channel {
	state = "connecting";
	retryAt = 0;
	isBlocked = false;
	epoch = null;
	seq = 0;

	#opts;
	#tell;
	#ws = null;
	#pending = new Map(); // ref -> {text, sentAt}
	#histories = []; // waiting history requests, in order
	#attempt = 0;
	#refused = 0;
	#openedAt = 0;
	#askedAt = Date.now();
	#timer = 0;
	#ackTimer = 0;

	constructor(opts, cursor, tell) {
		this.#opts = opts;
		this.#tell = tell;
		if (cursor)
			({ epoch: this.epoch, seq: this.seq } = cursor);
		this.#open();
	}

	get isEnded() {
		return this.state === "over" || this.state === "closed";
	}

	/** A ref that is waiting already is not sent twice. */
	send(ref, text) {
		if (this.#pending.has(ref))
			return;
		this.#pending.set(ref, { text, sentAt: 0 });
		if (this.state === "open")
			this.#put(ref);
	}

	history(before, limit) {
		return new Promise((settle, fail) => {
			if (this.state !== "open")
				return fail(new Error("not connected"));
			this.#histories.push({ settle, fail });
			this.#ws.send(JSON.stringify({ type: "history", before, limit }));
		});
	}

	retry() {
		if (this.state === "waiting")
			this.#retry();
	}

	networkChanged() {
		if (this.state === "open" &&
		    Date.now() - this.#openedAt >= SETTLED)
			this.#drop(); // it belongs to the network that went away
		this.#attempt = 0;
		this.retry();
	}

	/** The reader is there: counts as activity, which wsd cannot note. */
	active() {
		if (!this.isEnded &&
		    Date.now() - this.#askedAt >= this.#opts.sessionEvery)
			this.#askSession();
	}

	close() {
		this.#end("closed");
	}

	#become(state, retryAt = 0) {
		this.state = state;
		this.retryAt = retryAt;
		this.isBlocked = this.#refused >= BLOCKED_AFTER;
		this.#tell("state", this.status);
	}

	get status() {
		const { state, retryAt, isBlocked } = this;
		return { state, retryAt, isBlocked };
	}

	#url() {
		const url = new URL(this.#opts.path, location.href);
		url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
		if (this.epoch !== null)
			url.searchParams.set("since", `${this.epoch}-${this.seq}`);
		return url.href;
	}

	#open() {
		this.#become("connecting");
		this.#openedAt = 0;
		let ws;
		try {
			ws = new WebSocket(this.#url(), "gatecast.v1");
		} catch {
			return this.#lost(1006); // none in this browser
		}
		this.#ws = ws;
		ws.onmessage = (e) => this.#ws === ws && this.#receive(e.data);
		ws.onclose = (e) => this.#ws === ws && this.#lost(e.code);
		this.#timer = setTimeout(() => this.#drop(), this.#opts.openTimeout);
	}

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
		this.#wait(CLOSE_FLOOR[code] ?? 0);
	}

	/* Exponential backoff with full jitter. */
	#wait(floor) {
		const { backoffBase, backoffMax } = this.#opts;
		const top = Math.min(backoffMax, backoffBase * 2 ** this.#attempt++);
		const delay = floor + Math.random() * top;
		this.#timer = setTimeout(() => this.#retry(), delay);
		this.#become("waiting", Date.now() + delay);
	}

	async #retry() {
		clearTimeout(this.#timer);
		this.#become("connecting");
		/* A browser does not tell why a handshake was refused. */
		if (!this.#openedAt)
			this.#refused = await this.#askSession()
			    ? this.#refused + 1 : 0;
		if (this.state === "connecting" && !this.#ws)
			this.#open();
	}

	/* Only a plain "no" ends anything; the rest is the network's affair. */
	async #askSession() {
		if (!this.#opts.session)
			return false;
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
			return answer.ok;
		} catch {
			return false; // unreachable: the next try will tell
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
			if (m.seq <= this.seq)
				return; // had it
			this.seq = m.seq;
			return this.#tell(m.type, m);
		case "gap":
			this.seq = Math.max(this.seq, m.to);
			return this.#tell("gap", m);
		case "ack":
			this.#attempt = 0;
			this.#take(m.ref);
			return this.#tell("ack", m);
		case "error":
			/* What we send has a ref; without one it is a request. */
			if (m.ref === null)
				this.#histories.shift()?.fail(new Error(m.code));
			else
				this.#take(m.ref);
			return this.#tell("error", m);
		case "history":
			return this.#histories.shift()?.settle(m);
		}
	}

	#greeted(m) {
		if (this.#opts.user && m.user !== this.#opts.user)
			return this.#end("over"); // someone else has signed in
		clearTimeout(this.#timer);
		this.#openedAt = Date.now();
		this.#refused = 0;
		this.epoch = m.epoch;
		this.seq = m.seq;
		this.state = "open";
		this.#tell("hello", m);
		this.#become("open");
		for (const [ref, item] of this.#pending)
			if (!item.sentAt)
				this.#put(ref);
	}

	#put(ref) {
		const item = this.#pending.get(ref);
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
		this.#pending.delete(ref);
		this.#watchAcks();
	}

	#end(state) {
		if (this.isEnded)
			return;
		const ws = this.#ws;
		this.#ws = null;
		clearTimeout(this.#timer);
		clearTimeout(this.#ackTimer);
		for (const h of this.#histories.splice(0))
			h.fail(new Error("closed"));
		ws?.close(1000);
		this.#become(state);
	}
}
