"""Score one submitted notebook."""

from dataclasses import dataclass, field

import nbformat

from convbook.grading.spec import TITLE, Exercise, Spec
from convbook.grading.worker import NOT_RUN, UNANSWERED, Limits, Outcome, Worker


@dataclass(frozen=True)
class ExerciseResult:
    """Points of one exercise; ``messages`` say what failed, hidden tests without their text."""

    number: str
    name: str
    points: int
    of: int
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """``status`` is ``graded``, ``unreadable`` or ``empty``; ``reason`` is a sentence."""

    status: str
    reason: str
    points: int
    of: int
    exercises: tuple[ExerciseResult, ...] = field(default=())


def grade_one(spec: Spec, data: bytes, worker: Worker, limits: Limits | None = None) -> Result:
    """Score the bytes of one submitted notebook against a lab's spec.

    The student's cells run in their order. Tests and given code are taken from the spec, not
    from the submission, so that editing or deleting them changes nothing.
    """
    try:
        nb = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        submitted = [(identify(cell, spec), cell.source) for cell in nb.cells if is_code(cell)]
    except (UnicodeDecodeError, nbformat.reader.NotJSONError):
        reason = "this file is not a Jupyter notebook: it is cut off, or not JSON text at all"
        return Result("unreadable", reason, 0, spec.points)
    except Exception as error:  # JSON of any shape: what breaks first depends on it
        reason = f"this file is JSON, but not a Jupyter notebook: {error}"
        return Result("unreadable", reason, 0, spec.points)
    if not submitted:
        return Result("empty", "this notebook has no code cells", 0, spec.points)
    outcomes = worker.run(assemble(spec, submitted), limits)
    return score(spec, {outcome.id: outcome for outcome in outcomes})


def is_code(cell: nbformat.NotebookNode) -> bool:
    """True for a code cell to run; the install cell, which does nothing here, is left out."""
    return cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", [])


def identify(cell: nbformat.NotebookNode, spec: Spec) -> str | None:
    """Which cell of the spec this is: by grade_id, by cell id, or by the exercise's comment.

    Editors may strip metadata and ids; the comment is in the text. None: the student's own cell.
    """
    known = {c.id for c in spec.cells}
    for candidate in (cell.metadata.get("nbgrader", {}).get("grade_id"), cell.get("id")):
        if candidate in known:
            return candidate
    title = TITLE.search(cell.source)  # a magic such as %%time may stand above it
    for exercise in spec.exercises:
        if title and title["number"] == exercise.number:
            return exercise.answer
    return None


def assemble(spec: Spec, submitted: list[tuple[str | None, str]]) -> list[tuple[str, str]]:
    """The cells to run, ``(id, source)``: the student's in their order, the spec's in place.

    A test runs where the submission last has it; a missing one after the cell that stands
    before it in the lab.
    """
    roles = {cell.id: cell.role for cell in spec.cells}
    last = {cell_id: index for index, (cell_id, _) in enumerate(submitted) if cell_id}
    placed, order = 0, {}
    for cell in spec.cells:
        if cell.role in ("test", "given"):
            order.setdefault(last.get(cell.id, placed), []).append(cell)
        placed = last.get(cell.id, placed)
    run = []
    for index, (cell_id, source) in enumerate(submitted):
        if roles.get(cell_id) not in ("test", "given"):
            run.append((cell_id if last.get(cell_id) == index else f"cell {index + 1}", source))
        run += [(cell.id, cell.source) for cell in order.get(index, [])]
    return run


def score(spec: Spec, outcomes: dict[str, Outcome]) -> Result:
    """Turn the outcomes of the tests into points and messages."""
    results = [score_exercise(spec, exercise, outcomes) for exercise in spec.exercises]
    return Result("graded", "", sum(r.points for r in results), spec.points, tuple(results))


def score_exercise(spec: Spec, exercise: Exercise, outcomes: dict[str, Outcome]) -> ExerciseResult:
    """The points of one exercise, and messages in the order in which a student needs them."""
    tests = [(spec.cell(name), outcomes[name]) for name in exercise.tests]
    points = sum(test.points for test, outcome in tests if outcome.ok)
    answer = outcomes.get(exercise.answer)
    messages = []
    if answer is None:
        messages.append("the answer cell is missing")
    elif answer.error in (UNANSWERED, NOT_RUN):
        messages.append(answer.error)
    else:
        if not answer.ok:
            messages.append(f"the answer cell fails: {answer.error}")
        for cell in spec.given_in(exercise):
            if not outcomes[cell.id].ok:
                messages.append(f"the given cell {cell.id!r} fails: {outcomes[cell.id].error}")
        for test, outcome in tests:
            if not outcome.ok:
                messages.append(f"not passed: {test.title}" if test.hidden else outcome.error)
    unique = tuple(dict.fromkeys(messages))
    return ExerciseResult(exercise.number, exercise.name, points, exercise.points, unique)
