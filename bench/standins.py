"""Do models rank on the stand-ins as they do on the real data?

``python -m bench.standins`` trains a linear, a convolutional and a deeper model with several seeds
on each data set of ten classes, on the real one where it is at hand and on the stand-in; spoken
digits are seen as mel spectrograms. It prints test accuracies and writes them to
``bench/results/standins.json``.
"""

import argparse
import contextlib
import os
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from bench._report import RESULTS, header, save
from convbook import data
from convbook.data.specs import SpokenDigits

SIZES = {  # training and test examples
    "mnist": (5000, 2000),
    "fashion_mnist": (5000, 2000),
    "cifar10": (5000, 2000),
    "spoken_digits": (2000, 500),
}
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


def as_images(sounds: SpokenDigits) -> SpokenDigits:
    """The sounds as mel spectrograms of 32 bands and 51 frames: float32 (n, 32, 51, 1), 0 to 1."""
    mel = layers.MelSpectrogram(
        fft_length=256, sequence_stride=160, sampling_rate=sounds.rate, num_mel_bins=32, top_db=80
    )
    train, test = (
        keras.ops.convert_to_numpy(mel(x))[..., None] for x in (sounds.x_train, sounds.x_test)
    )
    low, high = train.min(), train.max()
    return replace(sounds, x_train=(train - low) / (high - low), x_test=(test - low) / (high - low))


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
    """The data set from each source there is: the stand-in, and the real one if at hand."""
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
        for source, found in sources(name).items():
            images = as_images(found) if name == "spoken_digits" else found
            for kind in EPOCHS:
                shares = [accuracy(kind, images, seed) for seed in range(seeds)]
                row = {
                    "data": name,
                    "source": source,
                    "train": len(images.x_train),
                    "test": len(images.x_test),
                    "model": kind,
                    "parameters": model(kind, images.x_train.shape[1:]).count_params(),
                    "epochs": EPOCHS[kind],
                    "accuracies": [round(value, 4) for value in shares],
                }
                print(
                    f"{name:14}{source:10}{kind:15}"
                    f"mean {np.mean(shares):.3f}  from {min(shares):.3f} to {max(shares):.3f}",
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
