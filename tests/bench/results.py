"""Runs as they were measured, kept as JSON; medians of them; the table."""
import json
import statistics

KEPT_UP = 0.97  # of the deliveries/s that were asked for
SATURATED = 0.97  # of the generator's core
FAULTS = ("lost", "doubled", "swapped", "disconnected")


class Results:
    """Runs by what was measured ("row/load" or "sweep/point") and server.
    A run is loadgen's report, or {"error": why nothing was measured}."""

    def __init__(self):
        self.about = {}
        self.missing = {}  # server: why it is not here
        self.runs = {}  # (what, server): [run]

    def add(self, what, server, run):
        self.runs.setdefault((what, server), []).append(run)

    def merge(self, path):
        with open(path) as f:
            other = json.load(f)
        self.about = {**other["about"], **self.about}
        self.missing.update(other["missing"])
        for entry in other["runs"]:
            for run in entry["runs"]:
                self.add(entry["what"], entry["server"], run)

    def save(self, path):
        """JSON, a line for each server's runs of a load."""
        def text(value):
            return json.dumps(value, ensure_ascii=False)
        entries = ",\n".join(
            text({"what": what, "server": server, "runs": runs})
            for (what, server), runs in self.runs.items())
        path.write_text(f'{{"about": {text(self.about)},\n'
                        f'"missing": {text(self.missing)},\n'
                        f'"runs": [\n{entries}\n]}}\n')

    def servers(self, order):
        there = {server for _, server in self.runs}
        return [name for name in order if name in there]

    def medians(self, what, server):
        """{key: median over the runs that measured something}"""
        good = [run for run in self.runs.get((what, server), ())
                if "error" not in run]
        found = {}
        for run in good:
            for key, value in run.items():
                if value is not None:
                    found.setdefault(key, []).append(value)
        return {key: statistics.median(values)
                for key, values in found.items()}

    def faults(self):
        """A line for each run in which something was lost or the like."""
        for (what, server), runs in self.runs.items():
            for n, run in enumerate(runs, 1):
                bad = [f"{run[key]} {key}" for key in FAULTS if run.get(key)]
                if bad:
                    yield f"{what}, {server}, run {n}: {', '.join(bad)}"

    def saturated(self):
        """Where the generator may have been what was measured."""
        for what, server in self.runs:
            cpu = self.medians(what, server).get("generator_cpu", 0)
            if cpu > SATURATED:
                yield (f"{what}, {server}: the generator was busy for "
                       f"{cpu:.0%} of the time")

    def errors(self):
        for (what, server), runs in self.runs.items():
            whys = [run["error"] for run in runs if "error" in run]
            for why in sorted(set(whys)):
                yield (f"{what}, {server}: measured nothing in "
                       f"{whys.count(why)} of {len(runs)}: {why}")


class Figures:
    """The figures of one row: those of each round, and their medians."""

    def __init__(self, results, row, servers):
        self.rounds = {server: self.by_round(results, row, server)
                       for server in servers}

    @staticmethod
    def by_round(results, row, server):
        """[a figure or None for each cell] for each round"""
        runs = {load: results.runs.get((f"{row.name}/{load}", server), ())
                for load in row.loads}
        return [[cell.of({load: got[n] for load, got in runs.items()
                          if n < len(got)}) for cell in row.cells]
                for n in range(max(map(len, runs.values())))]

    def all(self, server, cell):
        return [r[cell] for r in self.rounds.get(server, ())]

    def median(self, server, cell):
        there = [f for f in self.all(server, cell) if f is not None]
        return statistics.median(there) if there else None

    def share(self, server, cell, other, other_cell):
        own = self.all(server, cell)
        base = self.all(other, other_cell)
        if len(own) == len(base):
            shares = [a / b for a, b in zip(own, base) if a and b]
            return statistics.median(shares) if shares else None
        own = self.median(server, cell)
        base = self.median(other, other_cell)
        return own / base if own and base else None


def is_behind(results, what, server, asked_per_s):
    """Whether it did not keep up with a row that goes by the clock."""
    got = results.medians(what, server).get("per_s")
    return bool(asked_per_s and got and got < KEPT_UP * asked_per_s)


def line_of(results, row, figures, servers):
    texts = []
    for server in servers:
        found = [figures.median(server, n) for n in range(len(row.cells))]
        text = " / ".join(cell.text(value)
                          for cell, value in zip(row.cells, found))
        if all(value is None for value in found):
            text = "–"
        elif any(is_behind(results, f"{row.name}/{name}", server,
                           load.asked_per_s())
                 for name, load in row.loads.items()):
            text = "cannot"
        texts.append(text)
    return f"| {row.title} | " + " | ".join(texts) + " |"


def table(results, rows, order):
    """Markdown: the figures, and then the targets."""
    servers = results.servers(order)
    lines = ["| work | " + " | ".join(servers) + " |",
             "|---|" + "---:|" * len(servers)]
    judged = ["| work | wsd shall | is | |", "|---|---|---:|---|"]
    for row in rows:
        if not any((f"{row.name}/{load}", server) in results.runs
                   for load in row.loads for server in servers):
            continue
        figures = Figures(results, row, servers)
        lines.append(line_of(results, row, figures, servers))
        for target in row.targets:
            asked, got, is_met = target.judge(row, figures)
            verdict = {True: "met", False: "**not met**",
                       None: "not measured"}[is_met]
            judged.append(f"| {row.title.split(':')[0]} | {asked} | {got} | "
                          f"{verdict} |")
    return "\n".join(lines) + "\n\n" + "\n".join(judged) + "\n"
