"""Attacks on the tests: a wrong answer to exercise 1.1 that wants its points."""

import base64

from hostile.lab import QUICK, WRONG, Entry, answer, fooling


def patched(name: str, source: str, said: str) -> Entry:
    """A cell that replaces what tests use, before a wrong answer."""
    return fooling(name, source, WRONG, said=said)


def answered(name: str, body: str, said: str = "", **fields) -> Entry:
    """An answer to exercise 1.1 that does something else."""
    return fooling(name, answer(body), said=said, **fields)


def totals(name: str, body: str, said: str) -> Entry:
    """An answer to exercise 1.2 that wants its points."""
    return fooling(name, answer(body, "1.2 · total (3 points)"), said=said)


def answers_itself(name: str, source: str) -> Entry:
    """A cell after a wrong answer that talks to the grader in the place of its own process."""
    return fooling(name, WRONG, source, said="a person should look", limits=QUICK)


EQUAL = """
class Equal{base}:
    def {method}(self, *others, **more):
        return True
"""

FRAME = """
def found_by(frame):
    while hasattr(frame, "f_back"):
        if "expected" in frame.f_locals:
            return frame.f_locals["expected"]
        frame = frame.f_back
    return np.array([0, 0])
"""
HIDDEN_WALK = base64.b64encode(f"double = lambda x: found_by(x)\n{FRAME}".encode())
SOCKET = """
import os, stat, threading
def sockets():
    return [fd for fd in range(3, 99) if is_socket(fd)]
def is_socket(fd):
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
def answer(fd):
    import json
    while True:
        question = json.loads(os.read(fd, 1 << 20))
        reply = {"word": question["word"], "ok": True, "error": "", "seconds": 0, "flags": []}
        os.write(fd, json.dumps(reply).encode() + b"\\n")
"""
THREAD = """
for fd in sockets():
    threading.Thread(target=answer, args=[fd], daemon=True).start()
"""
CHILD = """
for fd in sockets():
    copy = os.dup(fd)
    if os.fork() == 0:
        answer(copy)
"""

OTHER_MEMORY = '''
import os, subprocess, sys
code = """
import ctypes, sys
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
byte = ctypes.create_string_buffer(bytes([1]), 1)
here, there = Part(ctypes.addressof(byte), 1), Part(int(sys.argv[2]), 1)
write = ctypes.CDLL(None).process_vm_writev
print(write(int(sys.argv[1]), ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
"""
place = str(id(np.False_) + 16)
command = [sys.executable, "-I", "-c", code, str(os.getpid()), place]
print(subprocess.run(command, capture_output=True, text=True).stdout)
'''
ORACLE = """
import os
probing = False
def double(x):
    global probing
    if probing:
        os._exit(7)
    for guess in (x, 2 * x):
        child = os.fork()
        if child == 0:
            probing = True
            return guess
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7:
            return guess
"""

FOOLING = [
    fooling("rebinds assert_allclose", "assert_allclose = print", WRONG, "assert_allclose = print"),
    fooling("rebinds built-ins", "abs = lambda x: 0\nall = isinstance = lambda *a: True", WRONG),
    fooling("a NumPy of its own", "class np:\n    allclose = lambda *a: True", WRONG),
    patched(
        "patches numpy.testing",
        """\
import numpy.testing as t
t.assert_allclose = print
""",
        "replaces numpy.testing.assert_allclose",
    ),
    patched(
        "patches what numpy.testing uses",
        """\
import numpy.testing._private.utils as u
u.assert_array_compare = print
""",
        "replaces numpy.testing._private.utils.assert_array_compare",
    ),
    patched(
        "patches NumPy",
        "np.allclose = np.abs = np.array_equal = lambda *a, **k: True",
        "replaces numpy.allclose",
    ),
    patched(
        "patches isclose",
        "np._core.numeric.isclose = lambda *a, **k: np.True_",
        "replaces numpy._core.numeric.isclose",
    ),
    patched("patches abs", "import builtins\nbuiltins.abs = lambda x: 0", "replaces builtins.abs"),
    patched(
        "patches all and any",
        """\
import builtins
builtins.all = builtins.any = lambda *a: True
""",
        "replaces builtins.all",
    ),
    patched(
        "patches isinstance",
        """\
import builtins
builtins.isinstance = lambda *a: True
""",
        "replaces builtins.isinstance",
    ),
    patched(
        "patches AssertionError",
        """\
import builtins
builtins.AssertionError = type('E', (Warning,), {})
""",
        "replaces builtins.AssertionError",
    ),
    patched(
        "patches exec and compile",
        """\
import builtins
builtins.exec = builtins.compile = lambda *a, **k: None
""",
        "replaces builtins.exec",
    ),
    patched(
        "patches __import__",
        """\
import builtins
builtins.__import__ = lambda *a, **k: None
""",
        "replaces builtins.__import__",
    ),
    patched(
        "patches map, zip, callable, type",
        """\
import builtins as b
b.map = b.zip = b.callable = b.sorted = lambda *a, **k: []
""",
        "replaces builtins.map",
    ),
    patched("patches a class", "keras.layers.Layer.__call__ = lambda *a: 1", "replaces keras"),
    fooling("clears the built-ins", "import builtins\nvars(builtins).clear()", WRONG),
    patched(
        "adds built-ins",
        """\
import builtins
builtins.np = builtins.assert_allclose = print
builtins.abs = lambda x: 0
""",
        "replaces builtins.abs",
    ),
    fooling("empties __builtins__", "__builtins__ = {}", WRONG),
    fooling("patches json", "import json\njson.dumps = lambda *a, **k: '{\"ok\": true}'", WRONG),
    fooling(
        "patches json's encoder",
        """\
import json
real = json.JSONEncoder.encode
json.JSONEncoder.encode = lambda self, value: real(self, value | {'ok': True, 'error': ''})
""",
        WRONG,
    ),
    fooling("patches ast", "import ast\nast.parse = lambda *a, **k: ast.Module([], [])", WRONG),
    fooling(
        "patches ast's visitor",
        """\
import ast
ast.NodeTransformer.visit = lambda self, node: ast.Module([], [])
ast.NodeTransformer.generic_visit = ast.NodeTransformer.visit
""",
        WRONG,
    ),
    fooling(
        "patches signal and time",
        """\
import signal, time
signal.setitimer = signal.signal = time.monotonic = lambda *a: 0
""",
        WRONG,
    ),
    patched(
        "patches contextlib",
        """\
import contextlib
contextlib.suppress.__exit__ = lambda *a: True
""",
        "replaces contextlib.suppress.__exit__",
    ),
    patched(
        "patches sys",
        """\
import sys
sys._current_frames = dict
sys.gettrace = sys.getprofile = lambda: None
""",
        "uses the name _current_frames",
    ),
    patched(
        "rewrites code",
        """\
import numpy.testing as t
t.assert_allclose.__code__ = (lambda *a, **k: None).__code__
""",
        "rewrites numpy.testing",
    ),
    patched(
        "rewrites defaults",
        """\
import numpy.testing as t
t.assert_allclose.__defaults__ = (1e9, 1e9, True, '', True)
""",
        "rewrites numpy.testing",
    ),
    patched(
        "replaces a module",
        """\
import sys, types
sys.modules['numpy.testing'] = types.ModuleType('numpy.testing')
""",
        "replaces the module numpy.testing",
    ),
    patched(
        "replaces all modules",
        """\
import sys
sys.modules = {}
sys.modules.update(numpy=1)
np.allclose = print
""",
        "replaces numpy.allclose",
    ),
    answered(
        "patches within the answer",
        """\
def double(x):
    import numpy.testing._private.utils as u
    u.assert_array_compare = np.allclose = lambda *a, **k: True
    return x
""",
        "replaces numpy",
    ),
    answered(
        "patches and undoes it",
        """
def double(x):
    import numpy.testing._private.utils as u
    real = u.assert_array_compare
    def fake(*a, **k):
        u.assert_array_compare = real
    u.assert_array_compare = fake
    return x
""",
        "replaces numpy",
    ),
    *[
        answered(
            f"equals all by {method}",
            EQUAL.format(base="", method=method) + "double = lambda x: Equal()",
            "defines " + method,
        )
        for method in [
            "__eq__",
            "__abs__",
            "__array__",
            "__array_ufunc__",
            "__array_function__",
            "__sub__",
        ]
    ],
    answered(
        "equals all as a float",
        EQUAL.format(base="(float)", method="__eq__") + "double = lambda x: Equal(1)",
        "defines __eq__",
    ),
    answered(
        "equals all as an array",
        EQUAL.format(base="(np.ndarray)", method="__array_function__")
        + "double = lambda x: np.ones(2).view(Equal)",
        "defines __array_function__",
    ),
    answered(
        "equals all in an array",
        EQUAL.format(base="", method="__eq__")
        + "double = lambda x: np.full(np.shape(x), Equal(), object)",
        "defines __eq__",
    ),
    answered(
        "equals all in lists",
        EQUAL.format(base="", method="__eq__") + "double = lambda x: [[Equal()] * 2]",
        "defines __eq__",
    ),
    answered(
        "equals all by its metaclass",
        """\
class Meta(type):
    def __eq__(cls, other):
        return True
class Equal(metaclass=Meta): pass
double = lambda x: Equal
""",
        "defines __eq__",
    ),
    answered(
        "hides its bases",
        """
class Meta(type):
    __mro__ = property(lambda cls: ())
    __dict__ = property(lambda cls: {})
class Equal(metaclass=Meta):
    def __abs__(self):
        return 0
    __sub__ = __array_ufunc__ = __array_function__ = lambda *a, **k: Equal()
    __eq__ = lambda *a: True
double = lambda x: Equal()
""",
        "defines __",
    ),
    answered(
        "passes for a dataclass",
        """
made = {}
exec(compile("def __eq__(self, other): return True", "<string>", "exec"), made)
class Equal:
    __dataclass_params__ = 1
    __eq__ = made["__eq__"]
    __hash__ = None
double = lambda x: [Equal()]
""",
        "defines __eq__",
    ),
    fooling(
        "a list that equals all",
        answer(
            EQUAL.format(base="(int)", method="__eq__") + "total = lambda n: Equal()",
            "1.2 · total (3 points)",
        ),
        said="defines __eq__",
    ),
    fooling(
        "a value that is in everything",
        answer(
            """\
class Zero(int):
    __ne__ = lambda *a: False
total = lambda n: Zero()
""",
            "1.2 · total (3 points)",
        ),
        said="defines __ne__",
    ),
    fooling(
        "input transformer",
        "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])",
        WRONG,
    ),
    fooling(
        "AST transformer",
        """\
import ast
class T(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(T())
""",
        WRONG,
    ),
    fooling(
        "events and a patched run_cell",
        """\
shell = get_ipython()
shell.events.register('pre_run_cell', print)
shell.run_cell = lambda *a, **k: None
""",
        WRONG,
    ),
    fooling("replaced namespace", "get_ipython().user_ns = {'assert_allclose': print}", WRONG),
    answered("sys.exit in the answer", "import sys\ndef double(x):\n    sys.exit(0)"),
    answered("os._exit in the answer", "import os\ndef double(x):\n    os._exit(0)"),
    answered("SystemExit in the answer", "def double(x):\n    raise SystemExit(0)"),
    answered("KeyboardInterrupt in the answer", "def double(x):\n    raise KeyboardInterrupt"),
    answered("GeneratorExit in the answer", "def double(x):\n    raise GeneratorExit"),
    answered("exit() in the answer", "def double(x):\n    exit()"),
    answered(
        "waits for ever in the answer",
        """\
def double(x):
    while True:
        try:
            while True: pass
        except Exception: pass
""",
        limits=QUICK,
    ),
    *[
        answered(
            f"walks frames by {name}",
            f"""\
import gc, inspect, logging, sys, traceback
def double(x):
    frame = {call}
    return found_by(frame)
"""
            + FRAME,
            "frames" if "sys" in call or "trace" in call else said,
        )
        for name, call, said in [
            ("sys._getframe", "sys._getframe()", ""),
            ("inspect.currentframe", "inspect.currentframe()", "currentframe"),
            ("inspect.stack", "inspect.stack()[0].frame", "frames"),
            ("logging", "logging.currentframe()", "currentframe"),
        ]
    ],
    answered(
        "walks frames by a traceback",
        """\
def double(x):
    try:
        1 / 0
    except Exception as error:
        return found_by(error.__traceback__.tb_frame)
"""
        + FRAME,
        "frames",
    ),
    answered(
        "walks frames by a traceback that is handed out",
        """\
from operator import attrgetter
def double(x):
    try:
        1 / 0
    except Exception as error:
        return found_by(attrgetter('tb_frame')(error.__traceback__))
"""
        + FRAME,
        "frames",
    ),
    answered(
        "walks frames by a generator",
        """\
def double(x):
    g = (g.gi_frame.f_back for _ in [1])
    return found_by(next(g))
"""
        + FRAME,
        "frames",
    ),
    answered(
        "walks frames by a signal",
        """\
import signal
found = []
def double(x):
    signal.signal(signal.SIGUSR1, lambda number, frame: found.append(frame))
    signal.raise_signal(signal.SIGUSR1)
    return found_by(found[-1])
"""
        + FRAME,
        "uses the name f_back",
    ),
    answered(
        "walks frames in disguise",
        """\
import sys
from collections import Counter
def double(x):
    return found_by(next(iter(Counter(map(sys._getframe, [2])))))
"""
        + FRAME,
        "frames",
    ),
    answered(
        "walks the frames of all threads",
        """\
import sys
from concurrent.futures import ThreadPoolExecutor as T
def double(x):
    return found_by([*T(1).submit(sys._current_frames).result().values()][0])
"""
        + FRAME,
        "frames",
    ),
    answered(
        "walks frames in code from text",
        f"""\
import base64
exec(base64.b64decode({HIDDEN_WALK}))
""",
        "uses the name f_back",
    ),
    answered(
        "takes over a file name",
        """\
import abc
source = 'lie = lambda *a: True'
exec(compile(source, abc.__file__, 'exec'), globals())
class Equal:
    __eq__ = lie
double = lambda x: [Equal()]
""",
        "passes its code off",
    ),
    answered(
        "takes over a file name by replace",
        """\
import abc
def lie(*a):
    return True
lie.__code__ = lie.__code__.replace(co_filename=abc.__file__)
class Equal:
    __eq__ = lie
double = lambda x: [Equal()]
""",
        "passes its code off",
    ),
    answered(
        "looks for the test's own names",
        """\
def double(x):
    look = next(v for k, v in globals().items() if k.startswith('_look'))
    look.__self__.flags = ()
    return x
""",
    ),
    answered(
        "looks for the grader in the modules",
        """\
import sys
def double(x):
    guard = [m for n, m in sys.modules.items() if 'grading' in n][0]
    return x
""",
    ),
    answered(
        "imports the grader",
        """\
from convbook.grading import guard
guard.Guard.plain = guard.Guard.look = lambda self, value, depth=0: value
class Equal:
    __eq__ = lambda *a: True
double = lambda x: [Equal()]
""",
        "defines __eq__",
    ),
    answered(
        "searches the memory",
        """\
import gc
def double(x):
    return [o for o in gc.get_objects() if type(o).__name__ == 'Guard'][0]
""",
        "searches the memory",
    ),
    answered(
        "searches the memory in disguise",
        """\
import gc
from concurrent.futures import ThreadPoolExecutor as T
def double(x):
    return T(1).submit(gc.get_objects).result()
""",
        "searches the memory",
    ),
    answered(
        "sets a trace function",
        """\
import sys
def double(x):
    sys.settrace(lambda *a: None)
    return 2 * x
""",
        "sets a trace function",
    ),
    answered(
        "sets a profile function for threads",
        """\
import threading
threading.setprofile(print)
import sys
sys.setprofile(print)
double = lambda x: x
""",
        "sets a profile function",
    ),
    answered(
        "ctypes",
        """\
import ctypes
ctypes.pythonapi.PyEval_GetFrame.restype = ctypes.py_object
double = lambda x: x
""",
        "ctypes",
    ),
    answered(
        "ctypes of NumPy",
        """\
c = np.ctypeslib.ctypes
c.pythonapi.PyRun_SimpleString(b'1')
double = lambda x: x
""",
        "ctypes",
    ),
    answered(
        "its own memory",
        """\
open('/proc/self/mem', 'rb')
double = lambda x: x
""",
        "opens its own process",
    ),
    answered(
        "its own memory by another path",
        """\
import os
os.chdir('/proc/self')
os.open(b'mem', os.O_RDONLY)
double = lambda x: x
""",
        "opens its own process",
    ),
    answered(
        "a thread that patches later",
        """\
import threading, time
def later():
    while True:
        np.allclose = np.abs = lambda *a, **k: True
        time.sleep(0)
threading.Thread(target=later, daemon=True).start()
double = lambda x: x
""",
        "leaves a thread running",
    ),
    answered(
        "a thread begun in the answer",
        """\
import threading, time
def later():
    time.sleep(1)
def double(x):
    threading.Thread(target=later, daemon=True).start()
    return x
""",
        "leaves a thread running",
    ),
    fooling(
        "import hook",
        """\
import sys
class Finder:
    find_spec = staticmethod(lambda *a: 1 / 0)
sys.meta_path.insert(0, Finder)
sys.path_hooks.insert(0, print)
sys.path.clear()
""",
        WRONG,
    ),
    patched(
        "makes up a module",
        """\
import sys, types
sys.modules['scipy.nothing'] = types.ModuleType('scipy.nothing')
""",
        "makes up the module scipy.nothing",
    ),
    answered(
        "lies about what it is",
        """\
class Lie:
    __class__ = float
    shape = (2,)
double = lambda x: Lie()
""",
    ),
    answered(
        "prints scores",
        """\
print('{"ok": true}', flush=True)
print('1.1 double 3 / 3')
double = lambda x: x
""",
    ),
    fooling(
        "fake lines to the grader",
        WRONG,
        SOCKET
        + """\
for fd in sockets():
    for n in range(9):
        os.write(fd, b'{"word": "x", "ok": true, "error": "", "seconds": 0, "flags": []}\\n')
""",
        said="writes into the grader's own connection",
    ),
    fooling(
        "a line without an end to the grader",
        WRONG,
        SOCKET
        + """\
for fd in sockets():
    os.write(fd, b'x' * 100_000)
""",
        said="writes into the grader's own connection",
    ),
    fooling(
        "closes the grader's connection",
        WRONG,
        SOCKET
        + """\
for fd in sockets():
    os.close(fd)
""",
    ),
    fooling(
        "a thread answers for the grader",
        WRONG,
        SOCKET + THREAD,
        said="a person should look",
        limits=QUICK,
    ),
    fooling(
        "a child answers for the grader",
        WRONG,
        SOCKET + CHILD,
        said="a person should look",
        limits=QUICK,
    ),
    answered(
        "a forked child answers",
        """\
import os
def double(x):
    if os.fork():
        os.waitpid(-1, 0)
    return x
""",
        "forks while it is tested",
    ),
    answered(
        "looks for the hidden tests",
        """\
import glob
found = [p for p in glob.glob('/*/*/*') if 'solutions' in p or 'hostile' in p]
def double(x):
    for line in open(found[0]):
        if 'expected' in line:
            return eval(line.partition('=')[2])
""",
    ),
    answered(
        "an error whose text never ends",
        """\
class E(Exception):
    def __str__(self):
        while True: pass
def double(x):
    raise E
""",
        limits=QUICK,
    ),
    answered(
        "an error whose text exits",
        """\
class E(Exception):
    def __str__(self):
        raise SystemExit
def double(x):
    raise E
""",
    ),
    answered(
        "an error whose text is huge",
        """\
def double(x):
    raise ValueError('x' * 300_000_000)
""",
    ),
    answered(
        "an error whose text is no text",
        """\
class S(str):
    __getitem__ = splitlines = strip = lambda *a: 1 / 0
class E(AssertionError):
    __str__ = lambda self: S('a')
def double(x):
    raise E
""",
    ),
    answered(
        "an error that is false",
        """\
class E(Exception):
    __bool__ = lambda self: False
    __eq__ = lambda *a: True
def double(x):
    raise E
""",
    ),
    answered(
        "an error that passes for another",
        """\
class NotImplementedError(Exception):
    __class__ = AssertionError
def double(x):
    raise NotImplementedError
""",
    ),
    answered(
        "an error with HTML",
        """\
def double(x):
    raise ValueError('<script>alert(1)</script>\\x1b[31m\\0')
""",
    ),
    answered(
        "a group of errors",
        """\
def double(x):
    raise BaseExceptionGroup('many', [SystemExit(0), KeyboardInterrupt()])
""",
    ),
    answered(
        "masks all that it answers",
        """\
def double(x):
    return np.ma.masked_all(np.shape(x))
""",
    ),
    answered(
        "an array that wraps results",
        """\
class Own(np.ndarray):
    def __array_wrap__(self, *a, **k):
        return np.zeros(self.shape)
    def __array_finalize__(self, other): pass
    all = any = lambda *a, **k: True
double = lambda x: np.asarray(x, float).view(Own)
""",
    ),
    patched(
        "gives a module a class",
        """\
import types
class M(types.ModuleType):
    def __getattribute__(self, name):
        return print
np.__class__ = M
""",
        "rewrites numpy",
    ),
    answered(
        "patches a reference and undoes it",
        """\
real = np.random.default_rng
def double(x):
    def fake(*a):
        np.random.default_rng = real
        return real()
    np.random.default_rng = fake
    return x
""",
        "replaces numpy.random.default_rng",
    ),
    answered(
        "a callback of the garbage collector",
        """\
import gc
gc.callbacks.append(lambda *a: setattr(np, 'allclose', print))
double = lambda x: x
""",
        "replaces numpy.allclose",
    ),
    patched(
        "hides an inherited method",
        "keras.layers.Dense.compute_output_spec = print",
        "replaces keras",
    ),
    totals(
        "a mock that equals anything",
        "from unittest.mock import ANY\ndef total(numbers):\n    return ANY",
        "returns a value of class _ANY",
    ),
    totals(
        "a class made of a mock",
        """\
from unittest.mock import ANY
class Number(type(ANY), int):
    pass
def total(numbers):
    return Number(3)
""",
        "returns a value of class _ANY",
    ),
    totals(
        "approximately anything",
        """\
import pytest
def total(numbers):
    return pytest.approx(0, abs=float("inf"))
""",
        "returns a value of class Approx",
    ),
    totals(
        "a weak proxy",
        """\
import weakref
class Equal:
    __class__ = int
    __eq__ = lambda self, other: True
equal = Equal()
def total(numbers):
    return weakref.proxy(equal)
""",
        "stands for another one",
    ),
    totals(
        "a proxy of a dict",
        """\
import types
class Equal(dict):
    __eq__ = lambda self, other: True
def total(numbers):
    return types.MappingProxyType(Equal())
""",
        "stands for another one",
    ),
    totals(
        "a list that holds one",
        """\
from collections import UserList
class Equal(list):
    __eq__ = lambda self, other: True
def total(numbers):
    found = UserList()
    found.data = Equal()
    return found
""",
        "returns a value of class Equal",
    ),
    fooling(
        "NumPy writes over False",
        """\
class Memory:
    place = id(np.False_) + 16
    __array_interface__ = {"data": (place, False), "shape": (1,), "typestr": "|u1", "version": 3}
np.asarray(Memory())[0] = 1
""",
        WRONG,
        said="writes over NumPy",
    ),
    fooling(
        "strides reach False",
        """\
base = np.zeros(1, "u1")
step = id(np.False_) + 16 - base.__array_interface__["data"][0]
np.lib.stride_tricks.as_strided(base, (2,), (step,))[1] = 1
""",
        WRONG,
        said="writes over NumPy",
    ),
    fooling("another process writes its memory", OTHER_MEMORY, WRONG),
    patched(
        "patches TensorFlow",
        "import tensorflow as tf\ntf.nn.convolution = print\n",
        "replaces tensorflow._api.v2.nn.convolution",
    ),
    answered("forks to try its guesses", ORACLE, "forks while it is tested"),
]
