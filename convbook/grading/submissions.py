"""Find the submissions in a folder, a zip file or a single notebook: whose they are, their bytes.

Understood are folders with one file or one folder a student, and the archives of Canvas, Moodle
and Google Classroom. Nothing is ever unpacked to the disk, and links are not followed.
"""

import os
import re
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

MAX_BYTES = 50 * 1000 * 1000
JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}
MOODLE = re.compile(r"(?P<student>.+?)_\d+_assignsubmission_[a-z]+_?(?P<file>.*)")
CANVAS = re.compile(r"(?P<student>[^_]+)(?P<late>_LATE)?_\d+_\d+_(?P<file>.+)")
CLASSROOM = re.compile(r"(?P<student>.+?) - (?P<file>.+)")


class SubmissionError(Exception):
    """A file that cannot be marked; the message is a sentence for the gradebook."""


@dataclass(frozen=True)
class File:
    """One file that was handed in: its path, when it was changed, and how to read it."""

    path: str
    changed: float
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class Submission:
    """What one student handed in. ``notes`` are sentences, such as that it came late."""

    student: str
    file: File
    notes: tuple[str, ...] = ()

    def bytes(self, limit: int = MAX_BYTES) -> bytes:
        """The file's content.

        Raises
        ------
        SubmissionError : it is no notebook by its name, a link, too large, or cannot be read.
        """
        name = shown(PurePosixPath(self.file.path).name)
        if ".ipynb" not in name.lower() and not name.endswith(".json"):  # browsers may rename it
            if name.lower().endswith((".zip", ".tar", ".gz", ".7z", ".rar")):
                raise SubmissionError(f"{name} is an archive: unpack it and hand in the notebook")
            raise SubmissionError(f"{name} is not a notebook: hand in the .ipynb file")
        try:
            data = self.file.read(limit + 1)
        except SubmissionError:
            raise
        except Exception as error:  # a zip can be broken in many ways
            raise SubmissionError(f"{name} cannot be read: {error}") from error
        if len(data) > limit:
            raise SubmissionError(
                f"{name} is larger than {limit / 1e6:g} MB: clear its outputs and hand it in again"
            )
        return data


def find(place: Path) -> list[Submission]:
    """The submissions in a folder, a zip file or a notebook, one a student, sorted by student.

    Of several files of a student the newest notebook counts, and a note says so.

    Raises
    ------
    SubmissionError : there is nothing at this place, or it holds no file, or it is a broken zip.
    """
    if not place.exists():
        raise SubmissionError(f"there is nothing at {place}")
    if place.is_dir():
        files = in_folder(place)
    elif zipfile.is_zipfile(place):
        files = in_zip(place)
    elif place.suffix.lower() == ".zip":
        raise SubmissionError(f"{place} is not a zip file, or only a part of one")
    else:
        return [Submission(shown(place.stem), on_disk(place, place.name))]
    groups: dict[str, list[tuple[File, tuple[str, ...]]]] = {}
    for file in without_common_folder(files):
        student, notes = owner(file.path)
        groups.setdefault(student, []).append((file, notes))
    if not groups:
        raise SubmissionError(f"{place} holds no file")
    return [newest(student, groups[student]) for student in sorted(groups)]


def in_folder(folder: Path) -> list[File]:
    """All files below a folder; a link is listed, but not read."""
    found = []
    for root, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(Path(root, name))]  # noqa: PTH114
        folders[:] = [name for name in folders if not junk(name) and name not in links]
        for name in names + links:
            path = Path(root, name)
            if not junk(name):
                found.append(on_disk(path, path.relative_to(folder).as_posix()))
    return found


def on_disk(path: Path, name: str) -> File:
    def read(count: int) -> bytes:
        if stat.S_ISLNK(path.lstat().st_mode):
            raise SubmissionError(f"{shown(path.name)} is a link, not a file: hand in the file")
        if not path.is_file():
            raise SubmissionError(f"{shown(path.name)} is not a regular file")
        with path.open("rb") as file:
            return file.read(count)

    return File(name, path.lstat().st_mtime, read)


def in_zip(path: Path) -> list[File]:
    """All files of a zip; each is read from it when it is asked for, and never further than that.

    Raises
    ------
    SubmissionError : its list of files cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SubmissionError(f"{path} cannot be read: {error}") from error
    return [zipped(path, entry) for entry in entries if not any(map(junk, parts(entry.filename)))]


def zipped(path: Path, entry: zipfile.ZipInfo) -> File:
    def read(count: int) -> bytes:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise SubmissionError(f"{shown(entry.filename)} is a link, not a file: send the file")
        if entry.flag_bits & 1:
            raise SubmissionError(
                f"{shown(entry.filename)} is encrypted: send it without a password"
            )
        with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
            return file.read(count)

    try:
        changed = datetime(*entry.date_time).timestamp()
    except (ValueError, OverflowError):
        changed = 0.0
    return File(entry.filename.replace("\\", "/"), changed, read)


def parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def junk(name: str) -> bool:
    """True for what systems leave behind: hidden files, checkpoints, macOS' and Windows' own."""
    return name.startswith(".") or name in JUNK


def without_common_folder(files: list[File]) -> list[File]:
    """The files, without a folder that holds them all: no class consists of one student."""
    tops = {(parts(file.path) or ["?"])[0] for file in files}
    if len(files) < 2 or len(tops) > 1 or any(len(parts(file.path)) < 2 for file in files):
        return files
    return [replace(file, path="/".join(parts(file.path)[1:])) for file in files]


def owner(path: str) -> tuple[str, tuple[str, ...]]:
    """Whose file this is, and notes on it, from its path as the learning system wrote it."""
    first, *rest = parts(path) or ["?"]
    if moodle := MOODLE.fullmatch(first):
        return shown(moodle["student"]), ()
    if rest:
        return shown(first), ()
    if canvas := CANVAS.fullmatch(first):
        return shown(canvas["student"]), ("handed in late",) if canvas["late"] else ()
    if classroom := CLASSROOM.fullmatch(first):
        return shown(classroom["student"]), ()
    return shown(first.rpartition(".")[0] or first), ()


def newest(student: str, files: list[tuple[File, tuple[str, ...]]]) -> Submission:
    """The submission of a student: the newest notebook, the last by name if two are as new."""
    notebooks = [pair for pair in files if pair[0].path.lower().endswith(".ipynb")] or files
    chosen, notes = max(notebooks, key=lambda pair: (pair[0].changed, natural(pair[0].path)))
    others = [shown(file.path) for file, _ in notebooks if file is not chosen]
    if others:
        others_named = ", ".join(sorted(others)[:5]) + (" …" if len(others) > 5 else "")
        sentence = (
            f"marked {shown(chosen.path)}, the newest of {len(notebooks)} files; not marked: "
        )
        notes = (*notes, sentence + others_named)
    return Submission(student, chosen, notes)


def natural(text: str) -> list:
    """A key that sorts lab-10 after lab-9."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", text)]


def shown(name: str) -> str:
    """A file's name as text that any program can write: odd bytes become \\udcXX, no newlines."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else "�" for c in text).strip() or "?"
