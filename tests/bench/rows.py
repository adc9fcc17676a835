"""What is measured, and what wsd shall reach: the rows of the table in the
order of its lines, and the sweeps behind the plots.

A row's `loads` are runs of the generator on a fresh server each; its `cells`
are figures of those; its `targets` judge wsd by the medians of all servers.
"""
import dataclasses


@dataclasses.dataclass
class Load:
    options: list
    seconds: float = 2
    warmup: float = 0.5
    # gatecast.v1 in place of a room beside the idle ones: see ROWS, busy.
    wsd_options: list = dataclasses.field(default_factory=list)
    peer_options: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Cell:
    key: str
    unit: str
    load: str = "main"
    scale: float = 1
    digits: int = 2

    def of(self, medians):
        """The figure from {load: {key: median}}, or None."""
        value = medians.get(self.load, {}).get(self.key)
        return None if value is None else value * self.scale

    def text(self, value):
        return "–" if value is None else f"{value:,.{self.digits}f}"


def pick(figures, server, cell):
    return figures[server][cell] if server in figures else None


class Target:
    """At most (or at least) so many times what another server reached, or a
    plain limit when there is no other."""

    def __init__(self, cell, factor, other=None, at_least=False,
                 other_cell=None):
        self.cell, self.factor, self.other = cell, factor, other
        self.at_least = at_least
        self.other_cell = other_cell

    def judge(self, cells, figures, subject="wsd"):
        """(what is asked, what was reached, met or not or None: unknown)"""
        sign = "≥" if self.at_least else "≤"
        own = pick(figures, subject, self.cell)
        if self.other is None:
            asked = f"{sign} {self.factor:,g} {cells[self.cell].unit}"
            base = 1
            got = "–" if own is None else cells[self.cell].text(own)
        else:
            at = self.cell if self.other_cell is None else self.other_cell
            name = (self.other if self.other_cell is None
                    else "without them")
            asked = f"{sign} {self.factor:g} × {name}"
            base = pick(figures, self.other, at)
            got = ("–" if not own or not base
                   else f"{own / base:.2f} × {name}")
        if own is None or not base:
            return asked, "–", None
        ratio = own / base
        is_met = (ratio >= self.factor if self.at_least
                  else ratio <= self.factor)
        return asked, got, is_met


class Fewer(Target):
    """So many times less than another server needs."""

    def judge(self, cells, figures, subject="wsd"):
        own = pick(figures, subject, self.cell)
        base = pick(figures, self.other, self.cell)
        asked = f"≥ {self.factor:g} × less than {self.other}"
        if not own or not base:
            return asked, "–", None
        return asked, f"{base / own:.2f} ×", base / own >= self.factor


@dataclasses.dataclass
class Row:
    name: str
    title: str
    loads: dict
    cells: list
    targets: list


def rows(receivers):
    """The table; receivers is 1000 but in a quick look."""
    many = receivers * 10
    crowd = ["--receivers", receivers]
    still = receivers // 10
    stopped = ["--receivers", receivers - still, "--size", 16384,
               "--rate", 20]
    return [
        Row("one", "one message in flight: CPU µs a delivery",
            {"main": Load([*crowd, "--inflight", 1])},
            [Cell("server_us_each", "µs")],
            [Target(0, 1.06, "raw"), Fewer(0, 10, "tornado"),
             Fewer(0, 1.4, "ws")]),
        Row("sixteen", "sixteen in flight: million deliveries/s",
            {"main": Load([*crowd, "--inflight", 16])},
            [Cell("per_s", "M/s", scale=1e-6, digits=3)],
            [Target(0, 1, "raw-coalesced", at_least=True),
             Target(0, 80, "tornado", at_least=True)]),
        Row("paced", "200,000 deliveries/s: p50 / p99 ms",
            {"main": Load([*crowd, "--rate", 200_000 / receivers])},
            [Cell("p50_ms", "ms"), Cell("p99_ms", "ms")],
            [Target(0, 1.1, "raw"), Target(1, 1.1, "raw")]),
        Row("room", "room of 10, 1000 messages/s: p50 ms",
            {"main": Load(["--receivers", 10, "--rate", 1000])},
            [Cell("p50_ms", "ms", digits=3)],
            [Target(0, 1.1, "raw")]),
        Row("idle", f"{many:,} idle: RSS bytes each",
            {"main": Load(["--receivers", 1, "--idle", many], 0.5, 0)},
            [Cell("idle_bytes_each", "bytes", digits=0)],
            [Target(0, 1700)]),
        Row("last", f"one message to {many:,}: ms to the last",
            {"main": Load(["--receivers", many, "--inflight", 1])},
            [Cell("last_p50_ms", "ms", digits=1)],
            [Target(0, 1.15, "raw")]),
        Row("handshakes", "handshakes/s (wsd with cookie, MAC, look-up, Origin)",
            {"main": Load(["--handshakes", "--inflight", 64])},
            [Cell("per_s", "/s", digits=0)],
            [Target(0, 40_000, at_least=True)]),
        Row("kib", "1 KiB, sixteen in flight: MB/s of text",
            {"main": Load([*crowd, "--inflight", 16, "--size", 1024])},
            [Cell("per_s", "MB/s", scale=1024e-6, digits=0)],
            [Target(0, 0.95, "raw", at_least=True)]),
        Row("stopped", f"{still} of {receivers} stop reading, 16 KiB × 20/s, "
            "after 20 s: MB of process / of its sockets; "
            "p99 ms of the others with / without them",
            {"main": Load([*stopped, "--stopped", still], 19.5),
             "without": Load(stopped, 4)},
            [Cell("rss_kib", "MB", scale=1024e-6, digits=1),
             Cell("sockets_kib", "MB", scale=1024e-6, digits=1),
             Cell("p99_ms", "ms"), Cell("p99_ms", "ms", load="without")],
            [Target(0, 20), Target(1, 10),
             Target(2, 1.1, "wsd", other_cell=3)]),
        # wsd has one room: there the ten are answered one by one.
        Row("busy", f"ten say 300/s among {many:,} idle: % of a core",
            {"main": Load(
                ["--receivers", 10, "--rate", 300, "--idle", many], 3, 0.5,
                wsd_options=["--acks"],
                peer_options=["--idle-path", "/idle"])},
            [Cell("server_cpu", "%", scale=100)],
            [Target(0, 3)]),
    ]


def sweeps(receivers):
    """{name: (title, {point: Load})}"""
    return {
        "load": ("deliveries/s asked for", {
            rate: Load(["--receivers", receivers, "--rate",
                        rate / receivers], 1)
            for rate in (25_000, 50_000, 100_000, 200_000, 300_000,
                         400_000)}),
        "connections": ("connections", {
            n: Load(["--receivers", n, "--inflight", 16], 1)
            for n in (receivers // 10, receivers * 3 // 10, receivers,
                      receivers * 3, receivers * 10)}),
    }
