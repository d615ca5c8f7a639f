"""Files that are no notebook, or hardly one."""

import json

import nbformat

from hostile.lab import (
    DOUBLE,
    EVERYTHING,
    LAYER,
    RIGHT,
    SETUP,
    TOTAL,
    Entry,
    answer,
    dumped,
    graded_cell,
    notebook,
    plain,
)

NO_NOTEBOOK = "not a Jupyter notebook"


def unreadable(name: str, data: bytes, said: str = NO_NOTEBOOK) -> Entry:
    return Entry(name, data, "unreadable", 0, said)


def fine(name: str, data: bytes, said: str = "") -> Entry:
    return Entry(name, data, "graded", EVERYTHING, said)


def each_cell(change) -> bytes:
    """The right notebook, with something done to each of its cells."""
    nb = plain()
    for cell in nb["cells"]:
        change(cell)
    return dumped(nb)


def old(minor: int) -> bytes:
    """The right notebook in an older format 4, which had no cell ids before 4.5."""
    nb = json.loads(each_cell(lambda cell: cell.pop("id")))
    return dumped(nb | {"nbformat_minor": minor})


def version_3() -> bytes:
    cells = [
        {"cell_type": "code", "language": "python", "input": s, "outputs": [], "metadata": {}}
        for s in RIGHT
    ]
    return dumped(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    )


def colab(cell: dict) -> None:
    cell["metadata"] = {"id": "q3ZKxYp1", "colab": {"base_uri": "https://localhost:8080/"}}
    cell["execution_count"] = 7
    cell["source"] = cell["source"].splitlines(keepends=True)
    cell.pop("id")


def vs_code(cell: dict) -> None:
    cell["metadata"] = {"vscode": {"languageId": "python"}}
    cell.pop("id")


def with_output(text: str):
    def change(cell: dict) -> None:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]

    return change


def released() -> bytes:
    """As the released lab was handed in, with the checksums of another release."""
    cells = [graded_cell(SETUP, "setup", locked=True, checksum="0" * 32)]
    cells += [
        graded_cell(source, name, solution=True)
        for name, source in [("double", DOUBLE), ("total", TOTAL), ("layer", LAYER)]
    ]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


BROKEN = [
    unreadable("empty file", b""),
    unreadable("cut off", notebook(*RIGHT)[:700]),
    unreadable("PDF that was renamed", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    unreadable("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    unreadable("only NUL bytes", b"\0" * 1000),
    unreadable("NUL bytes behind the notebook", notebook(*RIGHT) + b"\0\0"),
    unreadable("Python file", "".join(RIGHT).encode()),
    unreadable("web page of the notebook", b"<!DOCTYPE html><html><body></body></html>"),
    unreadable("two notebooks in one", notebook(*RIGHT) * 2),
    unreadable("with merge conflicts", b"<<<<<<< HEAD\n" + notebook(*RIGHT)),
    unreadable("Latin-1", notebook("# é").decode().encode("latin-1")),
    unreadable("deeply nested JSON", b"[" * 100_000 + b"]" * 100_000),
    unreadable("deeply nested metadata", b'{"metadata":' * 5_000 + b"1" + b"}" * 5_000),
    unreadable("number of a million digits", b'{"nbformat": ' + b"9" * 1_000_000 + b"}"),
    unreadable("JSON list", b"[]"),
    unreadable("JSON null", b"null"),
    unreadable("JSON number", b"4"),
    unreadable("JSON of something else", b'{"name": "convbook"}'),
    unreadable("cells are a number", dumped(plain(cells=3))),
    unreadable("cells are null", dumped(plain(cells=None))),
    unreadable("cells are strings", dumped(plain(cells=["print(1)"]))),
    unreadable("no cells", dumped({"nbformat": 4, "nbformat_minor": 5, "metadata": {}})),
    unreadable("format 4 as a text", dumped(plain(nbformat="4"))),
    unreadable("format 2", dumped(plain(nbformat=2))),
    unreadable("format of the future", dumped(plain(nbformat=99))),
    unreadable("source is a number", each_cell(lambda cell: cell.update(source=5))),
    unreadable("source is null", each_cell(lambda cell: cell.update(source=None))),
    unreadable("source is a list of numbers", each_cell(lambda cell: cell.update(source=[1]))),
    unreadable("cell without a type", each_cell(lambda cell: cell.pop("cell_type"))),
    Entry("no code", dumped(plain(cells=[])), "empty", 0, "has no code cells"),
    Entry(
        "another lab", notebook(answer("x = 1", "7.4 · other (2 points)")), "wrong lab", 0, "7.4"
    ),
    Entry("own notebook", notebook("print('hello')"), "wrong lab", 0, "holds no exercise"),
    fine("byte order mark", b"\xef\xbb\xbf" + notebook(*RIGHT)),
    fine("UTF-16", notebook(*RIGHT).decode().encode("utf-16")),
    fine("Windows line ends", notebook(*RIGHT).replace(b"\\n", b"\\r\\n").replace(b"\n", b"\r\n")),
    fine("format 3", version_3()),
    *[fine(f"format 4.{minor}", old(minor)) for minor in range(5)],
    fine("as Colab saves it", each_cell(colab)),
    fine("as VS Code saves it", each_cell(vs_code)),
    fine("sources are lists", each_cell(lambda c: c.update(source=c["source"].splitlines(True)))),
    fine("cells without metadata", each_cell(lambda cell: cell.pop("metadata"))),
    fine("metadata is null", each_cell(lambda cell: cell.update(metadata=None))),
    fine("metadata of the notebook is null", dumped(plain(metadata=None))),
    fine(
        "nbgrader's metadata is a text", each_cell(lambda c: c.update(metadata={"nbgrader": "x"}))
    ),
    fine("tags are null", each_cell(lambda cell: cell.update(metadata={"tags": None}))),
    fine(
        "grade_id is a list", each_cell(lambda c: c["metadata"].update(nbgrader={"grade_id": []}))
    ),
    fine("ids are a number", each_cell(lambda cell: cell.update(id=5))),
    fine("all ids are the same", each_cell(lambda cell: cell.update(id="same"))),
    fine("no outputs", each_cell(lambda cell: cell.pop("outputs"))),
    fine("outputs of 20 MB", each_cell(with_output("x" * 5_000_000))),
    fine("lone surrogates", each_cell(with_output("\ud800"))),
    fine("5,000 empty cells", notebook(*RIGHT, *[""] * 5_000)),
    fine("another release", released(), "another release"),
]
