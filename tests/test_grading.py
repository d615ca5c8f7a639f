"""The grader's core: what a spec refuses, how cells are matched, what a worker survives."""

import time

import nbformat
import pytest

from convbook.grading.grade import grade_one
from convbook.grading.sandbox import Limits
from convbook.grading.spec import MasterError, from_notebook, names, only

ANSWER = """# Exercise 1.1 · double (3 points)
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
"""
HIDDEN = """# Hidden tests of exercise 1.1 (2 points).
### BEGIN HIDDEN TESTS
assert double(7) == 14
### END HIDDEN TESTS
"""


def cell(source, **meta):
    metadata = {"grade": "points" in meta, "locked": "points" in meta, "solution": False} | meta
    grade_id = meta["grade_id"]
    return nbformat.v4.new_code_cell(source, id=grade_id, metadata={"nbgrader": metadata})


def free(source):
    return nbformat.v4.new_code_cell(source)


def master():
    """A master with given code, one exercise of 3 points, and a second one that uses the first."""
    return nbformat.v4.new_notebook(
        cells=[
            cell("import math", grade_id="setup", locked=True),
            cell(ANSWER, grade_id="double", solution=True),
            cell("assert double(1) == 2, 'twice 1 is 2'", grade_id="double-check", points=1),
            cell(HIDDEN, grade_id="double-hidden", points=2),
            cell(
                "# Exercise 1.2 · root (1 point)\n### BEGIN SOLUTION\nroot = math.sqrt(double(8))\n"
                "### END SOLUTION",
                grade_id="root",
                solution=True,
            ),
            cell("assert root == 4", grade_id="root-check", points=1),
        ]
    )


@pytest.fixture(scope="module")
def spec():
    return from_notebook(master(), "01_test")


def data(cells):
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


def points(spec, worker, cells, limits=None):
    result = grade_one(spec, data(cells), worker, limits)
    return {exercise.number: exercise.points for exercise in result.exercises}


# ---- the spec ----


def test_a_spec_groups_tests_under_their_exercise(spec):
    first, second = spec.exercises
    assert (first.number, first.name, first.points) == ("1.1", "double", 3)
    assert first.tests == ("double-check", "double-hidden")
    assert [spec.cell(t).hidden for t in first.tests] == [False, True]
    assert second.tests == ("root-check",)
    assert spec.points == 4


def without_points(nb):
    del nb.cells[2].metadata.nbgrader["points"]


def unlocked(nb):
    nb.cells[2].metadata.nbgrader["locked"] = False


def duplicate(nb):
    nb.cells[5].metadata.nbgrader["grade_id"] = "double-check"


def solved(nb):
    nb.cells[1].source = nb.cells[1].source.replace("### BEGIN SOLUTION", "#")


def untitled(nb):
    nb.cells[1].source = nb.cells[1].source.replace("Exercise", "Question")


def miscounted(nb):
    nb.cells[1].source = nb.cells[1].source.replace("3 points", "4 points")


def unmarked(nb):
    del nb.cells[1].metadata["nbgrader"]


def open_ended(nb):
    nb.cells[3].source = nb.cells[3].source.replace("### END HIDDEN TESTS", "")


def early(nb):
    nb.cells.insert(0, nb.cells.pop(5))


def untested(nb):
    del nb.cells[5]


def repeated(nb):
    nb.cells[4].source = nb.cells[4].source.replace("1.2", "1.1")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (without_points, "'double-check' is a test without points"),
        (unlocked, "'double-check' is an unlocked test"),
        (duplicate, "two cells have the grade_id 'double-check'"),
        (solved, "'double' is an answer without ### BEGIN SOLUTION"),
        (untitled, "'double' must begin with a comment such as # Exercise"),
        (miscounted, "'double' says 4 points, but its tests give 3"),
        (unmarked, "'double' has a solution or hidden test but no nbgrader metadata"),
        (open_ended, "'double-hidden' has a BEGIN HIDDEN TESTS without its END"),
        (untested, "no test marks the answer 'root'"),
        (early, "'root-check' stands before any answer"),
        (repeated, "exercise 1.1 is there twice"),
    ],
)
def test_a_master_that_could_not_be_graded_is_refused(spoil, named):
    nb = master()
    spoil(nb)
    with pytest.raises(MasterError, match=named):
        from_notebook(nb, "01_test")


def test_one_exercise_brings_the_cells_it_needs(spec):
    assert [c.id for c in only(spec, "1.1").cells] == ["double", "double-check", "double-hidden"]
    assert [c.id for c in only(spec, "1.2").cells] == ["setup", "double", "root", "root-check"]


def test_names_that_a_cell_defines_and_uses():
    defined, used = names("import a.b as c\nfrom d import e\ndef f(x):\n    return g(x) + y\nh = c")
    assert defined == {"c", "e", "f", "h"}
    assert {"g", "y", "c"} <= used
    assert "x" not in used


# ---- grading ----


def solution(spec):
    return [free(c.source) for c in spec.cells if c.role in ("answer", "given")]


def test_the_solution_gets_everything_even_without_metadata(spec, worker):
    assert points(spec, worker, solution(spec)) == {"1.1": 3, "1.2": 1}


def test_tests_come_from_the_spec_not_from_the_submission(spec, worker):
    cells = solution(spec)
    cells[1].source = ANSWER.replace("2 * x", "x")
    cells += [cell("pass", grade_id=name, points=1) for name in ("double-check", "double-hidden")]
    assert points(spec, worker, cells)["1.1"] == 0


def test_deleted_given_code_and_reordered_cells_change_nothing(spec, worker):
    _, double, root = solution(spec)
    assert points(spec, worker, [double, root]) == {"1.1": 3, "1.2": 1}
    stray = cell("nonsense(", grade_id="double-check", points=1)
    assert points(spec, worker, [free("print(1)"), double, stray, root]) == {"1.1": 3, "1.2": 1}


def test_the_last_of_two_answers_counts(spec, worker):
    setup, double, root = solution(spec)
    wrong = free(ANSWER.replace("2 * x", "0"))
    assert points(spec, worker, [setup, wrong, double, root])["1.1"] == 3
    assert points(spec, worker, [setup, double, wrong, root])["1.1"] == 0


def test_messages_teach_and_hide_what_is_hidden(spec, worker):
    wrong = free(ANSWER.replace("2 * x", "x + 5"))
    result = grade_one(spec, data([wrong]), worker)
    hidden = "not passed: Hidden tests of exercise 1.1 (2 points)."
    assert result.exercises[0].messages == ("twice 1 is 2", hidden)
    assert result.exercises[1].messages == ("the answer cell is missing",)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7 \xff\xfe", b"{", b"[]", b'{"cells": 3}'])
def test_what_is_no_notebook_is_said_to_be_none(spec, worker, content):
    result = grade_one(spec, content, worker)
    assert result.status == "unreadable"
    assert result.points == 0
    assert "not a Jupyter notebook" in result.reason


def test_a_notebook_without_code_says_so(spec, worker):
    result = grade_one(spec, data([nbformat.v4.new_markdown_cell("thoughts")]), worker)
    assert (result.status, result.reason) == ("empty", "this notebook has no code cells")


def test_a_byte_order_mark_does_no_harm(spec, worker):
    result = grade_one(spec, b"\xef\xbb\xbf" + data(solution(spec)), worker)
    assert result.points == spec.points


def test_magics_work_as_in_a_notebook(spec, worker):
    setup, double, root = solution(spec)
    timed = free("%%time\n" + root.source)
    assert points(spec, worker, [free("%matplotlib inline"), setup, double, timed]) == {
        "1.1": 3,
        "1.2": 1,
    }


def test_the_cell_that_ends_python_is_the_one_that_is_named(spec, worker):
    setup, double, root = solution(spec)
    double.source = "# Exercise 1.1 · double (3 points)\nimport os\nos._exit(0)"
    first, second = grade_one(spec, data([setup, double, root]), worker).exercises
    assert first.messages[0] == "the answer cell fails: this cell ended Python"
    assert second.messages == ("not run: an earlier cell ended Python, or used up the time",)


def test_a_visible_test_that_ends_python_takes_no_points_from_before_it(worker):
    nb = master()
    nb.cells[5].source = "assert double(8) == 16"
    spec = from_notebook(nb, "01_test")
    deadly = "import os\ndef double(x):\n    os._exit(0)"
    cells = [*solution(spec)[:2], free(f"# Exercise 1.2 · root (1 point)\n{deadly}")]
    assert points(spec, worker, cells) == {"1.1": 3, "1.2": 0}


def test_a_given_cell_that_fails_is_named(worker):
    nb = master()
    nb.cells.insert(2, cell("double('x') - 1", grade_id="train", locked=True))
    spec = from_notebook(nb, "01_test")
    [first, _] = grade_one(spec, data(solution(spec)), worker).exercises
    assert first.points == 3
    [message] = first.messages
    assert message.startswith("the given cell 'train' fails: TypeError")


# ---- what a worker survives ----


def test_an_endless_cell_is_stopped_and_the_next_ones_run(spec, worker):
    cells = [free("while True:\n    try:\n        x = 1\n    except Exception:\n        pass")]
    assert points(spec, worker, cells + solution(spec), Limits(cell=2)) == {"1.1": 3, "1.2": 1}


def test_a_cell_that_cannot_be_interrupted_ends_with_its_process(spec, worker):
    stubborn = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    start = time.monotonic()
    assert points(spec, worker, [free(stubborn), *solution(spec)], Limits(cell=1, total=3)) == {
        "1.1": 0,
        "1.2": 0,
    }
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import sys\nsys.exit(0)",
        "raise KeyboardInterrupt",
        "input('?')",
        "print('x' * 50_000_000)",
        "import os\nos.close(1)",
    ],
)
def test_nothing_a_cell_does_ends_the_worker(spec, worker, source):
    points(spec, worker, [*solution(spec), free(source)])
    assert points(spec, worker, solution(spec)) == {"1.1": 3, "1.2": 1}


def test_one_notebook_leaves_nothing_for_the_next(spec, worker):
    points(spec, worker, [free("import keras, math\nkeras.mark = math.sqrt = 1")])
    assert points(spec, worker, solution(spec))["1.2"] == 1
