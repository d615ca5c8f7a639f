"""The rules that every chapter, lab and README keeps."""

import re

import pytest
import yaml

from convbook.address import copies, repository, rewritten
from convbook.environment import ROOT
from convbook.notebooks import INSTALL_TAGS, read

NOTEBOOKS = sorted(
    p for part in ("book", "solutions", "labs") for p in (ROOT / part).glob("*.ipynb")
)
SKIPPING = {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception", "raises-exception"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def notebook(request):
    return read(request.param)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_install(cell):
    return cell.metadata.get("tags") == INSTALL_TAGS


def test_the_first_code_cell_installs_the_course_in_colab_and_is_the_only_one_skipped(notebook):
    first, *others = code(notebook)
    assert is_install(first)
    assert f"git+https://github.com/{repository()}" in first.source
    for cell in others:
        assert not SKIPPING & set(cell.metadata.get("tags", []))
        assert "NBVAL_" not in cell.source


def test_cells_are_short_and_stand_between_text(notebook):
    in_a_row = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            in_a_row = 0
            continue
        assert len(cell.source.splitlines()) <= 30, cell.source
        in_a_row += not is_install(cell) and "nbgrader" not in cell.metadata
        assert in_a_row <= 2, f"a third code cell in a row: {cell.source}"


def test_figures_have_a_text_for_those_who_do_not_see_them(notebook):
    for cell in code(notebook):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 20, cell.source


def test_outputs_hold_no_error_no_path_and_no_address(notebook):
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.get("text")
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert not re.search(r"\bat 0x[0-9a-f]{6,}|(?<![\w.])/(?:root|home|tmp|Users)/", text)


def test_notebooks_import_only_what_the_design_allows(notebook):
    allowed = {
        "keras", "numpy", "matplotlib", "scipy", "sklearn", "ipywidgets", "tensorflow", "jax",
        "convbook", "google",
        "io", "itertools", "json", "math", "os", "pathlib", "socket", "subprocess", "sys",
        "tempfile", "time", "warnings", "wave",
    }  # fmt: skip
    for cell in code(notebook):
        for package in re.findall(r"^\s*(?:import|from) ([\w]+)", cell.source, re.MULTILINE):
            assert package in allowed, package
        for name in re.findall(r"^from convbook import (.+)$", cell.source, re.MULTILINE):
            assert set(name.split(", ")) <= {"data", "claims", "figures", "widgets"}


@pytest.mark.parametrize("path", copies(), ids=lambda path: path.name)
def test_the_address_is_the_one_of_the_configuration(path):
    text = path.read_text(encoding="utf-8")
    assert rewritten(text, repository()) == text, "run `convbook notebooks`"
    assert repository() in text


def test_another_address_is_written_everywhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    moved = rewritten(text, "acme/deep-course")
    assert repository() not in moved
    assert "git clone https://github.com/acme/deep-course &&" in moved
    assert "https://acme.github.io/deep-course/book/" in moved
    assert "colab.research.google.com/github/acme/deep-course/blob/main/labs/" in moved
    assert rewritten(moved, repository()) == text


def test_the_readme_and_the_contents_list_every_chapter():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [entry for part in contents["parts"] for entry in part["chapters"]]
    for chapter in sorted((ROOT / "book").glob("[0-9]*.py")):
        name = chapter.stem
        [entry] = [e for e in chapters if e["file"] == f"book/{name}"]
        assert entry["sections"] == [{"file": f"labs/{name}"}]
        for folder in ("book", "labs"):
            assert f"/{folder}/{name}.html" in readme
            assert f"/blob/main/{folder}/{name}.ipynb" in readme
