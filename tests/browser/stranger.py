"""Somebody else's web server: its pages try what an attacker's would, and it
notes who comes by."""

import html
import http.server
import json
import threading


class Stranger:
    """On a port of 127.0.0.1, also known as evil.localhost: of another origin
    than a site of ours on 127.0.0.1, by the one name of its browser's "same
    site", by the other not."""

    def __init__(self):
        self.pages = {}  # path -> markup
        self.cookie = None  # set with each page
        self.hits = []
        stranger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != "/favicon.ico":  # asked for at any time
                    stranger.hits.append(self.path)
                markup = stranger.pages.get(self.path, "")
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if stranger.cookie:
                    self.send_header("Set-Cookie", stranger.cookie)
                self.end_headers()
                self.wfile.write(markup.encode())

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.port = self.server.server_address[1]
        self.origins = {"same-site": f"http://127.0.0.1:{self.port}",
                        "cross-site": f"http://evil.localhost:{self.port}"}
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def form_page(action, fields):
    """A page that sends a form as soon as it is there."""
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items())
    return (f'<form method="post" action="{action}">{inputs}</form>'
            "<script>document.forms[0].submit()</script>")


def fetch_page(action, fields):
    """A page that sends it without leaving, in each way there is."""
    return f"""<script>
        const body = new URLSearchParams({json.dumps(fields)});
        const type = {{"Content-Type": "application/x-www-form-urlencoded"}};
        const all = [
            fetch("{action}", {{method: "POST", mode: "no-cors", body,
                credentials: "include"}}),
            fetch("{action}", {{method: "POST", mode: "cors", body,
                headers: type, credentials: "include"}}),
        ];
        navigator.sendBeacon("{action}", body);
        Promise.allSettled(all).then((r) => document.title =
            r.map(x => x.value?.type ?? "failed").join());
        </script>"""
