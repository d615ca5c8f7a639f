"""How sources become notebooks: what is stale and why, what a failure leaves, what is stored."""

import shutil

import pytest

from convbook import environment
from convbook.notebooks import Notebook, NotebookError, convert, find, read, write

SOURCE = """# %% [markdown]
# # Title

# %% tags=["nbval-skip", "skip-execution", "remove-cell"]
raise SystemExit("the install cell must not run")

# %%
import random

from convbook.widgets import quiz

print("exact")
print(f"measured ≈ {random.random()}")
"""


@pytest.fixture
def course(tmp_path):
    """A small course in a folder whose name has a space: one chapter and what it depends on."""
    root = tmp_path / "a course"
    (root / "book").mkdir(parents=True)
    (root / "convbook" / "widgets" / "quizzes").mkdir(parents=True)
    (root / "requirements.txt").write_text("numpy==1\n")
    for name in ("data", "standins"):
        (root / "convbook" / name).mkdir()
    for name in ("claims.py", "widgets/quiz.py", "widgets/quizzes/07.toml"):
        (root / "convbook" / name).write_text("")
    (root / "convbook" / "widgets" / "quiz.py").write_text("def quiz(chapter):\n    pass\n")
    (root / "book" / "07_test.py").write_text(SOURCE)
    return root


@pytest.fixture
def notebook(course):
    [notebook] = find("book", root=course)
    return notebook


def test_it_is_stored_once_and_then_left_alone(notebook):
    assert notebook.changes() == ["07_test.ipynb is missing"]
    assert notebook.execute()
    assert notebook.changes() == []
    before = notebook.path.read_bytes()
    assert not notebook.execute()  # the measured value differs, nothing that is verified does
    assert notebook.path.read_bytes() == before
    nb = read(notebook.path)
    assert nb.cells[2].outputs[0].text.startswith("exact\nmeasured ≈ 0.")
    assert "execution" not in nb.cells[2].metadata
    assert nb.metadata.kernelspec.name == "python3"
    assert nb.metadata.accelerator == "GPU"


@pytest.mark.parametrize(
    "name",
    [
        "book/07_test.py",
        "requirements.txt",
        "convbook/claims.py",
        "convbook/widgets/quiz.py",
        "convbook/widgets/quizzes/07.toml",
    ],
)
def test_a_changed_input_is_named(course, notebook, name):
    notebook.execute()
    with (course / name).open("a") as file:
        file.write("# changed\n")
    assert notebook.changes() == [f"{name} changed"]


def test_an_edit_while_it_runs_leaves_it_stale(notebook):
    edit = f'open({str(notebook.source)!r}, "a").write("# edited")'
    notebook.source.write_text(SOURCE + f"\n# %%\n_ = {edit}\n")
    notebook.execute()
    assert notebook.changes() == ["book/07_test.py changed"]


def test_measurements_that_it_reads_are_inputs(course, notebook):
    (course / "bench" / "results").mkdir(parents=True)
    for name in ("speed", "other"):
        (course / "bench" / "results" / f"{name}.json").write_text("{}")
    notebook.source.write_text(SOURCE + '\n# data.results("speed")\n')
    assert "bench/results/speed.json" in notebook.inputs()
    assert "bench/results/other.json" not in notebook.inputs()


def test_only_the_stand_ins_of_what_it_loads_are_inputs(course, notebook):
    for name in ("data/__init__", "data/files", "standins/__init__", "standins/drawing"):
        (course / "convbook" / f"{name}.py").write_text("")
    for name in ("mnist", "faces"):
        path = course / "convbook" / "standins" / f"{name}.py"
        path.write_text("from convbook.standins.drawing import box\n")
    read = [name for name in notebook.inputs() if "data/" in name or "standins/" in name]
    assert read == []
    notebook.source.write_text(SOURCE + '\n# data.load("faces", train=10)\n')
    read = [name for name in notebook.inputs() if "data/" in name or "standins/" in name]
    assert read == [
        f"convbook/{name}.py"
        for name in (
            "data/__init__",
            "data/files",
            "standins/__init__",
            "standins/drawing",
            "standins/faces",
        )
    ]


def test_only_the_explorers_that_it_imports_are_inputs(course, notebook):
    for name in ("explorer", "pooling", "trainer"):
        path = course / "convbook" / "widgets" / f"{name}.py"
        path.write_text(f"def {name}():\n    pass\n")
    notebook.source.write_text("from convbook.widgets import (\n    pooling,\n    quiz,\n)\n")
    widgets = [name for name in notebook.inputs() if "/widgets/" in name and ".py" in name]
    assert widgets == [f"convbook/widgets/{n}.py" for n in ("explorer", "pooling", "quiz")]


def test_new_and_gone_inputs_are_named(course, notebook):
    notebook.execute()
    (course / "convbook" / "figures.py").write_text("")
    (course / "convbook" / "claims.py").unlink()
    assert notebook.changes() == ["convbook/figures.py is new", "convbook/claims.py is gone"]


def test_a_changed_output_is_stored(course, notebook):
    notebook.execute()
    (course / "book" / "07_test.py").write_text(SOURCE.replace('"exact"', '"other"'))
    assert notebook.execute()
    assert "other" in read(notebook.path).cells[2].outputs[0].text


def test_a_failing_cell_is_shown_and_the_old_notebook_kept(course, notebook):
    notebook.execute()
    before = notebook.path.read_bytes()
    (course / "book" / "07_test.py").write_text(SOURCE + "\n# %%\nnumbers = [1]\nnumbers[7]\n")
    with pytest.raises(NotebookError) as raised:
        notebook.execute()
    message = str(raised.value)
    assert "book/07_test, cell 4 fails" in message
    assert "numbers[7]" in message
    assert "IndexError" in message
    assert notebook.path.read_bytes() == before


def test_a_dead_kernel_is_reported(course, notebook):
    (course / "book" / "07_test.py").write_text("# %%\nimport os\n\nos._exit(3)\n")
    with pytest.raises(NotebookError, match="cell 1 did not end"):
        notebook.execute()
    assert not notebook.path.exists()


def test_stand_in_outputs_are_stored_only_when_asked(course, notebook):
    (course / "book" / "07_test.py").write_text('# %%\nprint("mnist ≈ stand-in made here")\n')
    with pytest.raises(NotebookError, match="stand-in"):
        notebook.execute()
    assert not notebook.path.exists()
    assert notebook.execute(stand_in=True)


def test_cell_ids_follow_from_the_source(notebook):
    ids = [cell.id for cell in convert(notebook.source).cells]
    assert ids == [cell.id for cell in convert(notebook.source).cells]
    notebook.source.write_text("# %%\n1\n\n# %%\n1\n\n" + SOURCE)
    more = [cell.id for cell in convert(notebook.source).cells]
    assert more[2:] == ids
    assert more[1] == f"{more[0]}-2"


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "07_test.ipynb"
    path.write_text("{")
    with pytest.raises(NotebookError, match=r"07_test\.ipynb is not a notebook"):
        read(path)


def test_find_by_number(course):
    shutil.copy(course / "book" / "07_test.py", course / "book" / "08_more.py")
    assert [n.name for n in find("book", ["08"], course)] == ["book/08_more"]
    assert len(find("book", root=course)) == 2


@pytest.mark.parametrize(
    "notebook", find("book") + find("solutions"), ids=lambda notebook: notebook.name
)
def test_every_stored_notebook_is_up_to_date(notebook: Notebook):
    assert notebook.changes() == [], "run `convbook notebooks`"
    source, stored = convert(notebook.source), read(notebook.path)
    assert [(c.id, c.source) for c in stored.cells] == [(c.id, c.source) for c in source.cells]
    assert environment.ROOT in notebook.path.parents
