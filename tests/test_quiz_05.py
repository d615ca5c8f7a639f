"""The right answers of chapter 05's quiz, computed."""

import numpy as np
from questions import choices, right_choices, stated_numbers


def first_row(keras, row):
    """The first of the image's rows that a unit of the third layer in this row sees."""
    layers = [
        keras.layers.Conv2D(1, k, strides=s, kernel_initializer="ones")
        for k, s in [(5, 2), (3, 2), (3, 1)]
    ]
    images = np.zeros((28, 28, 28, 1))  # image i holds a row of ones, number i
    images[np.arange(28), np.arange(28)] = 1
    maps = keras.Sequential(layers).predict(images, verbose=0)
    return int(np.flatnonzero(maps[:, row, 0, 0])[0])


def passes(epochs, images):
    """How often a frozen base computes what it has computed before."""
    seen = [image for _ in range(epochs) for image in range(images)]
    return len(seen) - len(set(seen))


def move(keras, gradient):
    """How far plain SGD moves a weight whose rate is a tenth of the head's."""
    weight = keras.Variable(np.zeros(1, "float32"))
    keras.optimizers.SGD(0.1 * 0.1).apply([keras.ops.convert_to_tensor([gradient])], [weight])
    return abs(float(weight[0]))


def head_parameters(keras, features, classes):
    layer = keras.layers.Dense(classes, activation="softmax")
    layer.build((None, features))
    return layer.count_params()


def caffe(keras, pixel):
    image = np.array(pixel, "float32").reshape(1, 1, 1, 3)
    utils = keras.applications.imagenet_utils
    return utils.preprocess_input(image, mode="caffe").ravel()


def numbers(keras):
    return {
        "where-it-looks": first_row(keras, 2),
        "work-of-the-base": passes(20, 500),
        "sgd-move": round(move(keras, 3.0), 6),
        "caffe-orange": round(float(caffe(keras, (255, 128, 0))[0]), 3),
        "mobilenet-head": head_parameters(keras, 1280, 10),
    }


def test_the_numbers_are_right(keras):
    assert stated_numbers("05") == numbers(keras)


def test_adam_does_not_feel_a_scaled_gradient(keras):
    def first_step(factor):
        weight = keras.Variable(np.zeros(1, "float32"))
        gradient = keras.ops.convert_to_tensor([factor * 0.02])
        keras.optimizers.Adam(0.1).apply([gradient], [weight])
        return float(weight[0])

    assert np.isclose(first_step(0.1), first_step(1.0), rtol=0.01)
    assert right_choices("05", "scaled-gradient-adam") == ["Nearly as far as before"]


def test_the_switches_of_batch_normalization(keras):
    batch = np.random.default_rng(0).normal(3, 2, size=(64, 4)).astype("float32")
    by_batch = {}
    for trainable in (True, False):
        for training in (True, False):
            layer = keras.layers.BatchNormalization()
            layer.build(batch.shape)
            layer.trainable = trainable
            out = keras.ops.convert_to_numpy(layer(batch, training=training))
            text = f"`trainable = {trainable}`, called with `training={training}`"
            by_batch[text] = abs(out.mean()) < 0.01
    assert list(by_batch) == choices("05", "bn-switches")
    assert right_choices("05", "bn-switches") == [text for text, yes in by_batch.items() if yes]


def small_base(keras):
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]
    )


def in_inference(keras, base):
    """The base, wrapped in a layer that calls it in inference mode."""

    class InInference(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.base = base

        def call(self, inputs):
            return self.base(inputs, training=False)

    return InInference()


def changed(keras, base, model):
    """The names of the base's numbers that change while the model is fitted."""
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [w.copy() for w in base.get_weights()]
    rng = np.random.default_rng(0)
    model.fit(rng.normal(3, 2, size=(64, 4)), rng.normal(size=64), verbose=0)
    after = base.get_weights()
    return {
        w.name
        for w, old, new in zip(base.weights, before, after, strict=True)
        if not np.array_equal(old, new)
    }


def test_what_learns_in_a_base_called_in_inference_mode(keras):
    base = small_base(keras)
    model = keras.Sequential([keras.Input((4,)), in_inference(keras, base), keras.layers.Dense(1)])
    moved = changed(keras, base, model)
    names = {
        "gamma": "γ, the factor",
        "beta": "β, the offset",
        "moving_mean": "the moving mean",
        "moving_variance": "the moving variance",
        "kernel": "the kernels of the convolutions",
    }
    assert list(names.values()) == choices("05", "bn-learns")
    assert right_choices("05", "bn-learns") == [names[n] for n in names if n in moved]


def test_which_recipe_keeps_the_averages(keras):
    image = keras.Input((4,))
    bases = [small_base(keras) for _ in range(3)]
    bases[2].layers[-1].trainable = False
    models = [
        keras.Model(image, keras.layers.Dense(1)(bases[0](image, training=False))),
        keras.Sequential([keras.Input((4,)), in_inference(keras, bases[1]), keras.layers.Dense(1)]),
        keras.Sequential([bases[2], keras.layers.Dense(1)]),
    ]
    kept = [
        "moving_mean" not in changed(keras, base, model)
        for base, model in zip(bases, models, strict=True)
    ]
    texts = choices("05", "bn-recipe")
    right = [text for text, keeps in zip(texts, kept, strict=True) if keeps]
    assert right_choices("05", "bn-recipe") == right


def test_preprocessing_changes_a_float_array_in_place(keras):
    pixel = np.array([[[[255, 128, 0]]]], "float32")
    keras.applications.vgg16.preprocess_input(pixel)
    left = [round(float(value), 3) for value in pixel.ravel()]
    assert left == [131.32, 11.221, -103.939]
    assert right_choices("05", "preprocess-twice") == ["131.32, 11.221, −103.939"]


def test_predict_leaves_augmentation_out(keras):
    shift = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.RandomTranslation(0.4, 0.4, fill_mode="constant")]
    )
    images = np.random.default_rng(0).random((16, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(shift.predict(images, verbose=0), images, atol=1e-6)
    moved = keras.ops.convert_to_numpy(shift(images, training=True))
    assert np.abs(moved - images).max() > 0.1
    [right] = right_choices("05", "cache-or-augment")
    assert right.startswith("No: a new version of the image has other features")
