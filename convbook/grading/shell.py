"""The shell that a submission's cells run in. Cells can reach all that is in this file."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magics import ExecutionMagics
from traitlets.config import Config


class CellTimeoutError(BaseException):
    """Raised inside a cell at its time limit; no ``except Exception`` catches it."""


class Shell(InteractiveShell):
    """Runs cells as a notebook's kernel does, with ``%%time`` and ``%matplotlib``."""

    def enable_gui(self, gui=None):
        """Figures are not shown here."""

    def showtraceback(self, *_, **__):
        """Nobody reads it here, and it takes longer than most cells."""

    def showsyntaxerror(self, *_, **__):
        """As for ``showtraceback``."""

    def ask_exit(self):
        raise RuntimeError("do not call exit() in a notebook that is marked")


def new_shell() -> Shell:
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    shell.register_magics(ExecutionMagics)
    return shell


def on_alarm(*_) -> None:
    raise CellTimeoutError
