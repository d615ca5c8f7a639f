"""``python -m bench``: measure everything beside its peers, and print the table of ratios.

Each measurement writes ``bench/results/NAME.json`` when it is done, so that an interrupt loses only
the one that runs. One whose peer is missing is left out of the table with a sentence that says why;
its earlier result stays, the others go on, and the exit status is 1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import _table
from bench._one import INTERRUPTED
from convbook.environment import ROOT

TABLE = {  # what make up the table, and how long they take on two cores
    "training": "6 minutes: Keras beside PyTorch, and the machine's matrix products",
    "build": "2 minutes: building the site, beside a stock Jupyter Book",
    "pages": "5 minutes: a page's weight, and the time until it can be used",
    "trainer": "2 minutes: the trainer in the browser, beside ConvNetJS and TensorFlow.js",
    "grading": "15 minutes: a class, beside nbgrader",
    "suite": "1 hour: make test, beside the same tests one after another",
}
KNOWN = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))
OTHERS = [name for name in KNOWN if name not in TABLE]
PAGE = ROOT / "book" / "measurements.md"
MARKS = ("<!-- measured by bench -->", "<!-- end of the measurements -->")


def measure(name: str) -> str:
    """Run one measurement; why it failed, or nothing. An interrupt is raised when it has ended."""
    with tempfile.TemporaryDirectory() as folder:
        reason = Path(folder) / "reason"
        command = [sys.executable, "-m", "bench._one", name, str(reason)]
        process = subprocess.Popen(
            command, cwd=ROOT, env={"TF_CPP_MIN_LOG_LEVEL": "3"} | dict(os.environ)
        )
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.wait()  # it got the same Ctrl-C
            raise
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if reason.exists():
            return reason.read_text(encoding="utf-8")
        return f"it ended with status {status}" if status else ""


def with_table(page: str) -> str:
    """The page with the table of all stored results between its two marks."""
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    table = _table.markdown(_table.sections(list(TABLE)))
    return f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}"


def fill_page() -> None:
    """Write all stored results onto the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def show(failed: dict[str, str]) -> None:
    """Print the table without what failed."""
    print()
    print(_table.text(_table.sections([name for name in TABLE if name not in failed])))


def main(arguments: list[str] | None = None) -> int:
    lines = ["of the table:", *(f"  {name:12}{what}" for name, what in TABLE.items())]
    lines += ["not of the table:", f"  {', '.join(OTHERS)}"]
    lines += ["options of one: python -m bench.NAME --help"]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure beside peers; without a name, all that makes the table of ratios.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="measure only these")
    parser.add_argument(
        "--table", action="store_true", help="measure nothing: print what is stored, fill the page"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(KNOWN):
        known = ", ".join(KNOWN)
        parser.error(f"no measurement named {', '.join(sorted(unknown))}; there are {known}")
    if options.table and options.names:
        parser.error("--table measures nothing, so it takes no names")

    names = [] if options.table else options.names or list(TABLE)
    failed = {}
    for number, name in enumerate(names, 1):
        print(
            f"bench.{name} ({number} of {len(names)}): {TABLE.get(name, 'not of the table')}",
            flush=True,
        )
        try:
            if reason := measure(name):
                failed[name] = reason
                print(f"bench.{name} failed.", file=sys.stderr)
            elif name in TABLE:  # at once: the suite's tests compare the page with the results
                fill_page()
        except KeyboardInterrupt:
            left = " ".join([*failed, *names[number - 1 :]])
            print("\nStopped. What was done before is stored.")
            print(f"To go on: python -m bench {left}", flush=True)
            return INTERRUPTED
    if options.table:
        fill_page()
    if options.table or set(names) & set(TABLE):
        show(failed)
    for name, reason in failed.items():
        print(f"Left out, bench.{name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
