"""What runs inside the sandbox: a warm process, and the child that it forks for each notebook.

``serve`` imports Keras once (about five seconds) and then waits. For each notebook it is sent a
socket, forks a child that keeps it, and never reads from it: the cells, and the tests most of
all, reach the child only. The child answers each cell with one line of JSON, which repeats the
random word that came with the cell, behind a code made with the key that it was sent before the
first cell. What a cell prints goes nowhere.

While cells run, only what was imported by name or is made in C may be used here: a cell can change
any module.
"""

import builtins
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import types
from hashlib import blake2b
from json.encoder import c_make_encoder, encode_basestring_ascii
from json.scanner import c_make_scanner
from pathlib import Path
from signal import ITIMER_REAL, SIGALRM, setitimer
from time import monotonic

from convbook.grading import sandbox
from convbook.grading.guard import Guard
from convbook.grading.looks import LOOK
from convbook.grading.shell import CellTimeoutError, new_shell, on_alarm

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change
set_handler = signal.signal

# JSON in C alone: a cell can change what json itself is made of, and would read each question.
decode = c_make_scanner(json.JSONDecoder())
encode = c_make_encoder(None, None, encode_basestring_ascii, None, ": ", ", ", False, False, True)
MESSAGE = 2000  # characters kept of an error's message
UNANSWERED = "not answered yet"
POLL = 0.25  # seconds between two looks at the memory


def serve(descriptor: int, walled: bool) -> None:
    """Import, then fork a child for each socket that comes, until the control socket closes."""
    control = socket.socket(fileno=descriptor)
    silence(0, 1)
    warm_up()
    silence(2)  # until here it says why it could not start
    forget_the_grader()
    shell = new_shell()
    guard = Guard()
    gc.collect()
    gc.freeze()
    original = os.open("/proc/self/ns/pid", os.O_RDONLY) if walled else -1
    control.send(b"ready")
    while True:
        message, descriptors, *_ = socket.recv_fds(control, 1 << 16, 1)
        if not message:
            return
        limits = sandbox.Limits(**json.loads(message))
        child = sandbox.fork(original) if walled else os.fork()
        if child == 0:
            control.close()
            with contextlib.suppress(OSError):
                os.close(original)
            os.setsid()
            run(socket.socket(fileno=descriptors[0]), shell, guard, limits, walled)
            os._exit(0)
        os.close(descriptors[0])
        reason = watch(control, child, limits, walled)
        kill(child, walled)
        _, _, usage = os.wait4(child, 0)
        cpu = round(usage.ru_utime + usage.ru_stime, 2)
        control.send(json.dumps({"reason": reason, "cpu": cpu}).encode())


def silence(*streams: int) -> None:
    """Standard input is empty; whatever is printed is dropped."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in streams:
        os.dup2(nothing, stream)
    os.close(nothing)


def warm_up() -> None:
    """Import what labs import. No TensorFlow operation may run here: it would break the fork."""
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import numpy.testing  # noqa: F401
    import scipy.signal  # noqa: F401

    import convbook.data
    import convbook.figures
    import convbook.widgets  # noqa: F401


def watch(control: socket.socket, child: int, limits: sandbox.Limits, walled: bool) -> str:
    """Wait for the word that the notebook is done; meanwhile end it if it takes too much memory.

    Returns why it was ended, or nothing.
    """
    reason = ""
    own = held(Path("/proc/self"), "Rss:") if walled else 0  # a fork may come to copy all of it
    while not select.select([control], [], [], POLL)[0]:
        if walled and not reason and memory() > limits.memory + own:
            reason = f"it used more than {limits.memory >> 20} MB of memory"
            kill(child, walled)
    control.recv(16)
    return reason


def memory() -> int:
    """Bytes held by all processes of this sandbox but this one, what they share counted once."""
    used = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in (1, os.getpid()):
            with contextlib.suppress(OSError, StopIteration):
                used += held(entry, "Pss:")
    return used


def held(process: Path, kind: str) -> int:
    """Bytes that a process holds, as the line of this kind in its ``smaps_rollup`` says."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(kind))


def kill(child: int, walled: bool) -> None:
    """End the child with all that it started: the first of a namespace takes all with it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL) if walled else os.killpg(child, signal.SIGKILL)


def run(link: socket.socket, shell, guard: Guard, limits: sandbox.Limits, walled: bool) -> None:
    """The child: answer each cell that comes with one line."""
    questions, send = os.fdopen(link.fileno(), "rb", closefd=False), link.sendall
    key = bytes.fromhex(questions.readline().decode())
    if walled:
        try:
            sandbox.enter(limits)
        except OSError as error:
            send(signed({"fatal": str(error)}, key))
            return
    os.register_at_fork(after_in_child=link.close)
    alarm = types.FunctionType(on_alarm.__code__, {"CellTimeoutError": CellTimeoutError})
    cells = Cells(shell, guard)
    for line in questions:
        request, _ = decode(line.decode(), 0)
        word, guard.flags[:] = request.pop("word"), []
        set_handler(SIGALRM, alarm)
        start, error = monotonic(), None
        try:
            setitimer(ITIMER_REAL, limits.cell)
            error = cells.run(**request)
        except BaseException as caught:  # a test may end in anything that a submission raises
            error = caught
        try:
            text = describe(error, limits.cell)
            setitimer(ITIMER_REAL, 0)
        except CellTimeoutError:
            text = describe(CellTimeoutError(), limits.cell)
        answer = {"word": word, "error": text, "ok": error is None}
        answer |= {"seconds": round(monotonic() - start, 3), "flags": [*guard.flags]}
        send(signed(answer, key))


def signed(answer: dict, key: bytes) -> bytes:
    """An answer as a line that the grader believes."""
    body = "".join(encode(answer, 0)).encode()
    return blake2b(body, key=key).hexdigest().encode() + b" " + body + b"\n"


def forget_the_grader() -> None:
    """Leave no way to this code through the modules that a cell can import."""
    for name in [name for name in sys.modules if name.startswith("convbook.grading")]:
        del sys.modules[name]
    vars(sys.modules["convbook"]).pop("grading", None)


class Cells:
    """Runs cells of each kind in one namespace, that of the shell."""

    def __init__(self, shell, guard: Guard):
        self.shell, self.guard, self.names = shell, guard, shell.user_ns
        self.given: dict = {}
        self.moments: dict[str, dict] = {}

    def run(self, kind: str, id: str, source: str, keep: list[str], moment: str):
        """Run one cell; returns the error that ended it, or None, or raises it.

        ``cell`` is the submission's own; ``given`` and ``test`` come from the lab. ``moment``
        keeps the names as they are now; a test with a moment runs with the names of then.
        """
        if kind == "moment":
            self.moments[moment] = dict(self.names)
        elif kind == "cell":
            self.guard.events.testing = False
            result = self.shell.run_cell(source, store_history=False)
            return result.error_before_exec or result.error_in_exec
        elif kind == "given":
            self.give(source, keep)
        else:
            if moment:
                self.names.clear()
                self.names.update(self.moments[moment])
            self.test(source)
        return None

    def give(self, source: str, keep: list[str]) -> None:
        """Run given code, with what it relies on put back as it was."""
        self.restore()
        exec(self.guard.compiled(source), self.names)
        self.given.update({name: self.names[name] for name in keep if name in self.names})

    def test(self, source: str) -> None:
        """Run a test in names of its own, where no built-in function has another meaning."""
        self.restore()
        names = {name: v for name, v in self.names.items() if name not in __builtins__}
        exec(self.guard.compiled(source), names | self.given | {LOOK: self.guard.look})

    def restore(self) -> None:
        self.guard.repair()
        self.names.update(self.given)
        self.names["__builtins__"] = builtins


def describe(error: BaseException | None, limit: float) -> str:
    """An error as the sentence that a student reads."""
    if error is None:
        return ""
    if isinstance(error, CellTimeoutError):
        return f"stopped after {limit:g} seconds"
    try:
        text = str.__getitem__(str(error), slice(MESSAGE)).strip()
    except BaseException:
        text = "an error that cannot be shown"
    if isinstance(error, NotImplementedError) and not text:
        return UNANSWERED
    if isinstance(error, AssertionError):
        lines = text.splitlines() or ["an assertion failed"]
        if lines[0].startswith("Not equal to tolerance"):  # NumPy's first line; then comes ours
            lines = lines[1:]
        return "\n".join(lines)
    name = type(error).__name__
    return f"{name}: {text}" if text else name
