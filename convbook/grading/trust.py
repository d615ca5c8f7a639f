"""Which code is trusted: Python's, its packages', the course's and the tests'."""

import builtins
from pathlib import Path
from secrets import token_hex
from sysconfig import get_path

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change


class Trust:
    """Told apart by file names; ``test`` is that of tests, and nobody can guess it."""

    def __init__(self):
        folders = {get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
        self.folders = sorted((f"{folder}/" for folder in folders), key=len, reverse=True)
        paths = {*folders, str(Path(__file__).resolve().parent.parent)}
        self.test = f"<test {token_hex(8)}>"
        others = ("<frozen ", "<__array_function__", self.test)
        self.trusted = (*(f"{path}/" for path in paths), *others)

    def trusts(self, filename: str) -> bool:
        return filename.startswith(self.trusted)

    def package(self, filename: str) -> str:
        """The package or module of Python's library whose file this is; nothing if it is none's."""
        if filename.startswith("<frozen "):
            return filename[len("<frozen ") : -1]
        for folder in self.folders:
            if filename.startswith(folder):
                return filename[len(folder) :].partition("/")[0].removesuffix(".py")
        return ""
