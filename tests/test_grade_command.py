"""``convbook grade`` and ``convbook labs --private`` as an instructor uses them."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from convbook.__main__ import main
from convbook.environment import ROOT

MASTER = """# %% [markdown]
# # A private lab

# %% nbgrader={"grade_id": "double", "solution": true}
# Exercise 1.1 · double (3 points)
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={"grade_id": "double-check", "points": 1}
assert double(1) == 2, "twice 1 is 2"

# %% nbgrader={"grade_id": "double-hidden", "points": 2}
# Hidden tests of exercise 1.1: larger numbers (2 points).
### BEGIN HIDDEN TESTS
assert double(2026) == 4052
### END HIDDEN TESTS
"""
ANSWERS = {"ada": "2 * x", "bo": "x + 1", "cy": "x ** 9"}


@pytest.fixture
def private():
    """A folder outside the repository with an instructor's own master."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "solutions").mkdir()
        (Path(folder) / "solutions" / "01_test.py").write_text(MASTER, encoding="utf-8")
        yield Path(folder)


@pytest.fixture
def hand_in(tmp_path):
    """Make submissions, ``STUDENT.ipynb``, from an expression for each."""

    def make(answers: dict[str, str], before: str = ""):
        folder = tmp_path / "class"
        folder.mkdir()
        for student, answer in answers.items():
            source = f"# Exercise 1.1 · double (3 points)\ndef double(x):\n    return {answer}"
            cells = [nbformat.v4.new_code_cell(text) for text in (before, source) if text]
            nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{student}.ipynb")
        return folder

    return make


def grade(folder, private, *options):
    return main(["grade", str(folder), "--lab", "01_test", "--private", str(private), *options])


def totals(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: int(row["total"]) for row in csv.DictReader(file)}


@pytest.mark.usefixtures("walls")
def test_a_class_gets_all_that_was_asked_for(private, hand_in, tmp_path, capsys):
    folder = hand_in(ANSWERS)
    (folder / "dee.ipynb").write_bytes(b"%PDF-1.7")
    out, book = tmp_path / "grades", tmp_path / "gradebook.db"
    options = ["--out", str(out), "--to-nbgrader", str(book), "--json", "--workers", "1"]
    assert grade(folder, private, *options) == 0
    assert totals(out / "grades.csv") == {"ada": 3, "bo": 1, "cy": 0, "dee": 0}
    pages = sorted(path.name for path in (out / "feedback").iterdir())
    assert pages == ["ada.html", "bo.html", "cy.html", "dee.html"]
    assert "larger numbers" in (out / "feedback" / "bo.html").read_text(encoding="utf-8")
    assert "4052" not in (out / "feedback" / "bo.html").read_text(encoding="utf-8")
    assert "twice 1 is 2" in (out / "class.html").read_text(encoding="utf-8")
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [row["result"]["points"] for row in rows] == [3, 1, 0, 0]
    assert rows[3]["result"]["status"] == "unreadable"
    assert "3 graded, 1 unreadable" in printed.err
    with Gradebook(f"sqlite:///{book}") as gradebook:
        theirs = {s.student.id: s.score for s in gradebook.assignment_submissions("01_test")}
    assert theirs == {"ada": 3, "bo": 1, "cy": 0, "dee": 0}


@pytest.mark.usefixtures("walls")
def test_a_zip_is_marked_where_it_lies(private, hand_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = hand_in({"ada": "2 * x"})
    with zipfile.ZipFile("moodle.zip", "w") as archive:
        archive.write(folder / "ada.ipynb", "Ada B_1_assignsubmission_file_/lab.ipynb")
        archive.writestr("Bo_2_assignsubmission_file_/essay.docx", "x")
    assert grade("moodle.zip", private) == 0
    assert totals(tmp_path / "grades" / "grades.csv") == {"Ada B": 3, "Bo": 0}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["class", "grades", "moodle.zip"]


def test_without_a_sandbox_nothing_runs_unless_trusted(private, hand_in, capsys, monkeypatch):
    folder = hand_in({"ada": "2 * x"}, before=f"open({str(private / 'mark')!r}, 'w').close()")
    monkeypatch.setenv("PATH", "/nowhere")
    assert grade(folder / "ada.ipynb", private) == 1
    said = capsys.readouterr().err
    assert "apt-get install bubblewrap" in said
    assert "--trust-submissions" in said
    assert not (private / "mark").exists()
    assert grade(folder / "ada.ipynb", private, "--trust-submissions") == 0
    assert capsys.readouterr().out.endswith("01_test: 3 / 3 points\n")
    assert (private / "mark").exists()


def test_a_bubblewrap_that_may_not_work_says_why(private, hand_in, tmp_path, capsys, monkeypatch):
    folder = hand_in({"ada": "2 * x"})
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert grade(folder / "ada.ipynb", private) == 1
    said = capsys.readouterr().err
    assert "makes no sandbox: bwrap: No permissions to create new namespace" in said
    assert "sysctl" in said


@pytest.mark.usefixtures("walls")
def test_an_interrupt_ends_all_and_the_same_command_goes_on(private, hand_in, tmp_path):
    folder = hand_in(dict.fromkeys(map("s{:02}".format, range(9)), "2 * x"), "import time")
    for path in folder.iterdir():  # no two alike, each a second long
        text = path.read_text().replace("import time", f"import time; time.sleep(1)  # {path.stem}")
        path.write_text(text)
    out = tmp_path / "grades"
    command = [sys.executable, "-m", "convbook", "grade", str(folder), "--lab", "01_test"]
    command += ["--private", str(private), "--out", str(out), "--workers", "2"]
    pipes = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, preexec_fn=heed_interrupts, **pipes)
    while process.poll() is None and len(list(out.glob("results/*.json"))) < 2:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of the group
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped. What is marked is kept" in said
    assert "Traceback" not in said
    kept = {path: path.stat().st_mtime_ns for path in out.glob("results/*.json")}
    assert 2 <= len(kept) < 9
    assert not (out / "grades.csv").exists()
    assert not left_over(str(folder))
    assert grade(folder, private, "--out", str(out)) == 0
    assert set(totals(out / "grades.csv").values()) == {3}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def heed_interrupts() -> None:
    """A shell's background job ignores Ctrl-C, and hands that on to all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def left_over(word: str) -> list[str]:
    """Processes whose command line holds a word."""
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in commands.splitlines() if word in line]


# ---- private masters ----


def test_a_private_lab_is_released_without_its_secrets(private, capsys):
    (private / "solutions" / "01_test.ipynb").write_text("{}")  # an old copy must not count
    assert main(["labs", "--private", str(private)]) == 0
    text = (private / "labs" / "01_test.ipynb").read_text(encoding="utf-8")
    assert "labs/01_test.ipynb: released" in capsys.readouterr().out
    assert "Hidden tests of exercise 1.1" in text
    assert "2026" not in text
    assert "return 2 * x" not in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("4052", "4053", "its own solution gets 1 of 3 points"),
        ("assert double(1) == 2", "assert True", "the untouched lab gets 1 points"),
        ("3 points", "5 points", "says 5 points, but its tests give 3"),
    ],
)
def test_a_private_master_that_would_mark_wrong_is_refused(old, new, words, private, capsys):
    path = private / "solutions" / "01_test.py"
    path.write_text(MASTER.replace(old, new), encoding="utf-8")
    assert main(["labs", "--private", str(private)]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Nothing was released" in said
    assert not (private / "labs").exists()


def test_private_masters_stay_out_of_the_repository(capsys):
    assert main(["labs", "--private", str(ROOT / "tests")]) == 1
    assert "choose a folder outside the repository" in capsys.readouterr().err


def test_a_private_folder_without_masters_says_what_it_needs(tmp_path, hand_in, capsys):
    folder = hand_in({"ada": "2 * x"})
    assert main(["grade", str(folder), "--lab", "01", "--private", str(tmp_path)]) == 1
    assert f"there is no lab's master in {tmp_path / 'solutions'}" in capsys.readouterr().err
