/* In phrases.*.js {name} is replaced; an array is [one, many] by {n}. */
const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const { phrases } = await import(`./phrases.${lang}.js`);

/* The reader's regional habits where they are of the page's language. */
const locale = navigator.languages.find((l) => l.startsWith(lang)) ?? lang;
const clock = new Intl.DateTimeFormat(locale,
    { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(locale,
    { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(locale,
    { dateStyle: "long", timeStyle: "medium" });
const names = new Intl.ListFormat(locale, { type: "conjunction" });

export function has(key) {
	return key in phrases;
}

export function t(key, values = {}) {
	let phrase = phrases[key];
	if (Array.isArray(phrase))
		phrase = phrase[values.n === 1 ? 0 : 1];
	return phrase.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const timeOfDay = (ms) => clock.format(ms);
export const fullTime = (ms) => full.format(ms);

/** "a, b and c" */
export const list = (words) => names.format(words);

export function dayName(ms) {
	const day = new Date(ms).toDateString();
	const yesterday = new Date();
	yesterday.setDate(yesterday.getDate() - 1);
	if (day === new Date().toDateString())
		return t("today");
	if (day === yesterday.toDateString())
		return t("yesterday");
	return date.format(ms);
}
