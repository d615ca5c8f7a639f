"""Data sets in files that are there already: the reader's own, and what Keras has downloaded."""

import csv
import gzip
import io
import os
import pickle
import re
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from convbook.data.specs import SPECS, Arrays, Spec


def from_folder(name: str) -> tuple[Arrays, str] | None:
    """The data set from the folder that ``CONVBOOK_DATA`` names, if it is there and sound."""
    folder = os.environ.get("CONVBOOK_DATA")
    names, read = OWN.get(name, ([f"{name}.npz"], read_npz))
    for file in names if folder else []:
        path = Path(folder, file)
        if path.is_file():
            arrays = sound(f"$CONVBOOK_DATA/{file}", lambda path=path: read(path), SPECS[name])
            if arrays:
                return arrays, "real data, from CONVBOOK_DATA"
    return None


def from_cache(name: str) -> tuple[Arrays, str] | None:
    """The data set from what Keras has downloaded before, if it is there and sound.

    Read without Keras, whose import takes seconds and which would download a damaged file again.
    """
    home = os.environ.get("KERAS_HOME")
    folder = Path(home or "~/.keras").expanduser() / "datasets"
    if name not in CACHED:
        return None
    files, read = CACHED[name]
    paths = [folder / file for file in files]
    if not all(path.is_file() for path in paths):
        return None
    shown = f"{'$KERAS_HOME' if home else '~/.keras'}/datasets/{Path(files[0]).parts[0]}"
    arrays = sound(shown, lambda: read(*paths), SPECS[name])
    return arrays and (arrays, "real data, from the Keras cache")


def sound(shown: str, read: Callable[[], Arrays], spec: Spec) -> Arrays | None:
    """What ``read`` returns; None if the file is damaged or wrong, after a line that names it."""
    try:
        arrays = read()
        spec.check(arrays)
    except Exception as error:  # a damaged file can raise nearly anything
        print(f"{shown} is not used: {reason(error)}")
        return None
    return arrays


def reason(error: Exception) -> str:
    """An error in one line, without the absolute path that an OSError quotes."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def read_npz(path: Path) -> Arrays:
    """All arrays of an ``.npz`` file; pickled ones are refused."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole .npz file")
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def read_idx(*paths: Path) -> Arrays:
    """Fashion-MNIST's four gzipped files: labels and images to train with, then to test with."""
    y_train, x_train, y_test, x_test = (gzip.decompress(path.read_bytes()) for path in paths)
    return {
        "x_train": np.frombuffer(x_train, np.uint8, offset=16).reshape(-1, 28, 28),
        "y_train": np.frombuffer(y_train, np.uint8, offset=8),
        "x_test": np.frombuffer(x_test, np.uint8, offset=16).reshape(-1, 28, 28),
        "y_test": np.frombuffer(y_test, np.uint8, offset=8),
    }


def read_batches(*paths: Path) -> Arrays:
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


def read_recordings(path: Path) -> Arrays:
    """The archive of the Free Spoken Digit Dataset: ``recordings/7_theo_12.wav`` and others.

    Takes 0 to 4 of each digit and speaker are for testing, as the data set says. A recording
    longer than a second is cut, a shorter one is followed by zeros.
    """
    x, y, speaker, take = [], [], [], []
    with tarfile.open(path) as archive:
        for member in archive:
            found = re.search(r"recordings/(\d)_(\w+)_(\d+)\.wav$", member.name)
            if found and member.isfile():
                with wave.open(io.BytesIO(archive.extractfile(member).read())) as sound_file:
                    told = sound_file.getnchannels(), sound_file.getsampwidth()
                    if (*told, sound_file.getframerate()) != (1, 2, 8000):
                        raise ValueError(f"{found[0]} is not mono, 16 bits, 8 kHz")
                    samples = np.frombuffer(sound_file.readframes(8000), "<i2")
                x.append(np.pad(samples, (0, 8000 - len(samples))))
                y.append(int(found[1]))
                speaker.append(found[2])
                take.append(int(found[3]))
    if not x:
        raise ValueError("it holds no recordings")
    mixed = np.random.default_rng(0).permutation(len(x))
    columns = {"x": np.array(x), "y": np.array(y), "speaker": np.array(speaker)}
    in_test = np.array(take) < 5
    arrays = {}
    for part, column in columns.items():
        arrays[f"{part}_train"] = column[mixed][~in_test[mixed]]
        arrays[f"{part}_test"] = column[mixed][in_test[mixed]]
    return arrays


def read_faces(path: Path) -> Arrays:
    """Kaggle's ``training.csv``, or the zip that holds it.

    A row has x and y of each point, empty where it was not marked, and the image's 9,216 grey
    values. The rows are mixed, and the last ones are for testing, since Kaggle's own test images
    come without points.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            text = archive.read("training.csv").decode()
    else:
        text = path.read_text()
    csv.field_size_limit(1 << 20)  # one field is a whole image
    spec, rows = SPECS["faces"], list(csv.DictReader(io.StringIO(text)))
    columns = [f"{point}_{axis}" for point in spec.point_names for axis in "xy"]
    for column in (*columns, "Image"):
        if not rows or column not in rows[0]:
            raise ValueError(f"it has no column {column}")
    y = np.array([[float(row[column] or "nan") for column in columns] for row in rows])
    x = np.array([np.array(row["Image"].split(), np.uint8) for row in rows]).reshape(-1, 96, 96)
    order = np.random.default_rng(0).permutation(len(x))
    n = len(x) - max(1, round(len(x) * spec.sizes["test"] / sum(spec.sizes.values())))
    points = y.reshape(-1, len(spec.point_names), 2)
    return {
        "x_train": x[order[:n]],
        "y_train": points[order[:n]],
        "x_test": x[order[n:]],
        "y_test": points[order[n:]],
    }


OWN = {  # in the reader's folder, where it is not <name>.npz: any of these files
    "faces": (["training.csv", "training.zip"], read_faces),
}
CACHED = {  # under datasets/ in Keras' folder, in the order that the reader takes them
    "mnist": (["mnist.npz"], read_npz),
    "fashion_mnist": (
        [
            "fashion-mnist/train-labels-idx1-ubyte.gz",
            "fashion-mnist/train-images-idx3-ubyte.gz",
            "fashion-mnist/t10k-labels-idx1-ubyte.gz",
            "fashion-mnist/t10k-images-idx3-ubyte.gz",
        ],
        read_idx,
    ),
    "cifar10": (
        [
            f"cifar-10-batches-py-target/cifar-10-batches-py/{batch}"
            for batch in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
        ],
        read_batches,
    ),
    "spoken_digits": (["free-spoken-digit-dataset-1.0.9.tar.gz"], read_recordings),
}
