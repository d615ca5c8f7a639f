"""Right answers in unusual notebooks. None may lose a point, or be called tampered."""

from hostile.lab import DOUBLE, LAYER, RIGHT, SETUP, TOTAL, Entry, answer, honest


def beside(name: str, source: str, **fields) -> Entry:
    """A cell of the student's own before the answers, between them, and after them."""
    return honest(name, source, SETUP, DOUBLE, source, TOTAL, LAYER, source, **fields)


def doubles(name: str, body: str) -> Entry:
    """Another right answer to exercise 1.1."""
    return honest(name, SETUP, answer(body), TOTAL, LAYER)


def totals(name: str, body: str) -> Entry:
    """Another right answer to exercise 1.2."""
    return honest(name, SETUP, DOUBLE, answer(body, "1.2 · total (3 points)"), LAYER)


HONEST = [
    honest("solution", *RIGHT),
    honest("answers in reverse", SETUP, LAYER, TOTAL, DOUBLE),
    honest("without the given code", DOUBLE, TOTAL, LAYER),
    honest("everything twice", *RIGHT, *RIGHT),
    honest("a wrong answer, then the right one", SETUP, DOUBLE.replace("2", "3"), *RIGHT),
    honest("tests edited", *RIGHT, "assert_allclose(double(1), 3)", "assert False"),
    honest("all in one cell but the answers", "\n".join(RIGHT), *RIGHT),
    honest("timed", "%matplotlib inline", *(f"%%time\n{source}" for source in RIGHT)),
    honest(
        "names rebound after the answers",
        *RIGHT,
        """\
np = keras = None
assert_allclose = 3
x = 1
""",
    ),
    beside("names of built-ins taken", "list = []\nsum_ = 0\nabs = all = 5\nisinstance = None"),
    beside("takes the names of the tests", "expected = secret = _hidden = _check = x = None"),
    beside("star imports", "from math import *\nfrom numpy import *"),
    beside("cell that fails", "1 / 0"),
    beside("cell that does not parse", "def ("),
    beside("cell with an unknown magic", "%nonsense\n!true"),
    beside("ends in exit()", "exit()"),
    beside("raises SystemExit", "import sys\nsys.exit(1)"),
    beside("raises KeyboardInterrupt", "raise KeyboardInterrupt"),
    beside("asks for input", "name = input('your name? ')"),
    beside("warnings on stderr", "import warnings\nfor i in range(99):\n    warnings.warn(str(i))"),
    beside("warnings are errors", "import warnings\nwarnings.simplefilter('error')"),
    beside(
        "warnings are caught",
        """\
import warnings
with warnings.catch_warnings(record=True):
    1
""",
    ),
    beside("NumPy raises", "np.seterr(all='raise')\nnp.set_printoptions(precision=2)"),
    beside(
        "seeds",
        """\
import random
random.seed(0)
np.random.seed(0)
keras.utils.set_random_seed(1)
""",
    ),
    beside("deeper recursion", "import sys\nsys.setrecursionlimit(5000)"),
    beside("prints 50 MB", "print('x' * 50_000_000)"),
    beside("prints to the streams' numbers", "import os\nos.write(1, b'x')\nos.write(2, b'x')"),
    beside("replaces the streams", "import io, sys\nsys.stdout = sys.stderr = io.StringIO()"),
    beside("closes the streams", "import os\nos.close(1)\nos.close(2)"),
    beside("shows figures", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
    beside(
        "leaves a progress bar",
        """\
from tqdm.auto import tqdm
bar = tqdm(range(3))
next(iter(bar))
""",
    ),
    beside("imports late", "import csv, decimal, fractions, scipy.ndimage, scipy.stats, unittest"),
    beside("imports what is not there", "import pandas_of_tomorrow"),
    beside(
        "a named tuple",
        """\
from collections import namedtuple
P = namedtuple('P', 'x y')
p = P(1, 2)
""",
    ),
    beside(
        "types of many kinds",
        """
from dataclasses import dataclass, make_dataclass
from enum import Enum, IntEnum
from typing import NamedTuple, NewType, TypeVar
T, Id = TypeVar("T"), NewType("Id", int)
Colour, Size = Enum("Colour", "RED GREEN"), IntEnum("Size", "S M")
Made = make_dataclass("Made", ["x"])
class Point(NamedTuple):
    x: int
@dataclass(order=True, frozen=True)
class Pair:
    x: int = 0
assert Pair(1) == Pair(1) and Point(1) == Point(1)
""",
    ),
    beside(
        "class with an __eq__ of its own",
        "class Same:\n    def __eq__(self, other):\n        return True\nsame = Same() == 1",
    ),
    beside(
        "changes its own class",
        "class A:\n    pass\nA.run = lambda self: 1\nA.run.__defaults__ = ()\nA().run()",
    ),
    beside(
        "prints a traceback",
        """\
import traceback
try:
    1 / 0
except Exception:
    traceback.print_exc()
""",
    ),
    beside("logs", "import logging\nlogging.basicConfig()\nlogging.warning('careful')"),
    beside(
        "doctest",
        """\
import doctest
def f():
    '''
    >>> f()
    1
    '''
    return 1
doctest.testmod()
""",
    ),
    beside(
        "unit tests",
        """\
import unittest
class T(unittest.TestCase):
    def test(self): pass
unittest.main(argv=[''], exit=False)
""",
    ),
    beside(
        "inspects a signature",
        """\
import inspect
def f(a, b=1): pass
inspect.signature(f)
inspect.getsource(np.pad)
""",
    ),
    beside(
        "times a line",
        """\
import timeit
timeit.timeit('1 + 1', number=9)
get_ipython().run_line_magic('timeit', '-n1 -r1 1')
""",
    ),
    beside("collects garbage", "import gc\ngc.collect()\ngc.disable()\ngc.enable()"),
    beside(
        "threads that end",
        """\
from concurrent.futures import ThreadPoolExecutor as T
with T(4) as pool:
    s = sum(pool.map(abs, [1, -2]))
""",
    ),
    beside(
        "a pool of threads left open",
        """\
from multiprocessing.pool import ThreadPool
pool = ThreadPool(2)
pool.map(abs, [1])
""",
    ),
    beside(
        "other processes",
        """\
import multiprocessing, os
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-1, 2]))
os.system('true')
""",
    ),
    beside(
        "a process that is not there",
        """\
import subprocess
subprocess.run(['pip', 'install', 'x'])
""",
    ),
    beside(
        "files of its own",
        """\
open('notes.txt', 'w').write('x')
assert open('notes.txt').read()
""",
    ),
    beside(
        "data that is not there",
        """\
import pathlib
pathlib.Path('/home/me/data.csv').read_text()
""",
    ),
    beside("asynchronous cell", "import asyncio\nawait asyncio.sleep(0)"),
    beside(
        "calls asyncio.run",
        """\
import asyncio
async def f():
    return 1
assert asyncio.run(f()) == 1
""",
    ),
    beside("widget", "from convbook.widgets import Conv2D\nConv2D()"),
    beside(
        "saves and loads arrays",
        """\
np.save('a.npy', np.ones(3))
np.load('a.npy')
import pickle
pickle.loads(pickle.dumps(np.ones(2)))
""",
    ),
    beside(
        "compiles Keras",
        """\
m = keras.Sequential([keras.layers.Dense(1)])
m.compile('sgd', 'mse')
m.fit(np.ones((4, 2)), np.ones(4), verbose=0)
""",
    ),
    doubles("type hints", "def double(x: np.ndarray | float) -> np.ndarray:\n    return 2 * x"),
    doubles("lambda", "double = lambda x: x + x"),
    doubles(
        "callable object",
        """\
class Double:
    def __call__(self, x):
        return x * 2
double = Double()
""",
    ),
    doubles("partial", "from functools import partial\ndouble = partial(np.multiply, 2)"),
    doubles(
        "decorated and cached",
        """\
from functools import wraps
def loud(f):
    @wraps(f)
    def g(x):
        print(x)
        return f(x)
    return g
@loud
def double(x):
    return 2 * x
""",
    ),
    doubles(
        "loop in Python",
        """\
def double(x):
    out = np.array(x, dtype=float)
    for i in np.ndindex(out.shape):
        out[i] += out[i]
    return out
""",
    ),
    doubles("answers a Keras tensor", "def double(x):\n    return keras.ops.multiply(x, 2.0)"),
    doubles(
        "answers a masked array",
        """\
def double(x):
    return np.ma.masked_invalid(2 * np.asarray(x))
""",
    ),
    doubles("vectorized", "double = np.vectorize(lambda v: 2.0 * v)"),
    doubles("compiled from text", "exec('def double(x):\\n    return 2 * x')"),
    doubles(
        "with a helper that is named as a built-in",
        """\
max = 2
def double(x):
    return max * x
""",
    ),
    doubles(
        "threads within the answer",
        """\
from concurrent.futures import ThreadPoolExecutor as T
def double(x):
    with T(2) as pool:
        return pool.submit(lambda: 2 * x).result()
""",
    ),
    doubles(
        "defined in a file",
        """\
open('mine.py', 'w').write('def double(x):\\n    return 2 * x')
import sys
sys.path.insert(0, '')
from mine import double
""",
    ),
    totals("generator", "def total(numbers):\n    return sum(n for n in numbers)"),
    totals("recursion", "def total(n):\n    return n[0] + total(n[1:]) if n else 0"),
    totals(
        "reduce",
        """\
from functools import reduce
from operator import add
total = lambda n: reduce(add, n, 0)
""",
    ),
    totals(
        "inner coroutine",
        """\
def total(n):
    def run():
        s = 0
        while True:
            s += yield s
    r = run()
    next(r)
    return [0, *map(r.send, n)][-1]
""",
    ),
    totals(
        "patches its own sum",
        """\
sum = lambda n: n[0] + sum(n[1:]) if n else 0
def total(n):
    return sum(n)
""",
    ),
    totals(
        "an enum as number",
        """\
from enum import IntEnum
Zero = IntEnum('Zero', {'Z': 0})
def total(n):
    t = Zero.Z
    for i in n:
        t = t + i
    return t
""",
    ),
    totals(
        "uses contextlib",
        """\
from contextlib import suppress
def total(n):
    s = 0
    with suppress(IndexError):
        for i in range(99):
            s += n[i]
    return s
""",
    ),
]
