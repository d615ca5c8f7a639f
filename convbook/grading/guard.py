"""Notice, and undo, what a submission does to the code that its tests rely on.

A submission shares a process with its tests, so nothing here is a wall. It makes the known ways to
fool a test fail, and leaves a word for a person to read.
"""

import builtins
import gc
import signal
import warnings
from _thread import _count as count_threads
from sys import _current_frames, getprofile, gettrace, setprofile, settrace
from threading import get_ident

from numpy import False_, True_, bool_, geterr, ndarray, seterr
from numpy.ma import MaskedArray, getmaskarray

from convbook.grading.events import FORBIDDEN, Events
from convbook.grading.originals import Originals, words
from convbook.grading.trust import Trust
from convbook.grading.values import Values

__builtins__ = dict(vars(builtins))  # the functions below use this copy, which no cell can change
byte_of = bool_.tobytes
set_handler, gc_callbacks = signal.signal, gc.callbacks
LOOKS = 300  # looks of one test at what was changed: whoever passes so many comparisons is right
SIGNALS = (signal.SIGVTALRM, signal.SIGPROF, signal.SIGUSR1, signal.SIGUSR2)


class Guard:
    """Made before the first cell runs; ``flags`` are sentences on what was seen since."""

    def __init__(self):
        self.flags: list[str] = []
        self.trust = Trust()
        self.originals = Originals(self.trust, self.flag)
        self.values = Values(self.trust, self.flag)
        self.callbacks = list(gc.callbacks)
        self.filters, self.errors = list(warnings.filters), geterr()
        self.threads = self.looks = 0
        self.events = Events(self.trust, self.originals, self.flag)

    def repair(self) -> None:
        """Put all that tests rely on back as it was, and say what was changed."""
        self.originals.repair()
        gc_callbacks[:] = self.callbacks
        warnings.filters[:] = self.filters
        seterr(**self.errors)
        if gettrace() or getprofile():
            settrace(None)
            setprofile(None)
            self.flag(FORBIDDEN["sys.settrace"])
        for number in SIGNALS:
            set_handler(number, signal.SIG_DFL)
        self.look_for_threads()

    def compiled(self, source: str):
        """A test as code, which is about to run."""
        self.events.testing = True
        self.events.busy = True
        code = compile(source, self.trust.test, "exec")
        self.events.busy = False
        self.originals.need(words(code))
        self.looks = 0
        return code

    def look(self, value):
        """What a test's values go through. Undoes, too, what was changed since the last look."""
        self.looks += 1
        if self.looks < LOOKS:
            gc_callbacks[:] = self.callbacks
            self.originals.put_back()
            if count_threads() != self.threads:
                self.look_for_threads()
        if byte_of(False_) + byte_of(True_) != b"\0\1":  # NumPy can write anywhere in the memory
            self.values.refuse("writes over NumPy's own True and False")
        self.values.check(value)
        if isinstance(value, MaskedArray) and getmaskarray(value).any():
            raise AssertionError("this test was given an array with masked values")
        if isinstance(value, ndarray) and not self.originals.defines(type(value)):
            return ndarray.view(value, ndarray)  # a class of its own could act while it is compared
        return value

    def look_for_threads(self) -> None:
        """A thread of the submission that still runs could change things during a test."""
        here, self.threads = get_ident(), count_threads()
        self.events.busy = True
        frames = _current_frames()
        self.events.busy = False
        for thread, frame in frames.items():
            while frame and thread != here:
                if not self.trust.trusts(frame.f_code.co_filename):
                    self.flag("leaves a thread running while it is tested")
                    break
                frame = frame.f_back

    def flag(self, sentence: str) -> None:
        if sentence not in self.flags and len(self.flags) < 20:
            self.flags.append(sentence)
