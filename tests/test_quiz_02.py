"""The right answers of chapter 02's quiz, computed."""

import numpy as np
from questions import choices, right_choices, stated_numbers


def parameters(layer, shape):
    layer.build((None, *shape))
    return layer.count_params()


def width(layer, side):
    return layer.compute_output_shape((None, side, side, 1))[1]


def receptive_width(keras, *strides):
    """How many pixels, in width, reach the first output of a stack of 3×3 convolutions."""
    layers = [keras.layers.Conv2D(1, 3, strides=s, kernel_initializer="ones") for s in strides]
    images = np.zeros((32, 32, 32, 1))  # image i holds a column of ones, number i
    images[np.arange(32), :, np.arange(32)] = 1
    maps = keras.Sequential(layers).predict(images, verbose=0)
    return int((maps[:, 0, 0, 0] != 0).sum())


def numbers(keras):
    layers = keras.layers
    window = np.array([[0, 1, 1], [0, 0, 1], [0, 0, 1]])
    kernel = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    return {
        "dense-parameters": parameters(layers.Dense(32 * 32), (32 * 32 * 3,)),
        "by-hand": (window * kernel).sum(),
        "output-size": width(layers.Conv2D(1, 3, strides=2), 7),
        "output-floor": width(layers.Conv2D(1, 3, strides=2), 8),
        "inner-product": parameters(layers.Conv2D(1, 5), (32, 32, 3)),
        "conv-parameters": parameters(layers.Conv2D(64, 3), (32, 32, 3)),
        "one-by-one": parameters(layers.Conv2D(128, 1), (1, 1, 64)),
        "receptive-field": receptive_width(keras, 1, 1, 1),
        "receptive-stride": receptive_width(keras, 2, 1),
    }


def test_the_numbers_are_right(keras):
    assert stated_numbers("02") == numbers(keras)


def test_what_changes_the_number_of_parameters(keras):
    def count(filters=16, kernel_size=3, shape=(28, 28, 1), **options):
        return parameters(keras.layers.Conv2D(filters, kernel_size, **options), shape)

    counts = {
        "larger images: 56×56×1": count(shape=(56, 56, 1)),
        "colour images: 28×28×3": count(shape=(28, 28, 3)),
        "`strides=2`": count(strides=2),
        '`padding="same"`': count(padding="same"),
        "`filters=32`": count(filters=32),
        "`kernel_size=5`": count(kernel_size=5),
        "`dilation_rate=2`": count(dilation_rate=2),
        "`use_bias=False`": count(use_bias=False),
    }
    assert list(counts) == choices("02", "what-changes-parameters")
    assert right_choices("02", "what-changes-parameters") == [
        text for text, number in counts.items() if number != count()
    ]


def test_where_same_puts_the_zeros(keras):
    layer = keras.layers.Conv2D(1, 3, strides=2, padding="same", kernel_initializer="ones")
    covered = np.array(layer(np.ones((1, 8, 8, 1))))[0, :, :, 0]
    assert covered.shape == (4, 4)
    assert (covered[:-1, :-1] == 9).all()  # windows full of pixels: no zeros at the top and left
    assert (covered[-1, :-1] == 6).all()
    assert (covered[:-1, -1] == 6).all()
    assert right_choices("02", "same-stride") == [
        "One row at the bottom and one column at the right"
    ]


def test_a_one_by_one_convolution_is_a_dense_layer(keras):
    pixels = np.random.default_rng(0).normal(size=(1, 56, 56, 64)).astype("float32")
    dense, conv = keras.layers.Dense(128), keras.layers.Conv2D(128, 1)
    dense.build(pixels.shape)
    conv.build(pixels.shape)
    kernel, bias = dense.get_weights()
    conv.set_weights([kernel.reshape(1, 1, 64, 128), bias])
    np.testing.assert_allclose(dense(pixels), conv(pixels), atol=1e-4)
    assert right_choices("02", "same-as-one-by-one") == ["`Dense(128)`, applied as it is"]


def test_how_maps_move(keras):
    image = np.zeros((1, 24, 24, 1))
    image[:, 10:14, 10:14] = np.random.default_rng(0).normal(size=(4, 4, 1))

    def maps(shift, strides):
        layer = keras.layers.Conv2D(4, 3, strides=strides, kernel_initializer=fixed)
        return np.array(layer(np.roll(image, shift, axis=2)))

    fixed = keras.initializers.RandomNormal(seed=1)
    np.testing.assert_allclose(maps(2, 1), np.roll(maps(0, 1), 2, axis=2), atol=1e-6)
    np.testing.assert_allclose(maps(2, 2), np.roll(maps(0, 2), 1, axis=2), atol=1e-6)
    strided = maps(0, 2)
    for step in range(-2, 3):
        assert np.abs(maps(1, 2) - np.roll(strided, step, axis=2)).max() > 0.01


def test_the_last_row_may_go_unread(keras):
    layer = keras.layers.Conv2D(1, 3, strides=2, kernel_initializer="ones")
    image = np.ones((1, 8, 8, 1))
    before = np.array(layer(image))
    image[:, 7] = image[:, :, 7] = 99
    np.testing.assert_array_equal(layer(image), before)
