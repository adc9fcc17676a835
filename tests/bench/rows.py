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
    # gatecast.v1 in place of a room beside the idle ones: see rows(), busy.
    wsd_options: list = dataclasses.field(default_factory=list)
    peer_options: list = dataclasses.field(default_factory=list)
    not_for: tuple = ()  # servers

    def asked_per_s(self):
        """Deliveries a second that its clock asks for; None: it has none,
        or they are not the same for all."""
        if "--rate" not in self.options or self.wsd_options:
            return None
        rate, receivers = (
            self.options[self.options.index(name) + 1]
            for name in ("--rate", "--receivers"))
        return rate * receivers


@dataclasses.dataclass
class Cell:
    key: str
    unit: str
    load: str = "main"
    scale: float = 1
    digits: int = 2

    def of(self, reports):
        """The figure from {load: {key: value}}, or None."""
        value = reports.get(self.load, {}).get(self.key)
        return None if value is None else value * self.scale

    def text(self, value):
        return "–" if value is None else f"{value:,.{self.digits}f}"


@dataclasses.dataclass
class Target:
    """What a figure of wsd shall be: at most so many times another's, or
    with other = None at most so much; at_least: at least."""
    cell: int
    factor: float
    other: str = None
    at_least: bool = False
    is_inverse: bool = False  # so many times less than the other's
    other_cell: int = None  # the other's figure when it is not the same one

    def judge(self, row, figures):
        """(what is asked, what was reached, met or not or None: unknown).

        Shares are medians of the shares in each round, whose runs were made
        one after the other: what the machine does in between falls out.
        """
        cell = row.cells[self.cell]
        sign = "≥" if self.at_least or self.is_inverse else "≤"
        if self.other is None:
            reached = figures.median("wsd", self.cell)
            asked = f"{sign} {self.factor:,g} {cell.unit}"
            got = cell.text(reached)
        else:
            at = self.cell if self.other_cell is None else self.other_cell
            name = (f"that of {self.other}" if self.other_cell is None
                    else "without them")
            reached = figures.share("wsd", self.cell, self.other, at)
            if reached and self.is_inverse:
                reached = 1 / reached
            less = "less than " if self.is_inverse else ""
            asked = f"{sign} {self.factor:g} × {less}{name}"
            got = f"{reached:.2f} ×" if reached else "–"
        if reached is None:
            return asked, got, None
        return asked, got, (reached >= self.factor if sign == "≥"
                            else reached <= self.factor)


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
            [Target(0, 1.06, "raw"), Target(0, 10, "tornado", is_inverse=True),
             Target(0, 1.4, "ws", is_inverse=True)]),
        Row("sixteen", "sixteen in flight: million deliveries/s",
            {"main": Load([*crowd, "--inflight", 16])},
            [Cell("per_s", "M/s", scale=1e-6, digits=3)],
            [Target(0, 1, "raw-coalesced", at_least=True),
             Target(0, 80, "tornado", at_least=True)]),
        Row("paced", "200,000 deliveries/s: p50 / p99 ms",
            {"main": Load([*crowd, "--rate", 200_000 / receivers])},
            [Cell("p50_ms", "ms"), Cell("p99_ms", "ms")],
            # On a machine where one send a delivery is too slow for this rate
            # raw falls behind; where it is not, both are the same.
            [Target(0, 1.1, "raw-coalesced"),
             Target(1, 1.1, "raw-coalesced")]),
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
        Row("handshakes", "handshakes/s / server's CPU µs each "
            "(wsd with cookie, MAC, look-up, Origin)",
            {"main": Load(["--handshakes", "--inflight", 64])},
            [Cell("per_s", "/s", digits=0),
             Cell("server_us_each", "µs", digits=1)],
            # 40,000/s of a whole core, by its CPU: the generator's core is
            # full at 25,000/s, on whichever server. 1.35 is 54,000 of raw,
            # where that was measured, to 40,000.
            [Target(1, 25), Target(1, 1.35, "raw")]),
        Row("kib", "1 KiB, sixteen in flight: MB/s of text",
            {"main": Load([*crowd, "--inflight", 16, "--size", 1024])},
            [Cell("per_s", "MB/s", scale=1024e-6, digits=0)],
            [Target(0, 0.95, "raw-coalesced", at_least=True)]),
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
                peer_options=["--idle-path", "/idle"],
                not_for=("wsd-lines",))},  # nor has it acknowledgements
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
