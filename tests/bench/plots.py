"""Plots of a bench's results as SVG, by gnuplot."""
import shutil
import subprocess

from results import is_behind

COLOURS = {
    "raw": "#999999", "raw-coalesced": "#444444", "wsd": "#d62728",
    "wsd-lines": "#ff9896", "lws": "#1f77b4", "ws": "#2ca02c",
    "nchan": "#9467bd", "tornado": "#ff7f0e"}

# File, sweep, figure, its factor, title, axes, logarithmic x.
CURVES = [
    ("latency", "load", "p99_ms", 1,
     "99 % of deliveries arrive within (1000 receivers, 64 bytes)",
     "deliveries/s asked for", "ms", False),
    ("latency-p50", "load", "p50_ms", 1,
     "Half of the deliveries arrive within (1000 receivers, 64 bytes)",
     "deliveries/s asked for", "ms", False),
    ("throughput", "connections", "per_s", 1,
     "Sixteen messages in flight, 64 bytes, one core",
     "connections", "deliveries/s", True),
    ("memory", "connections", "idle_rss_kib", 1 / 1024,
     "Memory of the process with all connected and idle",
     "connections", "MiB", True),
]


def points(results, sweep, server, key, factor):
    """[(x, y)], without those where the server did not keep up."""
    found = []
    for what, name in results.runs:
        if name != server or not what.startswith(sweep + "/"):
            continue
        point = int(what.split("/")[1])
        asked = point if sweep == "load" else None
        figure = results.medians(what, server).get(key)
        if figure and not is_behind(results, what, server, asked):
            found.append((point, figure * factor))
    return sorted(found)


def gnuplot(script):
    done = subprocess.run(["gnuplot"], input=script, capture_output=True,
                          text=True, timeout=60)
    return done.stderr.strip()


def head(path, title, y):
    return (f'set terminal svg size 800,480 dynamic font "sans-serif,13" '
            f'background "#ffffff"\nset output "{path}"\n'
            f'set title "{title}"\nset ylabel "{y}"\n'
            'set grid ytics lc rgb "#dddddd"\nset border 3\n'
            'set tics nomirror\nset format y "%.10g"\n')


def curve(results, out, order, spec):
    file, sweep, key, factor, title, x, y, has_log_x = spec
    series = [(name, points(results, sweep, name, key, factor))
              for name in order]
    series = [(name, found) for name, found in series if found]
    if not series:
        return None
    path = out / f"{file}.svg"
    script = head(path, title, y)
    script += f'set xlabel "{x}"\nset logscale y\nset key outside right\n'
    script += 'set format x "%.0f"\n'
    if has_log_x:
        script += "set logscale x\n"
    data, plots = "", []
    for i, (name, found) in enumerate(series):
        data += f"$d{i} << EOD\n"
        data += "".join(f"{a} {b}\n" for a, b in found) + "EOD\n"
        plots.append(f'$d{i} with linespoints lw 2 pt 7 ps 0.6 '
                     f'lc rgb "{COLOURS[name]}" title "{name}"')
    return path, gnuplot(data + script + "plot " + ", \\\n ".join(plots))


def bars(results, out, order):
    figures = [(name, results.medians("one/main", name).get("server_us_each"))
               for name in order]
    figures = [(name, value) for name, value in figures if value]
    if not figures:
        return None
    path = out / "cpu.svg"
    script = head(path, "One message in flight, 1000 receivers, 64 bytes",
                  "µs of the server's CPU a delivery")
    script += ("unset key\nset style fill solid\nset boxwidth 0.6\n"
               "set yrange [0:*]\n")
    data = "$d << EOD\n" + "".join(
        f'{i} {value} "{name}" {COLOURS[name].replace("#", "0x")}\n'
        for i, (name, value) in enumerate(figures)) + "EOD\n"
    plot = ('plot $d using 1:2:4:xtic(3) with boxes lc rgb variable, '
            '$d using 1:2:(sprintf("%.2f",$2)) with labels offset 0,0.7')
    return path, gnuplot(data + script + plot)


def draw(results, out, order):
    """Draws what there is; lines to be said about it."""
    if shutil.which("gnuplot") is None:
        return ["left out: plots: gnuplot is not installed"]
    drawn = [bars(results, out, order)]
    drawn += [curve(results, out, order, spec) for spec in CURVES]
    return [f"{path}" + (f": {why}" if why else "")
            for path, why in filter(None, drawn)]
