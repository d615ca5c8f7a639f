"""The grading spec: what a master notebook asks, and which cells decide the points."""

import ast
import hashlib
import re
import symtable
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from convbook.notebooks import INSTALL_TAGS, convert, read

TITLE = re.compile(r"# Exercise (?P<number>\d+\.\d+) · (?P<name>\S+) \((?P<points>\d+) points?\)")
SOLUTION = re.compile(r"### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", re.DOTALL)
STUB = "raise NotImplementedError()"


class MasterError(ValueError):
    """A master that could not be graded; the message names the cell and says what to mend."""


@dataclass(frozen=True)
class Cell:
    """A code cell of a lab.

    ``role`` is ``answer``, ``test``, ``given`` (locked code that is restored) or ``free``.
    ``hidden`` is True for a test that students do not see. ``checksum`` is that which nbgrader
    gives to the released cell, for tests and given code: it tells one release from another.
    """

    id: str
    role: str
    source: str
    points: int = 0
    hidden: bool = False
    checksum: str = ""

    @property
    def title(self) -> str:
        """The cell's first line, which for a test is a comment that students see."""
        return self.source.partition("\n")[0].removeprefix("# ")


@dataclass(frozen=True)
class Exercise:
    """An exercise: ``number`` such as ``2.3``, its answer cell, and the tests that mark it."""

    number: str
    name: str
    points: int
    answer: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Spec:
    """All that is needed to mark one lab."""

    lab: str
    cells: tuple[Cell, ...]
    exercises: tuple[Exercise, ...]

    @property
    def points(self) -> int:
        return sum(exercise.points for exercise in self.exercises)

    def cell(self, cell_id: str) -> Cell:
        return next(cell for cell in self.cells if cell.id == cell_id)

    def exercise(self, number: str) -> Exercise:
        return next(exercise for exercise in self.exercises if exercise.number == number)

    def given_in(self, exercise: Exercise) -> list[Cell]:
        """The given code between an exercise's answer and its last test."""
        ids = [cell.id for cell in self.cells]
        part = self.cells[ids.index(exercise.answer) : ids.index(exercise.tests[-1])]
        return [cell for cell in part if cell.role == "given"]

    def to_dict(self) -> dict:
        return asdict(self)


def load(path: Path) -> Spec:
    """The spec of a master: see ``master``.

    Raises
    ------
    MasterError : the master could not be graded.
    """
    return from_notebook(master(path), path.stem)


def master(path: Path) -> nbformat.NotebookNode:
    """A master as a notebook, from ``NN_name.ipynb`` or from its source ``NN_name.py``.

    Raises
    ------
    convbook.notebooks.NotebookError : the file is missing, or no notebook.
    """
    return convert(path) if path.suffix == ".py" else read(path)


def from_notebook(nb: nbformat.NotebookNode, lab: str) -> Spec:
    """The spec of a master notebook that is already read; see ``load``."""
    code = [c for c in nb.cells if c.cell_type == "code"]
    cells = tuple(classify(c, lab) for c in code if not set(INSTALL_TAGS) <= set(tags(c)))
    ids = [cell.id for cell in cells]
    for cell_id in ids:
        if ids.count(cell_id) > 1:
            raise MasterError(f"{lab}: two cells have the grade_id {cell_id!r}; rename one")
    return Spec(lab, cells, exercises(cells, lab))


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def classify(cell: nbformat.NotebookNode, lab: str) -> Cell:
    """A notebook cell as a ``Cell``; MasterError where it could not be graded."""
    meta, source = cell.metadata.get("nbgrader"), cell.source
    if meta is None:
        if "### BEGIN" in source:
            raise MasterError(
                f"{lab}: cell {cell.id!r} has a solution or hidden test but no nbgrader metadata"
            )
        return Cell(cell.id, "free", source)
    where = f"{lab}: cell {meta.get('grade_id', cell.id)!r}"
    if meta.get("grade"):
        if not meta.get("points"):
            raise MasterError(f"{where} is a test without points; give it some or merge it")
        if not meta.get("locked"):
            raise MasterError(f"{where} is an unlocked test; a student could edit it: lock it")
        if source.count("### BEGIN HIDDEN TESTS") != len(HIDDEN.findall(source)):
            raise MasterError(f"{where} has a BEGIN HIDDEN TESTS without its END")
        visible = HIDDEN.sub("", source)
        hidden = not ast.parse(visible).body
        return Cell(meta["grade_id"], "test", source, meta["points"], hidden, checksum(cell))
    if meta.get("solution"):
        if not SOLUTION.search(source):
            raise MasterError(
                f"{where} is an answer without ### BEGIN SOLUTION and ### END SOLUTION: "
                "it would be released solved"
            )
        if not TITLE.match(source):
            raise MasterError(
                f"{where} must begin with a comment such as # Exercise 2.3 · conv2d (3 points)"
            )
        return Cell(meta["grade_id"], "answer", source)
    return Cell(meta["grade_id"], "given", source, checksum=checksum(cell))


def checksum(cell: nbformat.NotebookNode) -> str:
    """What ``nbgrader.utils.compute_checksum`` gives for a locked cell once it is released."""
    lines, hidden = [], False
    for line in cell.source.split("\n"):
        hidden = hidden or "### BEGIN HIDDEN TESTS" in line
        if not hidden:
            lines.append(line)
        hidden = hidden and "### END HIDDEN TESTS" not in line
    meta = cell.metadata["nbgrader"]
    parts = ["\n".join(lines), "code", str(meta["grade"]), str(meta["solution"])]
    parts += [str(meta["locked"]), meta["grade_id"]]
    parts += [str(float(meta["points"]))] if meta["grade"] else []
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def exercises(cells: tuple[Cell, ...], lab: str) -> tuple[Exercise, ...]:
    """Group the tests under the answer cell that stands before them."""
    found: list[Exercise] = []
    groups: list[tuple[Cell, list[Cell]]] = []
    for cell in cells:
        if cell.role == "answer":
            groups.append((cell, []))
        elif cell.role == "test":
            if not groups:
                raise MasterError(f"{lab}: test {cell.id!r} stands before any answer cell")
            groups[-1][1].append(cell)
    for answer, tests in groups:
        title = TITLE.match(answer.source)
        if not tests:
            raise MasterError(f"{lab}: no test marks the answer {answer.id!r}")
        total = sum(test.points for test in tests)
        if int(title["points"]) != total:
            raise MasterError(
                f"{lab}: cell {answer.id!r} says {title['points']} points, "
                f"but its tests give {total}"
            )
        if any(exercise.number == title["number"] for exercise in found):
            raise MasterError(f"{lab}: exercise {title['number']} is there twice")
        test_ids = tuple(test.id for test in tests)
        found.append(Exercise(title["number"], title["name"], total, answer.id, test_ids))
    return tuple(found)


def only(spec: Spec, number: str, answer: str = "") -> Spec:
    """The spec of one exercise: its own cells, and those that define a name they use.

    ``answer`` is a source whose names are wanted, too: an answer may build on earlier ones.
    """
    exercise = spec.exercise(number)
    own = {exercise.answer, *exercise.tests}
    chosen, wanted = [], names(answer)[1]
    for cell in reversed(spec.cells):
        defined, used = names(cell.source)
        if cell.id in own or (cell.role != "test" and defined & wanted):
            chosen.append(cell)
            wanted = (wanted - defined) | used
    return Spec(spec.lab, tuple(reversed(chosen)), (exercise,))


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell defines for later cells, and the global names that it reads."""
    top = symtable.symtable(source, "cell", "exec")
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used, tables = {s.get_name() for s in top.get_symbols() if s.is_referenced()}, [top]
    while tables:
        table = tables.pop()
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables += table.get_children()
    return defined, used
