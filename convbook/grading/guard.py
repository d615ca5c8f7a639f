"""Notice, and undo, what a submission does to the code that its tests rely on.

A submission shares a process with its tests, so nothing here is a wall. It makes the known ways to
fool a test fail, and leaves a word for a person to read.
"""

import builtins
import signal
import warnings
from _thread import _count as count_threads
from dataclasses import make_dataclass
from functools import partial
from io import FileIO
from operator import is_
from pathlib import Path
from secrets import token_hex
from sys import (
    _current_frames,
    _getframe,
    addaudithook,
    getprofile,
    gettrace,
    meta_path,
    modules,
    path,
    setprofile,
    settrace,
)
from sysconfig import get_path
from threading import get_ident
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)

from numpy import geterr, ndarray, seterr

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change

WATCHED = (
    *("builtins", "math", "operator", "functools", "itertools", "contextlib", "inspect"),
    *("numpy", "scipy", "keras", "convbook"),
)
DECISIVE = (  # what nearly every comparison relies on; looked at during a test, too
    *("builtins", "math", "operator", "numpy", "numpy.testing", "numpy.testing._private.utils"),
    *("numpy._core.numeric", "numpy._core.fromnumeric", "numpy._core._methods"),
)
OPERATORS = ("sub", "add", "mul", "truediv", "floordiv", "matmul", "mod", "pow")
DECIDING = {  # the methods by which a value could say that it equals anything
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"),
    *("__abs__", "__bool__", "__float__", "__int__", "__index__", "__getattribute__"),
    *("__array__", "__array_ufunc__", "__array_function__", "__array_interface__"),
    *(f"__{prefix}{name}__" for name in OPERATORS for prefix in ("", "r")),
}
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
IN_C = (
    WrapperDescriptorType,
    MethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    type(None),  # such as __hash__ = None
)
MEMBERS = (ModuleType, staticmethod, classmethod, property)
HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class whose attributes can be set
BODY = {"__code__", "__defaults__", "__kwdefaults__"}
FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
set_handler = signal.signal
DEPTH, WIDTH = 4, 1000  # how far a test's values are looked into
BASES, TABLE = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__


class TamperedError(AssertionError):
    """A value that a test was to compare decides comparisons itself."""


class Guard:
    """Made before the first cell runs; ``flags`` are sentences on what was seen since."""

    def __init__(self):
        paths = {get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
        paths.add(str(Path(__file__).resolve().parent.parent))
        self.test = f"<test {token_hex(8)}>"  # the file name of tests; nobody can guess it
        trusted = (*(f"{folder}/" for folder in paths), "<frozen ", "<__array_function__")
        self.trusted = (*trusted, self.test)
        self.flags: list[str] = []
        self.modules = {
            name: module
            for name, module in list(modules.items())
            if isinstance(module, ModuleType)
            and watched(name)
            and not name.startswith("convbook.grading")
        }
        tables = {name: vars(module) for name, module in self.modules.items()}
        classes = {
            value
            for table in tables.values()
            for value in table.values()
            if isinstance(value, type) and watched(str(value.__module__)) and value.__flags__ & HEAP
        }
        kept = {name: Kept(name, table, table.__setitem__) for name, table in tables.items()}
        self.decisive = [kept[name] for name in DECISIVE if name in kept]
        self.kept = list(kept.values())
        self.kept += [Kept(named(c), vars(c), partial(type.__setattr__, c)) for c in classes]
        self.path, self.finders = list(path), list(meta_path)
        self.filters, self.errors = list(warnings.filters), geterr()
        self.threads = 0
        self.busy = False  # the hook's own look at a frame is an event, too
        addaudithook(self.on_event)

    def repair(self) -> None:
        """Put all that tests rely on back as it was, and say what was changed."""
        for name, module in self.modules.items():
            if modules.get(name) is not module:
                modules[name] = module
                self.flag(f"replaces the module {name}")
        for name, module in list(modules.items()):
            if watched(name) and name not in self.modules and not self.is_packaged(module):
                del modules[name]
                self.flag(f"makes up the module {name}")
        self.put_back(self.kept)
        path[:], meta_path[:] = self.path, self.finders
        warnings.filters[:] = self.filters
        seterr(**self.errors)
        if gettrace() or getprofile():
            settrace(None)
            setprofile(None)
            self.flag(FORBIDDEN["sys.settrace"])
        for number in (signal.SIGVTALRM, signal.SIGPROF, signal.SIGUSR1, signal.SIGUSR2):
            set_handler(number, signal.SIG_DFL)
        self.look_for_threads()

    def put_back(self, kept: list["Kept"]) -> None:
        for each in kept:
            for name in each.repair():
                self.flag(f"replaces {name}")

    def is_packaged(self, module) -> bool:
        """True for a module that was loaded from an installed package."""
        file = getattr(module, "__file__", None) or getattr(module, "__name__", "")
        return isinstance(file, str) and (self.trusts(file) or file in self.modules)

    def look_for_threads(self) -> None:
        """A thread of the submission that still runs could change things during a test."""
        here, self.threads = get_ident(), count_threads()
        self.busy = True
        frames = _current_frames()
        self.busy = False
        for thread, frame in frames.items():
            while frame and thread != here:
                if not self.trusts(frame.f_code.co_filename):
                    self.flag("leaves a thread running while it is tested")
                    break
                frame = frame.f_back

    def flag(self, sentence: str) -> None:
        if sentence not in self.flags and len(self.flags) < 20:
            self.flags.append(sentence)

    def trusts(self, filename: str) -> bool:
        """True for code of Python, its packages, the course and the tests."""
        return filename.startswith(self.trusted)

    def on_event(self, event: str, arguments: tuple) -> None:
        """The audit hook: refuses what only a submission that looks for its tests would do."""
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
        elif event in IN_CTYPES:
            return "calls C functions by ctypes" if self.near(depth=5) else ""
        elif event == "object.__getattr__" and arguments[1] in FRAMES:
            return FORBIDDEN["sys._getframe"] if self.near() else ""
        elif event == "object.__setattr__" and arguments[1] in BODY and self.is_ours(arguments[0]):
            return f"rewrites {named(arguments[0])}" if self.near() else ""
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
        """True for source that is to be compiled under a trusted name, but does not stand there."""
        if not (isinstance(filename, str) and self.trusts(filename)):
            return False
        try:
            with FileIO(filename) as file:
                text = file.readall()
        except OSError:
            return True
        return text != (source.encode() if isinstance(source, str) else source)

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

    def compiled(self, source: str):
        """A test as code."""
        self.busy = True
        try:
            return compile(source, self.test, "exec")
        finally:
            self.busy = False

    def look(self, value):
        """What a test's values go through; see ``plain``. Undoes what was changed meanwhile."""
        self.put_back(self.decisive)
        if count_threads() != self.threads:
            self.look_for_threads()
        return self.plain(value)

    def plain(self, value, depth: int = 0):
        """The value itself; TamperedError if it, or one inside it, decides comparisons itself."""
        for cls in BASES(type(value)):
            found = sorted(n for n in DECIDING & TABLE(cls).keys() if self.decides(cls, n))
            if found:
                sentence = f"returns a value of class {cls.__name__}, which defines {found[0]}"
                self.flag(sentence)
                raise TamperedError(f"this test was given a value that {sentence}")
        if depth < DEPTH:
            if isinstance(value, dict):
                parts = [part for pair in list(value.items())[:WIDTH] for part in pair]
            elif isinstance(value, list | tuple | set | frozenset):
                parts = list(value)[:WIDTH]
            elif isinstance(value, ndarray) and value.dtype.hasobject:
                parts = list(value.ravel()[:WIDTH])
            else:
                return value
            for part in parts:
                self.plain(part, depth + 1)
        return value

    def decides(self, cls: type, name: str) -> bool:
        """True if a class defines this method in code of the submission."""
        method = unwrapped(TABLE(cls)[name])
        if isinstance(method, FunctionType):
            code = method.__code__
            return not self.trusts(code.co_filename) and code.co_code not in GENERATED
        return not isinstance(method, IN_C)


class Kept:
    """The callables and modules that a module or a class names, to compare with later."""

    def __init__(self, owner: str, table, put):
        values = {k: v for k, v in list(table.items()) if callable(v) or isinstance(v, MEMBERS)}
        self.owner, self.get, self.put = owner, table.get, put
        self.names, self.values = list(values), list(values.values())

    def repair(self) -> list[str]:
        """Put replaced values back; returns their names."""
        if all(map(is_, map(self.get, self.names), self.values)):
            return []
        pairs = zip(self.names, self.values, strict=True)
        changed = [(name, value) for name, value in pairs if self.get(name) is not value]
        for name, value in changed:
            self.put(name, value)
        return [f"{self.owner}.{name}" for name, _ in changed]


def named(value) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def unwrapped(value):
    """The function in a static method, a class method or a property; else the value itself."""
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def watched(module: str) -> bool:
    return module.partition(".")[0] in WATCHED


def words(code: CodeType) -> set[str]:
    """The names that code uses, also in its functions and in short texts such as ``"a.b"``."""
    found = {*code.co_names}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found |= words(const)
        elif isinstance(const, str) and len(const) < 100:
            found |= {*const.split(".")}
        elif isinstance(const, tuple):
            found |= {part for part in const if isinstance(part, str)}
    return found


def comparisons(fields: int) -> list[bytes]:
    """The code of the comparisons that ``@dataclass`` writes for this many fields."""
    made = make_dataclass("Made", [f"field_{n}" for n in range(fields)], order=True)
    methods = (made.__eq__, made.__lt__, made.__le__, made.__gt__, made.__ge__)
    return [method.__code__.co_code for method in methods]


GENERATED = {code for fields in range(1, 33) for code in comparisons(fields)}


def is_memory(file) -> bool:
    """True for ``/proc/…/mem``, as a text, bytes or a path."""
    return str(file).rpartition("/")[2].rstrip("'") in ("mem", "b'mem")
