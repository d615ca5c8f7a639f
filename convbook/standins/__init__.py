"""Stand-ins: data made on the spot, for when a real data set is out of reach.

A module each. Its ``make(rng, split, n)`` gives arrays as its real set stores them: the same
shapes, dtypes and classes. They come from seeded random numbers, so they are the same on every
machine, and the first ones do not depend on how many are asked for. What is computed for each pixel
uses only ``+ − × ÷``, square roots and comparisons, whose results IEEE 754 fixes; functions that
may differ in the last bit (sine, matrix product) are used in float64, and results are rounded to
whole grey values, or amplitudes, in the end.

How close those with classes come to their real sets is measured by ``python -m bench.standins``.
"""

from importlib import import_module

import numpy as np

CHUNK = 100  # examples made at a time, from one seed; a multiple of 10, so classes are balanced
NAMES = (  # the position is part of the seed
    "mnist",
    "fashion_mnist",
    "cifar10",
    "spoken_digits",
    "faces",
    "whales",
)
SPLITS = ("train", "test")


def make(name: str, split: str, n: int) -> dict[str, np.ndarray]:
    """Make the first ``n`` examples of a stand-in.

    Parameters
    ----------
    name : one of NAMES.
    split : "train" or "test". No example of one split shares its random numbers, or the
        handwritten digit it starts from, with an example of the other.
    n : how many, 1 or more. Those made for a smaller n are the first ones made for a larger.

    Returns
    -------
    dict of arrays with n rows each, ``x``, ``y`` and what else the set has, in the shapes and
    dtypes that `convbook.data.specs` gives; every class is equally frequent in each whole chunk.

    Raises
    ------
    ImportError : "mnist" needs scikit-learn, which is not installed.
    """
    module = import_module(f"convbook.standins.{name}")
    chunks = []
    for chunk in range(-(-n // CHUNK)):
        rng = np.random.default_rng([NAMES.index(name), SPLITS.index(split), chunk])
        chunks.append(module.make(rng, split, CHUNK))
    return {key: np.concatenate([chunk[key] for chunk in chunks])[:n] for key in chunks[0]}
