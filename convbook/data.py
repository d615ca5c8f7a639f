"""Data sets: the real one where it can be had, otherwise a stand-in made on the spot."""

import contextlib
import difflib
import functools
import gzip
import importlib.util
import io
import json
import operator
import os
import pickle
import socket
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convbook import standins

PROMPT_SECONDS = 0.3  # how long to wait for the network before drawing a stand-in meanwhile
PROBE_SECONDS = 1.5  # how long the network may take to show that it is there
STALL_SECONDS = 10.0  # how long a download may go without receiving anything
SPLITS = ("train", "test")
RESULTS = Path(__file__).parent / "results"

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test


@dataclass(frozen=True)
class Dataset:
    """Images and their classes, for training and for testing.

    Attributes
    ----------
    name : the data set's name, such as "mnist".
    source : where the images come from, in words; contains "stand-in" exactly when they are one.
    class_names : the names of classes 0, 1, 2, …
    x_train, x_test : float32, (n, height, width, channels), 0 to 1.
    y_train, y_test : int64, (n,): the class of each image.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class _Spec:
    """What is known of a real data set: an image's stored shape, sizes, classes and address."""

    shape: tuple[int, ...]
    sizes: dict[str, int]
    class_names: tuple[str, ...]
    url: str  # a file on the server that Keras downloads from


_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_SPECS = {
    "mnist": _Spec(
        shape=(28, 28),
        sizes={"train": 60_000, "test": 10_000},
        class_names=tuple("0123456789"),
        url=_GOOGLE + "mnist.npz",
    ),
    "fashion_mnist": _Spec(
        shape=(28, 28),
        sizes={"train": 60_000, "test": 10_000},
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        url=_GOOGLE + "train-labels-idx1-ubyte.gz",
    ),
    "cifar10": _Spec(
        shape=(32, 32, 3),
        sizes={"train": 50_000, "test": 10_000},
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
}


def results(name: str) -> dict:
    """What a command of ``bench/`` measured: the JSON that it wrote, with device and versions.

    Parameters
    ----------
    name : the measurement's name, such as "networks" for ``python -m bench.networks``.

    Raises
    ------
    ValueError : there is no such measurement; the message lists the known ones.
    """
    files = {path.stem: path for path in sorted(RESULTS.glob("*.json"))}
    if name not in files:
        raise ValueError(f"no results named {name!r}; there are: {', '.join(files)}")
    return json.loads(files[name].read_text(encoding="utf-8"))


def load(name: str, train: int | None = None, test: int | None = None) -> Dataset:
    """Load a data set, and print in one line what it is and, after ``≈``, where it comes from.

    The first of these that works is used: ``<name>.npz`` in the folder that ``CONVBOOK_DATA``
    names; Keras' cache of downloads; Keras' download (never with ``CONVBOOK_OFFLINE=1``); a
    stand-in made here. A file that is there but damaged or wrong is named in a line of its own,
    and not used.

    Parameters
    ----------
    name : "mnist" or "fashion_mnist" (28×28×1), or "cifar10" (32×32×3).
    train, test : how many images; the first ones are taken (real sets are shuffled already).
        None means all: for a stand-in, as many as the real set has. Where fewer are there, all
        of them are used and the line says so; a stand-in has any number.

    Returns
    -------
    Dataset : images float32 in 0 to 1, (n, height, width, channels); labels int64, (n,).

    Raises
    ------
    ValueError : the name is unknown, or a number is not positive.
    ImportError : the stand-in for mnist is needed, and scikit-learn is not installed.
    """
    spec = _spec(name)
    wanted = {"train": _positive("train", train), "test": _positive("test", test)}
    arrays, source = _find(name, wanted)
    if any(wanted[split] and len(arrays[f"y_{split}"]) < wanted[split] for split in SPLITS):
        source += ": all there is, fewer than asked for"
    ready = {}
    for split, count in wanted.items():
        x = arrays[f"x_{split}"][:count].astype(np.float32) / np.float32(255)
        ready[f"x_{split}"] = x.reshape(len(x), *_with_channel(spec.shape))
        ready[f"y_{split}"] = arrays[f"y_{split}"][:count].astype(np.int64).reshape(-1)
    shape = "×".join(map(str, _with_channel(spec.shape)))
    print(
        f"{name}: {len(ready['y_train'])} training and {len(ready['y_test'])} test images, "
        f"{shape}, {len(spec.class_names)} classes ≈ {source}"
    )
    return Dataset(name=name, source=source, class_names=spec.class_names, **ready)


def _spec(name: str) -> _Spec:
    """What is known of the data set; ValueError with a suggestion if nothing is."""
    if name in _SPECS:
        return _SPECS[name]
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), _SPECS, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown data set {name!r}.{hint} Known: {', '.join(_SPECS)}.")


def _positive(split: str, count: int | None) -> int | None:
    """``count`` as an int, or None; ValueError unless it is 1 or more."""
    if count is None:
        return None
    if operator.index(count) < 1:
        raise ValueError(f"{split}={count}: ask for 1 image or more, or for all with {split}=None")
    return operator.index(count)


def _with_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one image with its channel axis."""
    return shape if len(shape) == 3 else (*shape, 1)


class _Unreachable(Exception):
    """The real data cannot be downloaded; the message says why in a few words."""


def _find(name: str, wanted: dict[str, int | None]) -> tuple[Arrays, str]:
    """The arrays from the first source that works, and that source in words."""
    found = _from_folder(name) or _from_keras_cache(name)
    if found:
        return found
    standin = functools.cache(lambda: _standin(name, wanted))
    try:
        return _download(name, standin), "real data, downloaded by Keras"
    except _Unreachable as why:
        return standin(), f"stand-in made here: {why}"


def _standin(name: str, wanted: dict[str, int | None]) -> Arrays:
    """A stand-in of the sizes asked for, or of the real set's."""
    arrays = {}
    for split, size in _SPECS[name].sizes.items():
        made = standins.make(name, split, wanted[split] or size)
        arrays[f"x_{split}"], arrays[f"y_{split}"] = made
    return arrays


# ---------------------------------------------------------------- files that are there already


def _from_folder(name: str) -> tuple[Arrays, str] | None:
    """The data set from the folder that ``CONVBOOK_DATA`` names, if it is there and sound."""
    folder = os.environ.get("CONVBOOK_DATA")
    path = Path(folder or ".", f"{name}.npz")
    if not folder or not path.is_file():
        return None
    arrays = _sound(f"$CONVBOOK_DATA/{name}.npz", lambda: _read_npz(path), _SPECS[name])
    return arrays and (arrays, "real data, from CONVBOOK_DATA")


def _from_keras_cache(name: str) -> tuple[Arrays, str] | None:
    """The data set from what Keras has downloaded before, if it is there and sound.

    Read without Keras, whose import takes seconds and which would download a damaged file again.
    """
    home = os.environ.get("KERAS_HOME")
    folder = Path(home or "~/.keras").expanduser() / "datasets"
    files, read = _KERAS_FILES[name]
    paths = [folder / file for file in files]
    if not all(path.is_file() for path in paths):
        return None
    shown = f"{'$KERAS_HOME' if home else '~/.keras'}/datasets/{Path(files[0]).parts[0]}"
    arrays = _sound(shown, lambda: read(*paths), _SPECS[name])
    return arrays and (arrays, "real data, from the Keras cache")


def _sound(shown: str, read: Callable[[], Arrays], spec: _Spec) -> Arrays | None:
    """What ``read`` returns; None if the file is damaged or wrong, after a line that names it."""
    try:
        arrays = read()
        _check(arrays, spec)
    except Exception as error:  # a damaged file can raise nearly anything
        print(f"{shown} is not used: {_reason(error)}")
        return None
    return arrays


def _reason(error: Exception) -> str:
    """An error in one line, without the absolute path that an OSError quotes."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _check(arrays: Arrays, spec: _Spec) -> None:
    """Raise ValueError unless the arrays have the names, dtypes, shapes and range they should."""
    for key in ("x_train", "y_train", "x_test", "y_test"):
        if key not in arrays:
            raise ValueError(f"it has no array {key}")
    classes = len(spec.class_names)
    for split in SPLITS:
        x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if x.dtype != np.uint8 or x.shape[1:] != spec.shape or len(x) == 0:
            shape = ", ".join(map(str, spec.shape))
            raise ValueError(f"x_{split} is {x.dtype} {x.shape}, not uint8 (n, {shape})")
        if y.dtype.kind not in "iu" or y.shape not in [(len(x),), (len(x), 1)]:
            raise ValueError(f"y_{split} is {y.dtype} {y.shape}, not whole numbers ({len(x)},)")
        if y.min() < 0 or y.max() >= classes:
            raise ValueError(
                f"y_{split} has labels from {y.min()} to {y.max()}, not from 0 to {classes - 1}"
            )


def _read_npz(path: Path) -> Arrays:
    """All arrays of an ``.npz`` file; pickled ones are refused."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole .npz file")
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _read_idx(*paths: Path) -> Arrays:
    """Fashion-MNIST's four gzipped files: labels and images to train with, then to test with."""
    y_train, x_train, y_test, x_test = (gzip.decompress(path.read_bytes()) for path in paths)
    return {
        "x_train": np.frombuffer(x_train, np.uint8, offset=16).reshape(-1, 28, 28),
        "y_train": np.frombuffer(y_train, np.uint8, offset=8),
        "x_test": np.frombuffer(x_test, np.uint8, offset=16).reshape(-1, 28, 28),
        "y_test": np.frombuffer(y_test, np.uint8, offset=8),
    }


def _read_batches(*paths: Path) -> Arrays:
    """CIFAR-10's batches of pickled arrays: five to train with, then one to test with."""
    batches = []
    for path in paths:
        with path.open("rb") as file:
            batches.append(_ArrayUnpickler(file, encoding="bytes").load())
    x = [batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in batches]
    y = [np.array(batch[b"labels"]) for batch in batches]
    return {
        "x_train": np.concatenate(x[:-1]),
        "y_train": np.concatenate(y[:-1]),
        "x_test": x[-1],
        "y_test": y[-1],
    }


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and nothing else, so that a file cannot run code."""

    def find_class(self, module: str, name: str) -> object:
        if f"{module}.{name}" in {
            "numpy.ndarray",
            "numpy.dtype",
            "numpy.core.multiarray._reconstruct",
            "numpy._core.multiarray._reconstruct",
        }:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")


_KERAS_FILES = {  # under datasets/ in Keras' folder, in the order that the reader takes them
    "mnist": (["mnist.npz"], _read_npz),
    "fashion_mnist": (
        [
            "fashion-mnist/train-labels-idx1-ubyte.gz",
            "fashion-mnist/train-images-idx3-ubyte.gz",
            "fashion-mnist/t10k-labels-idx1-ubyte.gz",
            "fashion-mnist/t10k-images-idx3-ubyte.gz",
        ],
        _read_idx,
    ),
    "cifar10": (
        [
            f"cifar-10-batches-py-target/cifar-10-batches-py/{batch}"
            for batch in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
        ],
        _read_batches,
    ),
}


# ---------------------------------------------------------------- the network


def _download(name: str, meanwhile: Callable) -> Arrays:
    """The data set as Keras downloads it; raises _Unreachable where that cannot be."""
    if os.environ.get("CONVBOOK_OFFLINE", "0") not in ("", "0"):
        raise _Unreachable("CONVBOOK_OFFLINE is set")
    if importlib.util.find_spec("keras") is None:
        raise _Unreachable("Keras is not installed")
    if not _answers(_SPECS[name].url, meanwhile):
        raise _Unreachable("no network")
    try:
        with _stalling_fails(), _quiet_in_builds():
            import keras

            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
        arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        _check(arrays, _SPECS[name])
    except Exception as error:  # Keras raises a plain Exception where a download fails
        raise _Unreachable(f"the download failed ({_reason(error)})") from error
    return arrays


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
