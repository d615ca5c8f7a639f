"""The command line, and the set-up that make calls: clear words, right exit status."""

import os
import shutil
import subprocess

import numpy as np
import pytest

from convbook.__main__ import main
from convbook.claims import claim
from convbook.environment import ROOT
from convbook.widgets import interact, progress

COMMANDS = ["book", "serve", "lab", "notebooks", "labs", "grade"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"Usage: convbook {command}" in capsys.readouterr().out


def test_no_command_lists_them(capsys):
    assert main([]) == 2
    listed = capsys.readouterr().err
    assert all(command in listed for command in COMMANDS)


def test_checks_pass_here(capsys):
    assert main(["notebooks", "--check"]) == 0
    assert main(["labs", "--check"]) == 0
    out = capsys.readouterr().out
    assert "book/02_convolution: up to date" in out
    assert "labs/02_convolution.ipynb: up to date" in out


def test_an_unknown_number_is_refused(capsys):
    assert main(["notebooks", "77"]) == 1
    assert "no notebook numbered 77" in capsys.readouterr().err
    assert main(["labs", "77"]) == 1
    assert "no lab numbered 77" in capsys.readouterr().err


def test_the_spec_is_written_when_asked(tmp_path):
    assert main(["labs", "02", "--check", "--spec", str(tmp_path)]) == 0
    text = (tmp_path / "02_convolution.json").read_text()
    assert '"number": "2.5"' in text
    assert "BEGIN HIDDEN TESTS" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade", "missing/02_convolution.ipynb"], "there is nothing at missing/02_convolution"),
        (
            ["grade", "."],
            "say which lab this is with --lab: one of 01_reading_networks, 02_convolution",
        ),
        (["grade", "empty", "--lab", "02_convolution"], "empty holds no file"),
        (
            ["grade", "pyproject.toml", "--lab", "77_none"],
            "there is no lab 77_none: one of 01_reading_networks",
        ),
        (
            ["grade", "pyproject.toml", "--lab", "02_convolution"],
            "pyproject.toml is not a notebook",
        ),
    ],
)
def test_grade_says_what_is_wrong(arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pyproject.toml").write_text("no notebook")
    assert main(arguments) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "-1", "0", "inf", "soon"])
def test_a_time_limit_is_a_number_above_zero(value, capsys):
    assert main(["grade", "some.ipynb", f"--cell-timeout={value}"]) == 2
    assert f"'{value}' is not a number of seconds above 0" in capsys.readouterr().err


def test_grade_prints_points_and_messages(capsys):
    assert main(["grade", str(ROOT / "labs" / "02_convolution.ipynb")]) == 0
    out = capsys.readouterr().out
    assert "not answered yet" in out
    assert out.endswith("02_convolution: 0 / 30 points\n")


def test_set_up_says_which_python_is_missing(tmp_path):
    shutil.copy(ROOT / "setup.sh", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "df", "awk"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = setup(tmp_path, tools)
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr


def test_set_up_says_that_the_disk_is_full(tmp_path):
    shutil.copy(ROOT / "setup.sh", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "df"
    fake.write_text("#!/bin/sh\necho header\necho disk 9 8 1048576 9% /\n")
    fake.chmod(0o755)
    done = setup(tmp_path, f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "needs 4 GB of free disk for its packages; there are 1 GB here" in done.stderr
    assert not (tmp_path / ".venv").exists()


def setup(folder, path):
    command = [shutil.which("sh"), "setup.sh"]
    env = {"PATH": str(path)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_a_claim_prints_or_raises(capsys):
    claim("two is more than one", np.float64(2) > 1)
    assert capsys.readouterr().out == "✓ two is more than one\n"
    with pytest.raises(AssertionError, match="does not hold here: one is more than two"):
        claim("one is more than two", 1 > 2)
    for nothing in (1, None, "yes", np.array([True]), [True]):
        with pytest.raises(TypeError, match="needs True or False"):
            claim("this proves something", nothing)


def test_a_build_calls_the_function_once_with_the_first_values(capsys):
    def show(angle=30, size=2, name="a"):
        print(angle, size, name)

    interact(show, angle=(0, 90, 15), size=(1, 9), name=["b", "a"])
    assert capsys.readouterr().out == "30 2 a\n"
    assert progress() == 0


def test_a_person_gets_sliders_and_progress(monkeypatch):
    monkeypatch.delenv("CONVBOOK_BUILD")
    shown = []
    monkeypatch.setattr("ipywidgets.interact", lambda f, **sliders: shown.append((f, sliders)))
    interact(print, sep=["a", "b"])
    assert shown == [(print, {"sep": ["a", "b"]})]
    assert progress() == "auto"
