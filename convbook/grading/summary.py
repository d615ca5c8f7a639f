"""The numbers of a class report: who got what, what was hard, how long it took."""

from collections import Counter
from dataclasses import dataclass
from math import ceil
from statistics import mean, median

from convbook.grading.results import (
    EMPTY,
    FAILED,
    GRADED,
    TAMPERED,
    UNREADABLE,
    WRONG_LAB,
    ExerciseResult,
    Row,
)
from convbook.grading.spec import Exercise, Spec

ORDER = (TAMPERED, FAILED, UNREADABLE, WRONG_LAB, EMPTY, GRADED)  # the most urgent first
COLUMNS = 10  # a distribution has about as many
MESSAGES = 3  # shown of each exercise
SLOWEST = 5  # students named


@dataclass(frozen=True)
class Column:
    """One column of a distribution: ``label`` is a number of points, or a range of them."""

    label: str
    count: int
    share: float  # of the highest column


@dataclass(frozen=True)
class Times:
    """Seconds of wall time; 0 where nothing ran."""

    median: float
    longest: float


@dataclass(frozen=True)
class ExerciseSummary:
    """An exercise over all marked students. ``mean`` and ``full`` are shares, from 0 to 1.

    ``messages`` are the most frequent ones, each with the number of students who got it.
    """

    exercise: Exercise
    mean: float
    full: float
    columns: list[Column]
    times: Times
    messages: list[tuple[str, int]]


@dataclass(frozen=True)
class Summary:
    """A class. ``marked`` are the rows with points, ``exercises`` go from hard to easy."""

    rows: list[Row]
    marked: list[Row]
    statuses: list[tuple[str, int]]
    columns: list[Column]
    middle: float
    exercises: list[ExerciseSummary]
    times: Times
    slowest: list[Row]
    to_look_at: list[Row]


def summarize(spec: Spec, rows: list[Row]) -> Summary:
    """All numbers of the class page; a class may be empty, or have nobody who was marked."""
    marked = [row for row in rows if row.result.exercises]
    counts = Counter(row.result.status for row in rows)
    noted = [r for r in rows if r.result.status != GRADED or r.result.reason or r.remarks]
    points = [row.result.points for row in marked]
    summaries = [summarize_exercise(e, marked) for e in spec.exercises] if marked else []
    return Summary(
        rows,
        marked,
        [(status, counts[status]) for status in reversed(ORDER) if counts[status]],
        distribution(points, spec.points),
        median(points) if points else 0,
        sorted(summaries, key=lambda summary: summary.mean),
        times([row.result.seconds for row in marked]),
        sorted(marked, key=lambda row: -row.result.seconds)[:SLOWEST],
        sorted(noted, key=lambda row: ORDER.index(row.result.status)),
    )


def summarize_exercise(exercise: Exercise, marked: list[Row]) -> ExerciseSummary:
    """One exercise over the marked students, of whom there is at least one."""
    results = [result_of(exercise, row) for row in marked]
    points = [result.points for result in results]
    return ExerciseSummary(
        exercise,
        mean(points) / exercise.points,
        points.count(exercise.points) / len(points),
        distribution(points, exercise.points),
        times([result.seconds for result in results]),
        Counter(m for result in results for m in result.messages).most_common(MESSAGES),
    )


def result_of(exercise: Exercise, row: Row) -> ExerciseResult:
    return next(e for e in row.result.exercises if e.number == exercise.number)


def distribution(points: list[int], of: int) -> list[Column]:
    """How many got how much: a column for each number of points, or for each range of them."""
    width = max(1, ceil(of / COLUMNS))
    counts = Counter(value // width for value in points)
    highest = max(counts.values(), default=1)
    columns = []
    for number in range(of // width + 1):
        first, last = number * width, min(number * width + width - 1, of)
        label = f"{first}–{last}" if last > first else f"{first}"
        columns.append(Column(label, counts[number], counts[number] / highest))
    return columns


def times(seconds: list[float]) -> Times:
    return Times(median(seconds), max(seconds)) if seconds else Times(0, 0)
