"""Run the cells of one notebook after another, each notebook in a fresh forked process.

A ``Worker`` starts one process that imports Keras once (about five seconds) and then waits.
For each notebook it forks: the child has everything imported and costs a fraction of a second.
The two talk in lines of JSON over pipes of their own, never over what a cell prints.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from convbook import environment

GRACE = 5.0  # seconds a cell gets beyond its limit, before its whole process is killed
MESSAGE = 2000  # characters kept of an error's message
UNANSWERED = "not answered yet"
NOT_RUN = "not run: an earlier cell ended Python, or used up the time"


@dataclass(frozen=True)
class Limits:
    """Wall time in seconds: for each cell, and for the whole notebook."""

    cell: float = 60.0
    total: float = 600.0


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: ``ok``, or the error that ended it."""

    id: str
    ok: bool
    error: str = ""
    seconds: float = 0.0


class Worker:
    """A warm process to run notebooks in; use it in a ``with`` statement.

    Nothing here is a sandbox: the cells can do all that this user can.
    """

    def __init__(self):
        env = os.environ | environment.build() | {"MPLBACKEND": "Agg", "CONVBOOK_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from convbook.grading import worker; worker.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """End the process, even if it is still importing."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def run(self, cells: list[tuple[str, str]], limits: Limits | None = None) -> list[Outcome]:
        """Run ``(id, source)`` cells in order in one fresh namespace; one outcome a cell.

        A failing cell does not stop the later ones. A cell beyond its time is interrupted; one
        that cannot be interrupted, or that ends the process, leaves the later ones not run.
        """
        limits = limits or Limits()
        request = {"cells": cells, "cell": limits.cell, "total": limits.total}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            reply = self.process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            raise RuntimeError("the grading process ended unexpectedly; see its messages above")
        return [Outcome(**outcome) for outcome in json.loads(reply)]


class CellTimeoutError(BaseException):
    """Raised inside a cell at its time limit; no ``except Exception`` catches it."""


def serve() -> None:
    """The warm process: import, then fork a child for each request until stdin closes."""
    requests, replies = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    messages = os.dup(2)
    os.dup2(nothing, 2)  # TensorFlow logs lines as it is imported
    try:
        warm_up()
    finally:
        os.dup2(messages, 2)
    for line in requests:
        request = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            requests.close()
            replies.close()
            os.close(reader)
            os.dup2(nothing, 2)
            os.setsid()
            run_cells(request, os.fdopen(writer, "w"))
            os._exit(0)
        os.close(writer)
        outcomes = collect(request, reader, child)
        replies.write(json.dumps(outcomes) + "\n")
        replies.flush()


def warm_up() -> None:
    """Import what labs import. No TensorFlow operation may run here: it would break the fork."""
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import scipy.signal  # noqa: F401
    from IPython.core.magics import ExecutionMagics  # noqa: F401


def run_cells(request: dict, out) -> None:
    """The child: run each cell and write its outcome as one line."""
    shell = new_shell()
    signal.signal(signal.SIGALRM, on_alarm)
    for cell_id, source in request["cells"]:
        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, request["cell"])
        try:
            result = shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except CellTimeoutError as late:
            error = late
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = round(time.monotonic() - start, 2)
        outcome = Outcome(cell_id, error is None, describe(error, request["cell"]), seconds)
        out.write(json.dumps(outcome.__dict__) + "\n")
        out.flush()


def new_shell():
    """A shell that runs cells as a notebook's kernel does, ``%%time`` and ``%matplotlib`` too."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magics import ExecutionMagics
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui=None):
            """Figures are not shown here."""

        def ask_exit(self):
            raise RuntimeError("do not call exit() in a notebook that is marked")

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    shell.register_magics(ExecutionMagics)
    return shell


def on_alarm(*_) -> None:
    raise CellTimeoutError


def describe(error: BaseException | None, limit: float) -> str:
    """An error as the sentence that a student reads."""
    if error is None:
        return ""
    if isinstance(error, CellTimeoutError):
        return f"stopped after {limit:g} seconds"
    if isinstance(error, NotImplementedError) and not str(error):
        return UNANSWERED
    text = str(error).strip()[:MESSAGE]
    if isinstance(error, AssertionError):
        lines = text.splitlines() or ["an assertion failed"]
        if lines[0].startswith("Not equal to tolerance"):  # NumPy's first line; then comes ours
            lines = lines[1:]
        return "\n".join(lines)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def collect(request: dict, reader: int, child: int) -> list[dict]:
    """The parent: gather outcomes until the child is done or out of time, then end it whole."""
    outcomes, text, ended = [], b"", "this cell ended Python"
    deadline = time.monotonic() + request["total"]
    while len(outcomes) < len(request["cells"]):
        wait = min(request["cell"] + GRACE, deadline - time.monotonic())
        if wait <= 0 or not select.select([reader], [], [], wait)[0]:
            ended = "stopped: out of time"
            break
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            break
        *lines, text = (text + chunk).split(b"\n")
        outcomes += [json.loads(line) for line in lines]
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for cell_id, _ in request["cells"][len(outcomes) :]:
        outcomes.append(Outcome(cell_id, False, ended).__dict__)
        ended = NOT_RUN
    return outcomes
