/*
 * What any page does better with a script: another theme without leaving
 * the page, passwords that can be looked at, a word about Caps Lock. The
 * words are the server's.
 */

/* The page is asked for again, in its new theme; only that is taken over. */
async function switchTheme(form, button) {
	const query = new URLSearchParams(new FormData(form, button));
	const answer = await fetch(`${form.action}?${query}`);
	const page = new DOMParser().parseFromString(await answer.text(),
	    "text/html");
	const fresh = page.querySelector(".switches [name=theme]");
	if (!answer.ok || !fresh)
		throw new Error("not this page");
	document.documentElement.dataset.theme =
	    page.documentElement.dataset.theme;
	button.replaceChildren(...fresh.childNodes);
	button.value = fresh.value;
}

document.addEventListener("submit", (e) => {
	const button = e.submitter;
	if (button?.name !== "theme")
		return;
	e.preventDefault();
	switchTheme(e.target, button).catch(() => location.reload());
});

for (const box of document.querySelectorAll(".secret")) {
	const input = box.querySelector("input");
	box.append(document.getElementById("secret").content.cloneNode(true));
	const button = box.querySelector("button");
	const [word, what] = button.children;
	const caps = box.querySelector("[role=status]");

	const show = (isShown) => {
		if (isShown === (input.type === "text"))
			return;
		input.type = isShown ? "text" : "password";
		[word.textContent, button.dataset.other] =
		    [button.dataset.other, word.textContent];
	};
	what.textContent = input.labels[0].textContent;
	button.addEventListener("click", () => show(input.type !== "text"));
	/* What is sent is a password again, for those who keep passwords. */
	input.form.addEventListener("submit", () => show(false));

	const tell = (isOn) => {
		const text = isOn ? caps.nextElementSibling.textContent : "";
		if (caps.textContent !== text)
			caps.textContent = text;
	};
	for (const type of ["keydown", "keyup"])
		input.addEventListener(type, (e) =>
			tell(e.getModifierState?.("CapsLock")));
	input.addEventListener("blur", () => tell(false));
}
