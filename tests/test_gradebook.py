"""The gradebook for nbgrader: what its own tools read from it."""

import csv
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from marks import SPEC, exercise, row, solved

from convbook import environment
from convbook.grading import gradebook
from convbook.grading.results import FAILED, TAMPERED, UNREADABLE
from convbook.grading.spec import Cell, Exercise, Spec

CLASS = [
    solved("Ada Lovelace"),
    row("Bob", exercise("1.1", 1, 0), exercise("1.2", 0)),
    row("../cem, \udcff", exercise("1.1", 1, 2), exercise("1.2", 0), status=TAMPERED),
    row("Dot", status=UNREADABLE),
    row("Eve", status=FAILED),
]
POINTS = [4, 1, 3, 0, 0]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A gradebook with the class; its folder has characters that addresses do not like."""
    path = tmp_path_factory.mktemp("a 100% #1?") / "gradebook.db"
    gradebook.write(path, SPEC, CLASS)
    return path


@pytest.fixture
def book(first, tmp_path):
    """A copy of it to change."""
    return shutil.copy(first, tmp_path / "gradebook.db")


def opened(path):
    from nbgrader.api import Gradebook

    return Gradebook(gradebook.address(path))


def scores(path):
    """What nbgrader says each student has."""
    with opened(path) as book:
        return {s.student.id: s.score for s in book.assignment_submissions(SPEC.lab)}


def to_do(path):
    """The students of whom nbgrader says that a person must look."""
    with opened(path) as book:
        found = book.assignment_submissions(SPEC.lab)
        return sorted(s.student.id for s in found if s.needs_manual_grade)


def test_nbgrader_exports_the_same_scores(first, tmp_path):
    program = Path(sys.executable).with_name("nbgrader")
    shutil.copy(first, tmp_path / "gradebook.db")
    command = [program, "export", "--db", "sqlite:///gradebook.db", "--to", "all.csv"]
    env = os.environ | environment.folders()
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    ids = gradebook.slugs([r.student for r in CLASS])
    expected = {ids[r.student]: p for r, p in zip(CLASS, POINTS, strict=True)}
    assert {line["student_id"]: float(line["score"]) for line in lines} == expected
    assert {(line["assignment"], float(line["max_score"])) for line in lines} == {("01_test", 4)}


def test_each_test_has_its_points(first):
    with opened(first) as book:
        bob = book.find_submission_notebook("01_test", "01_test", "Bob")
        assert {g.name: (g.auto_score, g.max_score) for g in bob.grades} == {
            "double-check": (1, 1),
            "double-hidden": (0, 2),
            "root-check": (0, 1),
        }
        assert sorted(c.name for c in bob.comments) == ["double", "root"]


def test_a_person_must_look_where_one_must(first):
    [cem] = [i for i in scores(first) if "cem" in i]
    assert to_do(first) == sorted([cem, "Eve"])


def test_a_second_run_updates(book):
    before = scores(book)
    gradebook.write(book, SPEC, [solved("Bob"), solved("Eve"), solved("Fay")])
    assert scores(book) == before | {"Bob": 4, "Eve": 4, "Fay": 4}
    assert "Eve" not in to_do(book)


def test_marks_given_by_hand_stay(book):
    with opened(book) as db:
        grade = db.find_grade("root-check", "01_test", "01_test", "Bob")
        grade.manual_score, grade.needs_manual_grade = 0.5, False
        db.db.commit()
    gradebook.write(book, SPEC, CLASS)
    assert scores(book)["Bob"] == 1.5
    assert "Bob" in to_do(book)


def test_points_that_the_master_changed_are_updated(book):
    cells = [replace(c, points=c.points * 2) for c in SPEC.cells]
    gradebook.write(book, replace(SPEC, cells=tuple(cells)), CLASS)
    with opened(book) as db:
        assert db.find_assignment("01_test").max_score == 8


def test_another_lab_goes_beside_the_first(book):
    cells = (Cell("a", "answer", ""), Cell("a-check", "test", "", 1))
    other = Spec("02_other", cells, (Exercise("2.1", "a", 1, "a", ("a-check",)),))
    gradebook.write(book, other, [row("Ada Lovelace")])
    with opened(book) as db:
        assert sorted(a.name for a in db.assignments) == ["01_test", "02_other"]
    assert scores(book)["Ada Lovelace"] == 4


def test_a_lab_with_other_tests_is_refused(book):
    before = scores(book)
    changed = replace(SPEC, cells=SPEC.cells[:-1], exercises=SPEC.exercises[:-1])
    with pytest.raises(ValueError, match="has 01_test with other tests"):
        gradebook.write(book, changed, [row("Ada Lovelace")])
    assert scores(book) == before


def test_an_assignment_that_a_teacher_made_is_used(book):
    with opened(book) as db:
        db.remove_assignment("01_test")
        db.add_assignment("01_test", duedate="2026-05-01")
    gradebook.write(book, SPEC, CLASS)
    assert scores(book)["Bob"] == 1
    with opened(book) as db:
        assert db.find_assignment("01_test").duedate.year == 2026


def test_what_is_no_gradebook_is_left_as_it_is(tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("my notes, and more than a hundred bytes of them: " * 10)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE photos (name)")
    database.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="is not an nbgrader gradebook"):
            gradebook.write(path, SPEC, CLASS)
        assert path.read_bytes() == before
    with pytest.raises(ValueError, match="is not an nbgrader gradebook"):
        gradebook.write(tmp_path, SPEC, CLASS)


def test_a_gradebook_that_cannot_be_written_gives_a_sentence(book):
    with sqlite3.connect(book) as database:
        database.execute("ALTER TABLE grade DROP COLUMN extra_credit")
    database.close()
    with pytest.raises(ValueError, match="could not be written: no such column"):
        gradebook.write(book, SPEC, CLASS)


def test_a_new_gradebook_is_complete_or_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        gradebook.write(tmp_path / "gradebook.db", SPEC, CLASS)
    assert list(tmp_path.iterdir()) == []


def test_nbgraders_own_program_is_found_without_its_folder_in_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    gradebook.write(tmp_path / "new" / "gradebook.db", SPEC, [])
    with sqlite3.connect(tmp_path / "new" / "gradebook.db") as database:
        assert len(database.execute("SELECT version_num FROM alembic_version").fetchall()) == 1
    database.close()
