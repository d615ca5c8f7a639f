"""The small lab that the corpus answers, and what an entry of the corpus is."""

import json
from dataclasses import dataclass, field, replace

import nbformat

from convbook.grading.sandbox import MB, Limits
from convbook.grading.spec import Spec, from_notebook

SHORT = Limits(cell=3, total=40, memory=1536 * MB, disk=64 * MB, processes=64)
QUICK = replace(SHORT, cell=1.5, total=8)
EVERYTHING = 8  # points of the lab

# ---- the lab ----

SETUP = """import keras
import numpy as np
from numpy.testing import assert_allclose
"""
DOUBLE = """# Exercise 1.1 · double (3 points)
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
"""
DOUBLE_CHECK = """
assert_allclose(double(np.array([1.0, 2.0])), [2, 4], err_msg="twice 1 is 2")
"""
DOUBLE_HIDDEN = """# Hidden tests of exercise 1.1: other numbers (2 points).
### BEGIN HIDDEN TESTS
def _hidden():
    x = np.random.default_rng(5).normal(size=(3, 4))
    expected = x + x
    assert_allclose(double(x), expected, rtol=1e-6)
    secret = 14.5
    assert abs(double(7.25) - secret) < 1e-9
    assert np.allclose(double(x), expected)


_hidden()
### END HIDDEN TESTS
"""
TOTAL = """# Exercise 1.2 · total (3 points)
def total(numbers):
    ### BEGIN SOLUTION
    return sum(numbers)
    ### END SOLUTION
"""
TOTAL_CHECK = "assert total([1, 2, 3]) == 6, '1 + 2 + 3 is 6'"
TOTAL_HIDDEN = """# Hidden tests of exercise 1.2: other numbers (2 points).
### BEGIN HIDDEN TESTS
assert [total([4, 5]), total([])] == [9, 0]
assert all(total([i, 1]) == i + 1 for i in range(5))
assert isinstance(total([1]), int | np.integer)
### END HIDDEN TESTS
"""
LAYER = """# Exercise 1.3 · Scale (2 points)
class Scale(keras.layers.Layer):
    ### BEGIN SOLUTION
    def call(self, x):
        return 3 * x

    def compute_output_shape(self, shape):
        return shape
    ### END SOLUTION
"""
LAYER_CHECK = "assert Scale().compute_output_shape((None, 3)) == (None, 3), 'the shape stays'"
LAYER_HIDDEN = """# Hidden tests of exercise 1.3: a call (1 point).
### BEGIN HIDDEN TESTS
assert_allclose(Scale().call(np.ones(2)), [3, 3])
### END HIDDEN TESTS
"""
RIGHT = [SETUP, DOUBLE, TOTAL, LAYER]
WRONG = DOUBLE.replace("2 * x", "x + 10")


def graded_cell(source: str, grade_id: str, **meta) -> nbformat.NotebookNode:
    metadata = {"grade": "points" in meta, "solution": False, "locked": False, **meta}
    metadata["grade_id"] = grade_id
    return nbformat.v4.new_code_cell(source, id=grade_id, metadata={"nbgrader": metadata})


def master() -> nbformat.NotebookNode:
    """The lab: three exercises of 3, 3 and 2 points, with visible and hidden tests."""
    cells = [graded_cell(SETUP, "setup", locked=True)]
    for name, answer, check, hidden in [
        ("double", DOUBLE, DOUBLE_CHECK, DOUBLE_HIDDEN),
        ("total", TOTAL, TOTAL_CHECK, TOTAL_HIDDEN),
        ("layer", LAYER, LAYER_CHECK, LAYER_HIDDEN),
    ]:
        points = 1 if name == "layer" else 2
        cells += [
            graded_cell(answer, name, solution=True),
            graded_cell(check, f"{name}-check", points=1, locked=True),
            graded_cell(hidden, f"{name}-hidden", points=points, locked=True),
        ]
    return nbformat.v4.new_notebook(cells=cells)


def spec() -> Spec:
    return from_notebook(master(), "01_hostile")


# ---- what an entry is ----


@dataclass(frozen=True)
class Entry:
    """A submission, and what must come out.

    ``said`` stands in its reason, a flag or a message. ``points`` are exact.
    """

    name: str
    data: bytes = field(repr=False)
    status: str = "graded"
    points: int = 0
    said: str = ""
    limits: Limits = SHORT


def notebook(*sources: str) -> bytes:
    """A notebook with these code cells, as Jupyter writes it."""
    return nbformat.writes(as_node(sources)).encode()


def as_node(sources) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(s, id=f"own-{n}") for n, s in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


def plain(**changes) -> dict:
    """A notebook with the right answers, as a dict to spoil."""
    return json.loads(json.dumps(as_node(RIGHT))) | changes


def dumped(nb) -> bytes:
    return json.dumps(nb).encode()


def honest(name: str, *sources: str, **fields) -> Entry:
    """Right answers that must keep every point."""
    return Entry(name, notebook(*sources), points=EVERYTHING, **fields)


def answer(body: str, number: str = "1.1 · double (3 points)") -> str:
    """A cell that answers an exercise with this."""
    return f"# Exercise {number}\n{body}"


def fooling(name: str, *sources: str, said: str = "", limits: Limits = SHORT) -> Entry:
    """An attack on the tests of 1.1, which gets no point. With ``said`` it is tampered, too."""
    status = "tampered" if said else "graded"
    return Entry(name, notebook(SETUP, *sources), status, 0, said, limits)
