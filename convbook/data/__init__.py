"""Data sets: the real one where it can be had, otherwise a stand-in made on the spot."""

import difflib
import functools
import json
import operator
from pathlib import Path

from convbook import standins
from convbook.data import files, network
from convbook.data.specs import SPECS, SPLITS, Arrays, Dataset, Spec

RESULTS = Path(__file__).parents[1] / "results"


def results(name: str) -> dict:
    """What a command of ``bench/`` measured: the JSON that it wrote, with device and versions.

    Parameters
    ----------
    name : the measurement's name, such as "networks" for ``python -m bench.networks``.

    Raises
    ------
    ValueError : there is no such measurement; the message lists the known ones.
    """
    known = {path.stem: path for path in sorted(RESULTS.glob("*.json"))}
    if name not in known:
        raise ValueError(f"no results named {name!r}; there are: {', '.join(known)}")
    return json.loads(known[name].read_text(encoding="utf-8"))


def load(name: str, train: int | None = None, test: int | None = None) -> Dataset:
    """Load a data set, and print in one line what it is and, after ``≈``, where it comes from.

    The first of these that works is used: ``<name>.npz`` in the folder that ``CONVBOOK_DATA``
    names (for the faces Kaggle's ``training.csv``, or the ``training.zip`` that holds it); Keras'
    cache of downloads; Keras' download (never with ``CONVBOOK_OFFLINE=1``); a stand-in made here.
    A file that is there but damaged or wrong is named in a line of its own, and not used.

    Parameters
    ----------
    name : "mnist" or "fashion_mnist" (28×28×1), "cifar10" (32×32×3), "spoken_digits" (one second
        at 8 kHz), "faces" (96×96×1, with 15 points), or "whales" (96×96×1, with 2 points; always
        made here).
    train, test : how many images or recordings; the first ones are taken, which are mixed already.
        None means all: for a stand-in, as many as the real set has. Where fewer are there, all
        of them are used and the line says so; a stand-in has any number.

    Returns
    -------
    Dataset : examples float32, ``x_train`` and ``x_test``, and what is known of each: for images
        (n, height, width, channels) in 0 to 1, and labels int64, (n,). `SpokenDigits`, `Faces` and
        `Whales` say what they hold more.

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
    dataset = spec.dataset(name, source, arrays, wanted)
    sizes = f"{len(dataset.y_train)} training and {len(dataset.y_test)} test {spec.noun}"
    print(f"{name}: {sizes}, {spec.about} ≈ {source}")
    return dataset


def _spec(name: str) -> Spec:
    """What is known of the data set; ValueError with a suggestion if nothing is."""
    if name in SPECS:
        return SPECS[name]
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), SPECS, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown data set {name!r}.{hint} Known: {', '.join(SPECS)}.")


def _positive(split: str, count: int | None) -> int | None:
    """``count`` as an int, or None; ValueError unless it is 1 or more."""
    if count is None:
        return None
    if operator.index(count) < 1:
        raise ValueError(f"{split}={count}: ask for 1 image or more, or for all with {split}=None")
    return operator.index(count)


def _find(name: str, wanted: dict[str, int | None]) -> tuple[Arrays, str]:
    """The arrays from the first source that works, and that source in words."""
    found = files.from_folder(name) or files.from_cache(name)
    if found:
        return found
    standin = functools.cache(lambda: _standin(name, wanted))
    try:
        return network.download(name, standin), "real data, downloaded by Keras"
    except network.Unreachable as why:
        return standin(), SPECS[name].instead or f"stand-in made here: {why}"


def _standin(name: str, wanted: dict[str, int | None]) -> Arrays:
    """A stand-in of the sizes asked for, or of the real set's."""
    arrays = {}
    for split, size in SPECS[name].sizes.items():
        made = standins.make(name, split, wanted[split] or size)
        arrays |= {f"{part}_{split}": array for part, array in made.items()}
    return arrays
