"""What regularizers, and the slides' table of defaults, do on a few photographs.

``python -m bench.regularizers`` trains with several seeds on a small part of CIFAR-10, on real
images where there are any and on the stand-in. Part ``regularizers``: one small network on 500
images, with one regularizer at a time. Part ``defaults``: a network of ten convolutions by the
slides' table of defaults, then with one row of the table changed. It writes a row for each
training to ``bench/results/regularizers.json`` after each one; a second run goes on where the first
was stopped. No strength and no learning rate was tuned: they are common values, set beforehand.
"""

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras import layers
from tqdm import tqdm

from bench._report import RESULTS, header, save
from bench.standins import environment
from convbook import data

TEST = 2000  # images
BATCH = 32  # images a step
EPOCHS = {"regularizers": 30, "defaults": 8}
TRAIN = {"regularizers": 500, "defaults": 1500}

Arrays = tuple[np.ndarray, np.ndarray]


# ---------------------------------------------------------------- one regularizer at a time


@dataclass(frozen=True)
class Remedy:
    """What is added to the small network, or to its training."""

    penalty: keras.regularizers.Regularizer | None = None
    max_norm: float | None = None
    dropout: float = 0.0
    batch_norm: float | None = None  # the momentum of its moving averages
    augmentation: bool = False
    label_smoothing: float = 0.0
    early_stopping: bool = False
    images: int = 1  # times as many


REMEDIES = {
    "none": Remedy(),
    "early stopping": Remedy(early_stopping=True),
    "L1 0.0001": Remedy(penalty=keras.regularizers.L1(1e-4)),
    "L2 0.001": Remedy(penalty=keras.regularizers.L2(1e-3)),
    "L2 0.01": Remedy(penalty=keras.regularizers.L2(1e-2)),
    "max-norm 1": Remedy(max_norm=1.0),
    "dropout 0.5": Remedy(dropout=0.5),
    "batch norm": Remedy(batch_norm=0.9),
    "batch norm, momentum 0.99": Remedy(batch_norm=0.99),
    "label smoothing 0.1": Remedy(label_smoothing=0.1),
    "augmentation": Remedy(augmentation=True),
    "augmentation and dropout": Remedy(augmentation=True, dropout=0.5),
    "4 times the images": Remedy(images=4),
}


def small_network(remedy: Remedy) -> keras.Model:
    """Two strided convolutions and a hidden dense layer; it returns scores (logits)."""

    def weights(axes):
        limit = remedy.max_norm and keras.constraints.MaxNorm(remedy.max_norm, axis=axes)
        return {"kernel_regularizer": remedy.penalty, "kernel_constraint": limit}

    def block(layer):
        momentum = remedy.batch_norm
        norm = [layers.BatchNormalization(momentum=momentum)] if momentum else []
        return [layer, *norm, layers.ReLU()]

    def conv(filters):
        return layers.Conv2D(filters, 3, strides=2, padding="same", **weights((0, 1, 2)))

    moves = [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1, "nearest")]
    drop = [layers.Dropout(remedy.dropout)] if remedy.dropout else []
    return keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            *(moves if remedy.augmentation else []),
            *block(conv(16)),
            *block(conv(32)),
            layers.Flatten(),
            *drop,
            *block(layers.Dense(64, **weights(0))),
            *drop,
            layers.Dense(10),
        ]
    )


class Regularized:
    """The small network with one remedy, to be trained with several seeds."""

    def __init__(self, name: str):
        self.remedy = REMEDIES[name]
        self.images = TRAIN["regularizers"] * self.remedy.images
        self.hold_out = 0.2 if self.remedy.early_stopping else 0
        self.patience = 5
        self.model = self.network()
        self.model.compile("adam", crossentropy(self.remedy.label_smoothing))

    def network(self) -> keras.Model:
        return small_network(self.remedy)


# ---------------------------------------------------------------- the slides' table of defaults


@dataclass(frozen=True)
class Recipe:
    """The slides' defaults: He, ELU, batch norm, early stopping, momentum, 1cycle."""

    initializer: str = "he_normal"
    activation: str = "elu"
    batch_norm: bool = True
    hold_out: float = 0.1  # the share held out, for early stopping
    patience: int = EPOCHS["defaults"]  # so many epochs: it trains on, and keeps the best weights
    l2: float = 0.0
    label_smoothing: float = 0.0
    optimizer: str = "momentum"
    schedule: str = "1cycle"


SLIDES = Recipe()
RECIPES = {
    "the slides' table": SLIDES,
    "Glorot": replace(SLIDES, initializer="glorot_uniform"),
    "ReLU": replace(SLIDES, activation="relu"),
    "GELU": replace(SLIDES, activation="gelu"),
    "no batch norm": replace(SLIDES, batch_norm=False),
    "no batch norm, Glorot": replace(SLIDES, batch_norm=False, initializer="glorot_uniform"),
    "patience of 3 epochs": replace(SLIDES, patience=3),
    "no early stopping": replace(SLIDES, hold_out=0),
    "L2 0.001 too": replace(SLIDES, l2=1e-3),
    "plain SGD": replace(SLIDES, optimizer="sgd"),
    "RMSProp": replace(SLIDES, optimizer="rmsprop"),
    "Nadam": replace(SLIDES, optimizer="nadam"),
    "AdamW": replace(SLIDES, optimizer="adamw"),
    "constant rate": replace(SLIDES, schedule="constant"),
    "warm-up, cosine": replace(SLIDES, schedule="cosine"),
    "today's habits": Recipe(
        activation="relu",
        hold_out=0,
        label_smoothing=0.1,
        optimizer="adamw",
        schedule="cosine",
    ),
}
PEAK_RATES = {"momentum": 0.05, "sgd": 0.2, "rmsprop": 0.002, "nadam": 0.004, "adamw": 0.004}


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Up from a tenth of the peak in a third of the steps, down to a thousandth; linear."""

    def __init__(self, peak: float, steps: int):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        share = keras.ops.cast(step, "float32") / self.steps
        up, down = 0.1 + 2.7 * share, 1 - 1.4985 * (share - 1 / 3)
        return self.peak * keras.ops.maximum(keras.ops.minimum(up, down), 0.001)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, with its schedule over so many steps."""
    peak = PEAK_RATES[recipe.optimizer]
    warm = steps // 10
    rate = {
        "1cycle": OneCycle(peak, steps),
        "constant": peak / 2,  # half the peak: about the mean of the schedules
        "cosine": keras.optimizers.schedules.CosineDecay(
            peak / 10, steps - warm, warmup_target=peak, warmup_steps=warm
        ),
    }[recipe.schedule]
    return {
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=0.9),
        "sgd": lambda: keras.optimizers.SGD(rate),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate),
        "nadam": lambda: keras.optimizers.Nadam(rate),
        "adamw": lambda: keras.optimizers.AdamW(rate, weight_decay=0.05),
    }[recipe.optimizer]()


def deep_network(recipe: Recipe) -> keras.Model:
    """Ten convolutions on maps of 16, 8 and 4 pixels, a global mean, and scores (logits)."""
    penalty = keras.regularizers.L2(recipe.l2) if recipe.l2 else None
    weights = {"kernel_initializer": recipe.initializer, "kernel_regularizer": penalty}
    shapes = [(16, 2), (16, 2), *[(16, 1)] * 2, (24, 2), *[(24, 1)] * 2, *[(32, 1)] * 3]
    body = []
    for filters, strides in shapes:
        bias = not recipe.batch_norm
        body += [layers.Conv2D(filters, 3, strides, "same", use_bias=bias, **weights)]
        body += [layers.BatchNormalization(momentum=0.9)] if recipe.batch_norm else []
        body += [layers.Activation(recipe.activation)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(10)]
    return keras.Sequential([layers.Input((32, 32, 3)), *body, *head])


class Default:
    """The deep network by one recipe, to be trained with several seeds."""

    def __init__(self, name: str):
        self.recipe = RECIPES[name]
        self.images = TRAIN["defaults"]
        self.hold_out, self.patience = self.recipe.hold_out, self.recipe.patience
        steps = EPOCHS["defaults"] * -(-round(self.images * (1 - self.hold_out)) // BATCH)
        self.model = self.network()
        self.model.compile(optimizer(self.recipe, steps), crossentropy(self.recipe.label_smoothing))

    def network(self) -> keras.Model:
        return deep_network(self.recipe)


# ---------------------------------------------------------------- what both parts share


def crossentropy(label_smoothing: float = 0.0) -> keras.losses.Loss:
    """Of scores and one-hot targets."""
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)


def train(case: Regularized | Default, images: data.Dataset, seed: int, epochs: int) -> dict:
    """Train once; the accuracies and losses. One compiled model serves all seeds."""
    model, optimizer = case.model, case.model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
        case.start = [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]
    keras.utils.set_random_seed(seed)
    for variable, fresh in zip(model.variables, case.network().variables, strict=True):
        variable.assign(fresh)  # weights, and the states of random generators
    for variable, fresh in zip(optimizer.variables, case.start, strict=True):
        variable.assign(fresh)
    x, y = images.x_train[: case.images], images.y_train[: case.images]
    targets = keras.utils.to_categorical(y, 10)
    cut = len(x) - round(len(x) * case.hold_out)
    held, calls = None, []
    if case.hold_out:  # stop early on the loss of this part, and go back to the best weights
        held = (x[cut:], targets[cut:])
        stop = keras.callbacks.EarlyStopping(patience=case.patience, restore_best_weights=True)
        calls = [stop]
    settings = {"batch_size": BATCH, "epochs": epochs, "verbose": 0}
    model.fit(x[:cut], targets[:cut], validation_data=held, callbacks=calls, **settings)
    return scores(model, (x[:cut], y[:cut]), (images.x_test, images.y_test))


def scores(model: keras.Model, train: Arrays, test: Arrays) -> dict:
    """Accuracy and plain cross-entropy on both parts, in inference mode."""
    row = {}
    for part, (x, y) in {"train": train, "test": test}.items():
        batches = [model(x[i : i + 500], training=False) for i in range(0, len(x), 500)]
        logits = np.concatenate([keras.ops.convert_to_numpy(batch) for batch in batches])
        loss = crossentropy()(keras.utils.to_categorical(y, 10), logits)
        row[f"{part}_accuracy"] = round(float((logits.argmax(axis=1) == y).mean()), 4)
        row[f"{part}_loss"] = round(float(loss), 4)
    return row | {"train": len(train[0]), "test": len(test[0])}


def sources() -> dict[str, data.Dataset]:
    """CIFAR-10 from each source there is: real images if at hand, and the stand-in."""
    train = max(TRAIN["defaults"], 4 * TRAIN["regularizers"])
    with environment(CONVBOOK_OFFLINE="1"):
        found = data.load("cifar10", train=train, test=TEST)
        with environment(CONVBOOK_DATA=None, KERAS_HOME=os.devnull):
            made = data.load("cifar10", train=train, test=TEST)
    return {"stand-in": made} if "stand-in" in found.source else {"real": found, "stand-in": made}


PARTS = {"regularizers": (REMEDIES, Regularized), "defaults": (RECIPES, Default)}


def order(row: dict) -> tuple:
    """Rows are kept by part, source, name and seed."""
    names = list(PARTS[row["part"]][0])
    return list(PARTS).index(row["part"]), row["source"], names.index(row["name"]), row["seed"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.regularizers", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="parts (default: both)")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each (default: 5)")
    out = RESULTS / "regularizers.json"
    parser.add_argument("--out", type=Path, default=out, help="the JSON file")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")

    report = header("bench.regularizers") | {"rows": []}
    if options.out.exists():
        old = json.loads(options.out.read_text(encoding="utf-8"))
        if all(old[key] == report[key] for key in ("device", "versions")):
            report["rows"] = [r for r in old["rows"] if r["epochs"] == EPOCHS[r["part"]]]
    done = {(r["part"], r["source"], r["name"], r["seed"]) for r in report["rows"]}
    found = sources()
    todo = {}
    for part in options.parts:
        for name in PARTS[part][0]:
            runs = [(source, seed) for source in found for seed in range(options.seeds)]
            todo[part, name] = [run for run in runs if (part, run[0], name, run[1]) not in done]
    bar = tqdm(total=sum(map(len, todo.values())), unit="training")
    for (part, name), runs in todo.items():
        if not runs:
            continue
        keras.utils.clear_session()
        case = PARTS[part][1](name)
        for source, seed in runs:
            bar.set_postfix_str(f"{name}, {source}, seed {seed}")
            row = {"part": part, "data": "cifar10", "source": source, "name": name, "seed": seed}
            row |= {"epochs": EPOCHS[part]} | train(case, found[source], seed, EPOCHS[part])
            report["rows"] = sorted([*report["rows"], row], key=order)
            save(options.out, report)
            bar.update()
    bar.close()
    summary(report["rows"])


def summary(rows: list[dict]) -> None:
    """Print the mean accuracies of every name."""
    groups = {}
    for row in rows:
        key = f"{row['part']:13}{row['source']:9}{row['name']:26}"
        groups.setdefault(key, []).append((row["train_accuracy"], row["test_accuracy"]))
    for key, pairs in groups.items():
        train, test = np.mean(pairs, axis=0)
        print(f"{key} {len(pairs)} seeds  train {train:.3f}  test {test:.3f}")


if __name__ == "__main__":
    main()
