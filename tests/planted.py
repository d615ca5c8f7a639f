"""Planted answers: cells of ``tests/answers/*.py``, and the notebooks that hold them."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from convbook.grading.spec import Spec

FOLDER = Path(__file__).parent / "answers"
HEADER = re.compile(
    r"^# %% (?P<number>\d+\.\d+) (?:(?P<right>right)|wrong, loses (?P<loses>\d+)): (?P<title>.+)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Planted:
    """An answer to exercise ``number`` that must lose ``loses`` points; 0 for a right one."""

    number: str
    loses: int
    title: str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.number} {'loses ' + str(self.loses) if self.loses else 'right'}: {self.title}"
        )


def planted(lab: str) -> list[Planted]:
    """All planted answers of a lab, in the order of its file."""
    text = (FOLDER / f"{lab}.py").read_text(encoding="utf-8")
    headers = list(HEADER.finditer(text))
    if len(headers) != text.count("# %%"):
        raise ValueError(f"{lab}.py has a cell whose header is not understood")
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [
        Planted(h["number"], int(h["loses"] or 0), h["title"], text[h.end() : end].strip() + "\n")
        for h, end in zip(headers, ends, strict=True)
    ]


def submission(spec: Spec, answers: dict[str, str]) -> bytes:
    """A notebook with the spec's cells, each answer cell replaced where one is given.

    Tests are left out: the grader puts its own in place.
    """
    nb = nbformat.v4.new_notebook()
    for cell in spec.cells:
        if cell.role != "test":
            title = cell.source.partition("\n")[0]
            source = f"{title}\n{answers[cell.id]}" if cell.id in answers else cell.source
            nb.cells.append(nbformat.v4.new_code_cell(source, id=cell.id))
    return nbformat.writes(nb).encode()
