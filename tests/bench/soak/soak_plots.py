"""A soak over time as SVG, by gnuplot: RSS, descriptors, p99."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from plots import gnuplot, head  # noqa: E402

COLOURS = {"wsd": "#d62728", "login": "#1f77b4", "web": "#999999",
           "proxied": "#9467bd", "direct": "#2ca02c"}


def series(samples, key):
    names = sorted({name for s in samples for name in s[key]})
    return {name: [(s["t"] / 60, s[key][name]) for s in samples
                   if name in s[key]] for name in names}


def draw_one(path, title, y, lines, restarts, extra=""):
    script = head(path, title, y) + extra
    script += 'set xlabel "minutes"\nset key outside right\n'
    for t, program in restarts:
        script += (f'set arrow from {t / 60:.3f}, graph 0 to {t / 60:.3f}, '
                   f'graph 1 nohead lc rgb "{COLOURS[program]}" dt 3\n')
    data, plots = "", []
    for i, (name, points) in enumerate(lines.items()):
        data += f"$d{i} << EOD\n"
        data += "".join(f"{a:.4f} {b}\n" for a, b in points) + "EOD\n"
        plots.append(f'$d{i} with lines lw 2 lc rgb "{COLOURS[name]}" '
                     f'title "{name}"')
    return gnuplot(data + script + "plot " + ", \\\n ".join(plots))


def draw(out, samples, restarts):
    """Lines to be said."""
    rss = {name: [(t, kib / 1024) for t, kib in points]
           for name, points in series(samples, "rss").items()}
    drawn = {
        "rss.svg": ("Memory (dotted: restarts)", "RSS, MiB", rss,
                    "set yrange [0:*]\n"),
        "descriptors.svg": ("Open descriptors (dotted: restarts)",
                            "descriptors", series(samples, "fds"),
                            "set yrange [0:*]\n"),
        "p99.svg": ("99 in 100 of the deliveries of each interval "
                    "(dotted: restarts)", "ms", series(samples, "p99"),
                    "set logscale y\n"),
    }
    for file, (title, y, lines, extra) in drawn.items():
        why = draw_one(out / file, title, y, lines, restarts, extra)
        yield str(out / file) + (f": {why}" if why else "")
