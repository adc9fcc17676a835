"""Every page in every state, for a person's eyes (shoot) and for a machine's
(test_axe). One browser goes through them all."""

from people import DESKTOP, PHONE, USERS

SIZES = {"desktop": DESKTOP, "phone": PHONE}
THEMES = "light", "dark"
LANGS = "en", "zh"

TALK = [
    ("bob", "Good morning. The new build is up, and it looks calm."),
    ("bob", "Shall we go through the list at ten?"),
    ("林晓雨", "早上好！十点没问题。登录页的缓存时间我已经改好了，Cache-Control 那一行。"),
    ("bob", "https://example.org/a/long/address/that/does/not/want/to/wrap/"
     "because-it-has-no-spaces-whatsoever-in-it"),
    ("林晓雨", "صباح الخير جميعًا"),
    ("bob", "<b>bold?</b> No, just text."),
]


def talk(make_browser, site):
    """Lets others say something; gives their browsers, who stay."""
    people = {name: make_browser(on=site).sign_in(name)
              for name in ("bob", "林晓雨")}
    for user, text in TALK:
        people[user].say(text)
        people[user].wait_message(user, text, "sent")
    return people


def choose(b, theme, lang):
    """As the switches do."""
    for name, value in ("theme", theme), ("lang", lang):
        b.driver.add_cookie({"name": name, "value": value})


def send(b, **fields):
    """The account's form for a new password, and its answer."""
    b.open("/account")
    for name, text in fields.items():
        b.one(f"#{name}").send_keys(text)
    old = b.one("html")
    b.one("#password .main").click()
    b.wait_gone(old)


def signed_out(b):
    """(name of a state, what leads to it), signed out all the time."""
    return [
        ("login", lambda: b.open("/login")),
        ("login-wrong", lambda: (b.open("/login"),
                                 b.fill("alice", "not the password"))),
        ("error", lambda: b.open("/nothing-here")),
    ]


def throttled(b):
    """On a site whose login.throttle is on; slow, so tried once."""
    b.open("/login")
    for _ in range(20):
        b.fill("alice", "not the password")
        if "aria-invalid" not in b.one("#name").get_attribute("outerHTML"):
            return
    raise AssertionError("not throttled")


def signed_in(b):
    """The same for the rest, signed in as alice."""
    current = USERS["alice"]
    return [
        ("account", lambda: b.open("/account")),
        ("account-wrong", lambda: send(
            b, current="wrong", new="a new passphrase",
            again="a new passphrase")),
        ("account-short", lambda: send(
            b, current=current, new="short", again="short")),
        ("account-different", lambda: send(
            b, current=current, new="a new passphrase",
            again="another passphrase")),
    ]
