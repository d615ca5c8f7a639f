"""The answers of the quiz of chapter 01, computed."""

import numpy as np
import pytest
from questions import choices, question, right_choices, stated_numbers


def review_network(keras, padding="valid", head="Flatten", side=28):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((side, side, 1)),
            layers.Conv2D(16, 3, activation="relu", padding=padding),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", padding=padding),
            layers.MaxPooling2D(),
            getattr(layers, head)(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def parameters(layer, shape):
    layer.build((None, *shape))
    return layer.count_params()


def products(layer, shape):
    """Multiply-adds of a layer without bias: with ones everywhere, each product adds 1."""
    layer.build((None, *shape))
    layer.set_weights([np.ones_like(w) for w in layer.get_weights()])
    return int(np.asarray(layer(np.ones((1, *shape), "float32")), float).sum())


def rows_never_read(keras):
    """How many rows at the bottom reach no output; all weights are positive."""
    network = review_network(keras)
    network.set_weights([np.abs(w) for w in network.get_weights()])
    network.layers[-1].activation = keras.activations.linear
    image = np.ones((1, 28, 28, 1), "float32")
    answer = np.asarray(network(image))
    for rows in range(28):
        changed = image.copy()
        changed[:, 27 - rows] = 5
        if not np.array_equal(np.asarray(network(changed)), answer):
            return rows
    raise AssertionError("no row is read")


def frozen(keras, shape):
    layer = keras.layers.BatchNormalization()
    layer.build((None, *shape))
    return sum(int(np.prod(w.shape)) for w in layer.non_trainable_weights)


def numbers(keras):
    layers, network = keras.layers, review_network(keras)
    return {
        "sides": network.layers[3].output.shape[1],
        "first-convolution": network.layers[0].count_params(),
        "second-convolution": network.layers[2].count_params(),
        "dense": network.layers[-1].count_params(),
        "multiply-adds": products(layers.Conv2D(32, 3, use_bias=False), (13, 13, 16)),
        "never-read": rows_never_read(keras),
        "same": review_network(keras, padding="same").count_params(),
        "one-by-one": parameters(layers.Conv2D(128, 1), (1, 1, 64)),
        "global-pooling": review_network(keras, head="GlobalAveragePooling2D").count_params(),
        "batch-norm": frozen(keras, (26, 26, 16)),
    }


def test_the_numbers_are_right(keras):
    assert stated_numbers("01") == numbers(keras)


def test_where_the_prices_are_highest(keras):
    layers, network = keras.layers, review_network(keras)
    put_out = {i: np.prod(network.layers[i].output.shape[1:]) for i in (0, 1, 2, 3, 5)}
    work = {
        0: products(layers.Conv2D(16, 3, use_bias=False), (28, 28, 1)),
        2: products(layers.Conv2D(32, 3, use_bias=False), (13, 13, 16)),
        5: products(layers.Dense(10, use_bias=False), (800,)),
    }
    counts = {i: layer.count_params() for i, layer in enumerate(network.layers)}
    assert [max(prices, key=prices.get) for prices in (counts, work, put_out)] == [5, 2, 0]
    assert (sum(counts.values()), sum(work.values()), sum(put_out.values())) == (
        12_810,
        662_912,
        18_202,
    )
    [text] = right_choices("01", "where")
    assert text == (
        "Parameters: `Dense`. Multiply-adds: the second convolution. Memory: the first convolution."
    )


@pytest.mark.filterwarnings("ignore:Do not pass an .input_shape:UserWarning")
def test_a_later_input_shape_is_ignored(keras):
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Conv2D(16, 3, input_shape=(28, 28, 1)),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, input_shape=(14, 14, 16)),
        ]
    )
    assert network.layers[2].input.shape == (None, 13, 13, 16)
    assert network.output_shape == (None, 11, 11, 32)
    assert right_choices("01", "input-shape") == [
        "It ignores the shape, and builds the layer for 13×13×16."
    ]


def test_one_row_becomes_zeros(keras):
    row = np.random.default_rng(0).normal(size=(1, 5)).astype("float32")
    after = np.asarray(keras.layers.BatchNormalization()(row, training=True))
    assert (after == 0).all()
    assert right_choices("01", "one-row") == ["Five zeros, whatever the row was."]


def test_the_loss_where_the_true_class_is_dropped(keras):
    loss = keras.losses.sparse_categorical_crossentropy(
        np.array([0]), np.array([[0, 0.25, 0.125]], "float32")
    )
    assert 10 < float(loss[0]) < 17
    assert right_choices("01", "dropout-softmax") == [
        "Its loss is very large, however good the network is."
    ]


def test_which_initialization_keeps_the_mean_square(keras):
    x = np.random.default_rng(0).normal(size=(500, 400)).astype("float32")
    kept = {}
    for name in ("he_normal", "glorot_normal"):
        initializer = keras.initializers.get({"class_name": name, "config": {"seed": 0}})
        after = np.maximum(x @ np.asarray(initializer((400, 400))), 0)
        kept[name] = (after**2).mean() / (x**2).mean()
    assert kept["he_normal"] == pytest.approx(1, abs=0.1)
    assert kept["glorot_normal"] == pytest.approx(0.5, abs=0.05)
    assert right_choices("01", "initialization") == [
        "He for the layers with ReLU, Glorot for the softmax layer."
    ]


def test_where_a_bias_is_useless(keras):
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")

    def change(order):
        """How much the output in training changes when 1 is added to the bias."""
        outputs = []
        for bias in (0, 1):
            made = {
                "Dense": keras.layers.Dense(5, kernel_initializer=fixed),
                "ReLU": keras.layers.ReLU(),
                "BatchNormalization": keras.layers.BatchNormalization(),
                "Dropout": keras.layers.Dropout(0.5, seed=1),
            }
            values = x
            for name in order:
                values = made[name](values, training=True) if name != "Dense" else values
                if name == "Dense":
                    made[name].build((None, 8))
                    made[name].set_weights([made[name].get_weights()[0], np.full(5, bias)])
                    values = made[name](values)
            outputs.append(np.asarray(values))
        return abs(outputs[1] - outputs[0]).max()

    def fixed(shape, dtype=None):
        return np.random.default_rng(1).normal(size=shape).astype("float32")

    useless = []
    for choice in question("01", "useless-bias")["choice"]:
        order = choice["text"].replace("`", "").split(", ")
        if change(order) < 1e-4:
            useless.append(choice["text"])
    assert right_choices("01", "useless-bias") == useless


def test_batch_normalization_after_a_softmax(keras):
    logits = np.random.default_rng(0).normal(size=(200, 10)) + np.linspace(0, 3, 10)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    q = np.asarray(keras.layers.BatchNormalization()(p.astype("float32"), training=True))
    loss = keras.losses.sparse_categorical_crossentropy(np.zeros(200, int), q)
    true = {
        "The numbers of a row sum to 1.": np.allclose(q.sum(axis=1), 1, atol=0.01),
        "Some numbers are negative.": (q < 0).any(),
        "The largest number of a row stays where it was.": (q.argmax(1) == p.argmax(1)).all(),
        "Keras stops, as there is no logarithm of a negative number.": len(loss) != 200,
    }
    assert list(true) == choices("01", "batch-norm-softmax")
    assert right_choices("01", "batch-norm-softmax") == [
        text for text, fact in true.items() if fact
    ]


def test_what_keras_refuses(keras):
    layers, rng = keras.layers, np.random.default_rng(0)
    images = rng.random((8, 28, 28, 1)).astype("float32")
    labels = rng.integers(0, 10, 8)

    def refused(*stack, x=images):
        try:
            network = keras.Sequential([keras.Input((28, 28, 1)), *stack])
            network.compile("sgd", "sparse_categorical_crossentropy")
            network.fit(x, labels, verbose=0)
        except Exception:
            return True
        return False

    def last():
        return layers.Dense(10, activation="softmax")

    review = review_network(keras).layers
    poolings = [layers.MaxPooling2D() for _ in range(5)]
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    facts = {
        "the review network gets images of 30×30": refused(*review, x=padded),
        "the review network gets images of 27×27": refused(*review, x=images[:, :27, :27]),
        "pixels from 0 to 255, in place of 0 to 1": refused(*review, x=255 * images),
        "`Flatten` is missing before the last `Dense`": refused(layers.Conv2D(4, 3), last()),
        "two softmax, one after the other": refused(layers.Flatten(), last(), layers.Softmax()),
        "the softmax is missing": refused(layers.Flatten(), layers.Dense(10)),
        "five poolings in a row": refused(*poolings, layers.Flatten(), last()),
    }
    assert list(facts) == choices("01", "loud")
    assert right_choices("01", "loud") == [text for text, fact in facts.items() if fact]
