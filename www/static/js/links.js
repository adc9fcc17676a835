/* Addresses in what people said: http and https become links. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"`\u2018-\u201f\u3000-\u3002\uff00-\uff20\uff5b-\uff65]+/giu;
const PAIRS = { ")": "(", "]": "[", "}": "{" };

/* Without the sentence's own end; a bracket it opened belongs to it. */
function trimmed(address) {
	for (;;) {
		const last = address.at(-1);
		const isOpen = (bracket) => address.split(bracket).length;
		if (last in PAIRS ? isOpen(last) <= isOpen(PAIRS[last])
		    : !".,;:!?'*_~".includes(last))
			return address;
		address = address.slice(0, -1);
	}
}

/** The text as strings and links. */
export function linked(text) {
	const parts = [];
	let from = 0;
	for (const { 0: found, index } of text.matchAll(ADDRESS)) {
		const address = trimmed(found);
		if (!URL.canParse(address))
			continue;
		const a = document.createElement("a");
		a.href = address;
		a.target = "_blank";
		a.rel = "noopener noreferrer nofollow";
		a.textContent = address;
		parts.push(text.slice(from, index), a);
		from = index + address.length;
	}
	return [...parts, text.slice(from)];
}
