"""An audit hook (PEP 578): refuses what only a submission that looks for its tests would do."""

import builtins
from collections.abc import Callable
from io import FileIO
from sys import _getframe, addaudithook
from types import CodeType, FunctionType

from convbook.grading.originals import Originals, named, words
from convbook.grading.trust import Trust

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change

FORBIDDEN = {  # audit events (PEP 578) → what they mean
    "sys._getframe": "looks at the frames of its callers",
    "sys._current_frames": "looks at the frames of its callers",
    "sys._current_exceptions": "looks at the frames of its callers",
    "sys.settrace": "sets a trace function",
    "sys.setprofile": "sets a profile function",
    "sys.monitoring.register_callback": "sets a trace function",
    "gc.get_objects": "searches the memory for objects",
    "gc.get_referrers": "searches the memory for objects",
    "gc.get_referents": "searches the memory for objects",
    "sys.addaudithook": "adds an audit hook",
    "marshal.loads": "loads compiled code",
}
IN_CTYPES = ("ctypes.dlopen", "ctypes.dlsym", "ctypes.cdata", "ctypes.string_at")
WORDS = {  # names that only code has which looks for its tests
    *("f_back", "f_locals", "f_globals", "f_builtins", "tb_frame", "gi_frame", "cr_frame"),
    *("ag_frame", "_getframe", "_current_frames", "get_objects", "get_referrers"),
    *("get_referents", "cell_contents", "ctypes", "_ctypes", "addaudithook", "currentframe"),
}
DEFINING = (b"def", b"lambda", b"class")
BODY = {"__code__", "__defaults__", "__kwdefaults__"}
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}


class Events:
    """The hook. While ``busy`` it looks away: what the guard itself does is an event, too.

    ``testing`` says that code of the lab runs, not a cell of the submission.
    """

    def __init__(self, trust: Trust, originals: Originals, flag: Callable):
        self.trusts, self.holds, self.flag = trust.trusts, originals.holds, flag
        self.busy = self.testing = False
        addaudithook(self.on_event)

    def on_event(self, event: str, arguments: tuple) -> None:
        if self.busy or not (meaning := self.meaning(event, arguments)):
            return
        self.flag(meaning)
        raise PermissionError(f"a notebook that is marked must not do this: it {meaning}")

    def meaning(self, event: str, arguments: tuple) -> str:
        """What an event means, if the submission causes it and must not; else nothing."""
        if event == "exec":
            self.read(arguments[0])
        elif event in FORBIDDEN:
            return FORBIDDEN[event] if self.near(event.rpartition(".")[2]) else ""
        elif event in ("os.fork", "os.forkpty"):
            return "forks while it is tested" if self.testing and self.near(depth=1) else ""
        elif event in IN_CTYPES:
            return "calls C functions by ctypes" if self.near(depth=5) else ""
        elif event == "object.__getattr__" and arguments[1] in FRAMES:
            return FORBIDDEN["sys._getframe"] if self.near() else ""
        elif event == "object.__setattr__" and arguments[1] in BODY and self.is_ours(arguments[0]):
            return f"rewrites {named(arguments[0])}" if self.near() else ""
        elif event == "object.__setattr__" and arguments[1] == "__class__":
            return f"rewrites {arguments[0].__name__}" if self.holds(arguments[0]) else ""
        elif event == "open" and is_memory(arguments[0]):
            return "opens its own process"
        elif event == "compile" and self.is_borrowed(*arguments):
            return "passes its code off as a package's"
        elif event == "code.__new__" and self.trusts(str(arguments[1])):
            return "passes its code off as a package's" if self.near(depth=5) else ""
        return ""

    def read(self, code) -> None:
        """Flag code of the submission that names what only frames and memory have."""
        if isinstance(code, CodeType) and not self.trusts(code.co_filename):
            for word in sorted(WORDS & words(code)):
                self.flag(f"uses the name {word}")

    def is_ours(self, function) -> bool:
        """True for a function that the submission has not made itself."""
        return isinstance(function, FunctionType) and self.trusts(function.__code__.co_filename)

    def is_borrowed(self, source, filename) -> bool:
        """True for source that is to be compiled under a trusted name, but does not stand there.

        To show a traceback, Python itself compiles pieces of lines; they define no function.
        """
        if not (isinstance(filename, str) and self.trusts(filename)):
            return False
        source = source.encode() if isinstance(source, str) else source
        try:
            with FileIO(filename) as file:
                text = file.readall()
        except OSError:
            return True
        piece = isinstance(source, bytes) and source in text
        return source != text and not (piece and not any(word in source for word in DEFINING))

    def near(self, name: str = "", depth: int = 2) -> bool:
        """True if code of the submission has called what is happening, or called its caller.

        A trusted function that does not itself call ``name`` was handed it, to call it in disguise.
        """
        self.busy = True
        frame = _getframe(3)
        self.busy = False
        code = frame.f_code
        if code.co_name == "namedtuple":  # keeps its caller's name, and nothing else
            return False
        if name and name not in code.co_names:
            return True
        callers = []
        while frame and len(callers) < depth:
            callers.append(frame.f_code.co_filename)
            frame = frame.f_back
        return not all(self.trusts(filename) for filename in callers)


def is_memory(file) -> bool:
    """True for ``/proc/…/mem``, as a text, bytes or a path."""
    return str(file).rpartition("/")[2].rstrip("'") in ("mem", "b'mem")
