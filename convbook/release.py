"""Release a lab: the master notebook without its solutions and hidden tests."""

import copy
import logging
import os
from pathlib import Path

import nbformat

from convbook import environment
from convbook.grading import spec
from convbook.grading.grade import grade_one
from convbook.grading.worker import Worker
from convbook.notebooks import Notebook, find


def release(master: nbformat.NotebookNode, lab: str) -> str:
    """The released lab as the text of an ``.ipynb`` file.

    The preprocessors are nbgrader's own, in the order of ``nbgrader generate_assignment``, whose
    bytes this gives (without the two that need its database or change nothing here).

    Raises
    ------
    convbook.grading.spec.MasterError : the master could not be graded.
    """
    os.environ.update(environment.folders())
    from nbgrader import preprocessors as p

    spec.from_notebook(master, lab)
    nb = copy.deepcopy(master)
    nb.metadata.pop("convbook", None)
    for preprocessor in (
        p.LockCells,
        p.ClearSolutions,
        p.ClearOutput,
        p.CheckCellMetadata,
        p.ComputeChecksums,
        p.ClearHiddenTests,
        p.ClearMarkScheme,
        p.ComputeChecksums,
        p.CheckCellMetadata,
    ):
        nb, _ = preprocessor(log=logging.getLogger("convbook")).preprocess(nb, {})
    return nbformat.writes(nb) + "\n"


def labs(numbers: list[str] | None = None, root: Path = environment.ROOT) -> dict[Path, str]:
    """Every lab's path and the text that its file must have."""
    found: list[Notebook] = find("solutions", numbers, root)
    return {
        root / "labs" / nb.path.name: release(spec.master(source(nb.path, root)), nb.path.stem)
        for nb in found
    }


def source(path: Path, root: Path) -> Path:
    """What a lab is released from: the executed master; of private ones the text that is edited."""
    master = root / "solutions" / path.name
    return master if root == environment.ROOT else master.with_suffix(".py")


def prove(released: dict[Path, str], root: Path) -> None:
    """See that each master's own solution gets every point, and its untouched lab none.

    Raises
    ------
    convbook.grading.spec.MasterError : one does not; students could not, or need not, either.
    """
    with Worker(trust=True) as worker:
        for path, text in released.items():
            master = spec.master(source(path, root))
            marks = spec.from_notebook(master, path.stem)
            solved = grade_one(marks, nbformat.writes(master).encode(), worker)
            lost = [f"{e.number} {e.name}: {m}" for e in solved.exercises for m in e.messages]
            if lost or solved.points < marks.points:
                share = f"{solved.points} of {marks.points} points"
                found = "\n".join(lost or [solved.reason])
                raise spec.MasterError(f"{path.stem}: its own solution gets {share}.\n{found}")
            if points := grade_one(marks, text.encode(), worker).points:
                raise spec.MasterError(f"{path.stem}: the untouched lab gets {points} points")
