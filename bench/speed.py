"""What makes training faster here: precision, batch size, compilation, the way images come in.

``python -m bench.speed`` trains the network with two blocks of chapter 03 (564,426 parameters) on
images of random numbers. All settings are timed in each round, one after another, so that a busy
machine slows them alike; ``bench/results/speed.json`` gets the median of the rounds and their range
in images per second. ``KERAS_BACKEND=jax`` measures that back end, ``TF_ENABLE_ONEDNN_OPTS=0``
TensorFlow without the processor's own convolutions. Rows of other devices and back ends stay in the
file.
"""

import argparse
import json
import os
import time
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from bench._report import RESULTS, header, save
from bench.networks import network

SETTINGS = {  # name: batch size
    "float32": 64,
    "float32, batch 8": 8,
    "float32, batch 512": 512,
    "mixed_bfloat16": 64,
    "mixed_float16": 64,
    "jit_compile": 64,
    "augmented by a Python loop": 64,
    "augmented by tf.data": 64,
}
VARIABLES = ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS")  # what a command may set
TENSORFLOW = {"jit_compile", "augmented by tf.data"}  # settings that only this back end has


class PythonLoop(keras.utils.PyDataset):
    """Batches whose images are flipped and shifted one at a time."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int):
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.x) // self.batch_size

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return np.stack([self.augmented(image) for image in self.x[part]]), self.y[part]

    def augmented(self, image: np.ndarray) -> np.ndarray:
        flipped = image[:, ::-1] if self.rng.random() < 0.5 else image
        return np.roll(flipped, self.rng.integers(-4, 5, size=2), axis=(0, 1))


def pipeline(x: np.ndarray, y: np.ndarray, batch_size: int):
    """The same images, flipped and shifted by ``tf.data`` on all cores, ahead of the training."""
    import tensorflow as tf

    def augmented(image, label):
        shift = tf.random.uniform([2], -4, 5, tf.int32)
        return tf.roll(tf.image.random_flip_left_right(image), shift, (0, 1)), label

    images = tf.data.Dataset.from_tensor_slices((x, y))
    images = images.map(augmented, num_parallel_calls=tf.data.AUTOTUNE)
    return images.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def prepared(name: str, x: np.ndarray, y: np.ndarray):
    """A compiled model and a function that trains it for one epoch."""
    batch_size = SETTINGS[name]
    keras.config.set_dtype_policy(name if name.startswith("mixed") else "float32")
    net = network("two-blocks")
    keras.config.set_dtype_policy("float32")
    compiled = name == "jit_compile" or keras.backend.backend() == "jax"
    net.compile("adam", "sparse_categorical_crossentropy", jit_compile=compiled)
    if name == "augmented by a Python loop":
        images = PythonLoop(x, y, batch_size)
    elif name == "augmented by tf.data":
        images = pipeline(x, y, batch_size)
    else:
        return lambda: net.fit(x, y, batch_size=batch_size, verbose=0)
    return lambda: net.fit(images, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description=__doc__)
    parser.add_argument("--images", type=int, default=2048, help="images an epoch (default: 2048)")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each (default: 7)")
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.json", help="the JSON file")
    options = parser.parse_args()

    backend = keras.backend.backend()
    names = [n for n in SETTINGS if backend == "tensorflow" or n not in TENSORFLOW]
    rng = np.random.default_rng(0)
    x = rng.random((options.images, 32, 32, 3), dtype="float32")
    y = rng.integers(0, 10, options.images)
    epochs = {name: prepared(name, x, y) for name in names}
    for epoch in tqdm(epochs.values(), desc="compiling", unit="setting", leave=False):
        epoch()
    speeds = {name: [] for name in names}
    for _ in tqdm(range(options.rounds), desc="timing", unit="round", leave=False):
        for name, epoch in epochs.items():
            start = time.perf_counter()
            epoch()
            speeds[name].append(options.images / (time.perf_counter() - start))

    variables = [f"{k}={os.environ[k]} " for k in VARIABLES if k in os.environ]
    report = header("bench.speed")
    report["command"] = "".join(variables) + report["command"]
    label = backend + (" without oneDNN" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" else "")
    where = {"device": report["device"], "backend": label, "date": report["date"]}
    where |= {"command": report["command"]}
    old = (
        json.loads(options.out.read_text(encoding="utf-8"))["rows"] if options.out.exists() else []
    )
    kept = [r for r in old if (r["device"], r["backend"]) != (where["device"], label)]
    rows = [
        {
            **{**where, "setting": name, "batch_size": SETTINGS[name], "rounds": options.rounds},
            "images_per_second": round(float(np.median(found))),
            "range": [round(min(found)), round(max(found))],
            "versions": report["versions"],
        }
        for name, found in speeds.items()
    ]
    save(options.out, {"rows": kept + rows})
    for row in rows:
        low, high = row["range"]
        print(f"{row['setting']:28}{row['images_per_second']:6} images/s, {low} to {high}")


if __name__ == "__main__":
    main()
