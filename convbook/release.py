"""Release a lab: the master notebook without its solutions and hidden tests."""

import copy
import logging
import os
from pathlib import Path

import nbformat

from convbook import environment
from convbook.grading import spec
from convbook.notebooks import Notebook, find, read


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
    return {root / "labs" / nb.path.name: release(read(nb.path), nb.path.stem) for nb in found}
