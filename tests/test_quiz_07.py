"""The right answers of chapter 07's quiz, computed."""

import numpy as np
import pytest
from questions import choices, right_choices, stated_numbers


def moved(keras, optimizer, gradients):
    """How far a weight moves in each step, with these gradients."""
    weight = keras.Variable(np.zeros(1, "float32"))
    places = [0.0]
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.array([gradient], "float32"))], [weight])
        places.append(float(weight[0]))
    return -np.diff(places)


def moving_mean(keras, steps):
    layer = keras.layers.BatchNormalization()
    for _ in range(steps):
        layer(np.array([[9.0], [11.0]], "float32"), training=True)
    return float(layer.moving_mean[0])


def degrees_turned(keras, gradient):
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer = keras.optimizers.SGD(1.0, clipvalue=1.0)
    optimizer.apply([keras.ops.convert_to_tensor(np.array(gradient, "float32"))], [variable])
    clipped = -keras.ops.convert_to_numpy(variable)
    return np.degrees(abs(np.arctan2(*gradient) - np.arctan2(*clipped)))


def after_one_step_of_l2(keras):
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.01))
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.set_weights([np.array([[2.0]])])
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    return layer.get_weights()[0].item()


def smooth_target(keras):
    """The probability at which the smoothed loss is lowest."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction=None)
    p = np.linspace(0.8, 0.99, 1901)
    answers = np.repeat((1 - p[:, None]) / 9, 10, axis=1)
    answers[:, 0] = p
    losses = loss(np.tile(np.eye(10)[:1], (len(p), 1)), answers.astype("float32"))
    return p[keras.ops.convert_to_numpy(losses).argmin()]


def bfloat16_sum(keras):
    total = keras.ops.cast(1.0, "bfloat16")
    for _ in range(1000):
        total = total + keras.ops.cast(0.001, "bfloat16")
    return float(keras.ops.cast(total, "float32"))


def milliseconds_a_step(prepare, train, steps=100_000):
    """Two workers side by side, one batch ahead."""
    ready = prepare
    now = 0.0
    for _ in range(steps):
        begin = max(now, ready)  # train when the batch is there, and prepare the next
        now, ready = begin + train, begin + prepare
    return now / steps


def numbers(keras):
    a = np.linspace(-5, 5, 1001)
    sigmoid = 1 / (1 + np.exp(-a))
    slope = np.gradient(sigmoid, a).max()
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    dropped = keras.ops.convert_to_numpy(
        keras.layers.Dropout(0.2)(np.full((1, 100), 4.0, "float32"), training=True)
    )
    power = keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=1000, decay_rate=1)
    return {
        "chain-factor": round((2 * slope) ** -10),
        "bn-moving": round(moving_mean(keras, 100), 1),
        "clip-angle": round(degrees_turned(keras, (1, 100)), 1),
        "momentum-speed": round(moved(keras, sgd, [1] * 200)[-1] / 0.01, 2),
        "adam-first": round(moved(keras, keras.optimizers.Adam(0.001), [5000])[0], 6),
        "power-schedule": float(power(3000)),
        "l2-step": after_one_step_of_l2(keras),
        "dropout-scale": dropped.max(),
        "smooth-target": smooth_target(keras),
        "bfloat16-sum": bfloat16_sum(keras),
        "prefetch": milliseconds_a_step(prepare=30, train=40),
        "data-parallel": 64 / 4,
    }


def test_the_numbers_are_right(keras):
    assert numbers(keras) == pytest.approx(stated_numbers("07"), rel=2e-4)


def test_small_weights_shrink_every_gradient_alike():
    rng = np.random.default_rng(0)
    kernels = rng.normal(scale=0.01, size=(30, 128, 128))
    h = [rng.normal(size=(16, 128))]
    for kernel in kernels:
        h.append(np.maximum(h[-1] @ kernel, 0))
    g, norms = rng.normal(size=(16, 128)), []
    for kernel, below, above in reversed(list(zip(kernels, h[:-1], h[1:], strict=True))):
        g = g * (above > 0)
        norms.append(np.linalg.norm(below.T @ g))
        g = g @ kernel.T
    assert max(norms) < 1e-25
    assert max(norms) < 30 * min(norms)
    assert right_choices("07", "where-vanishes") == ["all of them, and about equally"]


def test_what_revives_a_dead_unit():
    x = np.abs(np.random.default_rng(1).normal(size=(20, 3)))

    def gradient(weights, slope=0.0, x=x):
        a = x @ weights
        return np.abs(x.T @ np.where(a > 0, 1, slope)).max()

    dead, fresh = np.array([-1.0, -2.0, -1.0]), np.array([1.0, 0.5, -1.0])
    can = {
        "training for longer": gradient(dead) > 0,
        "a smaller learning rate from now on": 0.01 * gradient(dead) > 0,
        "a larger learning rate from now on": 10 * gradient(dead) > 0,
        "switching the activation to leaky ReLU": gradient(dead, slope=0.1) > 0,
        "new training images, on some of which the unit is positive": gradient(dead, x=-x) > 0,
        "drawing the weights of this unit anew": gradient(fresh) > 0,
    }
    assert list(can) == choices("07", "dead-relu")
    assert right_choices("07", "dead-relu") == [text for text, moves in can.items() if moves]


def test_a_bias_before_batch_normalization_does_not_learn(keras):
    dense = keras.layers.Dense(4, bias_initializer="random_normal")
    model = keras.Sequential([keras.Input((6,)), dense, keras.layers.BatchNormalization()])
    model.compile(keras.optimizers.SGD(1.0), lambda g, out: keras.ops.sum(g * out))
    x, g = np.random.default_rng(2).normal(size=(2, 16, 6)).astype("float32")
    kernel, bias = dense.get_weights()
    model.train_on_batch(x, g[:, :4])
    np.testing.assert_allclose(dense.get_weights()[1], bias, atol=1e-5)
    assert np.abs(dense.get_weights()[0] - kernel).max() > 0.1
    assert right_choices("07", "bn-bias") == ["Nothing: its gradient is 0."]


def test_which_optimizers_notice_that_the_valley_is_turned(keras):
    def losses(make, degrees):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.array([[c, s], [-s, c]])
        curvature = turn.T @ np.diag([1.0, 100.0]) @ turn
        weights = keras.Variable((np.array([-4.0, 1.0]) @ turn).astype("float32"))
        optimizer, values = make(), []
        for _ in range(15):
            w = keras.ops.convert_to_numpy(weights).astype(float)
            values.append(w @ curvature @ w / 2)
            gradient = (w @ curvature).astype("float32")
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        return np.array(values)

    optimizers = keras.optimizers
    makes = {
        "plain gradient descent": lambda: optimizers.SGD(0.015),
        "momentum": lambda: optimizers.SGD(0.005, momentum=0.9),
        "Nesterov": lambda: optimizers.SGD(0.005, momentum=0.9, nesterov=True),
        "AdaGrad": lambda: optimizers.Adagrad(0.5),
        "Adam": lambda: optimizers.Adam(0.1),
    }
    assert list(makes) == choices("07", "tilted")
    assert right_choices("07", "tilted") == [
        name
        for name, make in makes.items()
        if not np.allclose(losses(make, 0), losses(make, 45), 0.01)
    ]


def test_what_overfitting_one_batch_finds(keras):
    x = np.random.default_rng(3).normal(size=(32, 20)).astype("float32")
    y = np.arange(32) % 10

    def fits(y=y, last="linear", initializer="he_normal"):
        keras.utils.set_random_seed(0)
        hidden = keras.layers.Dense(64, activation="relu", kernel_initializer=initializer)
        output = keras.layers.Dense(10, activation=last, kernel_initializer=initializer)
        model = keras.Sequential([keras.Input((20,)), hidden, output])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.02), loss)
        many = np.tile(x, (60, 1)), np.tile(y, 60)  # an epoch: 60 times the batch
        history = model.fit(*many, batch_size=32, epochs=2, shuffle=False, verbose=0)
        return history.history["loss"][-1] < 0.1

    assert fits()
    assert fits(np.random.default_rng(4).permutation(y))
    assert not fits(last="tanh")
    assert not fits(initializer="zeros")
    right = right_choices("07", "one-batch")
    assert right == [choices("07", "one-batch")[i] for i in (0, 2)]
    assert "tanh" in right[0]
    assert "zero" in right[1]


def test_what_the_scheduler_callback_passes(keras):
    seen = []
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    ask = keras.callbacks.LearningRateScheduler(lambda number, _: seen.append(number) or 0.1)
    x = np.zeros((400, 1), "float32")
    model.fit(x, x, epochs=8, batch_size=8, verbose=0, callbacks=[ask])  # 50 steps an epoch
    assert seen == list(range(8))
    [right] = right_choices("07", "schedule-unit")
    assert "0, 1, …, 7" in right
