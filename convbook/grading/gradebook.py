"""Write marks into nbgrader's gradebook."""

import os
import sqlite3
import sysconfig
import tempfile
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
    ValueError : the file is no gradebook, or holds this lab with other tests. It stays as it is.
    """
    os.environ.update(environment.folders())
    from nbgrader.api import Gradebook

    if path.exists():
        check(path)
    else:
        create(path)
    ids = slugs([row.student for row in rows])
    with Gradebook(address(path)) as book:
        add_lab(book, spec)
        for row in rows:
            add_marks(book, spec, ids[row.student], row)


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
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        new = Path(folder) / path.name
        Gradebook(address(new)).close()
        new.replace(path)


def add_lab(book, spec: Spec) -> None:
    """The assignment with its notebook and cells; ValueError if it is there with other tests."""
    lab = spec.lab
    tests = [cell for cell in spec.cells if cell.role == "test"]
    known = [n for a in book.assignments if a.name == lab for n in a.notebooks if n.name == lab]
    if (
        known
        and known[0].submissions
        and {c.name for c in known[0].grade_cells} != {t.id for t in tests}
    ):
        raise ValueError(
            f"the gradebook holds {lab} with other tests. Write into a new file, or take it out "
            f"with: nbgrader db assignment remove {lab} --force"
        )
    book.update_or_create_assignment(lab)
    book.update_or_create_notebook(lab, lab)
    for test in tests:
        book.update_or_create_grade_cell(test.id, lab, lab, max_score=test.points, cell_type="code")
    for exercise in spec.exercises:
        book.update_or_create_solution_cell(exercise.answer, lab, lab)


def add_marks(book, spec: Spec, student: str, row: Row) -> None:
    """One student's points, test by test; 0 for each where there are none."""
    points = {}
    for exercise in row.result.exercises:
        points |= exercise.tests
    book.update_or_create_student(student)
    submission = book.update_or_create_submission(spec.lab, student)
    [notebook] = [n for n in submission.notebooks if n.name == spec.lab]
    for grade in notebook.grades:
        grade.auto_score = points.get(grade.name, 0)
        by_hand = grade.manual_score is not None  # to be looked at again, as nbgrader does
        grade.needs_manual_grade = by_hand or row.result.status in (TAMPERED, FAILED)
    book.db.commit()
