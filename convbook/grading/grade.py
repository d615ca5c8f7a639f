"""Score one submitted notebook."""

from dataclasses import dataclass, field

import nbformat

from convbook.grading.spec import TITLE, Spec
from convbook.grading.worker import Limits, Outcome, Worker


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
    """``status`` is ``graded`` or ``unreadable``; ``reason`` is a sentence for a person."""

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
        nb = nbformat.reads(data.decode("utf-8"), as_version=4)
        submitted = [(identify(cell, spec), cell.source) for cell in nb.cells if is_code(cell)]
    except Exception as error:
        reason = f"this file is not a Jupyter notebook that can be read ({type(error).__name__})"
        return Result("unreadable", reason, 0, spec.points)
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
    title = TITLE.match(cell.source)
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
    for index, (cell_id, source) in enumerate(submitted or [(None, "")]):
        if roles.get(cell_id) not in ("test", "given"):
            run.append((cell_id if last.get(cell_id) == index else f"cell {index + 1}", source))
        run += [(cell.id, cell.source) for cell in order.get(index, [])]
    return run


def score(spec: Spec, outcomes: dict[str, Outcome]) -> Result:
    """Turn the outcomes of the tests into points and messages."""
    results = []
    for exercise in spec.exercises:
        points, messages = 0, []
        answer = outcomes.get(exercise.answer)
        if answer is None:
            messages.append("the answer cell is missing")
        elif not answer.ok:
            messages.append(f"the answer cell fails: {answer.error}")
        for test_id in exercise.tests:
            test, outcome = spec.cell(test_id), outcomes[test_id]
            if outcome.ok:
                points += test.points
            elif test.hidden:
                messages.append(f"a hidden test fails ({test.points} points)")
            else:
                messages.append(outcome.error)
        results.append(
            ExerciseResult(exercise.number, exercise.name, points, exercise.points, tuple(messages))
        )
    return Result("graded", "", sum(r.points for r in results), spec.points, tuple(results))
