"""The answers of chapter 06's quiz, computed."""

import numpy as np
import pytest
from questions import choices, question, right_choices, stated_numbers

SIZES, DIMS = (24, 7, 40), (8, 1, 8)


def step(keras, optimizer, *batches, n=4, d=5, first=1.0):
    """Old minus new table after the last batch of (IDs, what the loss sends back)."""
    layers = [keras.Input((), dtype="int32"), keras.layers.Embedding(n, d)]
    model = keras.Sequential(layers)
    model.set_weights([np.full((n, d), first, "float32")])
    model.compile(optimizer, lambda g, rows: keras.ops.sum(g * rows), run_eagerly=True)
    for ids, g in batches:
        before = model.get_weights()[0]
        model.train_on_batch(np.array(ids), np.repeat(np.array(g, "float32")[:, None], d, 1))
    return before - model.get_weights()[0]


def network(keras, one_hot=False):
    inputs = [keras.Input((n,) if one_hot else ()) for n in SIZES]
    columns = inputs
    if not one_hot:
        tables = [keras.layers.Embedding(n, d) for n, d in zip(SIZES, DIMS, strict=True)]
        columns = [table(column) for table, column in zip(tables, inputs, strict=True)]
    hidden = keras.layers.Concatenate()(columns)
    for units in (64, 32, 1):
        hidden = keras.layers.Dense(units)(hidden)
    return keras.Model(inputs, hidden)


def one_column(keras, n, d, units):
    layers = [keras.Input(()), keras.layers.Embedding(n, d), keras.layers.Dense(units)]
    return keras.Sequential(layers).count_params()


def adam_travel(keras, after=300):
    """How far a weight goes, in learning rates, after one gradient among zeros."""
    adam = keras.optimizers.Adam(0.001)
    weight = keras.Variable(np.zeros(1, "float32"))
    adam.build([weight])
    adam.iterations.assign(10_000)
    for gradient in [7.0] + [0.0] * after:
        adam.apply([keras.ops.convert_to_tensor([gradient])], [weight])
    return -float(weight.numpy()[0]) / 0.001


def numbers(keras):
    gradient = step(keras, keras.optimizers.SGD(1.0), ([0, 1, 0], [1, 10, 2]))
    return {
        "numbers-touched": np.count_nonzero(gradient),
        "repeated-id": round(float(gradient[0, 0]), 4),
        "adam-travel": round(adam_travel(keras)),
        "saved-parameters": one_column(keras, 10_000, 8, 64),
        "model-inputs": network(keras).count_params(),
    }


def test_the_numbers_are_right(keras):
    assert stated_numbers("06") == numbers(keras)


def test_the_wrong_numbers_come_about_as_the_quiz_says(keras):
    def wrong(name):
        return [choice["value"] for choice in question("06", name)["choice"]]

    model = network(keras)
    tables = sum(n * d for n, d in zip(SIZES, DIMS, strict=True))
    biases = sum(layer.units for layer in model.layers if hasattr(layer, "units"))
    assert {tables, model.count_params() - tables, model.count_params() - biases} <= set(
        wrong("model-inputs")
    )
    assert network(keras, one_hot=True).count_params() in wrong("model-inputs")
    assert 10_000 * 64 + 64 in wrong("saved-parameters")
    assert adam_travel(keras, after=0) == pytest.approx(3.16, abs=0.01)
    assert 3.16 in wrong("adam-travel")
    overwritten = np.zeros(4)
    overwritten[[0, 1, 0]] += [1, 10, 2]
    assert overwritten[0] in wrong("repeated-id")


def test_which_optimizers_move_a_row_that_is_not_used(keras):
    optimizers = {
        "plain SGD": keras.optimizers.SGD(0.1),
        "SGD with momentum": keras.optimizers.SGD(0.1, momentum=0.9),
        "Adam": keras.optimizers.Adam(0.1),
        "SGD with weight decay": keras.optimizers.SGD(0.1, weight_decay=0.01),
    }
    assert list(optimizers) == choices("06", "who-moves")
    moved = [
        name
        for name, optimizer in optimizers.items()
        if step(keras, optimizer, ([0, 1], [1, 1]), ([2, 2], [1, 1]))[0].any()
    ]
    assert moved == right_choices("06", "who-moves")


def test_a_row_that_is_never_used_keeps_its_start(keras):
    batches = [([1, 2], [1, 1]), ([2, 3], [1, 1])]
    assert not step(keras, keras.optimizers.Adam(0.1), *batches)[0].any()
    assert right_choices("06", "oov-row") == ["The random numbers that it began with."]


def test_nan_in_a_row_that_is_not_asked_for():
    table = np.arange(20.0).reshape(4, 5)
    table[3] = np.nan
    assert np.isfinite(table[[0, 1, 2]]).all()
    assert np.isnan(np.eye(4)[:3] @ table).all()
    [right] = right_choices("06", "nan-row")
    assert right == "The lookup gives the three rows; the product gives NaN everywhere."


def test_as_many_random_numbers_as_products_fit_anything():
    rng = np.random.default_rng(0)
    columns = np.column_stack([rng.normal(size=(40, 39)), np.ones(40)])
    hidden = rng.normal(size=40)
    fit = columns @ np.linalg.lstsq(columns, hidden, rcond=None)[0]
    assert np.allclose(fit, hidden)
    assert right_choices("06", "recovery-chance") == ["100 %"]


def test_a_line_through_ordered_sizes_beats_own_numbers():
    rng = np.random.default_rng(0)
    sizes = np.repeat(np.arange(12), 2)
    line, own = [], []
    for _ in range(300):
        y = 0.3 * sizes + rng.normal(size=24)
        fit = np.polyval(np.polyfit(sizes, y, 1), np.arange(12))
        line.append(((fit - 0.3 * np.arange(12)) ** 2).mean())
        own.append(((y.reshape(12, 2).mean(axis=1) - 0.3 * np.arange(12)) ** 2).mean())
    assert np.mean(line) < 0.4 * np.mean(own)
    assert right_choices("06", "ordinal")[0].startswith("The line")
