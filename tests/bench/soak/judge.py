"""Whether a soak is good, from what was seen: pure, so that a test can plant
faults in what it is given.

A sample is {"t": s since the beginning, "rss": {PROGRAM: KiB}, "fds":
{PROGRAM: n}, "pid": {PROGRAM: pid}, "calm": nothing restarts or is coming
back}.
"""
import itertools
import statistics

P99_MS = 100
SLOPE_MIB_H = 1.0
WARM_S = 600  # not judged: what fills up first
AGE_S = 60  # the same of each life of a program, where lives are compared
FDS_SHARE = 0.02
FDS_SLACK = 4
OURS = ("login", "wsd")

# What members count, and what each would mean.
NEVER = {
    "lost": "a number that did not come",
    "misordered": "a number that came again or too late, or an error",
    "wrong": "another event at somebody else, said twice, wrongly "
             "acknowledged, or any complaint below",
    "gaps": "a gap: the history did not reach back",
    "fresh": "a cursor that was not taken up",
    "unheard": "acknowledged and heard by nobody",
    "unacked": "said, and not acknowledged in the end",
    "late": "still connected a second after the session ended",
    "thrown_out": "closed or refused with a valid session",
    "undone": "in with a session that was ended",
}


def slope(points):
    """Least squares, y a unit of x; None where x does not vary."""
    n = len(points)
    if n < 3:
        return None
    mx = sum(x for x, _ in points) / n
    my = sum(y for _, y in points) / n
    down = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / down if down else None


def judged(samples, program, age_s=AGE_S):
    """Those past the warm-up of the run and age_s of the program's life."""
    born = {}
    for s in samples:
        pid = s["pid"].get(program)
        born.setdefault(pid, s["t"])
        if pid and s["calm"] and s["t"] >= WARM_S and \
                s["t"] - born[pid] >= age_s:
            yield s


def mib_by_hour(samples, program):
    return [(s["t"] / 3600, s["rss"][program] / 1024) for s in samples]


def rss_slopes(samples, program):
    """MiB an hour: over all, as a restart resets it, and within the lives
    that last longer than the warm-up, each about its own middle. None: too
    little to say."""
    inside = []
    for _, life in itertools.groupby(
            judged(samples, program, WARM_S), lambda s: s["pid"][program]):
        life = mib_by_hour(life, program)
        mx = statistics.fmean(x for x, _ in life)
        my = statistics.fmean(y for _, y in life)
        inside += [(x - mx, y - my) for x, y in life]
    return (slope(mib_by_hour(judged(samples, program), program)),
            slope(inside))


def fds_drift(samples, program):
    """(median of the first third, of the last third); None: too little."""
    n = [s["fds"][program] for s in judged(samples, program)]
    third = len(n) // 3
    if third < 3:
        return None
    return statistics.median(n[:third]), statistics.median(n[-third:])


def verdict(samples, members, store, minutes, ends=None):
    """Rows (criterion, True | False | None: not judged, detail).

    members: the last stats. store: {"wrong": [...], "checks", ...}. ends:
    {PROGRAM: (descriptors before the crowd, after it)}.
    """
    rows = []
    for key, meaning in NEVER.items():
        rows.append((f"members: {key}", members[key] == 0,
                     f"{members[key]} ({meaning})"))
    rows.append(("members: all have heard all in the end",
                 bool(members.get("level")),
                 f"{members['here']} of {members['wanted']} here, at event "
                 f"{members['newest']}"))
    rows.append(("store", not store["wrong"] and store["checks"] > 0,
                 f"{store['checks']} fresh checks of {store['known']} "
                 f"sessions at most; {len(store['wrong'])} wrong"
                 f"{'; ' + store['wrong'][0] if store['wrong'] else ''}"))
    p99 = members["calm"]["prompt"]
    rows.append((f"p99 outside restarts < {P99_MS} ms",
                 p99["n"] > 0 and p99["p99"] < P99_MS,
                 f"{p99['p99']} ms of {p99['n']} deliveries"))
    for program in sorted({p for s in samples for p in s["rss"]}):
        whole, inside = rss_slopes(samples, program)
        is_long = minutes * 60 >= 2 * WARM_S and whole is not None
        is_level = is_long and whole < SLOPE_MIB_H and (
            inside is None or inside < SLOPE_MIB_H)
        rows.append((
            f"RSS of {program}, slope < {SLOPE_MIB_H:g} MiB/h",
            is_level if is_long and program in OURS else None,
            f"not judged: {minutes:g} minutes are too short"
            if whole is None else
            f"{whole:+.2f} over all, " + (
                "its lives are too short to tell" if inside is None else
                f"{inside:+.2f} within its lives")))
        drift = fds_drift(samples, program)
        rows.append((
            f"descriptors of {program} level",
            None if drift is None else
            drift[1] <= drift[0] * (1 + FDS_SHARE) + FDS_SLACK,
            "not judged: too short" if drift is None else
            f"{drift[0]:g} in the first third, {drift[1]:g} in the last"))
    for program, (before, after) in (ends or {}).items():
        rows.append((f"descriptors of {program} when all have gone",
                     after <= before, f"{before} before, {after} after"))
    return rows
