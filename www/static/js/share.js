/* One channel for all pages that ask for it, each by a port. */
import { Channel } from "./channel.js";

const KEEP = 500; // events

export class Share {
	#ports = new Map(); // port -> whether it is still to be greeted anew
	#channel = null;
	#hello = null;
	#online = new Map(); // user -> since
	#recent = [];

	attach(port) {
		port.onmessage = ({ data: [what, arg] }) => this.#asked(port, what, arg);
	}

	#asked(port, what, arg) {
		const channel = this.#channel;
		switch (what) {
		case "enter":
			return this.#enter(port, arg);
		case "leave":
			this.#ports.delete(port);
			if (this.#ports.size === 0)
				channel?.close();
			return;
		case "ping":
			return port.postMessage(["pong"]);
		case "send":
			return channel.send(arg.ref, arg.text);
		case "history":
			return channel.history(arg.before, arg.limit).then(
			    (answer) => port.postMessage(
				["history", { id: arg.id, answer }]),
			    (why) => port.postMessage(
				["history", { id: arg.id, why: why.message }]));
		case "retry":
		case "networkChanged":
		case "active":
			return channel[what]();
		}
	}

	#enter(port, { opts, cursor }) {
		const channel = this.#channel;
		if (!channel || channel.isEnded) {
			this.#hello = null;
			this.#recent = [];
			this.#ports.set(port, !cursor);
			this.#channel = new Channel(opts, cursor,
			    (type, detail) => this.#tell(type, detail));
			return;
		}
		const isKnown = cursor?.epoch === channel.epoch;
		this.#ports.set(port, !isKnown);
		port.postMessage(["state", channel.status]);
		if (channel.state === "open") {
			const online = [...this.#online].map(
			    ([user, since]) => ({ user, since }));
			this.#greet(port, { ...this.#hello, online, resumed: true,
			    seq: isKnown ? cursor.seq : channel.seq });
		}
		if (isKnown)
			this.#catchUp(port, cursor.seq);
	}

	#catchUp(port, seq) {
		const first = this.#recent[0]?.[1].seq ?? this.#channel.seq + 1;
		if (first > seq + 1)
			port.postMessage(["gap", { from: seq + 1, to: first - 1 }]);
		for (const event of this.#recent)
			if (event[1].seq > seq)
				port.postMessage(event);
	}

	#greet(port, hello) {
		const isNew = this.#ports.get(port);
		this.#ports.set(port, false);
		port.postMessage(["hello",
		    { ...hello, resumed: hello.resumed && !isNew }]);
	}

	#tell(type, detail) {
		switch (type) {
		case "hello":
			this.#hello = detail;
			this.#online = new Map(detail.online.map(
			    ({ user, since }) => [user, since]));
			if (!detail.resumed)
				this.#recent = [];
			for (const port of this.#ports.keys())
				this.#greet(port, detail);
			return;
		case "join":
			this.#online.set(detail.user, detail.time);
			break;
		case "leave":
			this.#online.delete(detail.user);
			break;
		case "gap":
			this.#recent = []; // what comes after it goes without a hole
			break;
		}
		if (["message", "notice", "join", "leave"].includes(type))
			this.#recent.push([type, detail]);
		if (this.#recent.length > 2 * KEEP)
			this.#recent.splice(0, KEEP);
		for (const port of this.#ports.keys())
			port.postMessage([type, detail]);
	}
}
