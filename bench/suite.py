"""How long ``make test`` takes, beside the same tests run one after another.

``python -m bench.suite`` runs the command of ``make test``, ``pytest --nbval``, as the course
configures it (a process a core; each takes a file at a time, or one lab's tests), and then
``pytest --nbval -n 0``. On two cores that is an hour. Both runs must have the same tests.
``python -m bench.suite book/02_convolution.ipynb tests/test_data.py`` measures a part.

``bench/results/suite.json`` gets the seconds and their ratio after each round, and the tests that
did not end alike. The result of a part stands beside the result of the whole.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from bench._report import RESULTS, header, ratios, save, spread
from convbook import environment

WHOLE = "all tests"
RUNS = {"make test": [], "one after another": ["-n", "0"]}
STATUS = {0: "all passed", 1: "some failed"}  # of pytest; any other means that it did not run


def outcomes(report: Path) -> dict[str, str]:
    """What became of each test, from pytest's report in JUnit's format."""
    found, seen = {}, Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        seen[name] += 1
        name += f"::{seen[name]}" if seen[name] > 1 else ""
        ends = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[name] = ends[0] if ends else "passed"
    return found


def run(paths: list[str], options: list[str]) -> tuple[float, dict[str, str]]:
    """Run the tests; the seconds it took, and what became of each."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "--nbval", *options, f"--junitxml={report}"]
        start = time.perf_counter()
        done = subprocess.run([*command, "-q", "-r", "", *paths], cwd=environment.ROOT)
        seconds = time.perf_counter() - start
        if done.returncode not in STATUS:
            sys.exit(f"pytest ended with status {done.returncode}: see its message above")
        return seconds, outcomes(report)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.suite", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files of tests, notebooks (default: all)")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each kind (default: 1)")
    parser.add_argument("--out", type=Path, default=RESULTS / "suite.json", help="the JSON file")
    options = parser.parse_args()

    part = ", ".join(options.paths) or WHOLE
    seconds = {name: [] for name in RUNS}
    for number in range(options.rounds):
        found = {}
        for name in list(RUNS)[:: -1 if number % 2 else 1]:
            print(f"{name}: {part}, round {number + 1} of {options.rounds}", flush=True)
            took, found[name] = run(options.paths, RUNS[name])
            seconds[name].append(took)
        ours, theirs = found.values()
        if alone := ours.keys() ^ theirs.keys():
            sys.exit(f"Only one of the two runs had these tests: {', '.join(sorted(alone)[:9])}")
        differs = sorted(name for name in ours if ours[name] != theirs[name])
        report = header("bench.suite") | {"part": part, "rounds": number + 1}
        report |= {"workers": os.cpu_count(), "tests": Counter(ours.values())}
        report["ended_differently"] = differs
        report["seconds"] = {name: spread(times) for name, times in seconds.items()}
        report["times_faster"] = spread(ratios(*reversed(seconds.values())))
        save_beside_others(options.out, report)
        print(report["seconds"], report["times_faster"], flush=True)


def save_beside_others(path: Path, report: dict) -> None:
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    save(path, {"rows": [*[row for row in old if row["part"] != report["part"]], report]})


if __name__ == "__main__":
    main()
