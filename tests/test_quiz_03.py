"""The answers of chapter 03's quiz, computed."""

import itertools

import numpy as np
import pytest
from questions import choices, right_choices, stated_numbers

from convbook.widgets.quiz import load

FIRST = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
SECOND = np.array([[3, 4, -2, -1], [-2, 0, 1, 2], [1, -2, 2, 6], [0, 8, 3, 5]])


def pooled(layer, image):
    """A single map through a pooling layer of Keras."""
    return np.array(layer(np.asarray(image, "float32")[None, :, :, None]))[0, :, :, 0]


def parameters(keras, shape, *layers):
    return keras.Sequential([keras.Input(shape), *layers]).count_params()


def gradient(layer, image):
    """The gradient of the sum of a layer's outputs, by differences: the sum is linear in pieces."""
    result = np.zeros(image.shape)
    for index in np.ndindex(image.shape):
        step = np.zeros(image.shape)
        step[index] = 0.25
        result[index] = (pooled(layer, image + step).sum() - pooled(layer, image).sum()) / 0.25
    return result


def numbers(keras):
    layers = keras.layers
    flat = 30 * 30 * 64
    deep = [
        *[layers.Conv2D(64, 3, padding="same"), layers.MaxPooling2D()],
        *[layers.Conv2D(64, 3, padding="same"), layers.MaxPooling2D(), layers.Flatten()],
    ]
    inputs = keras.Sequential([keras.Input((32, 32, 3)), *deep]).output_shape[1]
    halved = layers.MaxPooling2D().compute_output_shape((None, 30, 30, 64))[1:]
    averages = [layers.GlobalAveragePooling2D(), layers.Dense(10)]
    strided = layers.Conv2D(64, 3, strides=2, padding="same")
    return {
        "by-hand-max": pooled(layers.MaxPooling2D(), FIRST)[1, 1],
        "by-hand-average": pooled(layers.AveragePooling2D(2), SECOND)[0, 0],
        "odd-side": layers.MaxPooling2D().compute_output_shape((None, 13, 13, 1))[1],
        "what-remains": np.prod(halved),
        "routing": gradient(layers.MaxPooling2D(3, 1), SECOND)[SECOND == 8].item(),
        "strided-cost": parameters(keras, (30, 30, 64), strided),
        "dense32": parameters(keras, (flat,), layers.Dense(32)),
        "dense32-pooled": parameters(keras, (int(np.prod(halved)),), layers.Dense(32)),
        "deeper-dense": parameters(keras, (inputs,), layers.Dense(128)),
        "global-average": parameters(keras, (8, 8, 64), *averages),
    }


def test_the_numbers_are_right(keras):
    assert stated_numbers("03") == numbers(keras)


def test_the_wrong_numbers_come_about_as_the_quiz_says(keras):
    layers = keras.layers
    values = {q["id"]: [c["value"] for c in q["choice"]] for q in load("03") if "answer" in q}
    whole = [layers.Flatten(), layers.Dense(32), layers.Dense(10)]
    photo = (32, 32, 3)
    assert parameters(keras, photo, layers.Conv2D(64, 3), *whole) in values["dense32"]
    fewer = [layers.Conv2D(64, 3), layers.MaxPooling2D()]
    whole = [layers.Flatten(), layers.Dense(32), layers.Dense(10)]
    assert parameters(keras, photo, *fewer, *whole) in values["dense32-pooled"]
    assert 36 * 64 * 128 + 128 in values["deeper-dense"]  # without padding, 6×6 are left
    assert gradient(layers.AveragePooling2D(3, 1), SECOND)[SECOND == 8].item() == pytest.approx(
        values["routing"][-1], abs=1e-3
    )
    assert pooled(layers.AveragePooling2D(2), FIRST)[1, 1] in values["by-hand-max"]


def test_which_poolings_are_convolutions():
    """A convolution is linear; each of these is tried on sums of random windows."""
    rng = np.random.default_rng(0)
    kinds = dict(
        zip(
            choices("03", "which-are-convolutions"),
            [np.mean, np.max, np.min, lambda w: w[0, 0], np.mean, np.median],
            strict=True,
        )
    )
    linear = []
    for text, keep in kinds.items():
        side = 3 if "3×3" in text else 2
        pairs = rng.normal(size=(20, 2, side, side))
        if all(np.isclose(keep(a + b), keep(a) + keep(b)) for a, b in pairs):
            linear.append(text)
    assert linear == right_choices("03", "which-are-convolutions")


def test_relu_and_maximum_change_places():
    values = list(itertools.product([-3, -1, 0, 2], repeat=2))

    def relu(x):
        return np.maximum(x, 0)

    assert all(relu(max(pair)) == max(relu(pair)) for pair in values)
    assert any(relu(np.mean(pair)) != np.mean(relu(pair)) for pair in values)
    assert right_choices("03", "relu-order") == [
        "Nothing in the result; ReLU has a quarter of the work."
    ]


def test_a_tie_is_given_to_one(keras):
    """Read off one step of plain gradient descent, as in the chapter."""
    layers = keras.layers
    image = layers.Dense(4, use_bias=False, kernel_initializer="ones")
    pooling = [layers.Reshape((2, 2, 1)), layers.MaxPooling2D(), layers.Flatten()]
    model = keras.Sequential([keras.Input((1,)), image, *pooling])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda _, y: keras.ops.sum(y, axis=-1))
    model.train_on_batch(np.ones((1, 1)), np.zeros(1))
    passed_on = 1 - image.get_weights()[0][0]
    assert sorted(passed_on.round(5)) == [0, 0, 0, 1]
    assert right_choices("03", "ties") == ["1 to one of them, 0 to the other three."]


def test_shifts(keras):
    layer = keras.layers.MaxPooling2D()
    image = np.random.default_rng(0).normal(size=(8, 8))
    before, after = pooled(layer, image), pooled(layer, np.roll(image, 1, axis=1))
    assert 0 < (before == after).mean() < 1
    assert not any(np.array_equal(np.roll(before, n, axis=1), after) for n in range(4))
    assert np.array_equal(pooled(layer, np.roll(image, 2, axis=1)), np.roll(before, 1, axis=1))
    row = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    moved = np.roll(row, -1).reshape(-1, 2).max(axis=1)
    assert right_choices("03", "signal") == [f"`{' '.join(map(str, moved))}`"]
    assert right_choices("03", "shift-one") == [
        "Where the largest number stays inside its window and no larger one comes in, not at all; "
        "elsewhere values can change."
    ]


def test_a_row_of_the_confusion_matrix_counts_the_images_of_a_class():
    rng = np.random.default_rng(0)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (np.repeat(range(10), 100), rng.integers(10, size=1000)), 1)
    assert set(confusion.sum(axis=1)) == {100}
    assert right_choices("03", "confusion-row") == ["To 100"]
