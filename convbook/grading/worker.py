"""A warm process to run notebooks in, and the talk with it."""

import hmac
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b

from convbook import environment
from convbook.grading import sandbox
from convbook.grading.sandbox import Limits, SandboxError

START = 120.0  # seconds that a warm process gets to import Keras
GRACE = 5.0  # seconds a cell gets beyond its limit, before its whole process is killed
LINE = 1 << 16  # bytes of an answer
ENDED = "this cell ended Python"
NAMELESS = re.compile(r"<ipython-input-[^>]*>")  # what IPython calls a cell
LATE = "stopped: out of time"
NOT_RUN = "not run: an earlier cell ended Python, or used up the time"


@dataclass(frozen=True)
class Step:
    """One cell to run.

    ``kind`` is ``cell`` (the submission's own), ``given``, ``test``, or ``moment``: keep all names
    as they are now, for the test that has the same ``moment``. ``keep`` names what a given cell
    defines for the tests.
    """

    kind: str
    id: str
    source: str = ""
    keep: tuple[str, ...] = ()
    moment: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: ``ok``, or the error that ended it.

    ``flags`` say what the submission tried; ``seconds`` is wall time.
    """

    id: str
    ok: bool
    error: str = ""
    seconds: float = 0.0
    flags: tuple[str, ...] = ()


@dataclass
class Run:
    """The outcomes of one notebook. ``died`` is the number of the step that ended Python.

    ``cpu`` is in core-seconds, of all its processes.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    died: int | None = None
    cpu: float = 0.0

    def explain(self, id: str, error: str) -> None:
        """Replace the error of one outcome by a better one."""
        self.outcomes = [replace(o, error=error) if o.id == id else o for o in self.outcomes]


class Worker:
    """A warm process that runs each notebook in a fork of its own; use it in a ``with`` statement.

    Without ``trust`` it is sandboxed; with it, cells can do all that this user can.
    ``threads``: how many a notebook's libraries start; 0 lets them decide.

    Raises
    ------
    SandboxError : the sandbox cannot be made, or Keras cannot be imported in it.
    """

    def __init__(self, trust: bool = False, threads: int = 0):
        self.trust, self.threads, self.process = trust, threads, None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def start(self) -> None:
        """Start the process, unless it runs already, and wait until it is warm."""
        if self.process:
            return
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        code = (
            "from convbook.grading.inside import serve; import sys; vars(sys.modules['__main__'])"
        )
        code += f".pop('serve')({theirs.fileno()}, {not self.trust})"
        program = [sys.executable, "-c", code]
        if self.trust:
            env = os.environ | environment.build() | {"MPLBACKEND": "Agg", "CONVBOOK_OFFLINE": "1"}
        else:
            program, env = sandbox.command(program), sandbox.environment(self.threads)
        self.process = subprocess.Popen(
            program,
            env=env,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self.control.settimeout(START)
        try:
            ready = self.control.recv(16)
        except TimeoutError:
            ready = b""
        if not ready:
            self.process.kill()
            said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise SandboxError(f"the grading process did not start: {(said or ['silence'])[-1]}")

    def close(self) -> None:
        """End the process and all that it started."""
        if self.process:
            self.control.close()
            self.process.kill()
            self.process.wait()
            self.process.stderr.close()
            self.process = None

    def run(self, steps: list[Step], limits: Limits) -> Run:
        """Run steps in order in one fresh process; one outcome a step, but for moments.

        A failing cell does not stop the later ones. A cell beyond its time is interrupted; one
        that cannot be interrupted, or that ends the process, leaves the later ones not run.

        Raises
        ------
        SandboxError : the process that forks is gone; the next call starts a new one.
        """
        self.start()
        ours, theirs = socket.socketpair()
        try:
            with ours, theirs:
                request = json.dumps(asdict(limits)).encode()
                socket.send_fds(self.control, [request], [theirs.fileno()])
                theirs.close()
                run = talk(ours, steps, limits)
            self.control.send(b"end")
            last = json.loads(self.control.recv(LINE))
        except (OSError, ValueError) as error:
            self.close()
            raise SandboxError(f"the grading process ended: {error}") from error
        except BaseException:
            self.close()
            raise
        run.cpu = last["cpu"]
        if last["reason"] and run.died is not None:
            run.explain(steps[run.died].id, f"stopped: {last['reason']}")
        return run


def talk(link: socket.socket, steps: list[Step], limits: Limits) -> Run:
    """Send one step after another, each when the one before is answered."""
    run, answers = Run(), Answers(link)
    deadline = time.monotonic() + limits.total
    for number, step in enumerate(steps):
        if run.died is not None:
            outcome = Outcome(step.id, False, NOT_RUN)
        else:
            left = min(limits.cell + GRACE, deadline - time.monotonic())
            outcome, alive = answers.to(step, left)
            run.died = None if alive else number
        if step.kind != "moment":
            run.outcomes.append(outcome)
    return run


class Answers:
    """The child's answers.

    Only one counts that repeats the random word of its question, and is signed with the key that
    the child was sent before anything of the submission ran.
    """

    def __init__(self, link: socket.socket):
        self.link, self.text, self.key = link, b"", secrets.token_bytes(32)
        link.sendall(self.key.hex().encode() + b"\n")

    def to(self, step: Step, seconds: float) -> tuple[Outcome, bool]:
        """The outcome of a step, and whether the child still lives."""
        word, flags = secrets.token_hex(16), ()
        end = time.monotonic() + seconds
        try:
            self.link.settimeout(max(seconds, 0.001))
            self.link.sendall(json.dumps(asdict(step) | {"word": word}).encode() + b"\n")
            while True:
                answer = self.line(end)
                if answer is None:
                    return Outcome(step.id, False, ENDED, flags=flags), False
                if "fatal" in answer:
                    raise SandboxError(f"the sandbox could not be entered: {answer['fatal']}")
                if answer.get("word") == word:
                    break
                flags = ("writes into the grader's own connection",)
                if "endless" in answer:
                    return Outcome(step.id, False, ENDED, flags=flags), False
        except TimeoutError:
            return Outcome(step.id, False, LATE, flags=flags), False
        except OSError:
            return Outcome(step.id, False, ENDED, flags=flags), False
        flags += tuple(answer["flags"])
        answer["error"] = NAMELESS.sub("this cell", answer["error"])
        return Outcome(step.id, answer["ok"], answer["error"], answer["seconds"], flags), True

    def line(self, end: float) -> dict | None:
        """The next line's JSON, empty where it is not signed; None where the child is gone."""
        while b"\n" not in self.text and len(self.text) <= LINE:
            self.link.settimeout(max(end - time.monotonic(), 0.001))
            chunk = self.link.recv(LINE)
            if not chunk:
                return None
            self.text += chunk
        line, _, self.text = self.text.partition(b"\n")
        if len(line) > LINE:
            return {"endless": True}
        code, _, body = line.partition(b" ")
        if hmac.compare_digest(code, blake2b(body, key=self.key).hexdigest().encode()):
            return json.loads(body)
        return {}
