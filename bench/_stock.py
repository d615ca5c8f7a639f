"""The same pages, built by a stock Jupyter Book: nothing is configured but their names."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

from convbook import site
from convbook.environment import ROOT

CONFIGURATION = """\
title: stock
execute:
  execute_notebooks: "off"
bibtex_bibfiles: [book/references.bib]
sphinx:
  config:
    bibtex_reference_style: author_year
"""


def prepare(folder: Path, contents: dict) -> list[str]:
    """Copy the pages that a table of contents lists, as they lie here; returns their names."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "book").mkdir(parents=True)
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    (folder / "_config.yml").write_text(CONFIGURATION, encoding="utf-8")
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    names = list(parse_toc_yaml(folder / "_toc.yml"))
    for name in names:
        pages = [p for p in (ROOT / f"{name}.ipynb", ROOT / f"{name}.md") if p.exists()]
        if not pages:
            sys.exit(f"_toc.yml lists {name}, and there is no such page")
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(pages[0], (folder / name).parent)
    return names


def build(folder: Path) -> Path:
    """Build what ``prepare`` put there; returns the folder of the pages."""
    command = [sys.executable, "-c", site.JUPYTER_BOOK, "build", str(folder), "-q"]
    done = subprocess.run(command, capture_output=True, cwd=folder, text=True)
    if done.returncode:
        sys.exit(f"The stock Jupyter Book could not be built: {site.failure(done.stderr)}")
    return folder / "_build" / "html"
