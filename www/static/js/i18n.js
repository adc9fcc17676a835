/*
 * What the chat page says by itself, in the languages the server has. The
 * page's fixed words come from the server's templates; these come and go
 * while it runs. {name} is replaced; an array is [one, many] by {n}.
 */
const phrases = {
	en: {
		connecting: "Connecting…",
		open: "Connected as {user}",
		waiting: "Connection lost. Trying again in {n} s",
		blocked: "This page is reached, the live connection is not. " +
		    "Trying again in {n} s",
		offline: "You are offline. Messages go out when you are back",
		over: "Your session is over",
		retry_now: "Try now",
		online: ["{n} online", "{n} online"],
		you: "you",
		more_people: ["and {n} more", "and {n} more"],
		joined: "{user} joined",
		left: "{user} left",
		you_joined: "You joined",
		you_left: "You left",
		more: "{n} more",
		stop: ". ",
		notice: "Notice",
		new_here: "New",
		notify: "Notify me of new messages",
		notify_off: "No more notifications",
		sending: "Sending…",
		failed: "Not sent",
		failed_too_long: "Not sent: too long",
		failed_too_fast: "Not sent: too many messages at once",
		failed_unavailable: "Not sent: the server cannot keep it at the moment",
		failed_session_over: "Not sent: your session is over",
		retry: "Retry",
		discard: "Discard",
		gap: "Some messages are missing here",
		fresh: "Connected again; something may be missing here",
		unread: ["{n} new message", "{n} new messages"],
		to_bottom: "To the newest",
		left_over: ["{n} byte left", "{n} bytes left"],
		too_long: ["{n} byte too long", "{n} bytes too long"],
		today: "Today",
		yesterday: "Yesterday",
		says: "{user}: {text}",
	},
	zh: {
		connecting: "正在连接…",
		open: "已连接：{user}",
		waiting: "连接已断开，{n} 秒后重试",
		blocked: "页面可访问，但实时连接无法建立，{n} 秒后重试",
		offline: "网络已断开，恢复后会自动发送",
		over: "登录已失效",
		retry_now: "立即重试",
		online: "{n} 人在线",
		you: "我",
		more_people: "还有 {n} 人",
		joined: "{user} 上线",
		left: "{user} 下线",
		you_joined: "你已上线",
		you_left: "你已下线",
		more: "另外 {n} 人",
		stop: "；",
		notice: "公告",
		new_here: "新消息",
		notify: "新消息桌面提醒",
		notify_off: "关闭桌面提醒",
		sending: "发送中…",
		failed: "未发送",
		failed_too_long: "未发送：内容过长",
		failed_too_fast: "未发送：发送过于频繁",
		failed_unavailable: "未发送：服务器暂时无法保存消息",
		failed_session_over: "未发送：登录已失效",
		retry: "重试",
		discard: "丢弃",
		gap: "此处有消息缺失",
		fresh: "已重新连接，此处可能有消息缺失",
		unread: "{n} 条新消息",
		to_bottom: "回到最新",
		left_over: "还可输入 {n} 字节",
		too_long: "超出 {n} 字节",
		today: "今天",
		yesterday: "昨天",
		says: "{user}：{text}",
	},
};

const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const table = phrases[lang];

/* The reader's own regional habits where they are of the page's language. */
const locale = navigator.languages.find((l) => l.startsWith(lang)) ?? lang;
const clock = new Intl.DateTimeFormat(locale,
    { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(locale,
    { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(locale,
    { dateStyle: "long", timeStyle: "medium" });

const names = new Intl.ListFormat(locale, { type: "conjunction" });

export function has(key) {
	return key in table;
}

export function t(key, values = {}) {
	let phrase = table[key];
	if (Array.isArray(phrase))
		phrase = phrase[values.n === 1 ? 0 : 1];
	return phrase.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const timeOfDay = (ms) => clock.format(ms);
export const fullTime = (ms) => full.format(ms);

/** "a, b and c" */
export const list = (words) => names.format(words);

/** "Today", "Yesterday" or the date. */
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
