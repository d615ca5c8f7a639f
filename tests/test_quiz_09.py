"""The right answers of chapter 09's quiz, computed."""

import numpy as np
import pytest
from questions import right_choices, stated_numbers


def best_constant(labels):
    """The constant with the smallest mean squared error, of many."""
    tried = np.linspace(0, 95, 9501)
    return tried[((tried[:, None] - np.asarray(labels)) ** 2).mean(axis=1).argmin()]


def half_size(x):
    """Where a bright column at x is, after 2×2 blocks are averaged; x is a whole number."""
    line = np.arange(96.0)
    small = line.reshape(48, 2).mean(axis=1)  # where the small pixels' centres are
    return np.interp(x, small, np.arange(48))


def mirrored(points):
    """x of each named point, found again in a mirrored image that has a mark at each."""
    image = np.zeros((1, 96))
    for mark, x in enumerate(points.values(), start=1):
        image[0, x] = mark
    image = image[:, ::-1]
    places = sorted(int(np.flatnonzero(image[0] == mark)[0]) for mark in (1, 2))
    return {"right_eye_center": places[0], "left_eye_center": places[1]}


def expected(keras, scores, places):
    shares = keras.ops.softmax(np.array(scores, "float32"))
    return float(keras.ops.sum(shares * np.array(places, "float32")))


def numbers(keras):
    errors = keras.losses.MeanSquaredError()(np.zeros((1, 2)), np.array([[3.0, 4.0]]))
    line = np.zeros(96)
    line[20] = 1
    face = {"left_eye_center": 66, "right_eye_center": 30, "nose_tip": 50}
    before, after = np.array([10 + 10j, 10 + 40j]), np.array([5 + 5j, 20 + 5j])
    return {
        "rmse-or-distance": round(float(errors) ** 0.5, 2),
        "output-units": np.zeros((15, 2)).size,
        "half-size": half_size(10),
        "zeros-in-gaps": best_constant([60] * 3 + [0] * 7),
        "flip-x": line[::-1].argmax(),
        "flip-three": mirrored(face)["left_eye_center"],
        "soft-argmax": expected(keras, np.log([0.1, 0.2, 0.7]), [0, 1, 2]),
        "two-peaks": expected(keras, [50.0, 0.0, 50.0], [10, 25, 40]),
        "similarity": abs(np.polyfit(before, after, 1)[0]),
    }


def test_the_numbers_are_right(keras):
    assert numbers(keras) == pytest.approx(stated_numbers("09"), rel=1e-5)


def test_the_best_constant_is_the_mean():
    x = np.round(np.random.default_rng(0).gamma(2, 12, 300).clip(0, 90))
    assert best_constant(x) == pytest.approx(x.mean(), abs=0.01)
    assert right_choices("09", "best-constant") == ["The mean of all known x."]


def test_which_weights_one_nan_reaches(keras):
    keras.utils.set_random_seed(0)
    stack = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(4, "tanh"), keras.layers.Dense(30)]
    model = keras.Sequential([keras.Input((6,)), *stack])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    targets = np.zeros((3, 30), "float32")
    targets[1, 7] = np.nan
    model.train_on_batch(np.random.default_rng(0).normal(size=(3, 6)), targets)
    first, _, second, _, last, _ = model.get_weights()
    assert np.isnan(first).all()
    assert np.isnan(second).all()
    assert np.flatnonzero(np.isnan(last).any(axis=0)).tolist() == [7]
    assert right_choices("09", "one-nan") == [
        "Those that lead to the one output, and all weights of the layers below."
    ]


def test_nan_times_zero_and_the_direction_of_a_turn():
    assert np.isnan(np.nan * 0)
    assert right_choices("09", "nan-times-zero") == ["NaN."]
    x, y = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]) @ [1, 0]
    assert x > 0.9
    assert y > 0  # below
    assert right_choices("09", "turn-direction") == ["Clockwise."]


def test_a_mean_does_not_know_where(keras):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Conv2D(3, 5, activation="relu")
    spots = np.zeros((2, 40, 40, 1), "float32")
    spots[0, 9, 30] = spots[1, 25, 12] = 1
    means = keras.ops.convert_to_numpy(layer(spots)).mean(axis=(1, 2))
    assert means[0] == pytest.approx(means[1], abs=1e-6)
    assert right_choices("09", "average-where") == ["They stay the same."]
