"""The explorer of signals and gradients, in a real browser: NumPy and Keras get its numbers."""

import math
import re

import keras
import numpy as np
import pytest
from explorers import follow, normal, problem, uniform

from convbook.widgets import signal_flow

SHARED = signal_flow
EXAMPLES = 32
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772
BROAD = {"depth": 6, "n": 16, "act": "tanh", "init": "glorot_uniform", "stddev": 0.01, "bn": 0}


def kernels(settings, flat, bell):
    n, init = settings["n"], settings["init"]
    variance = (2 if init.startswith("he") else 1) / n

    def draw():
        if init == "zeros":
            return 0
        if init == "constant":
            return settings.get("value", 0.01)
        if init == "random_normal":
            return settings["stddev"] * next(bell)
        if init.endswith("uniform"):
            return math.sqrt(3 * variance) * (2 * next(flat) - 1)
        while abs(z := next(bell)) > 2:
            pass
        return z * math.sqrt(variance) / 0.87962566103423978

    for _ in range(settings["depth"]):
        if init == "orthogonal":
            q, r = np.linalg.qr(np.array([next(bell) for _ in range(n * n)]).reshape(n, n))
            yield q * np.sign(np.diag(r))
        else:
            yield np.array([draw() for _ in range(n * n)], float).reshape(n, n)


def activate(name, a):
    """The activation and its slope."""
    bent = np.exp(np.minimum(a, 0))
    sigmoid = 1 / (1 + np.exp(-np.clip(a, -700, 700)))
    return {
        "sigmoid": (sigmoid, sigmoid * (1 - sigmoid)),
        "tanh": (np.tanh(a), 1 - np.tanh(a) ** 2),
        "relu": (np.maximum(a, 0), 1.0 * (a > 0)),
        "leaky_relu": (np.maximum(a, 0.2 * a), np.where(a > 0, 1, 0.2)),
        "elu": (np.where(a > 0, a, bent - 1), np.where(a > 0, 1, bent)),
        "selu": (
            LAMBDA * np.where(a > 0, a, ALPHA * (bent - 1)),
            LAMBDA * np.where(a > 0, 1, ALPHA * bent),
        ),
        "linear": (a, np.ones_like(a)),
    }[name]


def reference(settings, seed=0):
    """The inputs, the output's gradient, the kernels and the table's numbers."""
    flat = uniform(seed)
    bell = normal(flat)
    n, depth = settings["n"], settings["depth"]
    x, g = np.array([next(bell) for _ in range(2 * EXAMPLES * n)]).reshape(2, EXAMPLES, n)
    weights = list(kernels(settings, flat, bell))
    full, h, kept, table = np.linalg.norm(x.T @ g), x, [], np.zeros((depth, 6))
    steepest = {"sigmoid": 0.25, "selu": LAMBDA * ALPHA}.get(settings["act"], 1)
    back, given = g, g
    for layer, kernel in enumerate(weights):
        before, a = h, h @ kernel
        s = np.sqrt(a.var(axis=0) + 1e-3)
        if settings["bn"]:
            a = (a - a.mean(axis=0)) / s
        h, slope = activate(settings["act"], a)
        kept.append((before, a, s, slope))
        flats = slope < steepest / 10
        table[layer, [0, 1]] = h.std(), np.sqrt(h.var(axis=0).mean())
        table[layer, [4, 5]] = flats.mean(), flats.all(axis=0).sum()
    for layer in reversed(range(depth)):
        before, a, s, slope = kept[layer]
        back = back * slope
        if settings["bn"]:
            back = (back - back.mean(axis=0) - a * (back * a).mean(axis=0)) / s
        table[layer, [2, 3]] = back.std(), np.linalg.norm(before.T @ back) / full
        back = back @ weights[layer].T
    return x, given, weights, table


def show(page, settings, seed=0):
    query = "&".join(f"{key}={value}" for key, value in {**settings, "seed": seed}.items())
    follow(page, f"#flow?{query}")
    assert problem(page) == ""


def table(page):
    found = page.evaluate(
        """() => [...document.querySelectorAll("[aria-label=Layers] tbody tr")].map(
            (row) => [...row.querySelectorAll("data")].map((cell) => Number(cell.value)))"""
    )
    return np.array(found, float)


def words(page):
    return page.locator(".cb-sum").text_content()


INITIALIZERS = (
    *("random_normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal"),
    *("lecun_normal", "orthogonal", "constant", "zeros"),
)
CASES = [
    *({"act": act} for act in ("sigmoid", "relu", "leaky_relu", "elu", "selu", "linear")),
    *({"init": init, "act": "elu"} for init in INITIALIZERS),
    *({"bn": 1, "act": act, "init": "he_normal"} for act in ("relu", "tanh", "selu")),
    {"bn": 1, "init": "zeros"},
    {"depth": 30, "act": "relu", "init": "random_normal", "stddev": 2},
    {"depth": 30, "act": "relu", "init": "random_normal", "stddev": 0.001},
    {"depth": 2, "n": 8, "init": "random_normal", "stddev": 1},
    {"depth": 30, "n": 9, "init": "constant", "value": 2, "act": "linear"},
]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_numbers_are_those_of_numpy(page, changes):
    settings = BROAD | changes
    show(page, settings, seed=3)
    *_, expected = reference(settings, seed=3)
    shown = table(page)
    assert shown.shape == expected.shape
    np.testing.assert_allclose(shown[:, :4], expected[:, :4], rtol=1e-6, atol=1e-300)
    np.testing.assert_allclose(shown[:, 4:], expected[:, 4:], rtol=1e-9)


@pytest.mark.parametrize(
    "changes", [{"act": "leaky_relu", "init": "he_normal"}, {"act": "selu", "bn": 1}], ids=str
)
def test_keras_gets_the_same(page, changes):
    settings = BROAD | changes
    show(page, settings)
    names = {"keras": keras}
    exec(page.locator("pre code").text_content(), names)
    model = names["model"]
    x, g, weights, _ = reference(settings)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer, kernel in zip(dense, weights, strict=True):
        layer.set_weights([kernel])
    shown = table(page)
    outputs = [m.output for m in model.layers if isinstance(m, keras.layers.Activation)]
    maps = keras.Model(model.inputs[0], outputs)(x.astype("float32"), training=True)
    stds = [keras.ops.convert_to_numpy(one).std() for one in maps]
    np.testing.assert_allclose(shown[:, 0], stds, rtol=1e-4)

    model.compile(keras.optimizers.SGD(1.0), lambda g, out: keras.ops.sum(g * out))
    model.train_on_batch(x.astype("float32"), g.astype("float32"))
    steps = [old - layer.get_weights()[0] for old, layer in zip(weights, dense, strict=True)]
    full = np.linalg.norm(x.T @ g)
    lengths = [np.linalg.norm(step) / full for step in steps]
    np.testing.assert_allclose(shown[:, 3], lengths, rtol=1e-3)


def test_initializers_have_the_spread_of_keras(page):
    for name in INITIALIZERS[1:7]:
        settings = BROAD | {"init": name, "n": 64, "depth": 2}
        *_, weights, _ = reference(settings)
        theirs = keras.ops.convert_to_numpy(keras.initializers.get(name)((64, 64)))
        np.testing.assert_allclose(weights[0].std(), theirs.std(), rtol=0.05)
        if name != "orthogonal":
            np.testing.assert_allclose(abs(weights[0]).max(), abs(theirs).max(), rtol=0.02)


def test_chapters_claims_hold_here(page):
    """Chapter 07, "Depth × activation × initialization"."""
    full = {"depth": 30, "n": 128, "bn": 0}
    show(page, full | {"act": "sigmoid", "init": "glorot_normal"})
    gradients = table(page)[:, 3]
    assert table(page)[-1, 1] < 1e-15 < 0.05 < table(page)[-1, 0]  # all examples look the same
    assert gradients[0] < 1e-15
    assert gradients[-1] > 10**-1.5
    show(page, full | {"act": "relu", "init": "random_normal", "stddev": 0.01})
    assert table(page)[:, 3].max() < 1e-30
    show(page, full | {"act": "relu", "init": "he_normal"})
    assert all(1 / 30 < length < 30 for length in table(page)[[0, -1], 3])
    show(page, full | {"act": "tanh", "init": "random_normal", "stddev": 1})
    gradients = table(page)[:, 3]
    assert gradients[0] > 1e6
    assert abs(np.log10(gradients[-1])) < 1.5
    show(page, full | {"act": "sigmoid", "init": "random_normal", "stddev": 1})
    assert table(page)[0, 3] > 1e-2


def test_words_and_histograms(page):
    show(page, BROAD | {"depth": 20, "act": "sigmoid", "n": 32})
    shown = table(page)
    said = words(page)
    tiny = f"{shown[0, 2]:.1e}".replace("e-0", "e-").replace("-", "−")
    assert "Zeros" not in page.locator(".cb-note").inner_text()
    assert f"the gradient is {tiny} times what it was" in said
    assert f"the signal is {shown[-1, 0]:.2g} times what came in" in said
    cells = page.locator("[aria-label=Layers] data").all_text_contents()
    assert cells[2].startswith(tiny[0])  # as in the text: no powers of ten beside it
    assert not re.search("[⁰¹²³⁴⁵⁶⁷⁸⁹]", page.locator(".cb-body").inner_html())
    assert page.locator(".cb-layers svg").count() == 40
    label = page.locator(".cb-layers").get_attribute("aria-label")
    assert label == f"Histograms by layer. {said}"

    def heights(index):
        path = page.locator(".cb-layers path").nth(index).get_attribute("d")
        return np.array([-float(h) for h in re.findall(r"v([-\d.e]+)", path)])

    assert heights(0)[20:].sum() == heights(0).sum()  # a sigmoid is never negative
    assert np.flatnonzero(heights(1)).tolist() == [20]  # vanished: all in the middle
    x, _, weights, _ = reference(BROAD | {"act": "linear"})
    show(page, BROAD | {"act": "linear"})
    first = x @ weights[0]
    bins = np.clip(np.floor((first / 4 + 1) / 2 * 40 + 0.5), 0, 40).astype(int)
    counts = np.bincount(bins.ravel(), minlength=41)
    np.testing.assert_allclose(heights(0), 38 * counts / counts.max(), rtol=1e-6)
    show(page, BROAD | {"init": "zeros"})
    assert "the signal is 0 times what came in" in words(page)
    assert page.locator(".cb-note").inner_text().startswith("Zeros cannot be drawn on this axis.")
    assert "NaN" not in page.locator(".cb-body").inner_html()


def test_the_hints_answers(page):
    """What keeps each line within a factor of ten, of 20 layers of 128 units."""
    full = {"depth": 20, "n": 128, "bn": 0}
    for act, init, stddev, level in (
        *(("relu", "he_normal", 0.01, True), ("tanh", "glorot_normal", 0.01, True)),
        *(("sigmoid", "random_normal", 1, True), ("sigmoid", "random_normal", 0.1, False)),
        ("sigmoid", "glorot_normal", 1, False),
    ):
        show(page, full | {"act": act, "init": init, "stddev": stddev})
        strengths = table(page)[:, :4]
        assert (strengths.max(axis=0) / strengths.min(axis=0) < 10).all() == level, (act, init)


def test_dead_units_are_counted(page):
    show(page, BROAD | {"act": "relu", "init": "zeros"})
    assert "Units with almost no slope for any example: 16 in layer 1, 16 in the last." in words(
        page
    )
    assert words(page).endswith("Each layer's units stay equal.")
    show(page, BROAD | {"act": "linear", "init": "zeros"})
    assert "Units with almost no slope for any example: 0 in layer 1, 0 in the last." in words(page)


def test_controls_and_links(open_page):
    page = open_page(signal_flow(layers=4, units=8))
    page.get_by_role("combobox", name="activation").select_option("relu")
    assert page.get_by_role("slider", name="stddev, slider").is_hidden()
    assert page.get_by_role("slider", name="value, slider").is_hidden()
    page.get_by_role("combobox", name="kernel_initializer").select_option("random_normal")
    page.get_by_role("spinbutton", name="stddev").fill("0.3")
    assert page.get_by_role("spinbutton", name="value").is_hidden()
    page.get_by_role("checkbox", name="batch normalization").focus()
    page.keyboard.press("Space")
    page.get_by_role("slider", name="layers, slider").focus()
    page.keyboard.press("ArrowRight")
    assert table(page).shape == (5, 6)
    code = page.locator("pre code").text_content()
    for part in ("range(5)", "Dense(8, ", "RandomNormal(stddev=0.3)", "BatchNorm", '("relu")'):
        assert part in code
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("window.copied").split("#")[1]
    assert link == "flow?depth=5&act=relu&init=random_normal&stddev=0.3&bn=1"
    again = open_page(signal_flow(layers=4, units=8), link=f"#{link}")
    assert words(again) == words(page)
    again.get_by_role("combobox", name="kernel_initializer").select_option("constant")
    assert again.get_by_role("spinbutton", name="stddev").is_hidden()
    again.get_by_role("spinbutton", name="value").fill("0.5")
    assert "Constant(0.5)" in again.locator("pre code").text_content()
    again.get_by_text("The numbers, layer by layer").click()
    assert again.get_by_role("region", name="Layers").is_visible()
    again.get_by_role("button", name="Reset").click()
    assert table(again).shape == (4, 6)
    assert words(again) != words(page)


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("depth=31", ["layers cannot be 31", "from 2 to 30"]),
        ("n=7.5", ["units in each cannot be 7.5", "whole number"]),
        ("act=swish", ["activation cannot be “swish”", "leaky_relu"]),
        ("init=he", ["kernel_initializer cannot be “he”", "he_normal"]),
        ("init=constant&value=0", ["value cannot be 0", "from 0.001 to 2"]),
        ("bn=2", ["batch normalization", "0 (off) or 1 (on)"]),
    ],
    ids=str,
)
def test_illegal_settings_are_explained(page, link, wrong):
    follow(page, f"#flow?{link}")
    for part in wrong:
        assert part in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""


def test_arguments_are_checked():
    for arguments in (
        {"layers": 1},
        {"units": 4},
        {"activation": "swish"},
        {"stddev": 3},
        {"value": 0},
    ):
        with pytest.raises(ValueError, match="must be"):
            signal_flow(**arguments)
