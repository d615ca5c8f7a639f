"""94 % on CIFAR-10 as fast as possible: a ladder of tricks from chapter 03's network upward.

``python -m bench.capstone`` trains every rung of the ladder with several seeds, on whatever device
and back end is there (``KERAS_BACKEND=jax`` or ``torch`` choose another one), and writes a row for
each training to ``bench/results/capstone.json`` after each one: test accuracy, and seconds of
training, with testing and the warm-up (compilation, one step, one test) timed apart. The clock
starts when the images wait on the device, and stops when it has changed the last weight. A second
run with the same settings goes on where the first was stopped; rows of other devices, back ends and
settings stay in the file.

The goal, on one H100: a mean of 94 % after 5 seconds of training or less. On a GPU, run it as it
is. On a CPU, run a part:
``--images 5000 --epochs 5 --width 0.25 --batch-size 128 --test 5000 --seeds 3``.

Test accuracy is looked at once, at the end of each training. Settings are chosen on training images
that are held out: ``--hold-out 3000`` tests on so many, and writes nothing.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

from bench._report import RESULTS, header, save
from bench.networks import network as chapter_03
from convbook import data

SIDE, PAD = 32, 2  # pixels of an image, and of the reflected frame around it


# ---------------------------------------------------------------- the ladder


@dataclass(frozen=True)
class Settings:
    """All that a rung decides. The defaults are chapter 03's network with two blocks."""

    on_device: bool = False
    deep: bool = False
    initializer: str = "glorot_uniform"
    batch_norm: bool = False
    optimizer: str = "adam"
    one_cycle: bool = False
    large_batch: bool = False
    label_smoothing: float = 0.0
    whitening: bool = False
    residual: bool = False
    activation: str = "relu"
    flip: str = "never"  # or "random", or "alternating"
    shift: int = 0  # pixels, in any direction
    average: bool = False  # use a moving average of the weights
    dtype: str = "float32"
    views: int = 1  # looks at each test image


RUNGS = {  # what each adds to the one below
    "chapter 03": {},
    "images on the device": {"on_device": True},
    "deeper": {"deep": True},
    "He initialization": {"initializer": "he_normal"},
    "batch norm": {"batch_norm": True},
    "SGD with Nesterov": {"optimizer": "nesterov"},
    "1cycle": {"one_cycle": True},
    "larger batches": {"large_batch": True},
    "label smoothing": {"label_smoothing": 0.2},
    "whitening": {"whitening": True},
    "residuals": {"residual": True},
    "GELU": {"activation": "gelu"},
    "random flips": {"flip": "random"},
    "alternating flips": {"flip": "alternating"},
    "shifts": {"shift": PAD},
    "averaged weights": {"average": True},
    "Muon": {"optimizer": "muon"},
    "bfloat16": {"dtype": "mixed_bfloat16"},
    "test-time flips": {"views": 2},
}
RATES = {"adam": 1e-3, "nesterov": 0.002, "muon": 0.05}  # nesterov: for each image of a batch


def rung(name: str) -> Settings:
    """The settings of a rung: its own change, and those of all rungs below."""
    changes = {}
    for below, change in RUNGS.items():
        changes |= change
        if below == name:
            return Settings(**changes)
    raise ValueError(f"no rung named {name!r}; there are: {', '.join(RUNGS)}")


@dataclass(frozen=True)
class Size:
    """How much of it is run: the same for all rungs."""

    images: int = 50_000
    test: int = 10_000
    epochs: int = 10
    width: float = 1.0  # of the deep network: filters, as a share of 64 and 256
    batch_size: int = 1024  # from the rung "larger batches" on; 64 below it

    def batch(self, settings: Settings) -> int:
        return self.batch_size if settings.large_batch else 64

    def steps(self, settings: Settings) -> int:
        """Whole batches only: the last, short one of each epoch is left out."""
        return self.epochs * (self.images // self.batch(settings))


# ---------------------------------------------------------------- the network


def network(settings: Settings, width: float = 1.0) -> keras.Model:
    """From images, 0 to 1, to ten scores (logits)."""
    if not settings.deep:
        return without_softmax(chapter_03("two-blocks"))

    def conv(x, filters, kernel_size=3, padding="same"):
        bias = not settings.batch_norm
        start = settings.initializer
        options = {"padding": padding, "use_bias": bias, "kernel_initializer": start}
        return layers.Conv2D(filters, kernel_size, **options)(x)

    def normalize(x):
        if settings.batch_norm:
            x = layers.BatchNormalization(momentum=0.8, scale=False)(x)
        return layers.Activation(settings.activation)(x)

    inputs = layers.Input((SIDE, SIDE, 3))
    if settings.whitening:  # weights from whitening_filters, and never trained
        x = layers.Conv2D(24, 2, trainable=False, name="whitening")(inputs)
        x = layers.Activation(settings.activation)(x)
    else:
        x = normalize(conv(inputs, 24, 2, "valid"))
    for filters in (64, 256, 256):
        filters = round(width * filters)
        x = normalize(layers.MaxPooling2D()(conv(x, filters)))
        y = normalize(conv(x, filters))
        x = layers.Add()([x, y]) if settings.residual else y
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dense(10, use_bias=False, dtype="float32")(x)
    return keras.Model(inputs, layers.Rescaling(1 / 8, dtype="float32")(x))


def without_softmax(model: keras.Sequential) -> keras.Sequential:
    """The same network, with scores in place of probabilities: softmax moves into the loss."""
    model.layers[-1].activation = keras.activations.linear
    return model


def whitening_filters(images: np.ndarray, count: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Kernels (2, 2, 3, 24) and biases (24,) that whiten 2×2 patches, each with both signs.

    An answer is then one of 12 uncorrelated numbers with mean 0 and variance 1, or its negative.
    """
    patches = np.lib.stride_tricks.sliding_window_view(images[:count], (2, 2), axis=(1, 2))
    patches = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 12).astype("float64")
    mean = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(patches.T, bias=True))
    matrix = vectors / np.sqrt(values + 1e-4)  # not too loud where there is next to nothing
    matrix = np.concatenate([matrix, -matrix], axis=1)
    return matrix.reshape(2, 2, 3, 24).astype("float32"), (-mean @ matrix).astype("float32")


# ---------------------------------------------------------------- the images, on the device


class Looks(layers.Layer):
    """All images, kept on the device; called with a table, it looks them up.

    A row of the table is (number of the image, 1 if flipped, first row, first column); the last
    two count in the image with its frame. One gather does the lookup, the shift and the flip.
    """

    def __init__(self, images: np.ndarray, **options):
        super().__init__(trainable=False, **options)
        frame = ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0))
        pixels = np.pad(np.rint(255 * images).astype("uint8"), frame, mode="reflect")
        self.pixels = self.add_weight(shape=(pixels.size // 3, 3), dtype="uint8", trainable=False)
        self.pixels.assign(pixels.reshape(-1, 3))

    def call(self, table):
        image, flip, row, column = (table[:, i, None, None] for i in range(4))
        side, across = SIDE + 2 * PAD, ops.arange(SIDE, dtype="int32")
        rows = row + across[None, :, None]
        columns = column + ops.where(flip == 1, SIDE - 1 - across, across)
        pixels = ops.take(self.pixels, (image * side + rows) * side + columns, axis=0)
        return ops.cast(pixels, self.compute_dtype) / 255

    def compute_output_shape(self, shape):
        return (shape[0], SIDE, SIDE, 3)


class Batches(keras.utils.PyDataset):
    """Images that the host sends to the device, batch by batch, in the order of ``which``."""

    def __init__(self, images: np.ndarray, which: np.ndarray, targets: np.ndarray, batch: int):
        super().__init__()
        self.images, self.which, self.targets, self.batch = images, which, targets, batch

    def __len__(self) -> int:
        return len(self.which) // self.batch

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(number * self.batch, (number + 1) * self.batch)
        return self.images[self.which[rows]], self.targets[rows]


def plan(settings: Settings, size: Size, seed: int) -> np.ndarray:
    """The table of a whole training, int32, (steps · batch, 4): who is looked at when, and how."""
    rng = np.random.default_rng(seed)
    shape = (size.epochs, size.images)
    flips = {
        "never": np.zeros(shape, int),
        "random": rng.integers(0, 2, shape),
        "alternating": (rng.integers(0, 2, size.images) + np.arange(size.epochs)[:, None]) % 2,
    }[settings.flip]
    shifts = PAD + rng.integers(-settings.shift, settings.shift + 1, (*shape, 2))
    used = size.images - size.images % size.batch(settings)
    passes = []
    for flip, shift in zip(flips, shifts, strict=True):
        order = rng.permutation(size.images)[:used]
        passes.append(np.column_stack([order, flip[order], shift[order]]))
    return np.concatenate(passes).astype("int32")


def views(count: int, number: int) -> np.ndarray:
    """The table of ``count`` test images, plain (view 0) or flipped (view 1)."""
    return np.column_stack([np.arange(count), np.full((count, 3), (number, PAD, PAD))]).astype(
        "int32"
    )


# ---------------------------------------------------------------- the optimizers


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Straight up from a fifth of the peak in a quarter of the steps, and straight down to 0."""

    def __init__(self, peak: float, steps: int):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        share = ops.cast(step, "float32") / self.steps
        return self.peak * ops.maximum(ops.minimum(0.2 + 3.2 * share, (1 - share) / 0.75), 0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


class Muon(keras.optimizers.Muon):
    """Muon for convolutions. Keras' own gives every kernel of four axes to AdamW.

    It replaces two private methods of Keras 3.15, so another version may need another subclass.
    A kernel becomes a matrix with a column for each filter; its momentum is replaced by the nearest
    matrix whose singular values are all about 1.
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign(m, self.momentum * m + gradient)
        matrix = ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * ops.reshape(update, variable.shape))


def optimizer(settings: Settings, size: Size) -> keras.optimizers.Optimizer:
    rate = RATES[settings.optimizer]
    if settings.optimizer == "nesterov":
        rate *= size.batch(settings)
    if settings.one_cycle:
        rate = OneCycle(rate, size.steps(settings))
    average = {"use_ema": settings.average, "ema_momentum": 0.9}
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate, **average)
    if settings.optimizer == "nesterov":
        return keras.optimizers.SGD(
            rate, momentum=0.9, nesterov=True, weight_decay=0.005, **average
        )
    return Muon(rate, adam_lr_ratio=0.25, momentum=0.9, weight_decay=0.1, **average)


# ---------------------------------------------------------------- training


class Rung:
    """One rung, compiled once, to be trained with several seeds."""

    def __init__(self, settings: Settings, size: Size, images: data.Dataset, at_once: int = 1):
        self.settings, self.size, self.images = settings, size, images
        keras.utils.clear_session()
        keras.config.set_dtype_policy(settings.dtype)
        self.net = network(settings, size.width)
        table = layers.Input((4,), dtype="int32")
        self.tester = keras.Model(table, self.net(Looks(images.x_test)(table)))
        self.model = self.net
        if settings.on_device:
            self.model = keras.Model(table, self.net(Looks(images.x_train)(table)))
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing
        )
        rule = optimizer(settings, size)
        self.model.compile(rule, loss, steps_per_execution=at_once)
        rule.build(self.model.trainable_variables)
        self.start = [ops.convert_to_numpy(variable) for variable in rule.variables]
        self.warm_up_seconds = self.warm_up(at_once)

    def warm_up(self, at_once: int) -> float:
        """Let the back end compile, on a step and a test of the right shapes; returns seconds."""
        begin = time.perf_counter()
        self.reset(seed=0)
        self.fit(plan(self.settings, self.size, seed=0)[: at_once * self.size.batch(self.settings)])
        self.scores()
        return time.perf_counter() - begin

    def reset(self, seed: int) -> None:
        """Fresh weights, and an optimizer that remembers nothing."""
        keras.utils.set_random_seed(seed)
        fresh = network(self.settings, self.size.width)
        for variable, value in zip(self.net.variables, fresh.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self.model.optimizer.variables, self.start, strict=True):
            variable.assign(value)

    def fit(self, table: np.ndarray) -> float:
        """Train once through the table; the mean loss."""
        if self.settings.whitening:
            kernel, bias = whitening_filters(self.images.x_train)
            self.net.get_layer("whitening").set_weights([kernel, bias])
        targets = np.eye(10, dtype="float32")[self.images.y_train[table[:, 0]]]
        batch = self.size.batch(self.settings)
        if self.settings.on_device:
            history = self.model.fit(table, targets, batch, shuffle=False, verbose=0)
        else:
            sent = Batches(self.images.x_train, table[:, 0], targets, batch)
            history = self.model.fit(sent, shuffle=False, verbose=0)
        ops.convert_to_numpy(self.net.trainable_variables[-1])  # wait until the device is done
        return history.history["loss"][-1]

    def scores(self) -> np.ndarray:
        """The mean scores of the test images over the views, (n, 10)."""
        count = len(self.images.x_test)
        tables = [views(count, number) for number in range(self.settings.views)]
        return np.mean(
            [self.tester.predict(table, batch_size=1000, verbose=0) for table in tables], axis=0
        )

    def train(self, seed: int) -> dict:
        """Train once; accuracy and times. The clock runs from the first look at the images on."""
        self.reset(seed)
        begin = time.perf_counter()
        table = plan(self.settings, self.size, seed)
        loss = self.fit(table)
        trained = time.perf_counter()
        scores = self.scores()
        tested = time.perf_counter()
        return {
            "parameters": self.net.count_params(),
            "steps": self.size.steps(self.settings),
            "images_seen": len(table),
            "loss": round(float(loss), 4),
            "test_accuracy": round(float((scores.argmax(axis=1) == self.images.y_test).mean()), 4),
            "seconds": round(trained - begin, 3),
            "test_seconds": round(tested - trained, 3),
            "warm_up_seconds": round(self.warm_up_seconds, 2),
        }


def held_out(images: data.Dataset, count: int) -> data.Dataset:
    """The last ``count`` training images in place of the test images."""
    parts = {
        **{"x_train": images.x_train[:-count], "y_train": images.y_train[:-count]},
        **{"x_test": images.x_train[-count:], "y_test": images.y_train[-count:]},
    }
    return data.Dataset(images.name, images.source, images.class_names, **parts)


# ---------------------------------------------------------------- the command


def parse() -> argparse.Namespace:
    size = Size()
    parser = argparse.ArgumentParser(prog="python -m bench.capstone", description=__doc__)
    add = parser.add_argument
    add("--rungs", nargs="*", default=list(RUNGS), help="by name (default: all)")
    add("--images", type=int, default=size.images, help="training images (default: all)")
    add("--test", type=int, default=size.test, help="test images (default: all)")
    add("--epochs", type=int, default=size.epochs, help="passes over the images (default: 10)")
    add("--width", type=float, default=size.width, help="of the deep network (default: 1)")
    add("--batch-size", type=int, default=size.batch_size, help="of the upper rungs (1024)")
    add("--seeds", type=int, default=5, help="trainings of each rung (default: 5)")
    add("--steps-per-execution", type=int, default=1, help="Keras' option of that name (1)")
    add("--hold-out", type=int, default=0, help="test on so many training images; write nothing")
    add("--out", type=Path, default=RESULTS / "capstone.json", help="the JSON file")
    options = parser.parse_args()
    if unknown := set(options.rungs) - set(RUNGS):
        parser.error(f"no rung named {', '.join(sorted(unknown))}; there are: {', '.join(RUNGS)}")
    if options.images < max(64, options.batch_size):
        parser.error("there must be a whole batch of images")
    return options


def current(row: dict) -> bool:
    """Whether the rung of this row is still what it was, as far as its settings and rate say.

    After another change, of an optimizer's momentum, say, measure into another file with --out.
    """
    settings = rung(row["rung"])
    return row["settings"] == asdict(settings) and row["rate"] == RATES[settings.optimizer]


def order(row: dict) -> tuple:
    """Rows are kept by device, back end, size, rung and seed."""
    sizes = [row[key] for key in ("images", "epochs", "width", "batch_size", "test")]
    return row["device"], row["backend"], sizes, list(RUNGS).index(row["rung"]), row["seed"]


def main() -> None:
    options = parse()
    size = Size(options.images, options.test, options.epochs, options.width, options.batch_size)
    images = data.load("cifar10", train=size.images + options.hold_out, test=size.test)
    if "stand-in" in images.source:
        raise SystemExit("no real CIFAR-10 here: set CONVBOOK_DATA, or allow downloads")
    if options.hold_out:
        images = held_out(images, options.hold_out)
    size = replace(size, images=len(images.x_train), test=len(images.x_test))

    head = header("bench.capstone")
    where = {"device": head["device"], "backend": keras.backend.backend()}
    rows = []
    if options.out.exists() and not options.hold_out:
        rows = json.loads(options.out.read_text(encoding="utf-8"))["rows"]
        rows = [row for row in rows if row["rung"] in RUNGS and current(row)]
    mine = where | asdict(size) | {"steps_per_execution": options.steps_per_execution}
    done = {(row["rung"], row["seed"]) for row in rows if mine.items() <= row.items()}
    names = [name for name in RUNGS if name in options.rungs]
    todo = {name: [s for s in range(options.seeds) if (name, s) not in done] for name in names}
    bar = tqdm(total=sum(map(len, todo.values())), unit="training")
    for name, seeds in todo.items():
        if not seeds:
            continue
        bar.set_postfix_str(f"{name}, compiling")
        settings = rung(name)
        case = Rung(settings, size, images, options.steps_per_execution)
        for seed in seeds:
            bar.set_postfix_str(f"{name}, seed {seed}")
            row = mine | {"rung": name, "seed": seed, **case.train(seed)}
            row |= {"settings": asdict(settings), "rate": RATES[settings.optimizer]}
            row |= {key: head[key] for key in ("date", "command", "versions")}
            rows = sorted([*rows, row], key=order)
            if not options.hold_out:
                save(options.out, {"rows": rows})
            bar.write(f"{name:22}seed {seed}  {row['test_accuracy']:.4f}{row['seconds']:9.2f} s")
            bar.update()
    bar.close()
    summary([row for row in rows if mine.items() <= row.items() and row["rung"] in names])


def summary(rows: list[dict]) -> None:
    """Print a line for each rung: mean and spread of the accuracy, its change, the time."""
    before = None
    for name in dict.fromkeys(row["rung"] for row in rows):
        found = [row for row in rows if row["rung"] == name]
        values = [row["test_accuracy"] for row in found]
        mean, spread = np.mean(values), np.std(values, ddof=len(values) > 1)
        change = "" if before is None else f"{mean - before:+.4f}"
        seconds = np.median([row["seconds"] for row in found])
        print(f"{name:22}{mean:.4f} ± {spread:.4f} {change:8}{seconds:8.2f} s, ", end="")
        print(f"{len(found)} seeds, warm-up {found[-1]['warm_up_seconds']:.1f} s")
        before = mean


if __name__ == "__main__":
    main()
