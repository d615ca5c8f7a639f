"""The corpus of hostile submissions: each comes out as it should, and leaves the next one alone."""

from pathlib import Path

import psutil
import pytest
from hostile import ATTACKS, BROKEN, FOOLING, HONEST
from hostile.lab import EVERYTHING, RIGHT, SHORT, notebook, spec
from planted import submission

from convbook.grading.grade import grade_one
from convbook.grading.spec import load, only
from convbook.grading.worker import Worker

pytestmark = pytest.mark.usefixtures("walls")
ROOT = Path(__file__).parent.parent
SPEC = spec()
EQUAL = "class Equal:\n    __eq__ = __abs__ = lambda *a: True\n    __sub__ = lambda *a: Equal()\n"


@pytest.fixture(scope="module")
def worker():
    with Worker(threads=1) as warm:
        warm.start()
        yield warm


def check(entry, worker):
    result = grade_one(SPEC, entry.data, worker, entry.limits)
    said = "\n".join([result.reason, *(m for e in result.exercises for m in e.messages)])
    assert (result.status, result.points) == (entry.status, entry.points), said
    assert entry.said in said


def processes(worker) -> int:
    """How many processes the worker consists of, seen from outside."""
    return len(psutil.Process(worker.process.pid).children(recursive=True))


def test_the_corpus_is_large_and_has_one_entry_of_a_name():
    names = [entry.name for entry in [*BROKEN, *HONEST, *FOOLING, *ATTACKS]]
    assert len(names) == len(set(names)) >= 200


@pytest.mark.parametrize("entry", BROKEN, ids=lambda entry: entry.name)
def test_a_broken_file_gets_a_status_and_a_sentence(entry, worker):
    check(entry, worker)


@pytest.mark.parametrize("entry", HONEST, ids=lambda entry: entry.name)
def test_an_honest_submission_keeps_every_point(entry, worker):
    check(entry, worker)


@pytest.mark.parametrize("entry", FOOLING, ids=lambda entry: entry.name)
def test_who_fools_a_test_gets_nothing_for_it(entry, worker):
    check(entry, worker)


@pytest.mark.parametrize("entry", ATTACKS, ids=lambda entry: entry.name)
def test_an_attack_on_the_machine_harms_nobody(entry, worker):
    before = processes(worker)
    check(entry, worker)
    after = grade_one(SPEC, notebook(*RIGHT), worker, SHORT)
    assert (after.status, after.points) == ("graded", EVERYTHING)
    assert processes(worker) == before


# ---- the real lab 02 ----


@pytest.fixture(scope="module")
def lab():
    return load(ROOT / "solutions" / "02_convolution.ipynb")


def test_the_real_lab_solved_gets_everything(lab, worker):
    result = grade_one(lab, submission(lab, {}), worker)
    assert (result.status, result.points) == ("graded", lab.points)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (EQUAL + "def output_size(*a, **k): return Equal()", "defines __abs__"),
        ("assert_allclose = isinstance = print\ndef output_size(*a, **k): return 30", ""),
        ("keras.layers.Conv1D.compute_output_shape = print\noutput_size = print", "replaces keras"),
        ("import sys\ndef output_size(*a): return sys._getframe(1).f_locals['n']", "frames"),
    ],
)
def test_the_real_lab_is_not_fooled(lab, worker, source, said):
    exercise = only(lab, "2.2")
    result = grade_one(exercise, submission(exercise, {"output_size": source}), worker, SHORT)
    assert (result.points, result.status) == (0, "tampered" if said else "graded")
    assert said in result.reason
