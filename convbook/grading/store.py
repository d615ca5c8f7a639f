"""Keep each result on disk as soon as it is there, so that nothing is graded twice."""

import hashlib
import importlib.metadata
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

from convbook.grading.results import Result
from convbook.grading.sandbox import Limits
from convbook.grading.spec import Spec
from convbook.notebooks import write

PACKAGES = ("numpy", "scipy", "keras", "tensorflow", "matplotlib", "ipython", "nbformat")


class Store:
    """Results in a folder, one small JSON file each, under a key of all that decides them."""

    def __init__(self, folder: Path, spec: Spec, limits: Limits, trust: bool):
        self.folder = folder
        parts = [spec.to_dict(), asdict(limits), trust, environment()]
        self.base = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())

    def key(self, data: bytes) -> str:
        """The key of a submission: the same for the same spec, bytes, limits and environment."""
        digest = self.base.copy()
        digest.update(data)
        return digest.hexdigest()[:32]

    def get(self, key: str) -> Result | None:
        """A kept result; None if there is none, or its file is broken."""
        try:
            return Result.from_dict(json.loads(self.path(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, result: Result) -> None:
        """Keep a result, in one step.

        Raises
        ------
        OSError : the disk is full, or the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.path(key), json.dumps(result.to_dict(), ensure_ascii=True) + "\n")

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def environment() -> dict[str, str]:
    """What else a result depends on: versions, the back end, the course's own code, the data."""
    code = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for path in sorted([*package.glob("*.py"), *package.glob("grading/*.py")]):
        code.update(path.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return versions | {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "data": os.environ.get("CONVBOOK_DATA", ""),
        "code": code.hexdigest(),
    }
