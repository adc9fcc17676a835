/* The page is asked for again, in its new theme; only that is taken over. */
export async function switchTheme(form, button) {
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
