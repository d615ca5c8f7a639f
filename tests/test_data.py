"""The data sets: where each comes from, what is refused, and what the stand-ins are worth."""

import csv
import gzip
import hashlib
import importlib.util
import io
import pickle
import socket
import subprocess
import sys
import tarfile
import threading
import types
import urllib.request
import wave
import zipfile

import numpy as np
import pytest

from convbook import data, standins
from convbook.data import files, network
from convbook.data.specs import SPECS
from convbook.standins.mnist import handwriting

SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
NAMES = list(SHAPES)  # the images; recordings and points have tests of their own


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No folder, an empty Keras cache, no network: each test adds what it is about."""
    monkeypatch.delenv("CONVBOOK_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("CONVBOOK_OFFLINE", "1")


def arrays(name: str, train: int = 20, test: int = 10) -> dict[str, np.ndarray]:
    """Sound arrays of a data set, as they are stored; two training pixels are 255 and 0."""
    rng = np.random.default_rng(7)
    made = {}
    for split, n in (("train", train), ("test", test)):
        made[f"x_{split}"] = rng.integers(256, size=(n, *SHAPES[name]), dtype=np.uint8)
        made[f"y_{split}"] = np.arange(n, dtype=np.uint8) % 10
    made["x_train"].flat[0], made["x_train"].flat[1] = 255, 0
    return made


def put(monkeypatch, tmp_path, name: str, **changes) -> None:
    """Write ``<name>.npz`` and let CONVBOOK_DATA name its folder; None leaves an array out."""
    stored = {k: v for k, v in (arrays(name) | changes).items() if v is not None}
    np.savez(tmp_path / f"{name}.npz", **stored)
    monkeypatch.setenv("CONVBOOK_DATA", str(tmp_path))


def source(line: str) -> str:
    """What the printed line says after ≈."""
    return line.rstrip("\n").split(" ≈ ")[1]


def assert_refused(capsys, shown: str, why: str, name: str = "mnist") -> None:
    """Loading names the file and the reason, then uses a stand-in; no absolute path is printed."""
    loaded = data.load(name, train=5, test=5)
    refused, line = capsys.readouterr().out.splitlines()
    assert refused.startswith(f"{shown} is not used: ")
    assert why in refused
    assert "/tmp" not in refused
    assert source(line).startswith("stand-in made here")
    assert "stand-in" in loaded.source


# ---------------------------------------------------------------- what load returns and prints


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("real", [True, False])
def test_what_load_returns(monkeypatch, tmp_path, name, real):
    if real:
        put(monkeypatch, tmp_path, name)
    loaded = data.load(name, train=12, test=7)
    shape = (*SHAPES[name], 1)[:3]
    assert loaded.x_train.shape == (12, *shape)
    assert loaded.x_test.shape == (7, *shape)
    for x in (loaded.x_train, loaded.x_test):
        assert x.dtype == np.float32
        assert 0 <= x.min() < x.max() <= 1
    assert loaded.y_train.shape == (12,)
    assert loaded.y_test.shape == (7,)
    assert loaded.y_train.dtype == loaded.y_test.dtype == np.int64
    assert loaded.name == name
    assert len(loaded.class_names) == 10
    assert all(isinstance(c, str) for c in loaded.class_names)
    assert ("stand-in" in loaded.source) is not real


@pytest.mark.parametrize("name", NAMES)
def test_the_line_is_the_same_up_to_the_source(monkeypatch, tmp_path, capsys, name):
    data.load(name, train=12, test=7)
    made = capsys.readouterr().out
    put(monkeypatch, tmp_path, name)
    data.load(name, train=12, test=7)
    real = capsys.readouterr().out
    shape = "×".join(map(str, (*SHAPES[name], 1)[:3]))
    start = f"{name}: 12 training and 7 test images, {shape}, 10 classes ≈ "
    assert made == start + "stand-in made here: CONVBOOK_OFFLINE is set\n"
    assert real == start + "real data, from CONVBOOK_DATA\n"


def test_the_first_images_are_taken_and_scaled(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, "mnist")
    loaded = data.load("mnist", train=3, test=2)
    stored = arrays("mnist")
    np.testing.assert_array_equal(loaded.x_train[..., 0], stored["x_train"][:3] / np.float32(255))
    np.testing.assert_array_equal(loaded.y_train, stored["y_train"][:3])
    assert loaded.x_train.flat[0] == 1
    assert loaded.x_train.flat[1] == 0


def test_more_than_there_is(monkeypatch, tmp_path, capsys):
    put(monkeypatch, tmp_path, "mnist")
    loaded = data.load("mnist", train=21, test=10)
    assert len(loaded.x_train) == len(loaded.y_train) == 20
    assert capsys.readouterr().out == (
        "mnist: 20 training and 10 test images, 28×28×1, 10 classes ≈ "
        "real data, from CONVBOOK_DATA: all there is, fewer than asked for\n"
    )


def test_all_there_is(monkeypatch, tmp_path, capsys):
    put(monkeypatch, tmp_path, "cifar10")
    loaded = data.load("cifar10")
    assert (len(loaded.x_train), len(loaded.x_test)) == (20, 10)
    assert source(capsys.readouterr().out) == "real data, from CONVBOOK_DATA"


def test_all_of_a_standin_is_as_much_as_the_real_set_has(monkeypatch):
    asked = []

    def make(name, split, n):
        asked.append((name, split, n))
        return {"x": np.zeros((1, *SHAPES[name]), np.uint8), "y": np.zeros(1, np.uint8)}

    monkeypatch.setattr(standins, "make", make)
    for name in NAMES:
        data.load(name)
    assert asked == [
        ("mnist", "train", 60_000),
        ("mnist", "test", 10_000),
        ("fashion_mnist", "train", 60_000),
        ("fashion_mnist", "test", 10_000),
        ("cifar10", "train", 50_000),
        ("cifar10", "test", 10_000),
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("mnits", "'mnist'"), ("Fashion-MNIST", "'fashion_mnist'")]
)
def test_unknown_name(name, hint):
    with pytest.raises(ValueError, match=f"Did you mean {hint}.*mnist, fashion_mnist, cifar10"):
        data.load(name)


def test_unknown_name_like_no_other():
    with pytest.raises(ValueError, match=r"'zebra'\. Known: mnist"):
        data.load("zebra")


@pytest.mark.parametrize("sizes", [{"train": 0}, {"test": 0}, {"train": -5}])
def test_sizes_must_be_positive(sizes):
    (split, count), *_ = sizes.items()
    with pytest.raises(ValueError, match=f"{split}={count}: ask for 1 image or more"):
        data.load("mnist", **sizes)


def test_sizes_must_be_whole():
    with pytest.raises(TypeError):
        data.load("mnist", train=2.5)


# ---------------------------------------------------------------- CONVBOOK_DATA

WRONG = {
    "missing array": ({"y_test": None}, "no array y_test"),
    "float images": ({"x_train": np.zeros((20, 28, 28))}, "x_train is float64"),
    "other shape": ({"x_test": np.zeros((10, 14, 14), np.uint8)}, "not uint8 (n, 28, 28)"),
    "no axis": ({"x_test": np.uint8(3)}, "x_test is uint8 ()"),
    "empty": ({"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)}, "x_test is"),
    "float labels": ({"y_train": np.zeros(20)}, "y_train is float64"),
    "lengths differ": ({"y_train": np.zeros(19, int)}, "not whole numbers (20,)"),
    "one-hot": ({"y_test": np.zeros((10, 10), int)}, "y_test is int64 (10, 10)"),
    "label too large": ({"y_test": np.full(10, 10)}, "labels from 10 to 10, not from 0 to 9"),
    "label negative": ({"y_test": np.full(10, -1)}, "labels from -1 to -1"),
    "pickled": ({"y_test": np.array([None] * 10, object)}, "Object arrays cannot be loaded"),
}


@pytest.mark.parametrize(("changes", "why"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_named_and_not_used(monkeypatch, tmp_path, capsys, changes, why):
    put(monkeypatch, tmp_path, "mnist", **changes)
    assert_refused(capsys, "$CONVBOOK_DATA/mnist.npz", why)


def test_a_truncated_file(monkeypatch, tmp_path, capsys):
    put(monkeypatch, tmp_path, "mnist")
    file = tmp_path / "mnist.npz"
    file.write_bytes(file.read_bytes()[:-2000])
    assert_refused(capsys, "$CONVBOOK_DATA/mnist.npz", "not a whole .npz file")


def test_a_damaged_file(monkeypatch, tmp_path, capsys):
    put(monkeypatch, tmp_path, "mnist")
    file = tmp_path / "mnist.npz"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1  # one bit of one pixel
    file.write_bytes(content)
    assert_refused(capsys, "$CONVBOOK_DATA/mnist.npz", "Bad CRC-32")


def test_a_text_file(monkeypatch, tmp_path, capsys):
    (tmp_path / "mnist.npz").write_text("<html>404</html>")
    monkeypatch.setenv("CONVBOOK_DATA", str(tmp_path))
    assert_refused(capsys, "$CONVBOOK_DATA/mnist.npz", "not a whole .npz file")


def test_an_unreadable_file_is_named_without_its_folder(monkeypatch, tmp_path, capsys):
    put(monkeypatch, tmp_path, "mnist")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "read_npz", refuse)
    assert_refused(capsys, "$CONVBOOK_DATA/mnist.npz", "Permission denied")


def test_columns_of_labels_are_accepted(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, "cifar10", y_train=np.arange(20).reshape(20, 1) % 10)
    loaded = data.load("cifar10")
    np.testing.assert_array_equal(loaded.y_train, np.arange(20) % 10)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_the_file_is_passed_over(monkeypatch, tmp_path, capsys, folder):
    monkeypatch.chdir(tmp_path)
    put(monkeypatch, tmp_path, "mnist")  # in the working directory, which an empty name is not
    monkeypatch.setenv("CONVBOOK_DATA", folder)
    data.load("mnist", train=5, test=5)
    assert source(capsys.readouterr().out).startswith("stand-in")


# ---------------------------------------------------------------- Keras' cache


def plant(home, name: str) -> None:
    """Write a data set's files where and as Keras' downloads lie."""
    made = arrays(name)
    folder = home / "datasets"
    if name == "mnist":
        folder.mkdir(parents=True)
        np.savez(folder / "mnist.npz", **made)
    elif name == "fashion_mnist":
        (folder / "fashion-mnist").mkdir(parents=True)
        for split, prefix in (("train", "train"), ("test", "t10k")):
            images, labels = (gzip.compress(bytes(k) + made[f"{a}_{split}"].tobytes())
                              for a, k in (("x", 16), ("y", 8)))  # fmt: skip
            (folder / "fashion-mnist" / f"{prefix}-images-idx3-ubyte.gz").write_bytes(images)
            (folder / "fashion-mnist" / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(labels)
    else:
        batches = folder / "cifar-10-batches-py-target" / "cifar-10-batches-py"
        batches.mkdir(parents=True)
        for i in range(6):
            x, y = (
                made[f"{a}_test"] if i == 5 else made[f"{a}_train"][4 * i : 4 * i + 4] for a in "xy"
            )
            batch = {b"data": x.transpose(0, 3, 1, 2).reshape(len(x), -1), b"labels": y.tolist()}
            file = batches / ("test_batch" if i == 5 else f"data_batch_{i + 1}")
            file.write_bytes(pickle.dumps(batch))


@pytest.mark.parametrize("name", NAMES)
def test_the_keras_cache_is_used_even_offline(tmp_path, capsys, name):
    plant(tmp_path / "keras", name)
    loaded = data.load(name)
    stored = arrays(name)
    for split in ("train", "test"):
        x, y = getattr(loaded, f"x_{split}"), getattr(loaded, f"y_{split}")
        np.testing.assert_array_equal(
            (x * 255).round().reshape(stored[f"x_{split}"].shape), stored[f"x_{split}"]
        )
        np.testing.assert_array_equal(y, stored[f"y_{split}"])
    assert source(capsys.readouterr().out) == "real data, from the Keras cache"


def test_the_keras_cache_in_the_home_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    plant(tmp_path / ".keras", "mnist")
    data.load("mnist", train=5, test=5)
    assert source(capsys.readouterr().out) == "real data, from the Keras cache"


def test_the_folder_goes_before_the_keras_cache(monkeypatch, tmp_path, capsys):
    plant(tmp_path / "keras", "mnist")
    put(monkeypatch, tmp_path, "mnist")
    data.load("mnist", train=5, test=5)
    assert source(capsys.readouterr().out) == "real data, from CONVBOOK_DATA"


DAMAGED = {
    "mnist": ("mnist.npz", "mnist.npz"),
    "fashion_mnist": ("fashion-mnist", "fashion-mnist/t10k-images-idx3-ubyte.gz"),
    "cifar10": (
        "cifar-10-batches-py-target",
        "cifar-10-batches-py-target/cifar-10-batches-py/data_batch_3",
    ),
}


@pytest.mark.parametrize(("name", "shown", "file"), [(n, *d) for n, d in DAMAGED.items()])
def test_a_truncated_keras_cache_is_named_and_not_used(tmp_path, capsys, name, shown, file):
    plant(tmp_path / "keras", name)
    path = tmp_path / "keras" / "datasets" / file
    path.write_bytes(path.read_bytes()[:-500])
    assert_refused(capsys, f"$KERAS_HOME/datasets/{shown}", "", name)


def test_an_incomplete_keras_cache_is_passed_over(tmp_path, capsys):
    plant(tmp_path / "keras", "fashion_mnist")
    (tmp_path / "keras/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz").unlink()
    data.load("fashion_mnist", train=5, test=5)
    assert source(capsys.readouterr().out).startswith("stand-in")


class Harm:
    def __reduce__(self):
        return exec, ("raise SystemExit('the file has run code')",)


def test_a_pickle_cannot_run_code(tmp_path, capsys):
    plant(tmp_path / "keras", "cifar10")
    batch = tmp_path / "keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py/test_batch"
    batch.write_bytes(pickle.dumps(Harm()))
    shown = "$KERAS_HOME/datasets/cifar-10-batches-py-target"
    assert_refused(capsys, shown, "builtins.exec", "cifar10")


# ---------------------------------------------------------------- recordings and faces


def wav(samples, rate=8000, channels=1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


def plant_recordings(home, recordings: dict[str, bytes]) -> None:
    """Write the archive of spoken digits where Keras' downloads lie."""
    (home / "datasets").mkdir(parents=True)
    path = home / "datasets" / "free-spoken-digit-dataset-1.0.9.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in ({"README.md": b"digits"} | recordings).items():
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-1.0.9/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_recordings_are_read_from_the_archive(tmp_path, capsys):
    recordings = {
        f"recordings/{digit}_{speaker}_{take}.wav": wav(
            [1000 * digit + take] * (9000 if take == 7 else 100)
        )
        for digit in (3, 8)
        for speaker in ("ada", "bob")
        for take in (0, 4, 5, 7)
    }
    plant_recordings(tmp_path / "keras", recordings)
    loaded = data.load("spoken_digits")
    assert capsys.readouterr().out == (
        "spoken_digits: 8 training and 8 test recordings, 8000 samples at 8 kHz, 10 classes ≈ "
        "real data, from the Keras cache\n"
    )
    for split, takes in (("train", (5, 7)), ("test", (0, 4))):
        x = getattr(loaded, f"x_{split}")
        y, speaker = getattr(loaded, f"y_{split}"), getattr(loaded, f"speaker_{split}")
        assert x.dtype == np.float32
        assert x.shape == (8, 8000)
        take = np.round(x[:, 0] * 32768 - 1000 * y).astype(int)
        expected = {(d, s, t) for d in (3, 8) for s in ("ada", "bob") for t in takes}
        assert set(zip(y.tolist(), speaker.tolist(), take.tolist(), strict=True)) == expected
        assert y.tolist() != sorted(y.tolist())  # mixed
        np.testing.assert_array_equal((x != 0).sum(axis=1), np.where(take == 7, 8000, 100))
    assert loaded.rate == 8000
    assert loaded.class_names[3] == "three"


@pytest.mark.parametrize(
    ("recordings", "why"),
    [
        ({}, "it holds no recordings"),
        ({"recordings/1_ada_0.wav": wav([1, 2], rate=16000)}, "is not mono, 16 bits, 8 kHz"),
        ({"recordings/1_ada_0.wav": wav([1, 2], channels=2)}, "is not mono, 16 bits, 8 kHz"),
        ({"recordings/1_ada_0.wav": b"RIFF"}, ""),
        ({"recordings/1_ada_0.wav": wav([1, 2])}, "x_train is"),
    ],
    ids=["none", "16 kHz", "stereo", "damaged", "none to train with"],
)
def test_wrong_recordings_are_named_and_not_used(tmp_path, capsys, recordings, why):
    plant_recordings(tmp_path / "keras", recordings)
    shown = "$KERAS_HOME/datasets/free-spoken-digit-dataset-1.0.9.tar.gz"
    assert_refused(capsys, shown, why, "spoken_digits")


def kaggle(rows: int, points: int = 15, image: str | None = None) -> str:
    """``training.csv`` of faces; row i has grey value i, its points at (i, j), some missing."""
    names = SPECS["faces"].point_names[:points]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([*(f"{name}_{axis}" for name in names for axis in "xy"), "Image"])
    for i in range(rows):
        values = [v for j in range(points) for v in ((i, j) if (i + j) % 3 else ("", ""))]
        writer.writerow([*values, " ".join([str(i % 256)] * 96 * 96) if image is None else image])
    return file.getvalue()


@pytest.mark.parametrize("zipped", [False, True])
def test_faces_are_read_where_the_reader_put_them(monkeypatch, tmp_path, capsys, zipped):
    monkeypatch.setenv("CONVBOOK_DATA", str(tmp_path))
    if zipped:
        with zipfile.ZipFile(tmp_path / "training.zip", "w") as archive:
            archive.writestr("training.csv", kaggle(14))
    else:
        (tmp_path / "training.csv").write_text(kaggle(14))
    loaded = data.load("faces")
    assert capsys.readouterr().out == (
        "faces: 12 training and 2 test images, 96×96×1, 15 points ≈ real data, from CONVBOOK_DATA\n"
    )
    seen = []
    for x, y in ((loaded.x_train, loaded.y_train), (loaded.x_test, loaded.y_test)):
        assert x.shape[1:] == (96, 96, 1)
        assert x.dtype == y.dtype == np.float32
        for image, points in zip(x, y, strict=True):
            i = round(255 * float(image[0, 0, 0]))
            seen.append(i)
            for j in range(15):
                expected = (i, j) if (i + j) % 3 else (np.nan, np.nan)
                np.testing.assert_array_equal(points[j], expected)
    assert sorted(seen) == list(range(14))
    assert seen != sorted(seen)
    assert loaded.point_names[10] == "nose_tip"
    assert loaded.class_names == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no column left_eye_center_x"),
        (kaggle(3, points=14), "it has no column mouth_center_bottom_lip_x"),
        (kaggle(3, image="1 2 3"), "reshape"),
        (kaggle(3, image="a b"), ""),
        (kaggle(1), "x_train is"),
    ],
    ids=["empty", "a point less", "small", "letters", "one row"],
)
def test_wrong_faces_are_named_and_not_used(monkeypatch, tmp_path, capsys, text, why):
    monkeypatch.setenv("CONVBOOK_DATA", str(tmp_path))
    (tmp_path / "training.csv").write_text(text)
    loaded = data.load("faces", train=5, test=5)
    refused, line = capsys.readouterr().out.splitlines()
    assert refused.startswith("$CONVBOOK_DATA/training.csv is not used: ")
    assert why in refused
    assert "stand-in" in loaded.source
    assert source(line).endswith("put training.csv into the folder that CONVBOOK_DATA names")


def test_whales_stand_in_for_nothing(capsys):
    loaded = data.load("whales", train=7, test=5)
    assert "stand-in" not in loaded.source
    assert source(capsys.readouterr().out) == "made here"
    assert loaded.points_train.shape == (7, 2, 2)
    assert loaded.points_train.dtype == np.float32
    assert loaded.point_names == ("bonnet", "blowhole")


# ---------------------------------------------------------------- the network


@pytest.fixture
def online(monkeypatch):
    """Downloads are allowed, and no proxy stands between the test and what it fakes."""
    monkeypatch.setenv("CONVBOOK_OFFLINE", "0")
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


def pretend_keras(monkeypatch, load_data) -> None:
    """Let the server answer, and ``keras.datasets.mnist.load_data`` be the given function."""
    monkeypatch.setattr(network, "_answers", lambda *_: True)
    keras = types.ModuleType("keras")
    keras.__spec__ = importlib.util.spec_from_loader("keras", loader=None)
    keras.datasets = types.SimpleNamespace(mnist=types.SimpleNamespace(load_data=load_data))
    monkeypatch.setitem(sys.modules, "keras", keras)


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch, online, capsys):
    asked, answered, over = [], [], threading.Event()

    def getaddrinfo(host, *args, **kwargs):
        asked.append(host)
        over.wait(60)
        answered.append(host)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    data.load("mnist", train=1000, test=500)
    assert asked == ["storage.googleapis.com"]
    assert not answered
    over.set()
    printed = capsys.readouterr()
    assert source(printed.out) == "stand-in made here: no network"
    assert printed.err == ""


def test_a_wait_for_the_network_is_spent_on_the_stand_in(monkeypatch, online):
    over, calls = threading.Event(), []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60))
    make = standins.make

    def counted(*args):
        calls.append(args)
        return make(*args)

    monkeypatch.setattr(standins, "make", counted)
    assert not network._answers("https://example.org", lambda: counted("fashion_mnist", "test", 5))
    assert len(calls) == 1
    data.load("fashion_mnist", train=5, test=5)
    assert len(calls) == 3  # each split is drawn once, not again after the wait
    over.set()


def test_a_refused_connection_is_no_network(monkeypatch, online, capsys):
    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    data.load("fashion_mnist", train=5, test=5)
    printed = capsys.readouterr()
    assert source(printed.out) == "stand-in made here: no network"
    assert printed.err == ""


def test_no_network_never_imports_keras(monkeypatch, online):
    monkeypatch.setattr(network, "_answers", lambda *_: False)
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    sys.modules["keras"].__spec__ = importlib.util.spec_from_loader("keras", loader=None)
    assert not hasattr(sys.modules["keras"], "datasets")
    assert data.load("fashion_mnist", train=5, test=5).source.endswith("no network")


def test_offline_asks_no_server(monkeypatch, capsys):
    def urlopen(*args, **kwargs):
        pytest.fail("offline, no server may be asked")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    data.load("mnist", train=5, test=5)
    assert source(capsys.readouterr().out) == "stand-in made here: CONVBOOK_OFFLINE is set"


def test_without_keras(monkeypatch, online, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    data.load("fashion_mnist", train=5, test=5)
    assert source(capsys.readouterr().out) == "stand-in made here: Keras is not installed"


@pytest.mark.parametrize("build", ["1", ""])
def test_a_download(monkeypatch, online, capsys, build):
    made = arrays("mnist")

    def load_data():
        print("Downloading …")
        assert socket.getdefaulttimeout() == network.STALL_SECONDS
        return (made["x_train"], made["y_train"]), (made["x_test"], made["y_test"])

    pretend_keras(monkeypatch, load_data)
    monkeypatch.setenv("CONVBOOK_BUILD", build)
    loaded = data.load("mnist", train=5, test=5)
    *progress, line = capsys.readouterr().out.splitlines()
    assert source(line) == "real data, downloaded by Keras"
    assert progress == ([] if build else ["Downloading …"])
    assert socket.getdefaulttimeout() is None
    np.testing.assert_array_equal(loaded.y_train, made["y_train"][:5])


def test_an_archive_is_downloaded_once(monkeypatch, online, capsys, tmp_path):
    asked = []

    def get_file(name, origin):
        asked.append(origin)
        recordings = {f"recordings/1_ada_{i}.wav": wav([i + 1] * 50) for i in range(9)}
        plant_recordings(tmp_path / "keras", recordings)
        return tmp_path / "keras" / "datasets" / name

    pretend_keras(monkeypatch, None)
    sys.modules["keras"].utils = types.SimpleNamespace(get_file=get_file)
    data.load("spoken_digits")
    data.load("spoken_digits")
    first, second = capsys.readouterr().out.splitlines()
    assert source(first) == "real data, downloaded by Keras"
    assert source(second) == "real data, from the Keras cache"
    assert asked == [SPECS["spoken_digits"].url]


def test_a_download_that_fails(monkeypatch, online, capsys):
    def load_data():
        raise Exception("URL fetch failure:\n  404")

    pretend_keras(monkeypatch, load_data)
    data.load("mnist", train=5, test=5)
    expected = "stand-in made here: the download failed (URL fetch failure: 404)"
    assert source(capsys.readouterr().out) == expected


def test_a_download_of_something_else(monkeypatch, online, capsys):
    made = arrays("mnist")
    pretend_keras(monkeypatch, lambda: ((made["x_train"], made["y_train"] + 7),) * 2)
    data.load("mnist", train=5, test=5)
    assert "the download failed (y_train has labels" in capsys.readouterr().out


# ---------------------------------------------------------------- stand-ins

DIGEST = """
import hashlib
from convbook import standins
for name in standins.NAMES:
    for split in standins.SPLITS:
        made = standins.make(name, split, 40)
        print(hashlib.sha256(b"".join(array.tobytes() for array in made.values())).hexdigest())
"""


def test_standins_are_the_same_in_every_process():
    def digests() -> str:
        run = subprocess.run(
            [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
        )
        return run.stdout

    first = digests()
    assert len(set(first.split())) == 2 * len(standins.NAMES)
    assert digests() == first


@pytest.mark.parametrize("name", standins.NAMES)
def test_the_first_ones_do_not_depend_on_how_many_are_made(name):
    many = standins.make(name, "train", standins.CHUNK + 30)
    assert {len(array) for array in many.values()} == {standins.CHUNK + 30}
    for n in (1, standins.CHUNK, standins.CHUNK + 1):
        few = standins.make(name, "train", n)
        for key, array in few.items():
            np.testing.assert_array_equal(array, many[key][:n])


@pytest.mark.parametrize("name", standins.NAMES)
def test_standins_are_as_their_real_set_is_stored(name):
    SPECS[name].check(
        {
            f"{key}_{split}": array
            for split in standins.SPLITS
            for key, array in standins.make(name, split, 5).items()
        }
    )


@pytest.mark.parametrize("name", standins.NAMES)
def test_no_example_is_made_twice(name):
    made = [standins.make(name, split, 200)["x"] for split in standins.SPLITS]
    assert len({hashlib.sha256(x.tobytes()).digest() for xs in made for x in xs}) == 400


@pytest.mark.parametrize("name", NAMES)
def test_standins_are_balanced_varied_and_stored_like_the_real_ones(name):
    x, y = standins.make(name, "train", 1000).values()
    assert x.dtype == y.dtype == np.uint8
    assert x.shape[1:] == SHAPES[name]
    assert np.bincount(y).tolist() == [100] * 10
    assert len(np.unique(y[:30])) > 5  # classes are mixed from the start
    assert (x.reshape(1000, -1).std(axis=1) > 5).all()  # no blank image
    test = standins.make(name, "test", 1000)["x"]
    seen = {hashlib.sha256(image.tobytes()).digest() for image in (*x, *test)}
    assert len(seen) == 2000  # none twice, none in both splits


def test_digits_of_train_and_test_come_from_different_handwriting():
    train, test = ({bytes(image) for k in range(10) for image in handwriting(split)[k]}
                   for split in standins.SPLITS)  # fmt: skip
    assert len(train) > 1400
    assert len(test) > 350
    assert not train & test


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    handwriting.cache_clear()
    with pytest.raises(ImportError, match=r"install scikit-learn, or put mnist\.npz"):
        data.load("mnist", train=5, test=5)


def test_results_are_what_bench_wrote():
    report = data.results("standins")
    assert report["command"].startswith("python -m bench.standins")
    assert {"date", "device", "versions", "rows"} <= set(report)


def test_unknown_results_list_the_known_ones():
    with pytest.raises(ValueError, match=r"no results named 'nothing'; there are: .*standins"):
        data.results("nothing")


def test_importing_needs_numpy_only():
    code = "import sys, convbook.data; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"keras", "tensorflow", "sklearn", "scipy", "matplotlib", "anywidget"}
    assert heavy.isdisjoint(run.stdout.split())
    assert "numpy" in run.stdout.split()


@pytest.mark.parametrize(
    ("name", "train", "epochs", "margin"),
    [("mnist", 2500, 5, 0.045), ("fashion_mnist", 2500, 5, 0.085), ("cifar10", 3000, 5, 0.07)],
)
def test_a_convolution_beats_a_linear_model_on_the_standin(name, train, epochs, margin):
    """By more than it would if all pixels were shuffled, so that neighbours meant nothing.

    Measured: 0.06, 0.10 and 0.11 or more with seeds 1 and 2; shuffled 0.04, 0.07 and 0.03.
    """
    import keras
    from keras import layers

    images = data.load(name, train=train, test=1000)
    scores = {}
    for kind in ("linear", "convolutional"):
        keras.utils.set_random_seed(0)
        net = keras.Sequential([layers.Input(images.x_train.shape[1:])])
        if kind == "convolutional":
            net.add(layers.Conv2D(16, 5, activation="relu"))
            net.add(layers.MaxPooling2D())
        net.add(layers.Flatten())
        net.add(layers.Dense(10, activation="softmax"))
        net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        net.fit(images.x_train, images.y_train, batch_size=32, epochs=epochs, verbose=0)
        scores[kind] = net.evaluate(images.x_test, images.y_test, verbose=0)[1]
    assert scores["linear"] > 0.2  # twice what guessing gives: there is something to learn …
    assert scores["convolutional"] < 0.98  # … and something left to learn
    assert scores["convolutional"] - scores["linear"] > margin
