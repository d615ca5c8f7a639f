"""Do models rank on the stand-ins as they do on the real images?

``python -m bench.standins`` trains a linear, a convolutional and a deeper model with several seeds
on each data set of images, on real ones where there are any and on the stand-in; it prints test
accuracies and writes them to ``bench/results/standins.json``.
"""

import argparse
import contextlib
import os
from pathlib import Path

import keras
import numpy as np
from keras import layers

from bench._report import RESULTS, header, save
from convbook import data

SIZES = {"mnist": (5000, 2000), "fashion_mnist": (5000, 2000), "cifar10": (5000, 2000)}
EPOCHS = {"linear": 12, "convolutional": 7, "deeper": 7}


def model(kind: str, shape: tuple) -> keras.Model:
    """A classifier of ten classes: "linear", "convolutional" (one layer) or "deeper" (two)."""
    body = {
        "linear": [],
        "convolutional": [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D()],
        "deeper": [
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
        ],
    }[kind]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    return keras.Sequential([layers.Input(shape), *body, *head])


def accuracy(kind: str, images: data.Dataset, seed: int) -> float:
    """Train one model on one data set; the share of test images that it gets right."""
    keras.utils.set_random_seed(seed)
    net = model(kind, images.x_train.shape[1:])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(images.x_train, images.y_train, batch_size=64, epochs=EPOCHS[kind], verbose=0)
    return float(net.evaluate(images.x_test, images.y_test, verbose=0)[1])


@contextlib.contextmanager
def environment(**changes: str | None):
    """Set environment variables (None removes one) for as long as the block runs."""
    before = {key: os.environ.get(key) for key in changes}
    try:
        _set(changes)
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for key, value in variables.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


def sources(name: str) -> dict[str, data.Dataset]:
    """The data set from each source there is: the stand-in, and the real images if at hand."""
    train, test = SIZES[name]
    with environment(CONVBOOK_OFFLINE="1"):
        found = data.load(name, train=train, test=test)
        with environment(CONVBOOK_DATA=None, KERAS_HOME=os.devnull):
            made = data.load(name, train=train, test=test)
    return {"stand-in": made} if "stand-in" in found.source else {"real": found, "stand-in": made}


def measure(names: list[str], seeds: int) -> list[dict]:
    """Train every model on every source of every data set; one row for each."""
    rows = []
    for name in names:
        for source, images in sources(name).items():
            for kind in EPOCHS:
                found = [accuracy(kind, images, seed) for seed in range(seeds)]
                row = {
                    "data": name,
                    "source": source,
                    "train": len(images.x_train),
                    "test": len(images.x_test),
                    "model": kind,
                    "parameters": model(kind, images.x_train.shape[1:]).count_params(),
                    "epochs": EPOCHS[kind],
                    "accuracies": [round(value, 4) for value in found],
                }
                print(
                    f"{name:14}{source:10}{kind:15}"
                    f"mean {np.mean(found):.3f}  from {min(found):.3f} to {max(found):.3f}",
                    flush=True,
                )
                rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.standins", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SIZES), help="data sets (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each model (default: 3)")
    parser.add_argument("--out", type=Path, default=RESULTS / "standins.json", help="the JSON file")
    options = parser.parse_args()
    report = header("bench.standins") | {"rows": measure(list(options.names), options.seeds)}
    save(options.out, report)


if __name__ == "__main__":
    main()
