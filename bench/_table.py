"""The table of ratios: its rows from the results that the measurements stored.

Every ratio says how many times better ours is than its peer: above 1 ours is better, below 1 worse.
"""

import json
import statistics
from dataclasses import dataclass

from bench._report import RESULTS

QUIET = 10  # percent of the processor that others may use without a word
Spread = dict[str, float]  # min, median and max, or the median alone where there was one run


@dataclass
class Row:
    what: str
    ours: str
    peer: str
    ratio: Spread


@dataclass
class Section:
    """The rows of one measurement, and how they came about."""

    title: str
    rows: list[Row]
    how: str
    report: dict  # with its command, date and device


def number(value: float) -> str:
    """Three digits; more for a whole number that has more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def over(values: list[float]) -> Spread:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def rounds(count: int) -> str:
    return "one round" if count == 1 else f"median of {count} rounds, with their range"


def training(report: dict) -> list[Section]:
    """A section a device and back end: each network beside PyTorch, and beside the machine."""
    sections = []
    for run in report["runs"]:
        rows = []
        for row in run["rows"]:
            name = f"{row['network']} ({row['parameters']:,} parameters)"
            speeds = {key: number(s["median"]) for key, s in row["images_per_second"].items()}
            ours, peer = f"{speeds['Keras']} images/s", f"{row['peer']}: {speeds[row['peer']]}"
            rows.append(Row(name, ours, peer, row["times_the_speed_of_peer"]))
        machine = run["machine_gflops"]["largest"]
        for row in run["rows"]:
            ours = f"{number(row['gflops']['median'])} GFLOP/s"
            peer = f"matrix product: {number(machine['median'])}"
            rows.append(Row(f"{row['network']}, arithmetic", ours, peer, row["share_of_machine"]))
        backend = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
        title = f"Training: Keras on {backend[run['versions']['backend']]}"
        how = rounds(run["rounds"])
        if run["percent_used_by_others"] > QUIET:
            how += f"; other programs used {run['percent_used_by_others']} % of the processor"
        sections.append(Section(title, rows, how, run))
    return sections


def suite(report: dict) -> list[Section]:
    """The whole test suite; if only parts were measured, those."""
    sections = []
    whole = [row for row in report["rows"] if row["part"] == "all tests"]
    for row in whole or report["rows"]:
        seconds = {name: f"{number(s['median'])} s" for name, s in row["seconds"].items()}
        ours = f"{row['workers']} processes: {seconds['make test']}"
        peer = f"`pytest --nbval -n 0`: {seconds['one after another']}"
        failed = sum(row["tests"].get(end, 0) for end in ("failure", "error"))
        what = f"{row['part']}: {sum(row['tests'].values()):,} tests"
        what += f", of which {failed:,} failed" if failed else ""
        found = [Row(what, ours, peer, row["times_faster"])]
        sections.append(Section("Tests: `make test`", found, rounds(row["rounds"]), row))
    return sections


def build(report: dict) -> list[Section]:
    rows = []
    for row in report["rows"]:
        ours, peer = (f"{number(row['seconds'][name]['median'])} s" for name in row["seconds"])
        rows.append(Row(row["build"], ours, f"stock Jupyter Book: {peer}", row["times_faster"]))
    ours, theirs = report["megabytes"].values()
    size = Row(
        "size of all files",
        f"{ours} MB",
        f"stock Jupyter Book: {theirs} MB",
        {"median": theirs / ours},
    )
    title = f"Site: building {report['pages']} pages"
    return [Section(title, [*rows, size], rounds(report["rounds"]), report)]


def pages(report: dict) -> list[Section]:
    """Each chapter beside its stock page: the median of the chapters, with their range."""
    found = {row["page"]: row for row in report["rows"]}
    stock = ", stock Jupyter Book"
    pairs = [(found[name.removesuffix(stock)], found[name]) for name in found if stock in name]
    rows = []
    for what, key, unit in (
        ("weight, compressed", "kB compressed", "kB"),
        ("time until usable", "ms until usable", "ms"),
    ):
        ours, theirs = (
            f"{number(statistics.median(p[i][key] for p in pairs))} {unit}" for i in (0, 1)
        )
        ratio = over([theirs[key] / ours[key] for ours, theirs in pairs])
        rows.append(Row(what, ours, f"stock Jupyter Book: {theirs}", ratio))
        demo, trainer = found["ConvNetJS demo, scripts only"], found["03_pooling"]
        rows.append(
            Row(
                f"{what}: chapter 03, which has the trainer",
                f"{number(trainer[key])} {unit}",
                f"scripts of ConvNetJS' demo: {number(demo[key])} {unit}",
                {"median": demo[key] / trainer[key]},
            )
        )
    how = f"each page: {rounds(report['rounds']).split(',')[0]}"
    how += f"; median of the {len(pairs)} chapters, with their range"
    return [Section("Site: a page", rows, how, report)]


def grading(report: dict) -> list[Section]:
    ours, theirs = report["rows"][0], report["rows"][-1]
    rows = []
    for what, key, unit, more_is_better in (
        ("notebooks a minute", "submissions_per_minute", "", True),
        ("overhead of a notebook", "overhead_core_seconds_each", " core-seconds", False),
        ("peak memory", "peak_megabytes", " MB", False),
    ):
        a, b = ours[key], theirs[key]
        ratio = a / b if more_is_better else b / a
        peer = f"`nbgrader autograde`: {number(b)}{unit}"
        rows.append(Row(what, f"{number(a)}{unit}", peer, {"median": ratio}))
    how = f"one run with {report['students']} notebooks, one worker"
    return [Section("Grading a class", rows, how, report)]


def trainer(report: dict) -> list[Section]:
    found = {row["contender"]: row for row in report["rows"]}
    rows = []
    for name in [name for name in found if name.startswith("convbook")]:
        speed = found[name]["examples_per_second"]["median"]
        for peer, ratio in found[name]["times_the_speed_of"].items():
            theirs = number(found[peer]["examples_per_second"]["median"])
            what = f"in {found[name]['computes_in']}"
            rows.append(Row(what, f"{number(speed)} images/s", f"{peer}: {theirs}", ratio))
    return [Section("Training in the browser", rows, rounds(report["rounds"]), report)]


MEASUREMENTS = {f.__name__: f for f in (training, suite, build, pages, grading, trainer)}


def sections(names: list[str]) -> list[Section]:
    """The sections of the measurements that have a stored result."""
    found = []
    for name in names:
        path = RESULTS / f"{name}.json"
        if path.exists():
            found += MEASUREMENTS[name](json.loads(path.read_text(encoding="utf-8")))
    return found


def shown(ratio: Spread) -> str:
    digits = {key: f"{v:,.0f}" if v >= 100 else f"{v:#.3g}" for key, v in ratio.items()}
    if ratio.get("min", 0) < ratio.get("max", 0):
        return f"{digits['median']} ({digits['min']} to {digits['max']})"
    return digits["median"]


def cells(section: Section) -> list[list[str]]:
    head = [section.title, "ours", "the peer", "ratio"]
    return [head, *([row.what, row.ours, row.peer, shown(row.ratio)] for row in section.rows)]


def came_about(section: Section) -> str:
    report = section.report
    return f"{section.how}; {report['device']}; {report['date']}; `{report['command']}`"


def text(found: list[Section]) -> str:
    """For a terminal: columns as wide as their widest cell."""
    tables = [cells(section) for section in found]
    widths = [max((len(line[i]) for t in tables for line in t), default=0) for i in range(4)]
    lines = []
    for section, table in zip(found, tables, strict=True):
        for line in table:
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
        lines += [f"  {came_about(section)}", ""]
    return "\n".join(lines).replace("`", "")


def markdown(found: list[Section]) -> str:
    """For the page: a table a section, and under it how it came about."""
    lines = []
    for section in found:
        head, *rest = cells(section)
        for line in (head, ["---"] * 4, *rest):
            lines.append(f"| {' | '.join(line)} |")
        how = came_about(section)
        lines += ["", f"{how[0].upper()}{how[1:]}.", ""]
    return "\n".join(lines).strip()
