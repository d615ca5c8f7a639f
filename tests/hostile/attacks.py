"""Attacks on the machine, among right answers: they get nowhere, and points earned stay."""

import sys
from dataclasses import replace

from hostile.lab import (
    DOUBLE,
    EVERYTHING,
    LAYER,
    MB,
    QUICK,
    SETUP,
    SHORT,
    TOTAL,
    Entry,
    Limits,
    notebook,
)

LEAN = replace(SHORT, memory=400 * MB)
REFUSED = """
def refused(attack):
    try:
        found = attack()
    except (OSError, ValueError):
        return
    raise AssertionError(f"this worked: {found}")
"""


def among(*sources: str) -> bytes:
    """Right answers to 1.1 and 1.2, then these cells."""
    return notebook(SETUP, DOUBLE, TOTAL, *sources)


def refused(name: str, expression: str, imports: str = "os") -> Entry:
    """An expression that must raise an OSError; if it does not, exercise 1.3 is lost."""
    source = f"import {imports}\n{REFUSED}\nrefused(lambda: {expression})\n{LAYER}"
    return Entry(name, among(source), points=EVERYTHING)


def survived(name: str, source: str, limits: Limits = SHORT) -> Entry:
    """A cell after which the next ones still run."""
    return Entry(name, among(source, LAYER), points=EVERYTHING, limits=limits)


def ended(name: str, source: str, said: str = "not run", limits: Limits = QUICK) -> Entry:
    """A cell that takes its process along: exercises 1.1 and 1.2 stood before it."""
    return Entry(name, among(source, LAYER), points=6, said=said, limits=limits)


def ending(name: str, source: str, said: str, limits: Limits = QUICK) -> Entry:
    """As ``ended``, but in the answer to 1.3, so that its message can be read."""
    return Entry(name, among(f"{LAYER}\n{source}"), points=6, said=said, limits=limits)


FORKS = """
import os, time
me, end = os.getpid(), time.monotonic() + 1
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
if os.getpid() != me:
    os._exit(0)
"""
HOARDERS = """
import os, time
for _ in range(20):
    if os.fork() == 0:
        hoard = bytearray(100_000_000)
        time.sleep(60)
time.sleep(60)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        time.sleep(1)
os.wait()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True: pass
"""
SWALLOWER = """
import time
while True:
    try:
        time.sleep(9)
    except BaseException: pass
"""
CRASHES = sys.version_info < (3, 12)  # a later Python raises RecursionError
DEEP = """
import sys
sys.setrecursionlimit(10**9)
class Deep:
    def __repr__(self):
        return repr(self)
repr(Deep())
"""
FILES = """
import itertools
for n in itertools.count():
    open(f"{n}", "w").close()
"""
BLOCKS = """
with open("big", "wb") as file:
    while True: file.write(bytes(1 << 20))
"""
SHARED = """
import time
with open("/dev/shm/left", "wb") as file:
    while True: file.write(bytes(1 << 20))
"""
NOISE = """
import os
while True: os.write(2, b"x" * 100_000) and os.write(1, b"x" * 100_000)
"""

ATTACKS = [
    survived(
        "fork bomb",
        """\
import os
for _ in range(1000):
    if os.fork() == 0:
        import time
        time.sleep(99)
""",
    ),
    survived("fork bomb of forked bombs", FORKS, SHORT),
    survived(
        "thread bomb",
        """\
import threading, time
for _ in range(5000):
    threading.Thread(target=time.sleep, args=[3], daemon=True).start()
""",
    ),
    survived("memory bomb", "hoard = bytearray(100_000_000_000)"),
    survived(
        "memory bomb in steps",
        """\
def hoard():
    kept = []
    while True:
        kept.append(bytearray(50_000_000))
hoard()
""",
    ),
    ending(
        "memory of many processes", HOARDERS, "stopped: it used more than 400 MB of memory", LEAN
    ),
    survived("fills the disk", BLOCKS),
    survived("fills the shared memory", SHARED),
    survived("a file of a terabyte", "open('big', 'wb').truncate(1 << 40)"),
    survived("many files", FILES, LEAN),
    survived("many open files", "files = []\nwhile True: files.append(open('/dev/null'))"),
    survived("endless output", NOISE, QUICK),
    survived("endless loop", "while True: pass", QUICK),
    ended("loop that catches everything", SWALLOWER),
    ended("loop that ignores the alarm", STUBBORN),
    survived("sleeps", "import time\ntime.sleep(1000)", QUICK),
    survived(
        "a lock that never opens",
        """\
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
""",
        QUICK,
    ),
    survived("deep recursion", "def f(): return f()\nf()"),
    (ended if CRASHES else survived)("recursion through C", DEEP, limits=SHORT),
    ending(
        "segmentation fault",
        """\
import faulthandler
faulthandler._read_null()
""",
        "this cell ended Python",
    ),
    survived("kills itself", "import os\nos.kill(os.getpid(), 9)\nos.kill(0, 11)"),
    ending("abort", "import os\nos.abort()", "this cell ended Python"),
    survived(
        "kills all processes it sees",
        """\
import os
os.kill(-1, 9)
os.killpg(0, 9)
os.kill(1, 9)
""",
    ),
    survived("stops itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    survived("leaves a daemon", DAEMON),
    survived("ends its standard streams", "import os\nos.closerange(0, 3)"),
    survived("a shell that waits", "import os\nos.system('sleep 100')", QUICK),
    survived(
        "leaves files",
        """\
import os
open('left', 'w').write('x')
open('/dev/shm/left2', 'w').write('x')
os.mkfifo('pipe')
""",
    ),
    refused(
        "finds the files of the one before",
        "open('/scratch/left').read() + open('/dev/shm/left2').read()",
    ),
    refused("finds the shared memory of the one before", "open('/dev/shm/left', 'rb').read(1)"),
    refused("reads the list of users", "open('/etc/passwd').read()"),
    refused("reads root's files", "open('/root/.bashrc').read()"),
    refused("reads other homes", "os.listdir('/home')"),
    refused(
        "reads the solutions",
        "os.listdir(pathlib.Path(convbook.__file__).parent.parent / 'solutions')",
        "os, pathlib, convbook",
    ),
    refused(
        "reads these tests",
        "os.listdir(pathlib.Path(convbook.__file__).parent.parent / 'tests')",
        "os, pathlib, convbook",
    ),
    refused(
        "reads the environment of the first process",
        "open('/proc/1/environ').read() if os.getpid() != 1 else open('/nowhere')",
    ),
    refused("reads the kernel's messages", "open('/dev/kmsg', 'rb').read(1)"),
    refused("reads a disk", "open('/dev/sda', 'rb').read(1)"),
    refused("writes into Python's packages", "open(np.__file__, 'a')", "numpy as np"),
    refused("writes into the course", "open(convbook.__file__, 'a')", "convbook"),
    refused("writes into the root folder", "open('/left', 'w')"),
    refused("writes into /dev", "open('/dev/left', 'w')"),
    refused("writes into /proc", "open('/proc/self/oom_score_adj', 'w').write('-1000')"),
    refused(
        "writes the kernel's settings", "open('/proc/sys/kernel/core_pattern', 'w').write('x')"
    ),
    refused("a server on this machine", "socket.create_connection(('127.0.0.1', 22), 1)", "socket"),
    refused("the network outside", "socket.create_connection(('1.1.1.1', 53), 1)", "socket"),
    refused("names of hosts", "socket.getaddrinfo('example.org', 80)", "socket"),
    refused("the web", "urllib.request.urlopen('http://example.org', timeout=1)", "urllib.request"),
    refused("raw sockets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket"),
    refused(
        "Unix sockets outside",
        "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "socket",
    ),
    refused(
        "abstract Unix sockets",
        "socket.socket(socket.AF_UNIX).connect('\\0/tmp/.X11-unix/X0')",
        "socket",
    ),
    refused("kills its parent", "os.kill(os.getppid() or 99999, 9)"),
    refused("becomes root", "os.setuid(0)"),
    refused("changes its root folder", "os.chroot('/scratch')"),
    refused("makes a device", "os.mknod('disk', 0o60600, os.makedev(8, 0))"),
    refused("a higher priority", "os.nice(-5)"),
    refused(
        "more memory than its limit",
        "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
        "resource",
    ),
    refused(
        "mounts",
        "subprocess.run(['/usr/bin/mount', '-t', 'tmpfs', 'x', '/scratch'], check=True)",
        "subprocess",
    ),
    refused(
        "runs a program of the system",
        "subprocess.run(['/usr/bin/sudo', '-n', 'true'])",
        "subprocess",
    ),
]
