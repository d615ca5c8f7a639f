"""Do the claims of a chapter hold for other seeds, on real data and on the stand-in?

``python -m bench.claims 05_transfer_learning`` runs ``book/05_transfer_learning.py`` and
``solutions/05_transfer_learning.py`` as plain scripts, with five seeds on each kind of data. It
writes to ``bench/results/claims.json`` in how many runs each claim held, and the range of each
value that is printed after ``≈``. Run k adds 1000·k to the number in every ``set_random_seed(n)``
and ``default_rng(n)`` of the source; run 0 is the notebook as it is published.

A second call goes on where the first was stopped, and runs what was changed since. The exit status
is 1 if a claim failed.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tqdm import trange

from bench._report import RESULTS, header, save
from convbook import environment
from convbook.data.specs import SPECS

ROOT = Path(__file__).resolve().parent.parent
NAMES = [
    "05_transfer_learning",
    "06_embeddings",
    "07_training_tricks",
    "08_sound",
    "09_keypoints",
    "10_capstone",
]
SEED = re.compile(r"\b(set_random_seed|default_rng)\((?=\w)")
NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")

RUN = """
import runpy, sys
import convbook.claims

def record(text, holds):
    print("✓" if holds else "✗", text)

convbook.claims.claim = record
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def digest(source: str) -> str:
    """Of the code alone: prose and comments may change."""
    return hashlib.sha256(ast.dump(ast.parse(source)).encode()).hexdigest()[:16]


def run(path: Path, source: str, kind: str, number: int) -> tuple[list[str], str | None]:
    """Run the source of path, its seeds shifted; the lines that it printed, and its error."""
    scratch = environment.CACHE / "claims"
    scratch.mkdir(parents=True, exist_ok=True)
    script = scratch / f"{path.parent.name}-{path.stem}-{os.getpid()}.py"
    script.write_text(SEED.sub(rf"\1({1000 * number} + ", source), encoding="utf-8")
    variables = environment.build() | {"CONVBOOK_OFFLINE": "1", "MPLBACKEND": "agg"}
    if kind == "stand-in":
        variables |= {"CONVBOOK_DATA": "", "KERAS_HOME": str(scratch)}
    command = [sys.executable, "-c", RUN, script]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True
    )
    script.unlink()
    error = done.stderr.strip().splitlines()[-1] if done.returncode else None
    return done.stdout.splitlines(), error


def span(texts: list[str]) -> str:
    """The range of the numbers that these texts begin with; else the different texts."""
    found = [NUMBER.match(text) for text in texts]
    if not all(found):
        return " | ".join(sorted(set(texts)))
    plain = {match[0]: float(match[0].replace("−", "-").replace(",", "")) for match in found}
    low, high = min(plain, key=plain.get), max(plain, key=plain.get)
    return low if low == high else f"{low} to {high}"


def summary(runs: list[tuple[list[str], str | None]]) -> dict:
    """In how many runs each claim held, and the range of each value printed after ``≈``."""
    held, values = defaultdict(int), defaultdict(list)
    for lines, _ in runs:
        seen = defaultdict(int)
        marks = [line for line in lines if line[:2] in ("✓ ", "✗ ")]
        for text in {line[2:] for line in marks}:
            held[text] += all(line[0] == "✓" for line in marks if line[2:] == text)
        for label, _, value in (line.partition("≈") for line in lines if "≈" in line):
            label = " ".join(label.split())
            seen[label] += 1  # a label may come back: the first, the second …
            values[f"{label} ({seen[label]})" if seen[label] > 1 else label].append(value.strip())
    return {
        "runs": len(runs),
        "errors": [error for _, error in runs if error],
        "held": dict(sorted(held.items())),
        "values": {label: span(texts) for label, texts in values.items()},
    }


def stored(out: Path) -> dict:
    """The notebooks that the JSON file holds."""
    return json.loads(out.read_text(encoding="utf-8"))["notebooks"] if out.exists() else {}


def kinds_of_data(source: str) -> list[str]:
    """Which kinds of data the source can be run on; "real" only of sets that can be downloaded."""
    loaded = set(re.findall(r"""data\.load\(["'](\w+)["']""", source))
    if not loaded:
        return ["no data set"]
    return ["real", "stand-in"] if any(SPECS[name].url for name in loaded) else ["stand-in"]


def measure(path: Path, seeds: int, out: Path) -> bool:
    """Run one source on each kind of data that it needs; whether all claims held."""
    name = str(path.relative_to(ROOT))
    source = path.read_text(encoding="utf-8")
    kinds = kinds_of_data(source)
    if not os.environ.get("CONVBOOK_DATA") and "real" in kinds:
        print(f"{name}: no real data without CONVBOOK_DATA, only the stand-in is run")
        kinds.remove("real")
    good = True
    for kind in kinds:
        old = stored(out).get(name, {})
        old = old if old.get("code") == digest(source) else {"code": digest(source)}
        if old.get(kind, {}).get("runs", 0) < seeds:
            bar = trange(seeds, desc=f"{name}, {kind}", unit="run", leave=False)
            old[kind] = summary([run(path, source, kind, number) for number in bar])
            notebooks = dict(sorted((stored(out) | {name: old}).items()))
            save(out, header("bench.claims") | {"notebooks": notebooks})
        found = old[kind]
        failed = [f"{n} of {found['runs']}: {text}" for text, n in found["held"].items()]
        failed = [line for line in failed if not line.startswith(f"{found['runs']} of")]
        print(f"{name}, {kind}: {found['runs']} runs, {len(found['held'])} claims", flush=True)
        print("".join(f"  ✗ {line}\n" for line in failed + found["errors"]), end="")
        good = good and not failed and not found["errors"]
    return good


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--seeds", type=int, default=5, help="runs on each kind of data")
    parser.add_argument("--file", choices=["book", "solutions"], help="only the chapter or the lab")
    parser.add_argument("--out", type=Path, default=RESULTS / "claims.json", help="the JSON file")
    options = parser.parse_args()
    folders = [options.file] if options.file else ["book", "solutions"]
    paths = [ROOT / folder / f"{name}.py" for name in options.names for folder in folders]
    if missing := [str(path.relative_to(ROOT)) for path in paths if not path.exists()]:
        parser.error(f"there is no {', '.join(missing)}")
    results = [measure(path, options.seeds, options.out) for path in paths]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
