"""The right answers of chapter 10's quiz, computed."""

import math

import numpy as np
import pytest
from questions import choices, right_choices, stated_numbers
from scipy import stats
from sklearn.datasets import load_sample_images


def flattery(n):
    """The mean of the largest of n normal draws, in standard deviations."""
    draws = stats.norm(0, 1)
    return draws.expect(lambda z: n * z * draws.cdf(z) ** (n - 1))


def seeds_needed(difference, spread):
    return next(n for n in range(1, 100) if difference >= 2 * spread * math.sqrt(2 / n))


def seen_both_ways(passes):
    flips = np.array(np.meshgrid(*[[0, 1]] * passes)).reshape(
        passes, -1
    )  # all ways, equally likely
    return (flips.min(axis=0) < flips.max(axis=0)).mean()


def mean_rate(steps=4000):
    step = np.arange(steps) / steps
    return np.interp(step, [0, 0.25, 1], [0.2, 1, 0]).mean()


def smoothed_floor(keras):
    """The smallest loss of Keras over many answers."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.2, reduction=None)
    p = np.linspace(0.5, 0.99, 4901)
    answers = np.repeat((1 - p[:, None]) / 9, 10, axis=1)
    answers[:, 0] = p
    losses = loss(np.tile(np.eye(10)[:1], (len(p), 1)), answers.astype("float32"))
    return float(keras.ops.convert_to_numpy(losses).min())


def whitening_filters():
    directions = np.linalg.eigh(np.cov(np.random.default_rng(0).normal(size=(3 * 3 * 3, 99))))[1]
    return 2 * directions.shape[1]


def numbers(keras):
    image, row = np.zeros((32, 32, 3), "float32"), np.zeros(4, "int32")
    return {
        "best-of-ten": round(flattery(10), 2),
        "difference": round(math.hypot(1, 1), 2),
        "seeds": seeds_needed(0.2, 0.15),
        "bytes": image.nbytes / row.nbytes,
        "whitening-filters": whitening_filters(),
        "both-ways": 100 * seen_both_ways(3),
        "triangle": round(mean_rate(), 3),
        "floor": round(smoothed_floor(keras), 2),
        "bound": 100e6 * 2 * (1 + 2) * 10 * 50_000 / 1e15,
    }


def test_the_numbers_are_right(keras):
    assert numbers(keras) == pytest.approx(stated_numbers("10"))


def test_the_loudest_direction_of_small_patches():
    photo = load_sample_images().images[0] / 255
    patches = np.lib.stride_tricks.sliding_window_view(photo, (2, 2), axis=(0, 1))
    patches = patches.transpose(0, 1, 3, 4, 2).reshape(-1, 2, 2, 3)  # row, column, colour
    rgb = patches.mean(axis=(1, 2))
    diagonal = patches[:, 0, 0, 1] + patches[:, 1, 1, 1]
    variances = {  # along directions of length 1
        "all 12 numbers up or down together": patches.sum(axis=(1, 2, 3)).var() / 12,
        "left column against right column": np.diff(patches.sum(axis=(1, 3))).var() / 12,
        "red against blue": (4 * (rgb[:, 0] - rgb[:, 2])).var() / 8,
        "one diagonal against the other, in green": (
            (diagonal - patches[:, 0, 1, 1] - patches[:, 1, 0, 1]).var() / 4
        ),
    }
    assert list(variances) == choices("10", "which-direction")
    assert right_choices("10", "which-direction") == [max(variances, key=variances.get)]
    assert min(variances, key=variances.get) == "one diagonal against the other, in green"


def test_what_keras_muon_makes_orthogonal(keras):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(scale=False),
            keras.layers.Flatten(),
            keras.layers.Dense(10, use_bias=False),
        ]
    )
    optimizer = keras.optimizers.Muon()
    optimizer.build(model.trainable_variables)
    kernel, bias, beta, dense = [v is None for v in optimizer.adam_velocities]
    assert choices("10", "muon") == [
        "the kernel of a `Conv2D` layer",
        "the kernel of a `Dense` layer",
        "the β of a `BatchNormalization` layer",
        "the bias of a `Conv2D` layer",
    ]
    assert [kernel, dense, beta, bias] == [False, True, False, False]
    assert right_choices("10", "muon") == ["the kernel of a `Dense` layer"]


def test_what_averaging_views_promises():
    rng = np.random.default_rng(0)
    views = rng.dirichlet(np.ones(3), size=(2, 1000))
    labels = rng.integers(0, 3, 1000)
    each = -np.log(views[:, np.arange(1000), labels])
    mean = -np.log(views.mean(axis=0)[np.arange(1000), labels])
    assert (mean <= each.mean(axis=0) + 1e-12).all()
    # the accuracy may fall: of three images of class 0, one view gets two right, the other one
    a = np.array([[0.55, 0.45], [0.55, 0.45], [0.0, 1.0]])
    b = np.array([[0.0, 1.0], [0.0, 1.0], [0.55, 0.45]])
    either = np.mean([(a.argmax(1) == 0).mean(), (b.argmax(1) == 0).mean()])
    assert ((a + b).argmax(1) == 0).mean() < either
    assert right_choices("10", "views") == ["The cross-entropy does not rise."]


def test_which_choices_flatter():
    """The best of several equally good recipes, by labels that were looked at or not."""
    rng = np.random.default_rng(0)
    test, held_out = rng.normal(size=(2, 10_000, 10))
    assert test.max(axis=1).mean() > 1.4  # rates, epochs or seeds: all are the best of several
    chosen = np.take_along_axis(test, held_out.argmax(axis=1)[:, None], axis=1)
    assert abs(chosen.mean()) < 0.05
    assert right_choices("10", "peeking") == [choices("10", "peeking")[i] for i in (0, 1, 3)]
