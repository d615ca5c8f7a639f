"""Put back what a submission changes in the modules and classes that its tests rely on."""

import builtins
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import is_
from sys import meta_path, modules, path
from types import CodeType, FunctionType, ModuleType

from convbook.grading.trust import Trust

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change

WATCHED = (
    *("builtins", "math", "operator", "functools", "itertools", "contextlib", "inspect"),
    *("numpy", "scipy", "keras", "convbook"),
)
IN_TENSORFLOW = (  # what Keras' layers compute with
    *("tensorflow._api.v2.nn", "tensorflow.python.ops.nn_", "tensorflow.python.ops.gen_nn_ops"),
    *("tensorflow.python.ops.math_ops", "tensorflow.python.ops.gen_math_ops"),
)
DECISIVE = (  # what nearly every comparison relies on; looked at during a test, too
    *("builtins", "numpy", "numpy.testing", "numpy.testing._private.utils"),
    *("numpy._core.numeric", "numpy._core.fromnumeric", "numpy._core._methods"),
)
MEMBERS = (ModuleType, staticmethod, classmethod, property)
HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class whose attributes can be set
# A metaclass can lie about these, but not where ``type`` itself answers.
BASES, TABLE, FLAGS = (type.__dict__[n].__get__ for n in ("__mro__", "__dict__", "__flags__"))


class Originals:
    """What the watched modules and classes hold before the first cell runs."""

    def __init__(self, trust: Trust, flag: Callable):
        self.trusts, self.flag = trust.trusts, flag
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
        in_modules = [kept_of(name, table, table.__setitem__) for name, table in tables.items()]
        used = {word for name in DECISIVE for word in used_in(self.modules[name])}
        self.decisive = [kept.only(used) for kept in in_modules if kept.owner in DECISIVE]
        self.needed: list[Kept] = []  # what the running test itself names
        self.kept = in_modules + [
            kept_of(named(c), vars(c), partial(type.__setattr__, c)) for c in classes
        ]
        self.path, self.finders = list(path), list(meta_path)
        self.classes = {cls: frozenset(vars(cls)) for cls in classes}

    def repair(self) -> None:
        """Put everything back, and flag what was changed."""
        for name, module in self.modules.items():
            if modules.get(name) is not module:
                modules[name] = module
                self.flag(f"replaces the module {name}")
        for name, module in list(modules.items()):
            if watched(name) and name not in self.modules and not self.is_packaged(module):
                del modules[name]
                self.flag(f"makes up the module {name}")
        self.restore(self.kept)
        self.look_for_shadows()
        path[:], meta_path[:] = self.path, self.finders

    def need(self, names: set[str]) -> None:
        """From now on ``put_back`` looks after these names, and after what comparisons use."""
        self.needed = self.decisive + [k for kept in self.kept if (k := kept.only(names))]

    def put_back(self) -> None:
        """As ``repair``, but quick: only for what the running test needs."""
        self.restore(self.needed)

    def restore(self, kept: list["Kept"]) -> None:
        for each in kept:
            for name in each.repair():
                self.flag(f"replaces {name}")

    def look_for_shadows(self) -> None:
        """Take away methods that were added to a class, and hide those that it inherits."""
        for cls, known in self.classes.items():
            table = TABLE(cls)
            for name in [] if len(table) == len(known) else set(table) - known:
                hidden = [TABLE(base)[name] for base in BASES(cls)[1:] if name in TABLE(base)]
                if hidden and callable(table[name]) and table[name] is not hidden[0]:
                    type.__delattr__(cls, name)
                    self.flag(f"replaces {named(cls)}.{name}")

    def is_packaged(self, module) -> bool:
        """True for a module that was loaded from an installed package."""
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and self.trusts(file)

    def holds(self, value) -> bool:
        """True for a watched module."""
        return any(value is module for module in self.modules.values())

    def defines(self, cls: type) -> bool:
        """True for a class that a watched module defines."""
        module = self.modules.get(cls.__module__)
        return module is not None and vars(module).get(cls.__name__) is cls


@dataclass(frozen=True)
class Kept:
    """The callables and modules that a module or a class names, to compare with later."""

    owner: str
    get: Callable
    put: Callable
    values: dict

    def repair(self) -> list[str]:
        """Put replaced values back; returns their names."""
        if all(map(is_, map(self.get, self.values), self.values.values())):
            return []
        changed = [(k, value) for k, value in self.values.items() if self.get(k) is not value]
        for name, value in changed:
            self.put(name, value)
        return [f"{self.owner}.{name}" for name, _ in changed]

    def only(self, names: set[str]) -> "Kept | None":
        """The part with these names, if there is any."""
        found = {name: self.values[name] for name in names & self.values.keys()}
        return replace(self, values=found) if found else None


def kept_of(owner: str, table, put: Callable) -> Kept:
    values = {k: v for k, v in list(table.items()) if callable(v) or isinstance(v, MEMBERS)}
    return Kept(owner, table.get, put, values)


def named(value) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def watched(module: str) -> bool:
    return module.partition(".")[0] in WATCHED or module.startswith(IN_TENSORFLOW)


def used_in(module: ModuleType) -> set[str]:
    """The names that the functions of a module use."""
    functions = [getattr(value, "_implementation", value) for value in vars(module).values()]
    return set().union(*(words(f.__code__) for f in functions if isinstance(f, FunctionType)))


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
