"""``grades.csv``: a line for each student."""

import csv
import io
import re

from convbook.grading.results import Row
from convbook.grading.spec import Spec

CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")


def table(spec: Spec, rows: list[Row]) -> str:
    """The text of ``grades.csv``, to be stored as UTF-8.

    It begins with a byte order mark: Excel needs one to read UTF-8, LibreOffice heeds it, and
    pandas drops it (Python's own ``open`` does with ``encoding="utf-8-sig"``). All text is quoted,
    so that a semicolon never begins a cell. A student without marks has 0 points everywhere.
    """
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    titles = [f"{exercise.number} {exercise.name}" for exercise in spec.exercises]
    writer.writerow(["student", "file", *titles, "total", "of", "status", "reason"])
    writer.writerows(line(spec, row) for row in rows)
    return "\ufeff" + file.getvalue()


def line(spec: Spec, row: Row) -> list[str | int]:
    """One student's cells."""
    result = row.result
    points = {exercise.number: exercise.points for exercise in result.exercises}
    reason = "; ".join(filter(None, [result.reason, *row.remarks]))
    return [
        harmless(row.student),
        harmless(row.file),
        *(points.get(exercise.number, 0) for exercise in spec.exercises),
        result.points,
        result.of,
        result.status,
        harmless(reason),
    ]


def harmless(text: str) -> str:
    """A cell on one line that no spreadsheet takes for a formula: an apostrophe goes before it."""
    text = CONTROL.sub(" ", text)
    return f"'{text}" if FORMULA.match(text) else text
