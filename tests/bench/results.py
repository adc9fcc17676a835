"""Runs as they were measured, kept as JSON; medians of them; the table."""
import json
import statistics

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
        entries = [{"what": what, "server": server, "runs": runs}
                   for (what, server), runs in self.runs.items()]
        path.write_text(json.dumps(
            {"about": self.about, "missing": self.missing, "runs": entries},
            indent=1, ensure_ascii=False) + "\n")

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

    def errors(self):
        for (what, server), runs in self.runs.items():
            whys = [run["error"] for run in runs if "error" in run]
            for why in sorted(set(whys)):
                yield (f"{what}, {server}: measured nothing in "
                       f"{whys.count(why)} of {len(runs)}: {why}")


def figures_of(results, row, servers):
    """{server: [a figure or None for each cell]}"""
    figures = {}
    for server in servers:
        medians = {load: results.medians(f"{row.name}/{load}", server)
                   for load in row.loads}
        figures[server] = [cell.of(medians) for cell in row.cells]
    return figures


def is_behind(results, row, server):
    """Whether it did not keep up with a row that goes by the clock."""
    for name, load in row.loads.items():
        medians = results.medians(f"{row.name}/{name}", server)
        if medians.get("late"):
            return True
    return False


def table(results, rows, order):
    """Markdown: the figures, and then the targets."""
    servers = results.servers(order)
    lines = ["| work | " + " | ".join(servers) + " |",
             "|---|" + "---:|" * len(servers)]
    judged = ["| work | wsd shall | measured | |", "|---|---|---|---|"]
    for row in rows:
        if not any((f"{row.name}/{load}", s) in results.runs
                   for load in row.loads for s in servers):
            continue
        figures = figures_of(results, row, servers)
        texts = []
        for server in servers:
            parts = [cell.text(value) for cell, value
                     in zip(row.cells, figures[server])]
            text = " / ".join(parts)
            if all(value is None for value in figures[server]):
                text = "–"
            elif is_behind(results, row, server):
                text = "cannot"
            texts.append(text)
        lines.append(f"| {row.title} | " + " | ".join(texts) + " |")
        for target in row.targets:
            asked, got, is_met = target.judge(row.cells, figures)
            verdict = {True: "met", False: "**not met**",
                       None: "not measured"}[is_met]
            judged.append(f"| {row.title.split(':')[0]} | {asked} | {got} | "
                          f"{verdict} |")
    return "\n".join(lines) + "\n\n" + "\n".join(judged) + "\n"
