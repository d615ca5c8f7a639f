"""The trainer's engine, in a real browser: its numbers are Keras' own, to 1e-4."""

import base64
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as keras_layers
from numpy.testing import assert_allclose, assert_array_equal
from wasmtime import wat2wasm

from convbook.widgets import explorer

WIDGETS = Path(explorer.__file__).parent
WASM = (WIDGETS / "gemm.wasm").read_bytes()
END = 'Flatten()\nDense(3, activation="softmax")'
NETWORKS = {  # name: (input shape, the network)
    "same": ((7, 5, 2), f'Conv2D(5, 3, padding="same", activation="relu")\n{END}'),
    "valid, uneven kernel": ((7, 5, 3), f"Conv2D(6, (2, 5))\nConv2D(9, (3, 1))\n{END}"),
    "same, even kernel, strides": (
        (7, 5, 2),
        f'Conv2D(4, 1)\nConv2D(5, (2, 4), strides=2, padding="same", activation="tanh")\n{END}',
    ),
    "valid, strides of two kinds": (
        (9, 8, 1),
        f"Conv2D(3, 2)\nConv2D(5, (3, 2), strides=(2, 3), use_bias=False)\n{END}",
    ),
    "strides above kernel": (
        (8, 7, 2),
        f'Conv2D(2, 1, use_bias=False)\nConv2D(12, 2, (3, 3), "same")\nConv2D(1, 1, 2)\n{END}',
    ),
    "large kernel": ((5, 6, 1), f'Conv2D(1, 1)\nConv2D(13, 11, padding="same")\n{END}'),
    "max pooling": ((7, 5, 3), f"Conv2D(4, 1)\nMaxPooling2D(2)\n{END}"),
    "max pooling, overlapping": (
        (7, 5, 3),
        f'Conv2D(4, 1)\nMaxPooling2D(3, strides=2)\nMaxPooling2D((1, 2), padding="same")\n{END}',
    ),
    "max pooling, same": (
        (7, 5, 3),
        f'Conv2D(4, 1)\nMaxPooling2D(3, 2, "same")\nMaxPooling2D(2, padding="same")\n{END}',
    ),
    "average pooling": (
        (7, 5, 3),
        f'Conv2D(4, 1)\nAveragePooling2D(3, 2, "same")\nAveragePooling2D((2, 1))\n{END}',
    ),
    "global average": (
        (6, 6, 2),
        "Conv2D(8, 3)\nGlobalAveragePooling2D()\nDense(3)\nSoftmax()",
    ),
    "batch normalization": (
        (6, 5, 2),
        "Conv2D(4, 3)\nBatchNormalization(momentum=0.8, epsilon=0.01)\nReLU()\nMaxPooling2D(2)\n"
        'Flatten()\nDense(6)\nBatchNormalization()\nDense(3)\nActivation("softmax")',
    ),
    "normalized input": ((4, 4, 3), f"BatchNormalization()\nReLU()\n{END}"),
    "wide dense": (
        (5, 5, 3),
        'Flatten()\nDense(33, activation="relu")\nDropout(0)\nDense(3, activation="softmax")',
    ),
    "activations": (
        (4, 4, 2),
        'Conv2D(3, 2, activation="elu")\nLeakyReLU()\nConv2D(3, 2, activation="selu")\n'
        'LeakyReLU(0.05)\nFlatten()\nDense(8, activation="softplus")\n'
        'Dense(8, activation="sigmoid")\nDense(8, activation=None)\nDense(9, "leaky_relu")\n'
        'Activation("tanh")\nActivation("linear")\nDense(9)\nDense(3, "softmax")',
    ),
}
DEEP = """
# In Keras' words, from the book of another
keras.layers.Conv2D(filters=8, kernel_size=(3, 3), padding='same', activation=None),
layers.BatchNormalization(),

Activation("relu")   # after the normalization
MaxPooling2D(pool_size=[2, 2],)
Flatten(), \r
Dense(units=3, activation="softmax")
"""
RUN = """({ text, inputShape, n, x, labels, weights, fallback, training }) => {
    const classes = 3;
    const options = { inputShape, classes, seed: 3, wasm: fallback ? null : wasm };
    const network = Engine.build(Engine.parse(text), options);
    const parameters = network.layers.flatMap((layer) => layer.parameters);
    if (weights) parameters.forEach((parameter, i) => parameter.value.set(weights[i]));
    const before = parameters.map(({ value }) => [...value]);
    const predicted = [...network.forward(Float32Array.from(x), n, { training: false })];
    network.forward(Float32Array.from(x), n, { training: true });
    const result = network.backward(labels, n);
    return {
        backend: network.backend, predicted, before, result,
        names: parameters.map(({ name }) => name),
        after: parameters.map(({ value }) => [...value]),
        gradients: parameters.map(({ gradient }) => gradient && [...gradient]),
        outputs: network.layers.map((layer) => [...layer.output]),
        outputGradients: network.layers.map((layer) => [...layer.outputGradient]),
        shapes: network.layers.map((layer) => layer.outputShape),
    };
}"""


def open_engine(browser):
    page = browser.new_page()
    page.add_script_tag(content=(WIDGETS / "trainer_engine.js").read_text())
    page.evaluate(
        "(text) => { window.wasm = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); }",
        base64.b64encode(WASM).decode(),
    )
    return page


@pytest.fixture(scope="module")
def page(browser):
    page = open_engine(browser)
    yield page
    page.close()


def model(text, input_shape):
    """The Keras layers that the text means, built."""
    lines = [line.split("#")[0].strip().rstrip(",") for line in text.splitlines()]
    names = vars(keras_layers) | {"keras": keras, "layers": keras_layers}
    keras.utils.set_random_seed(0)
    made = keras.Sequential([eval(line, names) for line in lines if line])
    made.build((None, *input_shape))
    return made


def batch(input_shape, n=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, *input_shape)).astype("float32"), rng.integers(0, 3, n)


def reference(made, x, labels):
    """Outputs and gradients of a training step, by TensorFlow."""
    outputs = [tf.constant(x)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(outputs[0])
        for layer in made.layers:
            outputs.append(layer(outputs[-1], training=True))
        loss = -tf.reduce_mean(tf.math.log(tf.gather(outputs[-1], labels, batch_dims=1)))
    weights = made.trainable_variables
    found = tape.gradient(loss, outputs[1:] + weights)
    return float(loss), outputs[1:], found[: len(made.layers)], found[len(made.layers) :]


def close(actual, expected):
    expected = np.array(expected)
    actual = np.reshape(np.array(actual, dtype="float64"), expected.shape)
    assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * max(np.abs(expected).max(), 0.1))


def flat(variables):
    return [np.ravel(variable).tolist() for variable in variables]


def arguments(text, input_shape, x, labels, **others):
    return {
        "text": text,
        "inputShape": input_shape,
        "n": len(x),
        "x": x.ravel().tolist(),
        "labels": labels.tolist(),
        **others,
    }


# ---- Forward and backward ----


@pytest.mark.parametrize("fallback", [False, True], ids=["wasm", "fallback"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_keras_own(page, name, fallback):
    input_shape, text = NETWORKS[name]
    made = model(text, input_shape)
    rng = np.random.default_rng(1)
    for variable in made.weights:
        if "kernel" not in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    x, labels = batch(input_shape)
    weights = flat(v for layer in made.layers for v in layer.weights)
    found = page.evaluate(
        RUN, arguments(text, input_shape, x, labels, weights=weights, fallback=fallback)
    )
    assert found["backend"] == ("JavaScript" if fallback else "WebAssembly")
    close(found["predicted"], made(x, training=False))
    loss, outputs, output_gradients, gradients = reference(made, x, labels)
    assert found["result"]["loss"] == pytest.approx(loss, rel=1e-4)
    assert found["result"]["correct"] == np.sum(np.argmax(outputs[-1], axis=1) == labels)
    assert found["shapes"] == [list(output.shape[1:]) for output in outputs]
    for actual, expected in zip(found["outputs"], outputs, strict=True):
        close(actual, expected)
    for actual, expected in zip(found["outputGradients"], output_gradients, strict=True):
        close(actual, expected)
    assert found["names"] == [v.name for layer in made.layers for v in layer.weights]
    trained = [gradient for gradient in found["gradients"] if gradient is not None]
    for actual, expected in zip(trained, gradients, strict=True):
        close(actual, expected)
    for actual, expected in zip(found["after"], flat(made.weights), strict=True):
        close(actual, expected)  # the moving statistics have moved


@pytest.mark.parametrize("fallback", [False, True], ids=["wasm", "fallback"])
def test_the_first_of_several_largest_numbers_gets_the_gradient(page, fallback):
    text = f"Conv2D(3, 1, use_bias=False)\nMaxPooling2D(3, 2)\n{END}"
    made = model(text, (7, 7, 1))
    x, labels = np.random.default_rng(0).integers(0, 3, (4, 7, 7, 1)), np.array([0, 1, 2, 0])
    x = x.astype("float32")
    weights = flat(v for layer in made.layers for v in layer.weights)
    found = page.evaluate(
        RUN, arguments(text, (7, 7, 1), x, labels, weights=weights, fallback=fallback)
    )
    close(found["outputGradients"][0], reference(made, x, labels)[2][0])


def test_batches_of_any_size_give_the_same_and_take_memory_once(page):
    text = f'Conv2D(8, 3, padding="same", activation="relu")\nMaxPooling2D(2)\n{END}'
    found = page.evaluate(
        """(text) => {
            const network = Engine.build(Engine.parse(text),
                { inputShape: [12, 12, 3], classes: 3, seed: 1, wasm });
            const next = Engine.random(2);
            const x = Float32Array.from({ length: 130 * 432 }, next);
            const one = [...network.forward(x.subarray(0, 2 * 432), 2)];
            const value = network.layers[0].parameters[0].value;
            const many = [...network.forward(x, 130)];
            const isMoved = value.length === 0;
            const optimizer = Engine.optimizer("sgd", { learning_rate: 0 });
            const buffers = new Set();
            for (const n of [130, 4, 130, 4, 2]) {
                network.trainStep(x.subarray(0, n * 432), new Array(n).fill(1), n, optimizer);
                buffers.add(network.memory.floats.buffer);
            }
            const again = [...network.forward(x.subarray(0, 2 * 432), 2)];
            const lengths = network.layers.map(({ output }) => output.length);
            return { one, many: many.slice(0, 6), again, isMoved, buffers: buffers.size, lengths };
        }""",
        text,
    )
    assert found["one"] == found["many"] == found["again"]
    assert found["isMoved"]  # so the text above says that arrays must be read anew
    assert found["buffers"] == 1
    assert found["lengths"] == [2 * 12 * 12 * 8, 2 * 6 * 6 * 8, 2 * 6 * 6 * 8, 2 * 3]


def test_many_networks_can_be_built_in_one_page(page):
    built = page.evaluate(
        """(text) => {
            const layers = Engine.parse(text);
            const options = { inputShape: [28, 28, 1], classes: 3, wasm };
            for (let i = 0; i < 500; i++) Engine.build(layers, options);
            return Engine.build(layers, options).backend;
        }""",
        f"Conv2D(8, 3)\n{END}",
    )
    assert built == "WebAssembly"


def test_without_webassembly_or_its_vectors_plain_javascript_takes_over(page):
    found = page.evaluate(
        """(text) => {
            const backend = (wasm) => Engine.build(Engine.parse(text),
                { inputShape: [4, 4, 1], classes: 3, wasm }).backend;
            const found = [backend(wasm), backend(null), backend(undefined)];
            const { validate } = WebAssembly;
            WebAssembly.validate = () => false; // as a browser without SIMD says
            found.push(backend(wasm));
            WebAssembly.validate = validate;
            const whole = globalThis.WebAssembly;
            globalThis.WebAssembly = undefined;
            found.push(backend(wasm));
            globalThis.WebAssembly = whole;
            return found;
        }""",
        END,
    )
    assert found == ["WebAssembly"] + ["JavaScript"] * 4


def test_the_module_is_what_its_text_says():
    assert bytes(wat2wasm((WIDGETS / "gemm.wat").read_text(encoding="utf-8"))) == WASM


# ---- Training ----

STEPS = """({ text, inputShape, n, x, labels, name, options, changed, count, seed = 5 }) => {
    const network = Engine.build(Engine.parse(text), { inputShape, classes: 3, seed, wasm });
    const optimizer = Engine.optimizer(name, options);
    const read = (key) => network.parameters.map((each) => each[key] && [...each[key]]);
    const found = { start: read("value"), names: network.parameters.map(({ name }) => name) };
    found.steps = Array.from({ length: count }, (_, step) => {
        if (step === 3) Object.assign(optimizer, changed);
        const result = network.trainStep(Float32Array.from(x), labels, n, optimizer);
        return { ...result, values: read("value"), gradients: read("gradient") };
    });
    return found;
}"""
SMALL = "Conv2D(3, 2)\nBatchNormalization()\nReLU()\nFlatten()\nDense(3, activation='softmax')"


@pytest.mark.parametrize(
    ("name", "options", "changed", "twin"),
    [
        ("sgd", {}, {}, keras.optimizers.SGD),
        ("sgd", {"learning_rate": 0.3, "momentum": 0.8}, {}, keras.optimizers.SGD),
        (
            "nesterov",
            {"momentum": 0.7, "weight_decay": 0.02},
            {},
            lambda **options: keras.optimizers.SGD(nesterov=True, **options),
        ),
        ("adagrad", {}, {}, keras.optimizers.Adagrad),
        ("rmsprop", {"learning_rate": 0.01}, {}, keras.optimizers.RMSprop),
        ("adam", {}, {}, keras.optimizers.Adam),
        ("adam", {"weight_decay": 0.1}, {"learning_rate": 0.03}, keras.optimizers.Adam),
    ],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_optimizers_are_keras_own(page, name, options, changed, twin):
    x, labels = batch((4, 4, 2))
    found = page.evaluate(
        STEPS,
        arguments(
            SMALL, (4, 4, 2), x, labels, name=name, options=options, changed=changed, count=7
        ),
    )
    trained = [i for i, kind in enumerate(found["names"]) if not kind.startswith("moving")]
    assert len(trained) == 6
    variables = [keras.Variable(np.float32(found["start"][i])) for i in trained]
    optimizer = twin(**options)
    for number, step in enumerate(found["steps"]):
        if number == 3:
            optimizer.learning_rate = changed.get("learning_rate", float(optimizer.learning_rate))
        gradients = [np.float32(step["gradients"][i]) for i in trained]
        optimizer.apply(gradients, variables)
        for i, variable in zip(trained, variables, strict=True):
            assert_allclose(step["values"][i], variable.numpy(), rtol=1e-4, atol=1e-6)


def test_seven_steps_lead_where_keras_is_led(page):
    x, labels = batch((4, 4, 2), n=6)
    options = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.004}
    found = page.evaluate(
        STEPS, arguments(SMALL, (4, 4, 2), x, labels, name="sgd", options=options, count=7)
    )
    made = model(SMALL, (4, 4, 2))
    for variable, values in zip(
        [v for layer in made.layers for v in layer.weights], found["start"], strict=True
    ):
        variable.assign(np.reshape(values, variable.shape))
    made.compile(keras.optimizers.SGD(**options), "sparse_categorical_crossentropy")
    losses = [float(made.train_on_batch(x, labels)) for _ in range(7)]
    assert_allclose([step["loss"] for step in found["steps"]], losses, rtol=1e-4)
    values = found["steps"][-1]["values"]
    for variable, value in zip(
        [v for layer in made.layers for v in layer.weights], values, strict=True
    ):
        assert_allclose(value, np.ravel(variable), rtol=1e-4, atol=1e-5)


def test_an_optimizer_starts_anew_with_another_network(page):
    assert page.evaluate(
        """(text) => {
            const options = { inputShape: [4, 4, 1], classes: 3, seed: 1, wasm };
            const x = Float32Array.from({ length: 32 }, Engine.random(1));
            const shared = Engine.optimizer("adam");
            const trained = (optimizer) => {
                const network = Engine.build(Engine.parse(text), options);
                for (let i = 0; i < 3; i++) network.trainStep(x, [0, 2], 2, optimizer);
                return network.layers[1].parameters[0].value.slice();
            };
            trained(shared);
            const [second, fresh] = [trained(shared), trained(Engine.optimizer("adam"))];
            return second.every((value, i) => value === fresh[i]);
        }""",
        END,
    )


def test_the_same_seed_gives_the_same_training_to_the_bit(page):
    text = f"Conv2D(4, 3, activation='relu')\nDropout(0.4)\n{END}"
    x, labels = batch((6, 6, 1))
    case = arguments(text, (6, 6, 1), x, labels, name="adam", options={}, count=5)
    first, second = (page.evaluate(STEPS, case | {"seed": 8}) for _ in range(2))
    other = page.evaluate(STEPS, case | {"seed": 9})
    assert first == second
    assert first["start"] != other["start"]
    assert first["steps"][0]["gradients"] != other["steps"][0]["gradients"]


def test_weights_begin_as_those_of_keras(page):
    text = f"Conv2D(32, 5)\nBatchNormalization()\n{END}"
    case = arguments(text, (8, 8, 20), *batch((8, 8, 20)), name="sgd", count=0)
    made = model(text, (8, 8, 20))
    weights = [weight for layer in made.layers for weight in layer.weights]
    for values, theirs in zip(page.evaluate(STEPS, case)["start"], weights, strict=True):
        if theirs.name == "kernel":
            *places, inputs, outputs = theirs.shape
            limit = np.sqrt(6 / (np.prod(places) * (inputs + outputs)))
            assert np.abs(theirs).max() == pytest.approx(limit, rel=0.01)
            assert np.abs(values).max() == pytest.approx(limit, rel=0.01)
            assert np.std(values) == pytest.approx(limit / np.sqrt(3), rel=0.04)
            assert abs(np.mean(values)) < 0.05 * limit
        else:
            assert_array_equal(values, theirs)


def test_random_numbers_are_uniform_and_seeded(page):
    numbers, same, other = page.evaluate(
        """() => [3, 3, 4].map((seed) => Array.from({ length: 20000 }, Engine.random(seed)))"""
    )
    assert numbers == same != other
    assert min(numbers) >= 0
    assert max(numbers) < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert np.all(np.abs(counts - 1000) < 130)
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02


def test_dropout_drops_its_share_and_only_while_training(page):
    found = page.evaluate(
        """(text) => {
            const network = Engine.build(Engine.parse(text),
                { inputShape: [16, 16, 4], classes: 3, seed: 1, wasm });
            const x = new Float32Array(8 * 1024).fill(1);
            const [before, dropout] = network.layers;
            const look = (training) => {
                network.forward(x, 8, { training });
                return [...dropout.output];
            };
            const kept = [...network.forward(x, 8) && dropout.output];
            const [input, first, second] = [[...before.output], look(true), look(true)];
            network.backward(new Array(8).fill(1), 8);
            return {
                kept, input, first, second,
                gradient: [...before.outputGradient], above: [...dropout.outputGradient],
            };
        }""",
        f"Activation('linear')\nDropout(0.3)\n{END}",
    )
    found = {name: np.array(values) for name, values in found.items()}
    assert_array_equal(found["kept"], found["input"])
    assert_array_equal(found["kept"], 1)
    assert np.mean(found["first"] == 0) == pytest.approx(0.3, abs=0.02)
    assert_allclose(found["first"][found["first"] != 0], 1 / 0.7, rtol=1e-6)
    assert np.mean(found["first"] != found["second"]) == pytest.approx(2 * 0.3 * 0.7, abs=0.03)
    assert_allclose(found["gradient"], found["above"] * found["second"], rtol=1e-6)


def test_numbers_that_are_none_are_reported_and_leave_the_weights_alone(page):
    found = page.evaluate(
        """(text) => {
            const network = Engine.build(Engine.parse(text),
                { inputShape: [6, 6, 1], classes: 3, seed: 1, wasm });
            const { value } = network.layers[0].parameters[0];
            const before = [...value];
            const optimizer = Engine.optimizer("adam");
            return [NaN, Infinity, -Infinity].map((wrong) => {
                const x = new Float32Array(72).fill(wrong);
                const { loss, correct } = network.trainStep(x, [0, 1], 2, optimizer);
                const now = [...network.layers[0].parameters[0].value];
                return [String(loss), correct, now.every((v, i) => v === before[i])];
            });
        }""",
        f'Conv2D(4, 3, activation="relu")\nMaxPooling2D(2)\n{END}',
    )
    assert found == [["NaN", 0, True]] * 3


def test_a_network_that_is_far_off_still_learns(page):
    """Where the label's probability is 0, the gradient is not."""
    found = page.evaluate(
        """(text) => {
            const network = Engine.build(Engine.parse(text),
                { inputShape: [1, 1, 1], classes: 3, seed: 1, wasm });
            network.layers[1].parameters[0].value.set([1000, -1000, 0]);
            const x = new Float32Array(1).fill(1);
            const { loss } = network.trainStep(x, [1], 1, Engine.optimizer("sgd"));
            return [loss, [...network.layers[1].parameters[0].gradient]];
        }""",
        END,
    )
    assert found == [pytest.approx(85.2, abs=0.1), [1, -1, 0]]


# ---- Saved networks ----

ALL = """
Conv2D(4, 3, strides=(1, 2), padding="same", activation="elu")
BatchNormalization(momentum=0.9)
LeakyReLU(0.2)
MaxPooling2D((2, 1), strides=(1, 2))
Dropout(0.1)
Flatten()
Dense(3, activation="softmax")
"""
SAVED = """({ text, fallback }) => {
    const options = fallback ? {} : { wasm };
    const network = Engine.build(Engine.parse(text),
        { inputShape: [6, 6, 2], classes: 3, seed: 4, ...options });
    const x = Float32Array.from({ length: 360 }, Engine.random(1));
    const labels = [0, 1, 2, 1, 0];
    for (let i = 0; i < 3; i++) network.trainStep(x, labels, 5, Engine.optimizer("adam"));
    return { network, x, options, json: JSON.stringify(network.save()) };
}"""


@pytest.mark.parametrize("fallback", [False, True], ids=["wasm", "fallback"])
def test_a_loaded_network_is_the_same_to_the_bit(page, fallback):
    found = page.evaluate(
        f"""(given) => {{
            const {{ network, x, options, json }} = ({SAVED})(given);
            const copies = [Engine.load(json, options), Engine.load(JSON.parse(json), options)];
            const isSame = (one, other) => one.every((value, i) => value === other[i]);
            const output = network.forward(x, 5);
            return copies.map((copy) => [
                isSame(output, copy.forward(x, 5)),
                network.parameters.every((p, i) => isSame(p.value, copy.parameters[i].value)),
                JSON.stringify(copy.save()) === json,
                copy.backend === network.backend,
                copy.layers.map(({{ line }}) => line).join(),
            ]);
        }}""",
        {"text": ALL, "fallback": fallback},
    )
    assert found == [[True, True, True, True, "2,3,4,5,6,7,8"]] * 2


def edited(edit):
    def change(json_text):
        saved = json.loads(json_text)
        edit(saved)
        return json.dumps(saved)

    return change


def put(*path, value):
    def edit(saved):
        for key in path[:-1]:
            saved = saved[key]
        saved[path[-1]] = value

    return edited(edit)


def numbers(*values):
    return base64.b64encode(np.array(values, dtype="float32").tobytes()).decode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:500], "This file is cut off, or no JSON: save the network again."),
        (lambda text: "", "This file is cut off, or no JSON: save the network again."),
        (
            lambda text: '{"format": "other"}',
            "This is no saved network: take a file that the trainer has saved.",
        ),
        (lambda text: "null", "This is no saved network: take a file that the trainer has saved."),
        (put("version", value=7), "This file has version 7; the trainer reads 1."),
        (
            put("layers", 1, "parameters", "gamma", value=numbers(1, 2, 3, np.nan)),
            "This saved network is damaged. Line 3: its gamma holds NaN or infinite numbers.",
        ),
        (
            put("layers", 1, "parameters", "beta", value=numbers(1, 2, 3)),
            "This saved network is damaged. Line 3: its beta must hold 4 numbers, not 3.",
        ),
        (
            put("layers", 0, "parameters", "bias", value="?"),
            "This saved network is damaged. Line 2: its bias is no base64.",
        ),
        (
            edited(lambda saved: saved["layers"][0].pop("parameters")),
            "This saved network is damaged. Line 2: its kernel is no base64.",
        ),
        (
            put("layers", 3, value=None),
            'This saved network is damaged. Line 4: there is no layer "undefined"',
        ),
        (
            put("layers", 0, "options", "filters", value="4"),
            "This saved network is damaged. Line 2: filters of Conv2D must be a whole number",
        ),
        (
            put("layers", 4, "options", value={"rate": 2}),
            "This saved network is damaged. Line 6: rate of Dropout must be a number from 0",
        ),
        (
            put("inputShape", value=[6, 6]),
            "This saved network is damaged. inputShape must be [height, width, channels]",
        ),
        (
            put("classes", value=4),
            "This saved network is damaged. Line 8: the network gives 3 numbers for 4 classes;",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_words(page, change, message):
    text = page.evaluate(f"(given) => ({SAVED})(given).json", {"text": ALL, "fallback": True})
    assert refusal(page, "(text) => Engine.load(text)", change(text)).startswith(message)


def refusal(page, code, argument):
    """The message of the Error that the code throws."""
    return page.evaluate(
        f"""(argument) => {{
            try {{
                ({code})(argument);
                return "";
            }} catch (error) {{
                return error instanceof TypeError ? error.stack : error.message;
            }}
        }}""",
        argument,
    )


# ---- The words ----


def test_a_network_in_keras_words_is_read(page):
    layers = page.evaluate("(text) => Engine.parse(text)", DEEP)
    assert [layer["line"] for layer in layers] == [3, 4, 6, 7, 8, 9]
    assert layers[0] == {
        "line": 3,
        "type": "Conv2D",
        "options": {
            "filters": 8,
            "kernel_size": [3, 3],
            "strides": [1, 1],
            "padding": "same",
            "activation": "linear",
            "use_bias": True,
        },
    }
    assert layers[3]["options"] == {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
    assert layers[1]["options"] == {"momentum": 0.99, "epsilon": 1e-3}
    assert page.evaluate("(text) => Engine.parse(text)", "# nothing\n\n") == []


@pytest.mark.parametrize("type_", ["Conv2D", "MaxPooling2D", "AveragePooling2D", "LeakyReLU"])
def test_defaults_and_order_are_keras_own(page, type_):
    needed = {"Conv2D": "8, 3", "AveragePooling2D": "3"}.get(type_, "")
    call = f"{type_}({needed})"
    [layer] = page.evaluate("(text) => Engine.parse(text)", call)
    config = model(call, (9, 9, 2)).layers[0].get_config()
    for name, value in layer["options"].items():
        theirs = config[name]
        assert value == (list(theirs) if isinstance(theirs, tuple) else theirs)


WRONG = [
    ("Conv2d(8, 3)", 'there is no layer "Conv2d"; did you mean Conv2D?'),
    ("MaxPool2D(2)", 'there is no layer "MaxPool2D"; did you mean MaxPooling2D?'),
    ("Input((6, 6, 1))", 'there is no layer "Input"; there are Conv2D, MaxPooling2D, Average'),
    ("toString()", 'there is no layer "toString"; there are Conv2D'),
    ("Flatten", '"Flatten" is no layer; write one as Flatten() or Dense(10), on a single line.'),
    ("Conv2D(8,", '"Conv2D(8" is no layer; write one as Flatten()'),
    ("Flatten() Dense(3)", '") Dense(3" cannot be read; write values, or name=value, with commas'),
    ("Conv2D(8 3)", '"8 3" cannot be read; write values, or name=value, with commas between them.'),
    ("Conv2D(8,, 3)", '", 3" cannot be read; write values, or name=value, with commas'),
    ("Conv2D(8, kernal_size=3)", 'Conv2D has no argument "kernal_size"; did you mean kernel_size?'),
    (
        "Conv2D(8, 3, groups=2)",
        'Conv2D has no argument "groups"; it takes filters, kernel_size, strides, padding, '
        "activation, use_bias.",
    ),
    ("Flatten(data_format=None)", 'Flatten has no argument "data_format"; it takes none.'),
    ("Flatten(3)", "Flatten takes no values without a name; write name=value, or delete some."),
    (
        'Conv2D(8, 3, 1, "same", "relu")',
        "Conv2D takes 4 values without a name; write name=value, or delete some.",
    ),
    ("BatchNormalization(0.9)", "BatchNormalization takes no values without a name; write name="),
    ("Conv2D(filters=8, 3)", "3 has no name; put it before the values that have one."),
    ("Conv2D(8, 3, filters=8)", "filters is given twice; delete one."),
    ("Conv2D(8)", "Conv2D needs kernel_size: a whole number from 1 to 11, or (height, width)."),
    ("Dense()", "Dense needs units: a whole number from 1 to 1024."),
    ("Dropout()", "Dropout needs rate: a number from 0 to 1, but below 1."),
    ("Conv2D(0, 3)", "filters of Conv2D must be a whole number from 1 to 128, not 0."),
    ("Conv2D(200, 3)", "filters of Conv2D must be a whole number from 1 to 128, not 200."),
    ("Conv2D(8.5, 3)", "filters of Conv2D must be a whole number from 1 to 128, not 8.5."),
    ("Conv2D('8', 3)", 'filters of Conv2D must be a whole number from 1 to 128, not "8".'),
    ("Conv2D(True, 3)", "filters of Conv2D must be a whole number from 1 to 128, not True."),
    ("Conv2D(8, (3, 3, 3))", "kernel_size of Conv2D must be a whole number from 1 to 11, or "),
    ("Conv2D(8, ())", "(height, width), not ()."),
    ("Conv2D(8, 12)", "(height, width), not 12."),
    ("Conv2D(8, 3, padding='full')", 'padding of Conv2D must be "valid" or "same", not "full".'),
    ("Conv2D(8, 3, activation='rellu')", 'activation of Conv2D must be "linear" or "relu" or'),
    ("Conv2D(8, 3, activation=relu)", 'relu is no value; a name needs quotes: "relu".'),
    ("Conv2D(8, 3, use_bias=1)", "use_bias of Conv2D must be True or False, not 1."),
    ("Dense(2000)", "units of Dense must be a whole number from 1 to 1024, not 2000."),
    ("Dropout(1)", "rate of Dropout must be a number from 0 to 1, but below 1, not 1."),
    ("Dropout(-0.1)", "rate of Dropout must be a number from 0 to 1, but below 1, not -0.1."),
    ("Dropout('a')", 'rate of Dropout must be a number from 0 to 1, but below 1, not "a".'),
    ("BatchNormalization(momentum=2)", "momentum of BatchNormalization must be a number from 0 to"),
    ("BatchNormalization(epsilon=0)", "epsilon of BatchNormalization must be a number above 0, at"),
    ("LeakyReLU(True)", "negative_slope of LeakyReLU must be a number from 0 to 1, not True."),
    ("MaxPooling2D(65)", "pool_size of MaxPooling2D must be a whole number from 1 to 64, or"),
    # What does not fit together:
    (
        "Flatten()\nConv2D(8, 3)",
        "Conv2D needs an image, but a row of 36 comes in; put it before Flatten(), Dense and "
        "GlobalAveragePooling2D().",
    ),
    (
        "GlobalAveragePooling2D()\nMaxPooling2D(2)",
        "MaxPooling2D needs an image, but a row of 1 comes in; put it before Flatten(), Dense",
    ),
    (
        "Conv2D(8, 3)\nConv2D(8, 5)",
        "kernel_size 5 × 5 is larger than the 4 × 4 that come in; take a smaller one, or "
        'padding="same".',
    ),
    (
        "MaxPooling2D((2, 7))",
        'pool_size 2 × 7 is larger than the 6 × 6 that come in; take a smaller one, or padding="s',
    ),
    (
        "Conv2D(8, 3)\nDense(3)",
        "Dense needs numbers in a row, but 4 × 4 × 8 come in; put Flatten() before it.",
    ),
    (
        "Conv2D(8, 3)\nReLU()",
        'the network ends with 4 × 4 × 8; end it with Flatten() and Dense(3, activation="softmax")',
    ),
    (
        'Flatten()\nDense(4, activation="softmax")',
        'the network gives 4 numbers for 3 classes; end it with Dense(3, activation="softmax").',
    ),
    (
        "Flatten()\nDense(3)",
        'the last layer must give probabilities; write Dense(3, activation="softmax").',
    ),
    (
        "Flatten()\nDense(3)\nDropout(0.1)",
        "the last layer must give probabilities; add Softmax() after it.",
    ),
    (
        f"Softmax()\n{END}",
        "softmax belongs to the last layer only; take it out here.",
    ),
    (
        f'Conv2D(3, 1, activation="softmax")\n{END}',
        "softmax belongs to the last layer only; take it out here.",
    ),
    (
        "Flatten()\n" + "Dense(1024)\n" * 4,
        "here the network has 2,137,088 weights, above 2,000,000; take fewer filters or units, or",
    ),
    ("ReLU()\n" * 31, "there are more than 30 layers; delete some."),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text for text, _ in WRONG])
def test_mistakes_are_told_in_a_sentence_with_their_line(page, text, message):
    found = refusal(
        page,
        """(text) => Engine.build(Engine.parse(`# first\n\n${text}`),
            { inputShape: [6, 6, 1], classes: 3, wasm: null })""",
        text,
    )
    last = [i for i, line in enumerate(f"#\n\n{text}".splitlines(), 1) if line][-1]
    wrong = {"S": 3, "C": 3}.get(text[0], last) if "softmax belongs" in message else last
    wrong = 6 if "2,137,088" in message else wrong
    assert found.startswith(f"Line {wrong}: ")
    assert message in found
    assert found.endswith((".", "?"))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "# nothing",
            {},
            'There is no layer: write at least Flatten() and Dense(3, activation="softmax").',
        ),
        (END, {"inputShape": [6, 6]}, "inputShape must be [height, width, channels], and classes"),
        (END, {"classes": 0}, "inputShape must be [height, width, channels], and classes"),
        (
            'Conv2D(128, 1)\nConv2D(128, 1)\nFlatten()\nDense(3, "softmax")',
            {"inputShape": [64, 64, 1]},
            "Line 2: here the network has 1,048,576 outputs for each image, above 1,000,000; take",
        ),
    ],
)
def test_networks_that_cannot_be_built(page, text, options, message):
    code = """([text, options]) => Engine.build(Engine.parse(text),
        { inputShape: [6, 6, 1], classes: 3, wasm, ...options })"""
    assert refusal(page, code, [text, options]).startswith(message)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("network.forward(new Float32Array(35), 1)", "A batch of 1 needs 36 numbers, not 35."),
        ("network.backward([0], 1)", "Before backward, call forward with training: true."),
        (
            "(network.forward(new Float32Array(36), 1), network.backward([0], 1))",
            "Before backward, call forward with training: true.",
        ),
        (
            "network.trainStep(new Float32Array(36), [3], 1, Engine.optimizer('sgd'))",
            "A label must be a whole number from 0 to 2, not 3.",
        ),
        ("Engine.optimizer('adan')", 'There is no optimizer "adan"; did you mean adam?'),
        ("Engine.optimizer()", 'There is no optimizer "undefined"; there are sgd, nesterov, adag'),
    ],
)
def test_wrong_calls_are_refused(page, code, message):
    made = """const network = Engine.build(Engine.parse(text),
        { inputShape: [6, 6, 1], classes: 3, wasm });"""
    assert refusal(page, f"(text) => {{ {made} {code}; }}", END).startswith(message)


@pytest.mark.parametrize("fallback", [False, True], ids=["wasm", "fallback"])
def test_a_batch_too_large_for_the_memory_is_refused_and_a_smaller_one_works(page, fallback):
    found = page.evaluate(
        """([text, fallback]) => {
            const network = Engine.build(Engine.parse(text),
                { inputShape: [1, 1, 1], classes: 3, seed: 1, wasm: fallback ? null : wasm });
            const x = new Float32Array(2e6).fill(1);
            const one = [...network.forward(x.subarray(0, 1), 1)];
            let message = "";
            try {
                network.forward(x, 2e6);
            } catch (error) {
                message = error.message;
            }
            return [message, one, [...network.forward(x.subarray(0, 1), 1)]];
        }""",
        ["Conv2D(128, 1)\n" * 12 + END, fallback],
    )
    message, one, again = found
    assert message == "There is not enough memory: take a smaller batch or a smaller network."
    assert one == again
