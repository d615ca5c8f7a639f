"""The answers of quiz 04, computed."""

from itertools import pairwise

import numpy as np
from questions import question, right_choices

from convbook.widgets.quiz import load


def parameters(layer, shape):
    layer.build((None, *shape))
    return layer.count_params()


def kernels(layer, shape):
    """The weights of a layer, without its biases."""
    layer.build((None, *shape))
    return sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)


def dense_sizes(*units):
    return [a * b + b for a, b in pairwise(units)]


def inception(keras):
    layers = keras.layers
    image = keras.Input((112, 112, 3))
    towers = [
        layers.Conv2D(64, 1)(image),
        layers.Conv2D(64, 3, padding="same")(layers.Conv2D(64, 1)(image)),
        layers.Conv2D(64, 5, padding="same")(layers.Conv2D(64, 1)(image)),
        layers.Conv2D(64, 1)(layers.MaxPooling2D(3, 1, padding="same")(image)),
    ]
    return keras.Model(image, layers.Concatenate()(towers)).count_params()


def lenet_c3(keras):
    """Each map of C3 as a convolution of its own, on the maps that it reads."""
    reads = [3] * 6 + [4] * 9 + [6]
    return sum(parameters(keras.layers.Conv2D(1, 5), (14, 14, n)) for n in reads)


def numbers(keras):
    conv, dense = keras.layers.Conv2D, keras.layers.Dense
    alexnet = dense_sizes(6 * 6 * 256, 4096, 4096, 1000)
    assert parameters(dense(1000), (4096,)) == alexnet[-1]
    error, images = 0.051, 1500
    return {
        "human-interval": 100 * 1.96 * np.sqrt(error * (1 - error) / images),
        "lenet-c3": lenet_c3(keras),
        "alexnet-input": conv(96, 11, strides=4).compute_output_shape((None, 224, 224, 3))[1],
        "alexnet-dense": 100 * sum(alexnet) / 62_378_344,
        "alexnet-groups": parameters(conv(256, 5, groups=2), (27, 27, 96)),
        "vgg-dense": dense_sizes(7 * 7 * 512, 4096)[0],
        "inception-parameters": inception(keras),
        "reduction": kernels(conv(16, 1), (28, 28, 192)) + kernels(conv(32, 5), (28, 28, 16)),
        "bottleneck": kernels(conv(64, 1), (56, 56, 256))
        + kernels(conv(64, 3), (56, 56, 64))
        + kernels(conv(256, 1), (56, 56, 64)),
        "separable": kernels(keras.layers.SeparableConv2D(512, 3), (14, 14, 512)),
    }


def test_the_numbers_are_right(keras):
    questions = {q["id"]: q for q in load("04") if q["kind"] == "number"}
    computed = numbers(keras)
    assert questions.keys() == computed.keys()
    for name, value in computed.items():
        tolerance = questions[name].get("tolerance", 0)
        assert abs(questions[name]["answer"] - value) <= tolerance, name


def test_which_layers_of_the_miswired_module_are_lost(keras):
    layers = keras.layers
    image = keras.Input((112, 112, 3))
    tower_1 = layers.Conv2D(64, 1, name="tower_1")(image)
    layers.Conv2D(64, 1, name="tower_2_reduce")(image)
    tower_2 = layers.Conv2D(64, 3, padding="same", name="tower_2")(tower_1)
    layers.Conv2D(64, 1, name="tower_3_reduce")(image)
    tower_3 = layers.Conv2D(64, 5, padding="same", name="tower_3")(tower_2)
    layers.MaxPooling2D(3, 1, padding="same", name="tower_4_pool")(image)
    tower_4 = layers.Conv2D(64, 1, name="tower_4")(tower_3)
    model = keras.Model(image, layers.Concatenate()([tower_1, tower_2, tower_3, tower_4]))
    assert model.count_params() == 143_808
    kept = {layer.name for layer in model.layers}
    made = [choice["text"].split("`")[1] for choice in question("04", "miswired")["choice"]]
    lost = [text.split("`")[1] for text in right_choices("04", "miswired")]
    assert lost == [name for name in made if name not in kept]


def test_vgg_16_costs_more_than_resnet_152(keras):
    """Multiply-adds: each number of a kernel, at each position of the layer's output."""

    def multiply_adds(build):
        with keras.StatelessScope(initialize_variables=False):
            model = build(weights=None)
        keras.utils.clear_session(free_memory=False)
        return sum(
            int(np.prod(layer.output.shape[1:-1])) * int(np.prod(w.shape))
            for layer in model.layers
            for w in layer.weights
            if len(w.shape) > 1
        )

    vgg = multiply_adds(keras.applications.VGG16) / 1e9
    resnet = multiply_adds(keras.applications.ResNet152) / 1e9
    assert right_choices("04", "which-costs-more") == [
        f"VGG-16: {vgg:.1f}·10⁹ against {resnet:.1f}·10⁹."
    ]


def test_wrong_numbers_are_what_their_explanations_say(keras):
    wrong = {
        q["id"]: [c["value"] for c in q["choice"]] for q in load("04") if q["kind"] == "number"
    }
    conv = keras.layers.Conv2D
    assert parameters(conv(16, 5), (14, 14, 6)) in wrong["lenet-c3"]
    assert parameters(conv(256, 5), (27, 27, 96)) in wrong["alexnet-groups"]
    assert 2 * kernels(conv(256, 3), (56, 56, 256)) in wrong["bottleneck"]
    assert 2 * kernels(conv(64, 3), (56, 56, 64)) in wrong["bottleneck"]
    assert kernels(conv(512, 3), (14, 14, 512)) in wrong["separable"]
    assert dense_sizes(512, 4096)[0] in wrong["vgg-dense"]
    share = 100 * dense_sizes(9216, 4096)[0] / 62_378_344
    assert round(share, 1) in wrong["alexnet-dense"]
