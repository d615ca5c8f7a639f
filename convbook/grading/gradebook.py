"""Write marks into nbgrader's gradebook."""

import os
import sqlite3
import sysconfig
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

from convbook import environment
from convbook.grading.results import FAILED, TAMPERED, Row
from convbook.grading.slugs import slugs
from convbook.grading.spec import Spec

TABLES = {"assignment", "student", "submitted_assignment", "grade_cells", "grade"}


def write(path: Path, spec: Spec, rows: list[Row]) -> None:
    """Put the marks of a lab into an nbgrader gradebook, which is made if it is missing.

    The lab is an assignment with one notebook of the same name. Students who are there already
    are updated; marks that a person gave by hand stay. Each student is stored in one step.

    Raises
    ------
    ValueError : the file is no gradebook, is locked or too old, or has this lab with other tests.
        It stays as it is.
    """
    os.environ.update(environment.folders())
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import OperationalError, SAWarning

    if path.exists():
        check(path)
    else:
        create(path)
    ids = slugs([row.student for row in rows])
    try:
        with Gradebook(address(path)) as book, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own use of it
            tests = add_lab(book, spec)
            for row in rows:
                add_marks(book, spec.lab, tests, ids[row.student], row)
    except OperationalError as error:
        raise ValueError(
            f"the gradebook {path} could not be written: {error.orig}. Close what has it open. "
            "If an older nbgrader made it, run `nbgrader db upgrade`"
        ) from error


def address(path: Path):
    """The database's address, whatever characters its path has."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path))


def check(path: Path) -> None:
    """ValueError if a file is not nbgrader's gradebook."""
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise ValueError(f"{path} is not an nbgrader gradebook: {error}") from error
    if not names >= TABLES:
        raise ValueError(f"{path} is not an nbgrader gradebook: it lacks nbgrader's tables")


def create(path: Path) -> None:
    """An empty gradebook, complete or not at all. For its version, nbgrader runs ``alembic``."""
    from nbgrader.api import Gradebook

    scripts = sysconfig.get_path("scripts")
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = scripts + os.pathsep + os.environ["PATH"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        new = Path(folder) / path.name
        Gradebook(address(new)).close()
        new.replace(path)


def add_lab(book, spec: Spec) -> dict[str, str]:
    """Store the assignment with its notebook and cells; returns cell id → name of the test.

    Raises
    ------
    ValueError : it is there already, with other tests.
    """
    from nbgrader.api import GradeCell, Notebook, SolutionCell

    lab = spec.lab
    points = {cell.id: cell.points for cell in spec.cells if cell.role == "test"}
    assignment = book.update_or_create_assignment(lab)
    if not assignment.notebooks and not assignment.submissions:
        notebook = Notebook(name=lab, assignment=assignment)
        for test in points:
            GradeCell(name=test, notebook=notebook, max_score=points[test], cell_type="code")
        for exercise in spec.exercises:
            SolutionCell(name=exercise.answer, notebook=notebook)
        book.db.add(notebook)
    cells = [cell for notebook in assignment.notebooks for cell in notebook.grade_cells]
    if {(cell.notebook.name, cell.name) for cell in cells} != {(lab, test) for test in points}:
        raise ValueError(
            f"this gradebook has {lab} with other tests: write into a new file, "
            f"or take the assignment out with `nbgrader db assignment remove {lab}`"
        )
    for cell in cells:
        cell.max_score = points[cell.name]
    book.db.commit()
    return {cell.id: cell.name for cell in cells}


def add_marks(book, lab: str, tests: dict[str, str], student: str, row: Row) -> None:
    """Store one student's points, test by test: 0 for each where there are none."""
    points = {}
    for exercise in row.result.exercises:
        points |= exercise.tests
    book.update_or_create_student(student)
    [notebook] = book.update_or_create_submission(lab, student).notebooks
    for grade in notebook.grades:
        grade.auto_score = points.get(tests[grade.cell_id], 0)
        by_hand = grade.manual_score is not None  # to be looked at again, as nbgrader does
        grade.needs_manual_grade = by_hand or row.result.status in (TAMPERED, FAILED)
    book.db.commit()
