"""A small spec and rows of marks, made without any grading."""

from convbook.grading.results import GRADED, ExerciseResult, Result, Row
from convbook.grading.spec import Cell, Exercise, Spec

SPEC = Spec(
    "01_test",
    (
        Cell("double", "answer", "# Exercise 1.1 · double (3 points)\n"),
        Cell("double-check", "test", "assert double(1) == 2", 1),
        Cell("double-hidden", "test", "# Hidden tests: other numbers", 2, hidden=True),
        Cell("root", "answer", "# Exercise 1.2 · root (1 point)\n"),
        Cell("root-check", "test", "assert root == 4", 1),
    ),
    (
        Exercise("1.1", "double", 3, "double", ("double-check", "double-hidden")),
        Exercise("1.2", "root", 1, "root", ("root-check",)),
    ),
)


def exercise(number, *points, messages=(), answer="", seconds=0.5):
    """The result of an exercise of ``SPEC``, given the points of each of its tests."""
    asked = SPEC.exercise(number)
    tests = dict(zip(asked.tests, points, strict=True))
    return ExerciseResult(
        number, asked.name, sum(points), asked.points, tuple(messages), answer, seconds, tests
    )


def row(student, *exercises, status=GRADED, reason="", notes=(), file="lab.ipynb", flags=()):
    """A student's row; without exercises it is one without points."""
    points, seconds = (sum(getattr(e, key) for e in exercises) for key in ("points", "seconds"))
    result = Result(status, reason, points, SPEC.points, exercises, flags, seconds)
    return Row(student, file, result, tuple(notes))


def solved(student, **more):
    """A row with every point."""
    return row(student, exercise("1.1", 1, 2), exercise("1.2", 1), **more)
