"""Score one submitted notebook."""

import json
import warnings
from dataclasses import dataclass

import nbformat

from convbook.grading.inside import UNANSWERED
from convbook.grading.looks import looked
from convbook.grading.results import (
    EMPTY,
    FAILED,
    GRADED,
    TAMPERED,
    UNREADABLE,
    WRONG_LAB,
    ExerciseResult,
    Result,
)
from convbook.grading.sandbox import Limits
from convbook.grading.spec import TITLE, Cell, Exercise, Spec, names
from convbook.grading.worker import NOT_RUN, Outcome, Run, Step, Worker

ANSWER = 20_000  # characters kept of an answer


@dataclass(frozen=True)
class Submitted:
    """A code cell as it was handed in; ``id`` is that of the lab's cell, None for an own one."""

    id: str | None
    source: str
    checksum: str = ""


def grade_one(spec: Spec, data: bytes, worker: Worker, limits: Limits | None = None) -> Result:
    """Score the bytes of one submitted notebook against a lab's spec. Never raises an Exception.

    The submission's cells run in their order. Tests and given code are taken from the spec, so
    that editing or deleting them changes nothing. Hidden tests run last, each with the names
    as they were at its place, so that no cell of the submission ever runs beside one.
    """
    try:
        cells = read(data, spec)
    except ValueError as error:
        return Result(UNREADABLE, str(error), 0, spec.points)
    if not cells:
        return Result(EMPTY, "this notebook has no code cells", 0, spec.points)
    if reason := other_lab(cells, spec):
        return Result(WRONG_LAB, reason, 0, spec.points)
    try:
        run = run_twice_if_needed(worker, assemble(spec, cells), limits or Limits())
    except Exception as error:  # whatever it is, the class goes on
        return Result(FAILED, f"the grader failed: {error}", 0, spec.points)
    return score(spec, cells, run)


def read(data: bytes, spec: Spec) -> list[Submitted]:
    """The code cells of a notebook; ValueError with a sentence if the file is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old notebooks lack ids
            text = data.decode(json.detect_encoding(data))
            nb = nbformat.reads(tidied(text), as_version=4)
            return [submitted(cell, spec) for cell in nb.cells if is_code(cell)]
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            "this file is not a Jupyter notebook: it is cut off, or not JSON text at all"
        ) from error
    except (Exception, RecursionError) as error:  # JSON of any shape: what breaks first varies
        raise ValueError(f"this file is JSON, but not a Jupyter notebook: {error}") from error


def tidied(text: str) -> str:
    """A notebook with metadata wherever they belong: some tools write none, or null."""
    nb = json.loads(text)
    if isinstance(nb, dict) and isinstance(nb.get("cells"), list):
        for part in [nb, *nb["cells"]]:
            if isinstance(part, dict) and not isinstance(part.get("metadata"), dict):
                part["metadata"] = {}
    return json.dumps(nb)


def is_code(cell: nbformat.NotebookNode) -> bool:
    """True for a code cell to run; the install cell, which does nothing here, is left out."""
    return cell.cell_type == "code" and "skip-execution" not in (cell.metadata.get("tags") or [])


def submitted(cell: nbformat.NotebookNode, spec: Spec) -> Submitted:
    """Which cell of the spec this is: by grade_id, by cell id, or by the exercise's comment.

    Editors may strip metadata and ids; the comment is in the text.
    """
    meta = cell.metadata.get("nbgrader")
    meta = meta if isinstance(meta, dict) else {}
    checksum, known = str(meta.get("checksum", "")), [c.id for c in spec.cells]
    for candidate in (meta.get("grade_id"), cell.get("id")):
        if candidate in known:
            return Submitted(candidate, cell.source, checksum)
    title = TITLE.search(cell.source)  # a magic such as %%time may stand above it
    for exercise in spec.exercises:
        if title and title["number"] == exercise.number:
            return Submitted(exercise.answer, cell.source)
    return Submitted(None, cell.source)


def other_lab(cells: list[Submitted], spec: Spec) -> str:
    """A sentence on a notebook that holds no exercise of the lab; nothing if it holds one.

    Ids alone would not tell: labs share some, such as ``setup`` and ``build_model``.
    """
    titles = [TITLE.search(cell.source) for cell in cells]
    numbers = [title["number"] for title in titles if title]
    known = {exercise.number: exercise.answer for exercise in spec.exercises}
    if numbers and not known.keys() & set(numbers):
        first = spec.exercises[0].number
        return (
            f"this is another lab: it has exercise {numbers[0]}, and {spec.lab} begins at {first}"
        )
    if not numbers and not {cell.id for cell in cells} & set(known.values()):
        return f"this notebook holds no exercise of {spec.lab}: no cell begins with # Exercise …"
    return ""


def assemble(spec: Spec, submission: list[Submitted]) -> list[Step]:
    """The steps to run: the submission's own cells in their order, the spec's in their places."""
    roles = {cell.id: cell.role for cell in spec.cells}
    last = {cell.id: index for index, cell in enumerate(submission) if cell.id}
    after = places(spec, last)
    steps = [step(spec, cell) for cell in after.get(-1, [])]
    for index, cell in enumerate(submission):
        if roles.get(cell.id) not in ("test", "given"):
            own = cell.id if cell.id and last[cell.id] == index else f"cell {index + 1}"
            steps.append(Step("cell", own, cell.source))
        steps += [step(spec, theirs) for theirs in after.get(index, [])]
    hidden = [
        Step("test", moment.id, looked(spec.cell(moment.id).source), moment=moment.id)
        for moment in steps
        if moment.moment
    ]
    return [*steps, *hidden, Step("given", "end")]


def places(spec: Spec, last: dict[str, int]) -> dict[int, list[Cell]]:
    """Where the spec's given code and tests run: index of a submitted cell → cells after it.

    They run where the submission has them last: a test never before its answer, given code never
    after the next answer. What is missing runs after what stands before it in the lab.
    """
    answers = {test: e.answer for e in spec.exercises for test in e.tests}
    found: dict[int, list[Cell]] = {}
    place = -1
    for number, cell in enumerate(spec.cells):
        here = last.get(cell.id, place)
        if cell.role == "test":
            here = max(here, last.get(answers[cell.id], -1))
        elif cell.role == "given":
            later = [last[c.id] for c in spec.cells[number:] if c.role == "answer" and c.id in last]
            here = place if later and here > min(later) else here
        if cell.role in ("test", "given"):
            found.setdefault(here, []).append(cell)
        place = here
    return found


def step(spec: Spec, cell: Cell) -> Step:
    """A cell of the spec as a step; for a hidden test, only the moment that it needs."""
    if cell.hidden:
        return Step("moment", cell.id, moment=cell.id)
    if cell.role == "test":
        return Step("test", cell.id, looked(cell.source))
    theirs = [names(c.source)[0] for c in spec.cells if c.role in ("answer", "free")]
    return Step("given", cell.id, cell.source, tuple(names(cell.source)[0] - set().union(*theirs)))


def run_twice_if_needed(worker: Worker, steps: list[Step], limits: Limits) -> Run:
    """Run the steps; if a cell or a visible test ends Python, those before it once more.

    Hidden tests come last; without this, the last cell could take the points of the first.
    """
    run = worker.run(steps, limits)
    if run.died is None or steps[run.died].moment:
        return run
    before = steps[: run.died]
    moments = {s.moment for s in before if s.moment}
    again = worker.run(before + [s for s in steps if s.source and s.moment in moments], limits)
    found = {outcome.id: outcome for outcome in again.outcomes}
    outcomes = [found.get(outcome.id, outcome) for outcome in run.outcomes]
    return Run(outcomes, run.died, run.cpu + again.cpu)


def score(spec: Spec, cells: list[Submitted], run: Run) -> Result:
    """Turn the outcomes of the cells into points and messages."""
    outcomes = {outcome.id: outcome for outcome in run.outcomes}
    sources = {cell.id: cell.source for cell in cells}
    results = tuple(score_exercise(spec, e, outcomes, sources) for e in spec.exercises)
    flags = tuple(f"{o.id}: {flag}" for o in run.outcomes for flag in o.flags)
    hidden = {cell.id for cell in spec.cells if cell.hidden}
    told = dict.fromkeys(
        f"{o.id}: something in a hidden test" if o.id in hidden else f"{o.id}: {flag}"
        for o in run.outcomes
        for flag in o.flags
    )
    return Result(
        TAMPERED if flags else GRADED,
        "a person should look at this: " + "; ".join(told)
        if told
        else remark(spec, cells, results),
        sum(result.points for result in results),
        spec.points,
        results,
        flags,
        round(sum(outcome.seconds for outcome in run.outcomes), 2),
        run.cpu,
    )


def score_exercise(
    spec: Spec, exercise: Exercise, outcomes: dict[str, Outcome], sources: dict[str, str]
) -> ExerciseResult:
    """The points of one exercise, and messages in the order in which a student needs them."""
    tests = [(spec.cell(name), outcomes[name]) for name in exercise.tests]
    points = {test.id: test.points if outcome.ok else 0 for test, outcome in tests}
    given = spec.given_in(exercise)
    errors = [outcomes[name].error for name in (*(cell.id for cell in given), *exercise.tests)]
    answer = outcomes.get(exercise.answer)
    messages = []
    if answer is None:
        messages.append("the answer cell is missing")
    elif answer.error in (UNANSWERED, NOT_RUN):
        messages.append(answer.error)
    elif not any(points.values()) and UNANSWERED in errors:
        messages.append(UNANSWERED)  # the function is still the one that came with the lab
    else:
        if not answer.ok:
            messages.append(f"the answer cell fails: {answer.error}")
        for cell in given:
            if not outcomes[cell.id].ok:
                messages.append(f"the given cell {cell.id!r} fails: {outcomes[cell.id].error}")
        for test, outcome in tests:
            if not outcome.ok:
                messages.append(f"not passed: {test.title}" if test.hidden else outcome.error)
    ids = [exercise.answer, *(cell.id for cell in given), *exercise.tests]
    return ExerciseResult(
        exercise.number,
        exercise.name,
        sum(points.values()),
        exercise.points,
        tuple(dict.fromkeys(messages)),
        sources.get(exercise.answer, "")[:ANSWER],
        round(sum(outcomes[i].seconds for i in ids if i in outcomes), 2),
        points,
    )


def remark(spec: Spec, cells: list[Submitted], results: tuple[ExerciseResult, ...]) -> str:
    """What else to know of a notebook: that nothing is answered, or that the lab is another one."""
    untouched = all(result.messages == (UNANSWERED,) for result in results)
    return "; ".join(filter(None, ["nothing is answered" * untouched, releases(spec, cells)]))


def releases(spec: Spec, cells: list[Submitted]) -> str:
    """A sentence if the notebook comes from an older release of the lab, else nothing.

    A locked cell that still has the checksum of its own text was not edited since its release.
    """
    now = {cell.id: cell.checksum for cell in spec.cells if cell.checksum}
    old = sorted(c.id for c in cells if c.checksum and now.get(c.id, c.checksum) != c.checksum)
    if not old:
        return ""
    differs = f"differs in {', '.join(old)}"
    return f"made from another release of this lab ({differs}); marked by today's tests"
