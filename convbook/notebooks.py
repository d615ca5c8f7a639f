"""From ``NN_name.py`` to an executed notebook with verified outputs, and to the released lab."""

import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

from convbook import environment

METADATA = {
    "accelerator": "GPU",
    "colab": {"provenance": []},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
INSTALL_TAGS = ["nbval-skip", "skip-execution", "remove-cell"]
CELL_TIMEOUT = 300  # seconds; nbval's own limit for a cell is longer
SANITIZED = re.compile(r"≈[^<\n]*")  # the one rule of tests/sanitize.cfg
STAND_IN = re.compile(r"≈[^<\n]*stand-in made here")  # for want of a network, say


class NotebookError(Exception):
    """A notebook that could not be made; the message says which cell and what to do."""


@dataclass(frozen=True)
class Notebook:
    """One ``.py`` source and the notebook that stands beside it."""

    source: Path
    root: Path = environment.ROOT

    @property
    def path(self) -> Path:
        return self.source.with_suffix(".ipynb")

    @property
    def name(self) -> str:
        return str(self.source.relative_to(self.root).with_suffix(""))

    def text(self) -> str:
        return self.source.read_text(encoding="utf-8")

    def inputs(self) -> dict[str, str]:
        """Everything that its outputs depend on: file name → the first 12 digits of its SHA-256.

        An explorer's JavaScript and CSS are left out: no stored output holds any of them.
        """
        number = self.source.stem.split("_")[0]
        package = self.root / "convbook"
        files = [
            self.source,
            self.root / "requirements.txt",
            *(package / f"{name}.py" for name in ("claims", "figures")),
            *self.data(),
            *self.widgets(),
            package / "widgets" / "quizzes" / f"{number}.toml",
            *[self.root / "bench" / "results" / f"{name}.json" for name in self.results()],
        ]
        return {f.relative_to(self.root).as_posix(): digest(f) for f in files if f.exists()}

    def data(self) -> list[Path]:
        """The modules of ``convbook.data``, and those that make stand-ins of what it loads."""
        loaded = set(re.findall(r"""data\.load\(["'](\w+)["']""", self.text()))
        if not loaded:
            return []
        standins = self.root / "convbook" / "standins"
        made = [path for name in sorted(loaded) if (path := standins / f"{name}.py").exists()]
        text = "".join(path.read_text("utf-8") for path in made)
        parts = re.findall(r"^from convbook\.standins\.(\w+) import", text, re.MULTILINE)
        shared = [standins / f"{name}.py" for name in ("__init__", *sorted(set(parts)))]
        return [*sorted((self.root / "convbook" / "data").glob("*.py")), *shared, *made]

    def widgets(self) -> list[Path]:
        """The modules of ``convbook.widgets`` that its source imports a function from."""
        imports = re.findall(
            r"^from convbook\.widgets import (\([^)]+\)|.+)", self.text(), re.MULTILINE
        )
        names = set(re.findall(r"\w+", " ".join(imports)))
        folder = self.root / "convbook" / "widgets"
        defined = {
            path: set(re.findall(r"^def (\w+)", path.read_text("utf-8"), re.MULTILINE))
            for path in sorted(folder.glob("*.py"))
        }
        used = [path for path in defined if names & defined[path]]
        return [folder / "explorer.py", *used] if used else []

    def results(self) -> list[str]:
        """The measurements that its source reads: ``data.results("name")``."""
        found = re.findall(r"""data\.results\(["'](\w+)["']\)""", self.text())
        return sorted(set(found))

    def changes(self) -> list[str]:
        """Why the stored notebook is stale, one reason a file; empty if it is up to date."""
        if not self.path.exists():
            return [f"{self.path.name} is missing"]
        stored = read(self.path).metadata.get("convbook", {}).get("inputs", {})
        now = self.inputs()
        changed = [f"{name} changed" for name in now if stored.get(name) not in (None, now[name])]
        new = [f"{name} is new" for name in now if name not in stored]
        return changed + new + [f"{name} is gone" for name in stored if name not in now]

    def execute(self, stand_in: bool = False) -> bool:
        """Run the source and store the notebook; True if the file changed.

        The old notebook stays as it is when a cell fails, and when neither an input nor any
        verified text has changed.

        Raises
        ------
        NotebookError : a cell fails or takes too long, or the data is a stand-in's and
            ``stand_in`` is False.
        """
        inputs, nb = self.inputs(), convert(self.source)  # as they are before a long run
        run(nb, self.name, self.source.parent)
        if not stand_in and STAND_IN.search(verified_text(nb)):
            raise NotebookError(
                f"{self.name}: the data is a stand-in, so its outputs are not stored.\n"
                "Set CONVBOOK_DATA to a folder with the real data, or pass --stand-in."
            )
        nb.metadata["convbook"] = {"inputs": inputs}
        if self.path.exists():
            old = read(self.path)
            if (
                old.metadata.get("convbook") == nb.metadata["convbook"]
                and [c.id for c in old.cells] == [c.id for c in nb.cells]
                and SANITIZED.sub("", verified_text(old)) == SANITIZED.sub("", verified_text(nb))
            ):
                return False
        write(self.path, nbformat.writes(nb) + "\n")
        return True


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook from disk; NotebookError if the file is none."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise NotebookError(f"{path} is not a notebook that can be read: {error}") from error


def write(path: Path, text: str) -> None:
    """Replace a file in one step, so that a full disk or an interrupt leaves the old one."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=".", encoding="utf-8", newline="\n", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def find(folder: str, numbers: list[str] | None = None, root: Path = environment.ROOT):
    """The notebooks of ``book`` or ``solutions``: all, or those whose name begins as asked for."""
    sources = sorted((root / folder).glob("*.py"))
    return [Notebook(s, root) for s in sources if not numbers or s.stem.split("_")[0] in numbers]


def convert(source: Path) -> nbformat.NotebookNode:
    """A ``py:percent`` source as a notebook without outputs, with ids that its content decides."""
    nb = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    nb.metadata = nbformat.from_dict(METADATA)
    nb.nbformat, nb.nbformat_minor = 4, 5
    seen = set()
    for cell in nb.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"] = nbgrader_metadata(cell.metadata["nbgrader"])
        base = cell.metadata.get("nbgrader", {}).get("grade_id")
        base = base or hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        cell.id, copy = base, 1
        while cell.id in seen:
            copy += 1
            cell.id = f"{base}-{copy}"
        seen.add(cell.id)
    return nb


def nbgrader_metadata(short: dict) -> dict:
    """nbgrader's full cell metadata from what a master states: an id, and a role.

    ``solution: true`` is an answer cell, ``points`` a locked test, ``locked: true`` given code.
    """
    graded = "points" in short
    return {
        "grade": graded,
        "locked": graded,
        "solution": False,
        "task": False,
        "schema_version": 3,
    } | short


def run(nb: nbformat.NotebookNode, name: str, folder: Path) -> None:
    """Execute a notebook in place, cell by cell, with a progress display."""
    os.environ.update(environment.build())
    client = NotebookClient(
        nb,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    bar = tqdm(total=len(nb.cells), desc=name, unit="cell", leave=False)
    with client.setup_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), bar:
        for index, cell in enumerate(nb.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                traceback = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
                raise NotebookError(
                    f"{name}, cell {index + 1} fails:\n\n{indent(cell.source)}\n\n{traceback}"
                ) from None
            except (CellTimeoutError, DeadKernelError) as error:
                raise NotebookError(
                    f"{name}, cell {index + 1} did not end: {error}\n\n{indent(cell.source)}"
                ) from None
            bar.update()
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and cell.outputs:
            cell.outputs = [nbformat.from_dict(o) for o in merged_streams(cell.outputs)]


def merged_streams(outputs: list) -> list:
    """Join neighbouring prints: how a kernel cuts them up depends on its timing."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.get("name") and output.get("name") == last.get("name"):
            last["text"] += output["text"]
        else:
            merged.append(output)
    return merged


def verified_text(nb: nbformat.NotebookNode) -> str:
    """All outputs that nbval compares, as one text."""
    parts = []
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts += [output.get("text", "")]
            parts += [data[kind] for kind in sorted(data) if kind.startswith("text/")]
    return "\n".join(parts)


def indent(text: str) -> str:
    return "    " + text.replace("\n", "\n    ")
