"""Look into the values that a test is about to compare."""

import builtins
from collections import UserDict, UserList, UserString, deque
from collections.abc import Callable
from dataclasses import make_dataclass
from types import (
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from weakref import CallableProxyType, ProxyType

from numpy import ndarray

from convbook.grading.originals import BASES, FLAGS, HEAP, TABLE
from convbook.grading.trust import Trust

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change

OPERATORS = ("sub", "add", "mul", "truediv", "floordiv", "matmul", "mod", "pow")
DECIDING = {  # the methods by which a value could say that it equals anything
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"),
    *("__abs__", "__bool__", "__float__", "__int__", "__index__", "__getattribute__"),
    *("__array__", "__array_ufunc__", "__array_function__", "__array_interface__"),
    *(f"__{prefix}{name}__" for name in OPERATORS for prefix in ("", "r")),
}
HONEST = {  # packages whose values compare what they hold; mocks and the like do not
    *("numpy", "scipy", "keras", "tensorflow", "jax", "jaxlib", "torch", "ml_dtypes", "pandas"),
    *("collections", "_collections_abc", "fractions", "decimal", "_pydecimal", "numbers"),
    *("enum", "pathlib", "datetime"),
}
PROXIES = {MappingProxyType, ProxyType, CallableProxyType}  # they compare as what they stand for
IN_C = (
    WrapperDescriptorType,
    MethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    type(None),  # such as __hash__ = None
)
DEPTH, WIDTH = 4, 1000  # how far a test's values are looked into


class TamperedError(AssertionError):
    """A value that a test was to compare decides comparisons itself."""


class Values:
    """Refuses values that decide comparisons themselves."""

    def __init__(self, trust: Trust, flag: Callable):
        self.package, self.flag = trust.package, flag

    def check(self, value, depth: int = 0):
        """The value itself; TamperedError if it, or one inside it, decides comparisons itself."""
        if type(value) in PROXIES:
            self.refuse("returns a value that stands for another one")
        for cls in filter(is_made_in_python, BASES(type(value))):
            found = sorted(n for n in DECIDING & TABLE(cls).keys() if self.decides(cls, n))
            if found:
                self.refuse(f"returns a value of class {cls.__name__}, which defines {found[0]}")
        if depth < DEPTH:
            if isinstance(value, dict):
                parts = [part for pair in list(value.items())[:WIDTH] for part in pair]
            elif isinstance(value, UserDict | UserList | UserString):
                parts = [value.data]
            elif isinstance(value, list | tuple | set | frozenset | deque):
                parts = list(value)[:WIDTH]
            elif isinstance(value, ndarray) and value.dtype.hasobject:
                parts = list(value.ravel()[:WIDTH])
            else:
                return value
            for part in parts:
                self.check(part, depth + 1)
        return value

    def refuse(self, sentence: str) -> None:
        self.flag(sentence)
        raise TamperedError(f"a test was given an answer that it must not compare: it {sentence}")

    def decides(self, cls: type, name: str) -> bool:
        """True if a class defines this method in code that need not be honest."""
        method = unwrapped(TABLE(cls)[name])
        if isinstance(method, FunctionType):
            code = method.__code__
            return self.package(code.co_filename) not in HONEST and code.co_code not in GENERATED
        return not isinstance(method, IN_C)


def is_made_in_python(cls: type) -> bool:
    """False for a class whose methods cannot be set."""
    return FLAGS(cls) & HEAP


def unwrapped(value):
    """The function in a static method, a class method or a property; else the value itself."""
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def comparisons(fields: int) -> list[bytes]:
    """The code of the comparisons that ``@dataclass`` writes for this many fields."""
    made = make_dataclass("Made", [f"field_{n}" for n in range(fields)], order=True)
    methods = (made.__eq__, made.__lt__, made.__le__, made.__gt__, made.__ge__)
    return [method.__code__.co_code for method in methods]


GENERATED = {code for fields in range(1, 33) for code in comparisons(fields)}
