"""What grading a class costs: ours, sandboxed, beside ``nbgrader autograde``.

``python -m bench.grading`` makes submissions of lab 01 (each answers most exercises, and each
others), has nbgrader and ``convbook grade`` mark the same files, ours with 1, 2 and 4 workers, and
writes ``bench/results/grading.json``. Core-seconds and memory are those of a command and of all
that it started, sampled five times a second; memory counts shared pages once (PSS).

What the submissions' own cells cost is measured apart: the same cells, one after another, in a bare
fork of a process that has imported Keras, with no notebook, no checks and no walls. What a grader
takes beyond that is its overhead. Last, the collector: how many results a second pass through it
when the marking itself takes no time.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from tqdm import tqdm

from bench._report import RESULTS, header, save
from convbook import environment
from convbook.grading import cohort, inside, sandbox, submissions
from convbook.grading.grade import assemble, read
from convbook.grading.results import GRADED, Result
from convbook.grading.sandbox import Limits
from convbook.grading.spec import Spec, load
from convbook.grading.store import Store

ANSWERED = 0.85  # of the exercises, by a submission
CLASS = 10_000  # submissions, to extrapolate to
PAGE = environment.ROOT / "book" / "grading.md"
MARKS = ("<!-- measured by bench.grading -->", "<!-- end of the measurement -->")


def make_class(folder: Path, lab: str, spec: Spec, count: int) -> None:
    """Submissions as nbgrader wants them, ``folder/STUDENT/LAB/LAB.ipynb``."""
    answers = {exercise.answer: spec.cell(exercise.answer).source for exercise in spec.exercises}
    for number in range(count):
        chosen = random.Random(number)
        nb = nbformat.read(environment.ROOT / "labs" / f"{lab}.ipynb", as_version=4)
        for cell in nb.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in answers and chosen.random() < ANSWERED:
                cell.source = answers[name]
        nb.cells.append(nbformat.v4.new_code_cell(f"# handed in as number {number}"))
        place = folder / f"student{number:03}" / lab / f"{lab}.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(nb, place)


class Watch(threading.Thread):
    """Samples what a process and all that it started have used."""

    def __init__(self, process: subprocess.Popen):
        super().__init__(daemon=True)
        self.root = psutil.Process(process.pid)
        self.core_seconds = self.memory = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.2):
            try:
                family = [self.root, *self.root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            used = [part for process in family for part in sample(process)]
            self.core_seconds = max(self.core_seconds, sum(seconds for seconds, _ in used))
            self.memory = max(self.memory, sum(memory for _, memory in used))


def sample(process: psutil.Process) -> list[tuple[float, int]]:
    """Core-seconds, of ended children too, and bytes; empty if the process has just ended."""
    try:
        times = process.cpu_times()
        return [(sum(times[:4]), process.memory_full_info().pss)]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def measure(command: list[str], folder: Path, count: int) -> dict:
    """Run a command, and say what it took."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader calls `alembic`
    env = os.environ | environment.build() | {"PATH": path, "CONVBOOK_OFFLINE": "1"}
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        watch = Watch(process)
        watch.start()
        status = process.wait()
        watch.done.set()
        watch.join()
    if status:
        raise SystemExit(
            f"{' '.join(command[:4])} … failed:\n{(folder / 'log').read_text()[-2000:]}"
        )
    seconds = time.perf_counter() - start
    return {
        "submissions_per_minute": round(60 * count / seconds, 1),
        "core_seconds_each": round(watch.core_seconds / count, 2),
        "peak_megabytes": round(watch.memory / 1e6),
    }


def own_cells(spec: Spec, files: list[Path]) -> float:
    """Mean core-seconds of the cells of a submission and of its tests, and nothing else."""
    inside.warm_up()
    tests, used = {cell.id: cell.source for cell in spec.cells if cell.role == "test"}, 0.0
    for file in tqdm(files, desc="own cells", unit="notebook", leave=False):
        steps = [s for s in assemble(spec, read(file.read_bytes(), spec)) if s.kind != "moment"]
        sources = [tests.get(step.id, step.source) for step in steps]  # as they are in the lab
        child = os.fork()
        if child == 0:
            inside.silence(0, 1, 2)
            names = {}
            for source in sources:
                with contextlib.suppress(Exception):  # an exercise that was not answered
                    exec(source, names)
            os._exit(0)
        _, _, usage = os.wait4(child, 0)
        used += usage.ru_utime + usage.ru_stime
    return used / len(files)


def nothing(spec: Spec, data: bytes, limits: Limits, trust: bool, threads: int) -> Result:
    """In place of ``cohort.mark``: what is left is the collector's own work."""
    return Result(GRADED, "", 0, spec.points)


def collector(spec: Spec, files: list[Path], folder: Path, count: int = 2000) -> float:
    """Results a second through one collector: reading, sending, collecting, writing."""
    folder.mkdir()
    for number in range(count):
        data = files[number % len(files)].read_bytes()
        (folder / f"s{number}.ipynb").write_bytes(data + b" " * (number + 1))
    found = submissions.find(folder)
    options = cohort.Options(workers=2)
    real, cohort.mark = cohort.mark, nothing
    try:
        start = time.perf_counter()
        cohort.grade(spec, found, Store(folder / "results", spec, options.limits, False), options)
        return count / (time.perf_counter() - start)
    finally:
        cohort.mark = real


def nbgrader(folder: Path, lab: str) -> list[str]:
    """Set nbgrader's course up, as its users do; returns the command that marks the class."""
    source = folder / "source" / lab
    source.mkdir(parents=True)
    nb = nbformat.read(environment.ROOT / "solutions" / f"{lab}.ipynb", as_version=4)
    nb.metadata.pop("convbook")
    nbformat.write(nb, source / f"{lab}.ipynb")
    measure([sys.executable, "-m", "nbgrader", "generate_assignment", lab], folder, 1)
    return [sys.executable, "-m", "nbgrader", "autograde", lab]


def same_points(folder: Path, lab: str) -> int:
    """How many submissions both graders give the same points."""
    from nbgrader.api import Gradebook

    with (folder / "grades1" / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        ours = {row["student"]: float(row["total"]) for row in csv.DictReader(file)}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        theirs = {s.student.id: s.score for s in book.assignment_submissions(lab)}
    return sum(ours[student] == theirs.get(student) for student in ours)


def summary(rows: list[dict], rate: float) -> dict:
    """The ratio of the overheads, and what 10,000 submissions would take on so many workers."""
    ours, theirs = rows[0], rows[-1]
    ratio = ours["overhead_core_seconds_each"] / theirs["overhead_core_seconds_each"]
    each = ours["core_seconds_each"]  # a worker with a core of its own needs as many seconds
    return {
        "overhead_of_nbgraders": round(ratio, 3),
        "collected_per_second": round(rate),
        "workers_that_one_collector_feeds": round(rate * each),
        "extrapolated": [
            {"submissions": CLASS, "workers": n, "minutes": round(CLASS * each / n / 60, 1)}
            for n in (2, 16, 64, 256)
        ],
    }


def shown(report: dict) -> str:
    """The measurement as the page on grading shows it."""
    rows = {(row["grader"], row["workers"]): row for row in report["rows"]}
    lines = [
        "| grader | notebooks a minute | core-seconds each | of these overhead | peak memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (grader, workers), row in rows.items():
        name = "`nbgrader autograde`" if grader == "nbgrader" else f"ours, `--workers {workers}`"
        cells = [row["submissions_per_minute"], row["core_seconds_each"]]
        cells += [row["overhead_core_seconds_each"], f"{row['peak_megabytes']:,} MB"]
        lines.append(f"| {' | '.join(map(str, [name, *cells]))} |")
    minutes = {e["workers"]: f"{e['minutes']:.0f}" for e in report["extrapolated"]}
    return "\n".join(
        [
            f"The same {report['students']} notebooks of lab {report['lab'][:2]}, each with most "
            f"exercises answered ({report['device']}, {report['date']}):",
            "",
            *lines,
            "",
            f"The cells themselves and their tests take {report['own_cells_core_seconds_each']} "
            "core-seconds a notebook. The rest is overhead: starting Python and TensorFlow, and "
            "here the sandbox and its watch, too. Ours is "
            f"{report['overhead_of_nbgraders']:.2f} of nbgrader's. Both gave the same points to "
            f"{report['same_points']} of {report['students']}.",
            "",
            f"From the run with one worker: {CLASS:,} such notebooks would take {minutes[16]} "
            f"minutes on 16 workers with a core each, {minutes[64]} on 64 and {minutes[256]} on "
            f"256. The one process that collects takes in {report['collected_per_second']} results "
            f"a second, enough for {report['workers_that_one_collector_feeds']} workers. Measured "
            f"by `{report['command']}`.",
        ]
    )


def put_on_page(report: dict) -> None:
    """Write the measurement into the page on grading, between its two marks."""
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    text = f"{before}{MARKS[0]}\n{shown(report)}\n{MARKS[1]}{after}"
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.grading", description=__doc__)
    parser.add_argument("--lab", default="01_reading_networks", help="(01_reading_networks)")
    parser.add_argument("--students", type=int, default=50, help="submissions (50)")
    parser.add_argument("--out", type=Path, default=RESULTS / "grading.json", help="the JSON file")
    options = parser.parse_args()

    try:
        sandbox.check()
    except sandbox.SandboxError as error:
        sys.exit(f"Ours would run without its sandbox, so nothing is measured. {error}")
    spec = load(environment.ROOT / "solutions" / f"{options.lab}.ipynb")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_class(folder / "submitted", options.lab, spec, options.students)
        files = sorted(folder.glob("submitted/*/*/*.ipynb"))
        own = own_cells(spec, files)
        rows = []
        for workers in (1, 2, 4):
            command = [sys.executable, "-m", "convbook", "grade", "submitted", "--lab", options.lab]
            command += ["--out", f"grades{workers}", "--workers", str(workers)]
            row = measure(command, folder, options.students)
            rows.append({"grader": "convbook", "workers": workers} | row)
            print(rows[-1], flush=True)
        command = nbgrader(folder, options.lab)
        rows.append({"grader": "nbgrader", "workers": 1})
        rows[-1] |= measure(command, folder, options.students)
        print(rows[-1], flush=True)
        same = same_points(folder, options.lab)
        rate = collector(spec, files, folder / "collected")
    for row in rows:
        row["overhead_core_seconds_each"] = round(row["core_seconds_each"] - own, 2)
    report = header("bench.grading")
    report |= {"lab": options.lab, "students": options.students, "rows": rows}
    report |= {"same_points": same, "own_cells_core_seconds_each": round(own, 2)}
    report |= summary(rows, rate)
    save(options.out, report)
    if options.out == RESULTS / "grading.json":
        put_on_page(report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
