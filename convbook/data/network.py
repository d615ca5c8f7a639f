"""Downloading a data set, without ever hanging where there is no network."""

import contextlib
import importlib.util
import io
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from convbook.data import files
from convbook.data.specs import SPECS, Arrays

PROMPT_SECONDS = 0.3  # how long to wait for the network before drawing a stand-in meanwhile
PROBE_SECONDS = 1.5  # how long the network may take to show that it is there
STALL_SECONDS = 10.0  # how long a download may go without receiving anything


class Unreachable(Exception):
    """The real data cannot be downloaded; the message says why in a few words."""


def download(name: str, meanwhile: Callable) -> Arrays:
    """The data set as Keras downloads it; raises Unreachable where that cannot be."""
    spec = SPECS[name]
    if not spec.url:
        raise Unreachable("it cannot be downloaded")
    if os.environ.get("CONVBOOK_OFFLINE", "0") not in ("", "0"):
        raise Unreachable("CONVBOOK_OFFLINE is set")
    if importlib.util.find_spec("keras") is None:
        raise Unreachable("Keras is not installed")
    if not _answers(spec.url, meanwhile):
        raise Unreachable("no network")
    try:
        with _stalling_fails(), _quiet_in_builds():
            arrays = _from_keras(name)
        spec.check(arrays)
    except Exception as error:  # Keras raises a plain Exception where a download fails
        raise Unreachable(f"the download failed ({files.reason(error)})") from error
    return arrays


def _from_keras(name: str) -> Arrays:
    """The arrays of a set that Keras knows, or else of the archive that it downloads."""
    import keras

    if not hasattr(keras.datasets, name):
        archive = keras.utils.get_file(files.CACHED[name][0][0], origin=SPECS[name].url)
        return files.CACHED[name][1](Path(archive))
    (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _answers(url: str, meanwhile: Callable) -> bool:
    """Whether a server answers within PROBE_SECONDS; a wait is spent on calling ``meanwhile``.

    A time limit on the request does not bound the look-up of the server's name, so the request
    is made in a thread that is left behind if it takes too long.
    """
    answers = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        # whatever goes wrong (a URLError, a bad proxy, a broken answer): the server does not answer
        with contextlib.suppress(Exception), urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    deadline = time.monotonic() + PROBE_SECONDS
    thread.join(PROMPT_SECONDS)
    if thread.is_alive():
        with contextlib.suppress(ImportError):  # raised again where the stand-in is needed
            meanwhile()
        thread.join(max(0, deadline - time.monotonic()))
    return bool(answers)


@contextlib.contextmanager
def _stalling_fails() -> Iterator[None]:
    """Within, a connection that receives nothing for STALL_SECONDS raises instead of waiting."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _quiet_in_builds() -> contextlib.AbstractContextManager:
    """Within, a build prints nothing (its outputs are compared); elsewhere a progress bar shows."""
    if os.environ.get("CONVBOOK_BUILD"):
        return contextlib.redirect_stdout(io.StringIO())
    return contextlib.nullcontext()
