"""How long the site takes to build, beside a stock Jupyter Book of the same pages.

``python -m bench.build`` copies what the site is made of, and builds the copy with ``convbook
book``, and its pages with ``jupyter-book build`` and no configuration. In each round either one is
built from nothing, and once more after a sentence is added to one page. Ours looks for broken
references and makes every warning an error, and it carries MathJax and the explorers, which a stock
page fetches from other hosts or lacks.

``bench/results/build.json`` gets the seconds of each, their ratio round by round, and the size of
the two sites.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from tqdm import tqdm

from bench import _stock
from bench._report import RESULTS, header, ratios, save, spread
from convbook import environment
from convbook.environment import CACHE, ROOT

PARTS = ["_assets", "bench/results", "book", "convbook", "labs"]
CHANGED = "book/02_convolution.ipynb"
KINDS = ["from nothing", "after a change to one page"]


def copy_of_the_course(folder: Path) -> None:
    """What ``convbook book`` reads, and nothing that it has built."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        unneeded = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=unneeded)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)


def build_ours(folder: Path) -> None:
    done = subprocess.run(  # from the copy's folder: Python then imports the copy's package
        [sys.executable, "-m", "convbook", "book"],
        cwd=folder,
        env=os.environ | environment.build(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"The copy of the site in {folder} could not be built:\n{done.stderr}")


def change(page: Path, number: int) -> None:
    """Add a sentence to the first text of a notebook."""
    notebook = json.loads(page.read_text(encoding="utf-8"))
    text = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    text["source"] = "".join(text["source"]) + f"\n\nThis sentence has number {number}."
    page.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


def timed(builder, folder: Path) -> float:
    start = time.perf_counter()
    builder(folder)
    return time.perf_counter() - start


def megabytes(folder: Path) -> float:
    return round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.build", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="builds of each kind (default: 3)")
    parser.add_argument("--out", type=Path, default=RESULTS / "build.json", help="the JSON file")
    options = parser.parse_args()

    folders = {"convbook": CACHE / "bench-build", "stock Jupyter Book": CACHE / "bench-stock-build"}
    builders = dict(zip(folders, (build_ours, _stock.build), strict=True))
    copy_of_the_course(folders["convbook"])
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = _stock.prepare(folders["stock Jupyter Book"], contents)
    found = {kind: {name: [] for name in builders} for kind in KINDS}
    bar = tqdm(total=options.rounds * len(builders) * len(KINDS), unit="build", leave=False)
    for number in range(options.rounds):
        for name in list(builders)[:: -1 if number % 2 else 1]:
            folder, builder = folders[name], builders[name]
            shutil.rmtree(folder / "_build", ignore_errors=True)
            for kind in KINDS:
                if kind != KINDS[0]:
                    change(folder / CHANGED, number)
                found[kind][name].append(timed(builder, folder))
                bar.update()
    bar.close()

    report = header("bench.build") | {"pages": len(pages), "rounds": options.rounds}
    report["megabytes"] = {n: megabytes(f / "_build" / "html") for n, f in folders.items()}
    report["rows"] = [
        {
            "build": kind,
            "seconds": {name: spread(times) for name, times in seconds.items()},
            "times_faster": spread(ratios(*reversed(seconds.values()))),
        }
        for kind, seconds in found.items()
    ]
    save(options.out, report)
    for row in report["rows"]:
        print(row)


if __name__ == "__main__":
    main()
