"""What is known of each data set: what its arrays look like, its size, where it comes from."""

from dataclasses import dataclass, field

import numpy as np

Arrays = dict[str, np.ndarray]  # x_train, y_train, x_test, y_test, and what else a set has
SPLITS = ("train", "test")


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
class SpokenDigits(Dataset):
    """Recordings of spoken digits, and who speaks.

    Attributes
    ----------
    x_train, x_test : float32, (n, 8000), −1 to 1: one second each, followed by silence (zeros)
        where the digit is shorter.
    speaker_train, speaker_test : str, (n,): the speaker's name. Both splits have every speaker.
    rate : samples a second.
    """

    speaker_train: np.ndarray
    speaker_test: np.ndarray
    rate: int = 8000


@dataclass(frozen=True)
class Faces(Dataset):
    """Grey faces, and where their 15 points are.

    Attributes
    ----------
    x_train, x_test : float32, (n, 96, 96, 1), 0 to 1.
    y_train, y_test : float32, (n, 15, 2): x (to the right) and y (downwards) of each point, in
        pixels; (0, 0) is the centre of the upper left one. NaN where a point was not marked.
    point_names : the 15 names. Left and right are the person's, so the left eye is seen at right.
    class_names : empty.
    """

    point_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whales(Dataset):
    """Right whales from above, which of them it is, and where two points of its head are.

    Attributes
    ----------
    x_train, x_test : float32, (n, 96, 96, 1), 0 to 1.
    y_train, y_test : int64, (n,): the individual.
    points_train, points_test : float32, (n, 2, 2): x (to the right) and y (downwards) of each
        point, in pixels; (0, 0) is the centre of the upper left one.
    point_names : "bonnet", the tip of the head, and "blowhole".
    """

    points_train: np.ndarray
    points_test: np.ndarray
    point_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spec:
    """A data set as it is stored.

    Attributes
    ----------
    shape, dtype : one example of ``x``.
    sizes : how many examples the real set has; of a set that is always made, how many are made.
    about : one example in words, for the line that `load` prints.
    class_names, point_names : their names; with points and no classes, ``y`` holds the points.
    unit : ``x`` is divided by it.
    noun : what an example is.
    kind : what `load` returns.
    extras : the shape and the kinds of dtype of a row of each further array.
    url : a file on the server that it is downloaded from; empty where there is none.
    instead : where there is none, what `Dataset.source` says of the examples that are made here.
    """

    shape: tuple[int, ...]
    sizes: dict[str, int]
    about: str
    class_names: tuple[str, ...] = ()
    point_names: tuple[str, ...] = ()
    dtype: type = np.uint8
    unit: float = 255
    noun: str = "images"
    kind: type = Dataset
    extras: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    url: str = ""
    instead: str = ""

    def check(self, arrays: Arrays) -> None:
        """Raise ValueError unless the arrays have the names, dtypes, shapes and ranges above."""
        for split in SPLITS:
            for part in ("x", "y", *self.extras):
                if f"{part}_{split}" not in arrays:
                    raise ValueError(f"it has no array {part}_{split}")
        for split in SPLITS:
            x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
            if x.dtype != self.dtype or x.shape[1:] != self.shape or len(x) == 0:
                shape, dtype = ", ".join(map(str, self.shape)), np.dtype(self.dtype).name
                raise ValueError(f"x_{split} is {x.dtype} {x.shape}, not {dtype} (n, {shape})")
            if self.class_names:
                self._check_classes(f"y_{split}", y, len(x))
            else:
                self._check_rows(f"y_{split}", y, len(x), (len(self.point_names), 2), "f")
            for part, (shape, kinds) in self.extras.items():
                self._check_rows(f"{part}_{split}", arrays[f"{part}_{split}"], len(x), shape, kinds)

    def _check_classes(self, key: str, y: np.ndarray, n: int) -> None:
        if y.dtype.kind not in "iu" or y.shape not in [(n,), (n, 1)]:
            raise ValueError(f"{key} is {y.dtype} {y.shape}, not whole numbers ({n},)")
        if y.min() < 0 or y.max() >= len(self.class_names):
            last = len(self.class_names) - 1
            raise ValueError(f"{key} has labels from {y.min()} to {y.max()}, not from 0 to {last}")

    @staticmethod
    def _check_rows(key: str, array: np.ndarray, n: int, shape: tuple, kinds: str) -> None:
        if array.dtype.kind not in kinds or array.shape != (n, *shape):
            what = "texts" if kinds == "U" else "floats"
            raise ValueError(f"{key} is {array.dtype} {array.shape}, not {what} {(n, *shape)}")

    def dataset(self, name: str, source: str, arrays: Arrays, wanted: dict) -> Dataset:
        """The first examples of each split, ready to train with."""
        ready = {"class_names": self.class_names}
        for split in SPLITS:
            rows = slice(wanted[split])
            x = arrays[f"x_{split}"][rows].astype(np.float32) / np.float32(self.unit)
            ready[f"x_{split}"] = x[..., None] if len(self.shape) == 2 else x
            y = arrays[f"y_{split}"][rows]
            labels = y.astype(np.int64).reshape(-1) if self.class_names else y.astype(np.float32)
            ready[f"y_{split}"] = labels
            for part, (_, kinds) in self.extras.items():
                extra = arrays[f"{part}_{split}"][rows]
                ready[f"{part}_{split}"] = extra.astype(np.float32) if kinds == "f" else extra
        if self.point_names:
            ready["point_names"] = self.point_names
        return self.kind(name=name, source=source, **ready)


_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
SPECS = {
    "mnist": Spec(
        shape=(28, 28),
        sizes={"train": 60_000, "test": 10_000},
        about="28×28×1, 10 classes",
        class_names=tuple("0123456789"),
        url=_GOOGLE + "mnist.npz",
    ),
    "fashion_mnist": Spec(
        shape=(28, 28),
        sizes={"train": 60_000, "test": 10_000},
        about="28×28×1, 10 classes",
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
    "cifar10": Spec(
        shape=(32, 32, 3),
        sizes={"train": 50_000, "test": 10_000},
        about="32×32×3, 10 classes",
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
    "spoken_digits": Spec(
        shape=(8000,),
        dtype=np.int16,
        unit=32_768,
        sizes={"train": 2250, "test": 250},
        about="8000 samples at 8 kHz, 10 classes",
        noun="recordings",
        class_names=(
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
        ),
        kind=SpokenDigits,
        extras={"speaker": ((), "U")},
        url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
    ),
    "faces": Spec(
        shape=(96, 96),
        sizes={"train": 6000, "test": 1049},
        about="96×96×1, 15 points",
        point_names=(
            "left_eye_center",
            "right_eye_center",
            "left_eye_inner_corner",
            "left_eye_outer_corner",
            "right_eye_inner_corner",
            "right_eye_outer_corner",
            "left_eyebrow_inner_end",
            "left_eyebrow_outer_end",
            "right_eyebrow_inner_end",
            "right_eyebrow_outer_end",
            "nose_tip",
            "mouth_left_corner",
            "mouth_right_corner",
            "mouth_center_top_lip",
            "mouth_center_bottom_lip",
        ),
        kind=Faces,
        instead="stand-in, since Kaggle has the real faces: "
        "put training.csv into the folder that CONVBOOK_DATA names",
    ),
    "whales": Spec(
        shape=(96, 96),
        sizes={"train": 2000, "test": 500},
        about="96×96×1, 10 individuals, 2 points",
        class_names=tuple(f"whale {i}" for i in range(10)),
        point_names=("bonnet", "blowhole"),
        kind=Whales,
        extras={"points": ((2, 2), "f")},
        instead="made here",
    ),
}
