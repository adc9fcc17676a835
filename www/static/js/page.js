/* What pages do better with a script; the words are the server's. */

addEventListener("pageshow", (e) => {
	if (e.persisted) {
		document.body.hidden = true;
		location.reload();
	}
});

document.addEventListener("submit", (e) => {
	const button = e.submitter;
	if (button?.name !== "theme")
		return;
	e.preventDefault();
	import("./theme.js").then((m) => m.switchTheme(e.target, button))
	    .catch(() => location.reload());
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
