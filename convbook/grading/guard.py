"""Notice, and undo, what a submission does to the code that its tests rely on.

A submission shares a process with its tests, so nothing here is a wall. It makes the known ways to
fool a test fail, and leaves a word for a person to read.
"""

import ast
import secrets
import sys
import sysconfig
import threading
from functools import partial
from operator import is_
from pathlib import Path
from types import (
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)

import numpy as np

WATCHED = ("builtins", "math", "operator", "functools", "numpy", "scipy", "keras", "convbook")
DECIDING = {  # the methods by which a value could say that it equals anything
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__sub__", "__rsub__"),
    *("__abs__", "__bool__", "__float__", "__int__", "__index__", "__getattribute__"),
    *("__array__", "__array_ufunc__", "__array_function__"),
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
    "ctypes.dlopen": "calls C functions by ctypes",
    "ctypes.cdata": "calls C functions by ctypes",
    "ctypes.string_at": "calls C functions by ctypes",
    "sys.addaudithook": "adds an audit hook",
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
DEPTH, WIDTH = 4, 1000  # how far a test's values are looked into


class TamperedError(AssertionError):
    """A value that a test was to compare decides comparisons itself."""


class Guard:
    """Made before the first cell runs; ``flags`` are sentences on what was seen since."""

    def __init__(self):
        paths = {sysconfig.get_path(k) for k in ("stdlib", "platstdlib", "purelib", "platlib")}
        paths.add(str(Path(__file__).resolve().parent.parent))
        self.trusted = (*(f"{path}/" for path in paths), "<frozen ", "<__array_function__")
        self.flags: list[str] = []
        self.modules = {
            name: module
            for name, module in list(sys.modules.items())
            if isinstance(module, ModuleType)
            and name.partition(".")[0] in WATCHED
            and not name.startswith("convbook.grading")
        }
        tables = {name: vars(module) for name, module in self.modules.items()}
        classes = {
            value
            for table in tables.values()
            for value in table.values()
            if isinstance(value, type)
            and str(value.__module__).partition(".")[0] in WATCHED
            and value.__flags__ & HEAP
        }
        self.kept = [Kept(name, table, table.__setitem__) for name, table in tables.items()]
        self.kept += [Kept(named(c), vars(c), partial(type.__setattr__, c)) for c in classes]
        self.path = list(sys.path)
        self.finders = list(sys.meta_path)
        self.tests: set[str] = set()
        self.look = f"_look_{secrets.token_hex(4)}"  # the name of ``plain`` in the tests
        self.busy = False  # the hook's own look at a frame is an event, too
        sys.addaudithook(self.on_event)

    def repair(self) -> None:
        """Put the watched modules back as they were, and say what was changed."""
        for name, module in self.modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                self.flag(f"replaces the module {name}")
        for kept in self.kept:
            for name in kept.repair():
                self.flag(f"replaces {name}")
        sys.path[:], sys.meta_path[:] = self.path, self.finders
        if sys.gettrace() or sys.getprofile():
            sys.settrace(None)
            sys.setprofile(None)
        self.look_for_threads()

    def look_for_threads(self) -> None:
        """A thread of the submission that still runs could change things during a test."""
        here = threading.get_ident()
        for thread, frame in sys._current_frames().items():
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
        return filename.startswith(self.trusted) or filename in self.tests

    def on_event(self, event: str, arguments: tuple) -> None:
        """The audit hook: refuses what only a submission that looks for its tests would do."""
        if event in FORBIDDEN:
            meaning = FORBIDDEN[event]
        elif event == "object.__getattr__" and arguments[1] in FRAMES:
            meaning = FORBIDDEN["sys._getframe"]
        elif event == "object.__setattr__" and arguments[1] in BODY and self.is_ours(arguments[0]):
            meaning = f"rewrites {named(arguments[0])}"
        elif event == "open" and is_memory(arguments[0]):
            meaning = "opens its own process"
        else:
            return
        if self.busy or not self.near():
            return
        self.flag(meaning)
        raise PermissionError(f"a notebook that is marked must not do this: it {meaning}")

    def is_ours(self, function) -> bool:
        """True for a function that the submission has not made itself."""
        return isinstance(function, FunctionType) and self.trusts(function.__code__.co_filename)

    def near(self) -> bool:
        """True if code of the submission has called what is happening, or called its caller."""
        self.busy = True
        frame = sys._getframe(2)
        self.busy = False
        callers = [frame, frame.f_back if frame else None]
        return any(caller and not self.trusts(caller.f_code.co_filename) for caller in callers)

    def compiled(self, source: str, name: str, namespace: dict):
        """A test as code whose comparisons and calls first look at their values."""
        namespace[self.look] = self.plain
        tree = ast.fix_missing_locations(Looks(self.look).visit(ast.parse(source, name)))
        self.tests.add(name)
        return compile(tree, name, "exec")

    def plain(self, value, depth: int = 0):
        """The value itself; TamperedError if it, or one inside it, decides comparisons itself."""
        for cls in type(value).__mro__:
            found = sorted(n for n in DECIDING & vars(cls).keys() if self.decides(cls, n))
            if found:
                sentence = f"returns a value of class {cls.__name__}, which defines {found[0]}"
                self.flag(sentence)
                raise TamperedError(f"this test was given a value that {sentence}")
        if depth < DEPTH:
            if isinstance(value, dict):
                parts = [part for pair in list(value.items())[:WIDTH] for part in pair]
            elif isinstance(value, list | tuple | set | frozenset):
                parts = list(value)[:WIDTH]
            elif isinstance(value, np.ndarray) and value.dtype.hasobject:
                parts = list(value.ravel()[:WIDTH])
            else:
                return value
            for part in parts:
                self.plain(part, depth + 1)
        return value

    def decides(self, cls: type, name: str) -> bool:
        """True if a class defines this method in code of the submission."""
        method = unwrapped(vars(cls)[name])
        if isinstance(method, FunctionType):
            return not self.trusts(method.__code__.co_filename) and not generated(cls, method)
        return not isinstance(method, IN_C)


class Looks(ast.NodeTransformer):
    """Wraps the operands of comparisons and differences, and the arguments of calls."""

    def __init__(self, name: str):
        self.name = name

    def look(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant | ast.Starred | ast.GeneratorExp | ast.Lambda):
            return node
        name = ast.copy_location(ast.Name(self.name, ast.Load()), node)
        return ast.copy_location(ast.Call(name, [node], []), node)

    def visit_Compare(self, node):
        self.generic_visit(node)
        node.left = self.look(node.left)
        node.comparators = [self.look(part) for part in node.comparators]
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Sub):
            node.left, node.right = self.look(node.left), self.look(node.right)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "super"):
            node.args = [self.look(part) for part in node.args]
            for keyword in node.keywords:
                keyword.value = self.look(keyword.value)
        return node

    def visit_Assert(self, node):
        self.generic_visit(node)
        node.test = self.look(node.test)
        return node


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


def generated(cls: type, method: FunctionType) -> bool:
    """True for a comparison that ``@dataclass`` has written."""
    return "__dataclass_params__" in vars(cls) and method.__code__.co_filename == "<string>"


def is_memory(path) -> bool:
    return isinstance(path, str) and path.startswith("/proc/") and path.endswith("/mem")
