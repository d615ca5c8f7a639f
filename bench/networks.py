"""The networks of chapter 03 on whole data sets: what accuracy do they reach?

``python -m bench.networks`` trains each network with several seeds on all images of its data set,
and writes train and test accuracies to ``bench/results/networks.json`` after each training. A
second run with the same settings goes on where the first was stopped. Data sets that are not at
hand are left out: a stand-in says nothing about the real one.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers
from tqdm import trange

from bench._report import RESULTS, header, save
from convbook import data

DATA = {
    "softmax": "mnist",
    "conv64": "mnist",
    "conv64-dense32": "cifar10",
    "conv64-pool-dense32": "cifar10",
    "two-blocks": "cifar10",
    "fashion": "fashion_mnist",
}


def conv(filters, kernel_size=3, padding="valid"):
    return layers.Conv2D(filters, kernel_size, activation="relu", padding=padding)


def network(name: str) -> keras.Model:
    """A network of the slides, not compiled; its input is one image of its data set."""
    body = {
        "softmax": [],
        "conv64": [conv(64)],
        "conv64-dense32": [conv(64), "flatten", layers.Dense(32, activation="relu")],
        "conv64-pool-dense32": [
            *[conv(64), layers.MaxPooling2D()],
            *["flatten", layers.Dense(32, activation="relu")],
        ],
        "two-blocks": [
            *[conv(64, padding="same"), layers.MaxPooling2D()],
            *[conv(64, padding="same"), layers.MaxPooling2D()],
            *["flatten", layers.Dense(128, activation="relu")],
        ],
        "fashion": [
            *[conv(64, 7, "same"), layers.MaxPooling2D()],
            *[conv(128, padding="same"), conv(128, padding="same"), layers.MaxPooling2D()],
            *[conv(256, padding="same"), conv(256, padding="same"), layers.MaxPooling2D()],
            *["flatten", layers.Dense(128, activation="relu"), layers.Dropout(0.5)],
            *[layers.Dense(64, activation="relu"), layers.Dropout(0.5)],
        ],
    }[name]
    body = body if "flatten" in body else [*body, "flatten"]
    body = [layers.Flatten() if layer == "flatten" else layer for layer in body]
    shape = (32, 32, 3) if DATA[name] == "cifar10" else (28, 28, 1)
    return keras.Sequential([layers.Input(shape), *body, layers.Dense(10, activation="softmax")])


def train(name: str, images: data.Dataset, seed: int, epochs: int, batch_size: int) -> dict:
    """Train once; the row to report."""
    keras.utils.set_random_seed(seed)
    net = network(name)
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    bar = trange(epochs, desc=f"{name}, seed {seed}", unit="epoch", leave=False)
    show = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())
    history = net.fit(
        *(images.x_train, images.y_train),
        validation_data=(images.x_test, images.y_test),
        **{"epochs": epochs, "batch_size": batch_size, "verbose": 0, "callbacks": [show]},
    )
    bar.close()
    accuracy = net.evaluate(images.x_train, images.y_train, verbose=0)[1]
    return {
        "network": name,
        "data": images.name,
        "train": len(images.x_train),
        "test": len(images.x_test),
        "parameters": net.count_params(),
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
        "train_accuracy": round(accuracy, 4),
        "test_accuracy": [round(value, 4) for value in history.history["val_accuracy"]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.networks", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(DATA), help="networks (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (default: 3)")
    parser.add_argument("--epochs", type=int, default=8, help="passes over the data (default: 8)")
    parser.add_argument("--batch-size", type=int, default=64, help="images a step (default: 64)")
    parser.add_argument("--out", type=Path, default=RESULTS / "networks.json", help="the JSON file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(DATA):
        parser.error(f"no network named {', '.join(sorted(unknown))}; there are {', '.join(DATA)}")

    settings = {"epochs": options.epochs, "batch_size": options.batch_size}
    report = header("bench.networks") | {"rows": []}
    if options.out.exists():
        old = json.loads(options.out.read_text(encoding="utf-8"))
        if all(old[key] == report[key] for key in ("device", "versions")):
            report["rows"] = [row for row in old["rows"] if settings.items() <= row.items()]
    done = [(row["network"], row["seed"]) for row in report["rows"]]
    for dataset in dict.fromkeys(DATA[name] for name in options.names):
        images = data.load(dataset)
        if "stand-in" in images.source:
            print(f"{dataset}: no real images here, left out")
            continue
        for seed in range(options.seeds):
            for name in [n for n in options.names if DATA[n] == dataset]:
                if (name, seed) in done:
                    continue
                row = train(name, images, seed, **settings)
                report["rows"] = sorted(
                    [*report["rows"], row],
                    key=lambda row: (list(DATA).index(row["network"]), row["seed"]),
                )
                save(options.out, report)
                print(
                    f"{name:22}seed {seed}  train {row['train_accuracy']:.3f}"
                    f"  test {row['test_accuracy'][-1]:.3f}",
                    flush=True,
                )
    for name in options.names:
        found = [r["test_accuracy"][-1] for r in report["rows"] if r["network"] == name]
        if found:
            print(f"{name:22}{np.mean(found):.3f}  from {min(found):.3f} to {max(found):.3f}")


if __name__ == "__main__":
    main()
