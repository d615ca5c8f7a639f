"""The reader of submissions: whose file it is, and a sentence for each that cannot be marked."""

import os
import stat
import zipfile
from datetime import datetime

import pytest

from convbook.grading.submissions import SubmissionError, find, natural, shown

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def folder(path, *names, changed=None):
    for name in names:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(NOTEBOOK)
        if changed:
            os.utime(file, (changed, changed))
    return path


def archive(path, names, date=(2026, 10, 1, 12, 0, 0)):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name, date), NOTEBOOK)
    return path


def students(place):
    return [submission.student for submission in find(place)]


def problem(submission, **limits):
    with pytest.raises(SubmissionError) as error:
        submission.bytes(**limits)
    return str(error.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["bo.ipynb", "ada.ipynb"], ["ada", "bo"]),
        (["ada/lab.ipynb", "bo/lab.ipynb", "bo/image.png"], ["ada", "bo"]),
        (["ada/02_convolution/02.ipynb", "bo/02_convolution/02.ipynb"], ["ada", "bo"]),
        (["doejane_12345_678_lab.ipynb", "roe_LATE_1_2_lab-1.ipynb"], ["doejane", "roe"]),
        (
            [
                "Ada Byron_77_assignsubmission_file_/lab.ipynb",
                "Bo O_78_assignsubmission_file_l.ipynb",
            ],
            ["Ada Byron", "Bo O"],
        ),
        (["Ada Byron - 02_convolution.ipynb", "Bo - Copy of 02.ipynb"], ["Ada Byron", "Bo"]),
        (["class/ada.ipynb", "class/bo.ipynb"], ["ada", "bo"]),
        (["class/ada/lab.ipynb", "class/bo/lab.ipynb"], ["ada", "bo"]),
        (["ada.ipynb", ".DS_Store", "__MACOSX/ada.ipynb", ".ipynb_checkpoints/x.ipynb"], ["ada"]),
        (["ada.ipynb", "Zoë Ünal.ipynb", "李雷.ipynb"], ["Zoë Ünal", "ada", "李雷"]),
    ],
)
def test_students_are_found_in_folders_and_archives(names, expected, tmp_path):
    assert students(folder(tmp_path / "in", *names)) == expected
    assert students(archive(tmp_path / "in.zip", names)) == expected


def test_a_late_one_says_so(tmp_path):
    [late] = find(folder(tmp_path, "roe_LATE_1_2_lab.ipynb"))
    assert late.notes == ("handed in late",)


def test_the_newest_of_two_files_counts_and_a_note_names_the_other(tmp_path):
    folder(tmp_path, "ada/new.ipynb", "bo/lab-9.ipynb", "bo/lab-10.ipynb", changed=2e9)
    folder(tmp_path, "ada/old.ipynb", changed=1e9)
    ada, bo = find(tmp_path)
    assert ada.file.path == "ada/new.ipynb"
    assert ada.notes == ("marked ada/new.ipynb, the newest of 2 files; not marked: ada/old.ipynb",)
    assert bo.file.path == "bo/lab-10.ipynb"


def test_the_newest_counts_in_an_archive_too(tmp_path):
    path = archive(tmp_path / "a.zip", ["ada/a.ipynb"], (2026, 10, 2, 0, 0, 0))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(zipfile.ZipInfo("ada/b.ipynb", (2026, 10, 1, 0, 0, 0)), NOTEBOOK)
        file.writestr("bo/c.ipynb", NOTEBOOK)
    ada, _ = find(path)
    assert ada.file.path == "ada/a.ipynb"
    assert ada.file.changed == datetime(2026, 10, 2).timestamp()


def test_a_single_notebook_is_a_class_of_one(tmp_path):
    [one] = find(folder(tmp_path, "02_convolution.ipynb") / "02_convolution.ipynb")
    assert (one.student, one.bytes()) == ("02_convolution", NOTEBOOK)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ada.pdf", "ada.pdf is not a notebook: hand in the .ipynb file"),
        ("ada.py", "is not a notebook"),
        ("ada.zip", "is an archive: unpack it"),
        ("ada.tar.gz", "is an archive: unpack it"),
    ],
)
def test_what_is_no_notebook_by_its_name_gets_a_sentence(name, words, tmp_path):
    [submission] = find(folder(tmp_path, name))
    assert words in problem(submission)


@pytest.mark.parametrize("name", ["ada.ipynb.txt", "ada.ipynb.json", "ada.IPYNB", "ada.json"])
def test_a_notebook_that_a_browser_renamed_is_one(name, tmp_path):
    [submission] = find(folder(tmp_path, name))
    assert submission.bytes() == NOTEBOOK


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(NOTEBOOK)
    inside = folder(tmp_path / "in", "bo.ipynb")
    (inside / "ada.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (inside / "loop").symlink_to(inside)
    (inside / "gone.ipynb").symlink_to("nowhere")
    ada, bo, gone, loop = find(inside)
    assert "ada.ipynb is a link, not a file" in problem(ada)
    assert "is a link" in problem(gone)
    assert "not a notebook" in problem(loop)
    assert bo.bytes() == NOTEBOOK


def test_a_pipe_does_not_hang_the_run(tmp_path):
    os.mkfifo(tmp_path / "ada.ipynb")
    [submission] = find(tmp_path)
    assert "not a regular file" in problem(submission)


def test_links_and_passwords_in_archives(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("ada.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("bo.ipynb", NOTEBOOK)
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    path.write_bytes(data[: directory + 8] + b"\x01" + data[directory + 9 :])
    ada, bo = find(path)
    assert "is a link" in problem(ada)
    assert "is encrypted" in problem(bo)


def test_a_large_file_and_a_zip_bomb_are_read_no_further_than_the_limit(tmp_path):
    (tmp_path / "ada.ipynb").write_bytes(b"x" * 2001)
    assert "larger than 0.002 MB" in problem(find(tmp_path)[0], limit=2000)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("ada.ipynb", b"0" * 20_000_000)
    assert bomb.stat().st_size < 30_000
    [submission] = find(bomb)
    assert len(submission.file.read(1001)) == 1001
    assert "clear its outputs" in problem(submission, limit=1000)


def test_paths_out_of_an_archive_lead_nowhere(tmp_path):
    names = ["../../etc/evil.ipynb", "/root/bad.ipynb", "..\\..\\win.ipynb"]
    found = find(archive(tmp_path / "a.zip", names))
    assert [s.student for s in found] == ["etc", "root", "win"]
    assert all(s.bytes() == NOTEBOOK for s in found)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


def test_a_damaged_entry_spoils_only_itself(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ada.ipynb", NOTEBOOK)
        file.writestr("bo.ipynb", NOTEBOOK)
    path.write_bytes(path.read_bytes().replace(b'{"cells"', b'{"CELLS"', 1))
    ada, bo = find(path)
    assert "ada.ipynb cannot be read: Bad CRC-32" in problem(ada)
    assert bo.bytes() == NOTEBOOK


def test_names_that_are_not_utf8(tmp_path):
    folder(tmp_path, "bo.ipynb")
    (tmp_path / os.fsdecode(b"ad\xff\xfea.ipynb")).write_bytes(NOTEBOOK)
    ada, _ = find(tmp_path)
    assert ada.student == "ad\\udcff\\udcfea"
    assert ada.bytes() == NOTEBOOK
    assert shown("a\nb") == "a�b"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is nothing at"),
        (lambda path: path.mkdir(), "holds no file"),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut off"), "is not a zip file, or only a part"),
    ],
)
def test_a_place_with_nothing_to_mark_is_refused(make, words, tmp_path):
    path = tmp_path / "class.zip"
    make(path)
    with pytest.raises(SubmissionError, match=words):
        find(path)


def test_numbers_in_names_sort_as_numbers():
    assert sorted(["lab-10", "lab-9", "lab"], key=natural) == ["lab", "lab-9", "lab-10"]
