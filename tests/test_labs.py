"""Every released lab is proven: its bytes, its empty and its full score, its planted answers."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from planted import planted, submission

from convbook.environment import ROOT
from convbook.grading.grade import grade_one
from convbook.grading.spec import load, only
from convbook.notebooks import read
from convbook.release import release

LABS = sorted(path.stem for path in (ROOT / "solutions").glob("*.ipynb"))
PLANTED = [(lab, answer) for lab in LABS for answer in planted(lab)]


def master(lab):
    return read(ROOT / "solutions" / f"{lab}.ipynb")


def spec_of(lab):
    return load(ROOT / "solutions" / f"{lab}.ipynb")


@pytest.mark.parametrize("lab", LABS)
def test_the_lab_is_a_fresh_release_of_its_master(lab):
    text = (ROOT / "labs" / f"{lab}.ipynb").read_text(encoding="utf-8")
    assert text == release(master(lab), lab), "labs differ: run `convbook labs`"


@pytest.fixture(scope="session")  # for a process is given labs one by one
def nbgrader(tmp_path_factory):
    """The folder with what nbgrader's own command releases, all labs in one run."""
    folder = tmp_path_factory.mktemp("nbgrader")
    source = folder / "source" / "labs"
    source.mkdir(parents=True)
    for lab in LABS:
        nb = master(lab)
        nb.metadata.pop("convbook")
        nbformat.write(nb, source / f"{lab}.ipynb")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "labs"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader calls `alembic`
    env = os.environ | {"PATH": path}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "release" / "labs"


@pytest.mark.parametrize("lab", LABS)
def test_the_release_is_what_nbgrader_makes(lab, nbgrader):
    theirs = (nbgrader / f"{lab}.ipynb").read_bytes()
    assert theirs.rstrip() == (ROOT / "labs" / f"{lab}.ipynb").read_bytes().rstrip()


@pytest.mark.parametrize("lab", LABS)
def test_an_untouched_lab_scores_nothing_and_runs_to_its_end(lab, worker):
    result = grade_one(spec_of(lab), (ROOT / "labs" / f"{lab}.ipynb").read_bytes(), worker)
    assert result.status == "graded"
    assert result.points == 0
    assert result.reason == "nothing is answered"
    assert {exercise.messages for exercise in result.exercises} == {("not answered yet",)}


@pytest.mark.parametrize("lab", LABS)
def test_the_solution_in_the_released_lab_scores_everything(lab, worker):
    spec = spec_of(lab)
    released = read(ROOT / "labs" / f"{lab}.ipynb")
    answers = {e.answer: spec.cell(e.answer).source for e in spec.exercises}
    for cell in released.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    result = grade_one(spec, nbformat.writes(released).encode(), worker)
    lost = [(e.number, e.messages) for e in result.exercises if e.points < e.of]
    assert not lost
    assert result.points == spec.points


@pytest.mark.parametrize(
    ("lab", "answer"), PLANTED, ids=[f"{lab} {answer}" for lab, answer in PLANTED]
)
def test_a_planted_answer_gets_the_points_it_should(lab, answer, worker):
    spec = only(spec_of(lab), answer.number, answer.source)
    [exercise] = spec.exercises
    result = grade_one(spec, submission(spec, {exercise.answer: answer.source}), worker)
    [marked] = result.exercises
    assert exercise.points - marked.points == answer.loses, marked.messages


@pytest.mark.parametrize("lab", LABS)
def test_there_are_enough_planted_answers(lab):
    answers = planted(lab)
    right = sum(answer.loses == 0 for answer in answers)
    assert right >= 10
    assert len(answers) - right >= 25
    wrong = Counter(answer.number for answer in answers if answer.loses)
    assert set(wrong) == {exercise.number for exercise in spec_of(lab).exercises}
