"""The trainer, in a real browser: what it trains is what Keras would compute."""

import base64
import json
import time
import zlib

import numpy as np
import pytest
from explorers import follow, number, problem
from matplotlib.image import imsave
from sklearn.datasets import load_digits

from convbook.sphinx_extension import classic_script
from convbook.widgets import trainer
from convbook.widgets.trainer import NETWORKS, OPTIMIZERS, Trainer, digits

TRAIN, VALIDATION = 1287, 258  # of the 1,797 digits; the rest is for the test
DIGITS = load_digits()


@pytest.fixture
def open_trainer(open_page):
    """Open a page with a trainer, and wait until its network stands."""

    def open_(link="", *, widget=None, **options):
        page = open_page(widget or trainer(), link=link, **options)
        ready(page)
        return page

    return open_


def ready(page):
    """Wait until the numbers of the newest network are shown."""
    page.wait_for_function("document.querySelector('.cb-tile canvas')")
    settle(page)


def settle(page):
    """Wait until all that was asked of the worker is shown."""
    page.wait_for_function(
        """() => {
            const busy = document.querySelector('.cb-body[aria-busy=true]');
            window.idle = busy ? 0 : (window.idle ?? 0) + 1;
            return window.idle > 1 && !(window.idle = 0);
        }""",
        polling=60,
    )


def train(page, epochs):
    """Run for so many epochs, to the end."""
    field(page, "epochs").fill(str(epochs))
    done = round(epochs_of(page) + epochs, 1)
    page.get_by_role("button", name="Run").click()
    page.wait_for_function(
        """(done) => document.querySelector('.cb-run').textContent === 'Run'
            && parseFloat(document.querySelector('.cb-pace').textContent) === done""",
        arg=done,
    )
    settle(page)


def pace(page):
    return page.locator(".cb-pace").inner_text()


def epochs_of(page):
    return float(pace(page).split()[0])


def steps_of(page):
    return int(pace(page).split(" · ")[1].split()[0].replace(",", ""))


def right_of(page):
    """How many validation images are right, as the page says."""
    text = page.locator(".cb-sum").first.inner_text()
    assert f"of {VALIDATION})" in text
    return int(text.split("(")[1].split()[0])


def curve(page):
    return [line.get_attribute("points") for line in page.locator("polyline").all()]


def field(page, label):
    """The list or the box of a setting."""
    parameter = page.locator(".cb-parameter").filter(
        has=page.locator(".cb-name").get_by_text(label, exact=True)
    )
    return parameter.locator("select, input[type=number]")


def choose(page, label, value):
    field(page, label).select_option(value)
    settle(page)


def fill(page, label, value):
    field(page, label).fill(str(value))


def wrong(page):
    """All sentences about what went wrong."""
    return " ".join(page.locator(".cb-wrong:visible").all_inner_texts())


def inked(page, selector):
    """The numbers behind a canvas that shows them as ink on paper, in the light theme."""
    red = page.evaluate(
        """(selector) => {
            const shown = document.querySelector(selector);
            const { width, height } = shown;
            const canvas = Object.assign(document.createElement('canvas'), { width, height });
            const context = canvas.getContext('2d', { willReadFrequently: true });
            context.drawImage(shown, 0, 0);
            const { data } = context.getImageData(0, 0, width, height);
            return [...data].filter((_, i) => i % 4 === 0);
        }""",
        selector,
    )
    side = round(len(red) ** 0.5)
    return ((255 - np.array(red)) / (255 - 0x1C)).reshape(side, side)


SEEN = ".cb-way canvas"  # the image that goes through the layers


def sixteenths(page):
    return np.round(inked(page, SEEN) * 16)


def save(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    assert download.value.suggested_filename == "convbook-training.json"
    return json.loads(download.value.path().read_text(encoding="utf-8"))


def load(page, content):
    text = content if isinstance(content, str) else json.dumps(content)
    file = {"name": "saved.json", "mimeType": "application/json", "buffer": text.encode()}
    page.locator("input[type=file][aria-label^=Load]").set_input_files(file)


def keras_model(page, keras):
    """The model that the page's own program makes."""
    program = page.locator(".cb-editor pre").text_content().split("model.fit")[0]
    names = {"keras": keras, "layers": keras.layers}
    keras.backend.clear_session()  # so that its layers are numbered from the start
    exec(program, names)
    return names["model"]


def with_weights(model, file):
    """The model, with the weights of a saved file."""
    values = []
    for layer in file["network"]["layers"]:
        values += [np.frombuffer(base64.b64decode(v), "f4") for v in layer["parameters"].values()]
    shapes = [w.shape for w in model.get_weights()]
    model.set_weights([v.reshape(s) for v, s in zip(values, shapes, strict=True)])
    return model


def rows(page):
    """The table of layers: name and type, output shape, parameters."""
    return page.evaluate(
        """[...document.querySelectorAll('.cb-layers tbody tr')].filter((row) => row.cells[2])
            .map((row) => [...row.cells].map((cell) => cell.textContent))"""
    )


# ---- The data and the arguments ----


def test_the_digits_are_those_of_scikit_learn():
    unpacked = np.frombuffer(zlib.decompress(base64.b64decode(digits())), "uint8")
    images = len(DIGITS.target)
    np.testing.assert_array_equal(unpacked[: images * 64], DIGITS.data.ravel())
    np.testing.assert_array_equal(unpacked[images * 64 :], DIGITS.target)


def test_its_text_may_stand_in_a_page():
    assert "</" not in Trainer.source().split("// Train a network live")[0]
    assert classic_script(Trainer).count("window.convbookWidgets.trainer =") == 1


@pytest.mark.parametrize(
    "argument",
    [
        {"network": "resnet"},
        {"network": None},
        {"network": "Flatten()\n" * 300},
        {"optimizer": "Adam"},
        {"learning_rate": 0},
        {"momentum": 1},
        {"batch_size": 0},
        {"weight_decay": -1},
        {"epochs": 1.5},
        {"speed": "fast"},
        {"split": "ordered"},
        {"seed": -1},
    ],
)
def test_arguments_are_checked(argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        trainer(**argument)


# ---- Its numbers ----


def test_numbers_are_those_of_keras(open_trainer, keras):
    page = open_trainer("#train?p=writers&b=64&i=7&g=1")
    assert "Not trained yet" in page.locator(".cb-note:visible").first.inner_text()
    x = (DIGITS.images / 16)[..., None].astype("float32")
    model = with_weights(keras_model(page, keras), save(page))
    image = x[TRAIN + 7][None]
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    model.train_on_batch(image, DIGITS.target[TRAIN + 7][None])
    gradients = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
    shown = page.locator(".cb-tile .cb-size").all_inner_texts()
    shown = [text.split("· ")[1].split(" … ") for text in shown]
    kernel, bias = shown[1:3]  # after conv2d's output
    for (low, high), gradient in ((kernel, gradients[0]), (bias, gradients[1])):
        np.testing.assert_allclose(
            [number(low), number(high)], [gradient.min(), gradient.max()], rtol=0.01, atol=1e-7
        )

    train(page, 3)
    file = save(page)
    assert file["steps"] == steps_of(page) == 3 * int(np.ceil(TRAIN / 64))
    model = with_weights(keras_model(page, keras), file)
    predicted = model.predict(x[TRAIN:], verbose=0)
    hits = predicted.argmax(-1) == DIGITS.target[TRAIN:]
    assert right_of(page) == hits[:VALIDATION].sum()
    page.get_by_role("button", name="Test once").click()
    tested = page.locator(".cb-sum").last
    page.locator(".cb-sum", has_text="Test, other writers: ").wait_for()
    assert f"({hits[VALIDATION:].sum()} of {len(hits) - VALIDATION})" in tested.inner_text()
    assert (
        f"Test, other writers: {100 * hits[VALIDATION:].mean():.1f} % right" in tested.inner_text()
    )
    page.get_by_role("button", name="Test once").click()
    page.locator(".cb-sum", has_text="look 2").wait_for()

    for i, name in enumerate(page.locator(".cb-item").all()):
        best = predicted[i].argsort()[::-1][:3]
        said = name.get_attribute("aria-label")
        label = DIGITS.target[TRAIN + i]
        assert said.startswith(f"Image {i}, a {label}: {'right' if hits[i] else 'wrong'}.")
        assert f"It says {best[0]} with {100 * predicted[i, best[0]]:.0f} %" in said
        assert ("✓ right" if hits[i] else f"✗ a {label}") in name.inner_text()
    bars = page.locator(".cb-way > .cb-bars .cb-percent").all_inner_texts()
    assert bars == [f"{100 * p:.0f} %" for p in predicted[7]]
    np.testing.assert_array_equal(sixteenths(page), DIGITS.images[TRAIN + 7])

    page.get_by_label("Show gradients").uncheck()
    settle(page)
    conv = keras.Model(model.inputs, model.layers[0].output)
    maps = conv.predict(image, verbose=0)[0]
    canvas = page.locator(".cb-tile canvas").first
    canvas.focus()
    for _ in range(11):  # over the gap, into the second map
        canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    name, value = page.locator(".cb-sum[aria-live]").inner_text().split(" = ")
    assert name == "conv2d: output[1, 3, 1]"
    np.testing.assert_allclose(number(value), maps[1, 3, 1], rtol=0.01, atol=1e-6)
    kernel = page.locator(".cb-tile", has_text="kernel").last.locator("canvas")
    kernel.focus()
    for _ in range(33):  # eight tiles of 4 × 4 on: the second unit's first channel
        kernel.press("ArrowRight")
    name, value = page.locator(".cb-sum[aria-live]").inner_text().split(" = ")
    assert name == "dense: kernel[8, 1]"
    np.testing.assert_allclose(number(value), model.get_weights()[2][8, 1], rtol=0.01)
    kernel.hover(position={"x": 3, "y": 3})
    assert page.get_by_text("dense: kernel[0, 0] = ").is_visible()


def test_networks_and_optimizers_are_those_of_keras(open_trainer, keras):
    page = open_trainer("#train?d=0.01&m=0.8")
    for name in NETWORKS:
        choose(page, "network", name)
        model = keras_model(page, keras)
        summary = [
            [
                f"{layer.name} ({type(layer).__name__})",
                str(layer.output.shape),
                f"{layer.count_params():,}",
            ]
            for layer in model.layers
        ]
        assert rows(page) == summary
        total = page.locator(".cb-layers .cb-note").inner_text()
        assert total.startswith(f"Total params: {model.count_params():,}")
        assert f"{len(model.layers)} layers" in page.locator("summary").inner_text()
    choose(page, "network", "softmax")
    for name in OPTIMIZERS:
        field(page, "optimizer").select_option(name)
        uses_momentum = name in ("sgd", "nesterov")
        assert field(page, "momentum").is_visible() == uses_momentum
        optimizer = keras_model(page, keras).optimizer
        kind = type(optimizer).__name__.lower()
        assert kind == ("sgd" if uses_momentum else name)
        assert float(optimizer.learning_rate) == pytest.approx(0.003)
        assert optimizer.weight_decay == 0.01
        if uses_momentum:
            assert (optimizer.momentum, optimizer.nesterov) == (0.8, name == "nesterov")


# ---- Training ----


def test_it_learns_and_does_so_again(open_trainer):
    page = open_trainer()
    assert right_of(page) < 60
    train(page, 5)
    assert right_of(page) / VALIDATION > 0.8
    assert "accuracy after 5 epochs" in page.locator("[role=img]").last.get_attribute("aria-label")
    file, lines = save(page), curve(page)
    assert [len(line.split()) for line in lines] == [50, 11, 50, 11]

    page.get_by_role("button", name="Start anew").click()
    page.get_by_text("Not trained yet").wait_for()
    page.get_by_label("Show gradients").check()  # a look must not change what is looked at
    train(page, 5)
    assert save(page) == file
    assert curve(page) == lines

    fill(page, "seed", 1)
    page.get_by_text("Not trained yet").wait_for()
    train(page, 5)
    assert curve(page) != lines
    assert right_of(page) / VALIDATION > 0.8


def test_looks_do_not_change_a_network_with_dropout_and_normalization(open_trainer):
    text = (
        'Flatten()\nDense(16)\nBatchNormalization()\nDropout(0.5)\nDense(10, activation="softmax")'
    )
    page = open_trainer(widget=trainer(network=text))
    train(page, 1)
    file = save(page)
    page.get_by_role("button", name="Start anew").click()
    page.get_by_label("Show gradients").check()
    settle(page)
    for _ in range(41):
        page.get_by_role("button", name="One step").click()
    page.wait_for_function("document.querySelector('.cb-pace').textContent.includes('41 steps')")
    assert save(page)["network"] == file["network"]


def test_run_pause_step_epoch(open_trainer):
    page = open_trainer("#train?e=1000&net=blocks")
    assert steps_of(page) == 0
    page.get_by_role("button", name="One step").click()
    page.wait_for_function("document.querySelector('.cb-pace').textContent.includes('1 step ·')")
    assert "loss of the last batch" in pace(page)
    page.get_by_role("button", name="Run").click()
    page.get_by_text("images a second").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Run").wait_for()
    settle(page)
    paused = steps_of(page)
    assert 1 < paused < 40_000
    shown = page.get_by_text(" of the validation images are right").first.inner_text()
    assert page.locator("[role=status]").inner_text() == f"Paused. {shown}"
    page.wait_for_timeout(300)
    assert steps_of(page) == paused

    page.get_by_role("button", name="Start anew").click()
    page.get_by_text("Not trained yet").wait_for()
    fill(page, "batch_size", 100)
    page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("document.querySelector('.cb-pace').textContent.startsWith('1 epoch ·')")
    assert steps_of(page) == 13
    fill(page, "batch_size", 50)  # at once, and without a new start
    choose(page, "optimizer", "sgd")
    page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("document.querySelector('.cb-pace').textContent.startsWith('2 epochs')")
    assert steps_of(page) == 13 + 26

    choose(page, "speed", "slow")
    start = time.monotonic()
    page.get_by_role("button", name="Run").click()
    page.wait_for_function(
        "!document.querySelector('.cb-pace').textContent.split(' · ')[1].startsWith('39')"
    )
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Run").wait_for()
    seconds = time.monotonic() - start
    settle(page)
    assert 39 < steps_of(page) <= 39 + 10 * seconds + 1


def test_another_network_keeps_the_optimizer_and_settings(open_trainer):
    page = open_trainer("#train?o=rmsprop&r=0.002&b=20")
    train(page, 1)
    choose(page, "network", "dense")
    assert page.get_by_text("training starts anew").is_visible()
    assert steps_of(page) == 0
    assert field(page, "optimizer").input_value() == "rmsprop"
    assert field(page, "learning_rate").input_value() == "0.002"
    assert field(page, "batch_size").input_value() == "20"
    page.wait_for_function("location.hash.includes('net=dense')")
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert field(page, "optimizer").input_value() == "adam"
    assert rows(page)[0][0] == "conv2d (Conv2D)"


def test_a_rate_that_is_too_large_is_named(open_trainer):
    page = open_trainer("#train?r=1000&d=1")
    page.get_by_role("button", name="Run").click()
    page.locator(".cb-wrong:visible").wait_for()
    page.get_by_role("button", name="Run").wait_for()
    settle(page)
    assert "no longer a number: with learning_rate 1000 the steps are too large" in wrong(page)
    assert "press Start anew" in page.locator("[role=status]").inner_text()
    assert "NaN" not in page.locator(".cb-trainer").inner_text()
    assert right_of(page) == 0
    fill(page, "learning_rate", 0.003)
    page.get_by_role("button", name="Start anew").click()
    page.get_by_text("Not trained yet").wait_for()
    assert wrong(page) == ""
    follow(page, "#train?r=1000")
    settle(page)
    train(page, 1)
    assert "guessing would give ln 10" in wrong(page)


def test_dead_units_are_named(open_trainer, keras):
    page = open_trainer("#train?r=3&p=writers")
    caption = page.locator(".cb-tile .cb-size").first  # of conv2d's output
    assert "0 … " in caption.inner_text()
    page.get_by_role("button", name="Clear").click()  # a blank one, before there are biases
    settle(page)
    assert caption.inner_text() == "(8, 8, 8) · all outputs are 0"
    page.locator(".cb-item").first.click()
    train(page, 1)
    model = with_weights(keras_model(page, keras), save(page))
    x = (DIGITS.images[TRAIN : TRAIN + VALIDATION] / 16)[..., None].astype("float32")
    conv = keras.Model(model.inputs, model.layers[0].output)
    assert (conv.predict(x, verbose=0) == 0).all()
    dead = "Every validation image gets outputs of 0 here: the units are dead."
    assert caption.inner_text() == f"(8, 8, 8) · all outputs are 0. {dead}"
    assert page.locator(".cb-layers").inner_text().count(dead) == 1  # a pooling has no units
    page.get_by_label("Show gradients").check()
    settle(page)
    assert caption.inner_text().endswith(f". {dead}")


def test_the_rate_s_slider_is_logarithmic(open_trainer):
    page = open_trainer()
    slider = page.get_by_label("learning_rate, slider")
    slider.focus()
    slider.press("Home")
    assert field(page, "learning_rate").input_value() == "0.00001"
    slider.press("End")
    assert field(page, "learning_rate").input_value() == "1000"
    slider.press("ArrowLeft")
    assert field(page, "learning_rate").input_value() == "790"
    assert slider.get_attribute("aria-valuetext") == "790"


# ---- The network in words ----


def test_own_network(open_trainer):
    page = open_trainer()
    train(page, 1)
    trained = right_of(page)
    page.locator("summary").click()
    area = page.locator("textarea")
    use = page.get_by_role("button", name="Train this network")
    assert use.is_disabled()
    for text, sentence in [
        ("Conv2d(8, 3)", "Line 1: there is no layer"),
        ("\nConv2D(8, 9)\nFlatten()", "Line 2: "),
        ("Flatten()\nDense(7)", "10 classes"),
        ("", "There is no layer"),
    ]:
        area.fill(text)
        page.wait_for_function(
            "(s) => document.querySelector('.cb-editor .cb-wrong').textContent.includes(s)",
            arg=sentence,
        )
        assert use.is_disabled()
    assert right_of(page) == trained
    train(page, 1)  # the network in training is still there
    assert epochs_of(page) == 2

    text = '# mine\nlayers.Flatten(),\nDense(units=20, activation="tanh")\nDense(10)\nSoftmax()'
    area.fill(text)
    page.get_by_text("It fits: 4 layers, 1,510 parameters.").wait_for()
    assert wrong(page) == ""
    use.focus()
    use.press("Enter")
    focused = "[document.activeElement.tagName, document.activeElement.className]"
    assert page.evaluate(focused) == ["BUTTON", "primary cb-run"]
    page.get_by_text("A new network").wait_for()
    settle(page)
    assert page.evaluate(focused) == ["BUTTON", "primary cb-run"]
    assert [row[2] for row in rows(page)] == ["0", "1,300", "210", "0"]
    assert field(page, "network").input_value() == "own"
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("window.copied").split("#")[1]
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert rows(page)[0][0] == "conv2d (Conv2D)"
    follow(page, f"#{link}")
    settle(page)
    assert area.input_value() == text
    assert len(rows(page)) == 4

    follow(page, "#train?net=own&own=Conv2D()")
    settle(page)
    assert "Line 1: Conv2D needs filters" in wrong(page)
    assert area.is_visible()


def test_your_own_in_the_list_opens_the_editor(open_trainer):
    page = open_trainer()
    area = page.locator("textarea")
    assert not area.is_visible()
    choose(page, "network", "own")
    assert area.is_visible()
    assert page.get_by_text("Change its layers to train another one.").is_visible()
    top, bottom = page.evaluate(
        """() => {
            const { top, bottom } = document.querySelector('textarea').getBoundingClientRect();
            return [top, innerHeight - bottom];
        }"""
    )
    assert min(top, bottom) >= 0
    assert area.input_value().startswith("Conv2D(8, 3")


def test_settings_of_a_link(open_trainer):
    link = "#train?net=norm&o=nesterov&r=0.05&m=0.5&b=7&d=0.1&e=3&v=slow&p=writers&s=9&i=5&g=1&w=1"
    page = open_trainer(link)
    values = {
        "network": "norm",
        "optimizer": "nesterov",
        "learning_rate": "0.05",
        "momentum": "0.5",
        "batch_size": "7",
        "weight_decay": "0.1",
        "epochs": "3",
        "speed": "slow",
        "validate and test on": "writers",
        "seed": "9",
    }
    for label, value in values.items():
        assert field(page, label).input_value() == value
    assert page.get_by_label("Show gradients").is_checked()
    assert page.get_by_label("Only wrong ones").is_checked()
    np.testing.assert_array_equal(sixteenths(page), DIGITS.images[TRAIN + 5])
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("window.copied").endswith(link)
    for bad, sentence in [
        ("i=258", "In the link, i: an image is a whole number from 0 to 257. Correct it"),
        ("g=2", "In the link, g: it is either 0 (off) or 1 (on)"),
        ("own=" + "a" * 2001, "more than 2000 characters"),
        ("net=x", "network cannot be “x”"),
    ]:
        follow(page, f"#train?{bad}")
        assert sentence in problem(page)


# ---- Predictions ----


def test_wrong_ones_and_others(open_trainer):
    page = open_trainer()
    train(page, 2)
    wrongs = VALIDATION - right_of(page)
    assert page.get_by_text("1 to 10 of 258").is_visible()
    page.get_by_role("button", name="Others").click()
    assert page.get_by_text("11 to 20 of 258").is_visible()
    item = page.locator(".cb-item").nth(2)
    item.click()
    settle(page)
    assert item.get_attribute("aria-pressed") == "true"
    assert page.locator(".cb-way .cb-note").inner_text().startswith("Image 12, a ")
    np.testing.assert_allclose(inked(page, SEEN), inked(page, ".cb-item:nth-child(3) canvas"))
    page.get_by_label("Only wrong ones").check()
    settle(page)
    assert page.get_by_text(f"1 to {min(10, wrongs)} of {wrongs}").is_visible()
    texts = page.locator(".cb-item:visible .cb-verdict").all_inner_texts()
    assert len(texts) == min(10, wrongs)
    assert all(text.startswith("✗ a ") for text in texts)


# ---- Drawings and image files ----


def blocks(bits):
    return bits.reshape(8, 4, 8, 4).sum((1, 3))


def test_draw_a_digit(open_trainer):
    page = open_trainer()
    train(page, 5)
    pad = page.locator(".cb-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    page.mouse.up()
    settle(page)
    words = page.locator(".cb-way .cb-note")
    assert words.inner_text().startswith("Your drawing. The network says: 1 (")
    seen = sixteenths(page)
    assert seen[[0, 7]].any(axis=1).all()  # it fills the height
    assert not seen[:, [0, 1, 6, 7]].any()
    page.get_by_label("Crop and scale").uncheck()
    settle(page)
    np.testing.assert_array_equal(sixteenths(page), blocks(inked(page, ".cb-pad canvas")))
    page.get_by_label("Show gradients").check()
    page.get_by_text("A drawing has no label").wait_for()
    page.get_by_role("button", name="Clear").click()
    settle(page)
    assert words.inner_text() == "Nothing is drawn yet."

    pad.focus()  # and now without the mouse
    pad.press("ArrowUp")
    pad.press(" ")
    for _ in range(4):
        pad.press("ArrowRight")
    assert page.locator("[role=status]").inner_text() == "Row 16, column 21"
    pad.press(" ")
    assert page.locator("[role=status]").inner_text() == "Pen up"
    pad.press("ArrowDown")
    settle(page)
    bits = np.round(inked(page, ".cb-pad canvas"))
    assert bits[13:18].sum(axis=1).tolist() == [0, 5 + 2, 5 + 2, 5 + 2, 0]
    np.testing.assert_array_equal(sixteenths(page), blocks(bits))


def test_image_files(open_trainer, tmp_path):
    page = open_trainer()
    files = page.locator("input[type=file][aria-label^=Image]")
    image = np.full((60, 90), 255, "uint8")
    image[10:42, 40:56] = 20  # 32 high, 16 wide: it fits without scaling
    expected = np.zeros((8, 8))
    expected[:, 2:6] = 16
    for name, pixels in [("dark", image), ("light", 255 - image)]:
        imsave(tmp_path / f"{name}.png", np.dstack([pixels] * 3))
        page.get_by_role("button", name="Clear").click()
        files.set_input_files(tmp_path / f"{name}.png")
        page.get_by_text("Your drawing.").wait_for()
        settle(page)
        np.testing.assert_array_equal(sixteenths(page), expected)

    large = np.full((900, 500, 3), 230, "uint8")
    large[200:712, 100:356] = 60  # the same, 16 times as large
    imsave(tmp_path / "large.png", large)
    page.get_by_role("button", name="Clear").click()
    files.set_input_files(tmp_path / "large.png")
    page.get_by_text("Your drawing.").wait_for()
    settle(page)
    np.testing.assert_allclose(sixteenths(page), expected, atol=4)

    files.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no image"})
    page.get_by_text("“a.png” cannot be read as an image").wait_for()
    imsave(tmp_path / "blank.png", np.full((9, 9, 3), 200, "uint8"))
    files.set_input_files(tmp_path / "blank.png")
    page.get_by_text("“blank.png” is all of one shade").wait_for()
    np.testing.assert_allclose(sixteenths(page), expected, atol=4)
    files.set_input_files(tmp_path / "dark.png")
    page.wait_for_function("document.querySelector('.cb-drawing .cb-wrong').hidden")


# ---- Save and load ----


def test_save_and_load(open_trainer):
    page = open_trainer("#train?net=norm&o=sgd&r=0.1&s=4&p=writers")
    train(page, 2)
    file = save(page)
    said = [item.get_attribute("aria-label") for item in page.locator(".cb-item").all()]
    right = right_of(page)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    load(page, file)
    page.get_by_text("Loaded. Training would go on from here").wait_for()
    settle(page)
    assert [item.get_attribute("aria-label") for item in page.locator(".cb-item").all()] == said
    assert right_of(page) == right
    assert steps_of(page) == file["steps"]
    assert field(page, "network").input_value() == "norm"
    assert field(page, "optimizer").input_value() == "sgd"
    assert save(page) == file
    train(page, 1)
    assert epochs_of(page) == 3

    right = right_of(page)
    other = file["network"] | {"inputShape": [4, 4, 1]}
    rate = file["settings"] | {"r": "fast"}
    for content, sentence in [
        (json.dumps(file)[:5000], "cut off, or no JSON"),
        ([], "This is no saved training. optimizer"),
        (file | {"settings": rate}, "learning_rate is empty or no number"),
        (file | {"format": "other"}, "choose a file that Save has written"),
        (file | {"version": 2}, "has version 2, but this page reads 1"),
        (file | {"text": "Flatten()"}, "is not the one that the file describes"),
        (file | {"network": other}, "saved network is damaged"),
        (file | {"network": None}, "is no saved network"),
        (file | {"steps": -1}, "how long the network was trained"),
    ]:
        load(page, content)
        page.wait_for_function(
            "(s) => [...document.querySelectorAll('.cb-wrong')].at(-1).textContent.includes(s)",
            arg=sentence,
        )
    settle(page)
    assert right_of(page) == right
    assert epochs_of(page) == 3


# ---- The frame ----


def test_two_train_side_by_side_and_end(open_page):
    page = open_page(trainer(), trainer(id="other", network="dense"))
    page.wait_for_function("document.querySelectorAll('.cb-run:not(:disabled)').length === 2")
    page.get_by_role("button", name="One epoch").last.click()
    page.wait_for_function(
        "document.querySelectorAll('.cb-pace')[1].textContent.startsWith('1 epoch')"
    )
    assert page.locator(".cb-pace").first.inner_text().startswith("0 epochs")

    assert len(page.workers) == 2
    render = """(breaks) => {
        const el = document.querySelector('main').appendChild(document.createElement('div'));
        const Before = Worker;
        if (breaks) window.Worker = class { constructor() { throw new Error("none"); } };
        const { state } = JSON.parse(
            `{"state": ${document.querySelector('.convbook-widget').dataset.state}}`);
        const model = { get: () => state, on() {}, off() {} };
        window.stop = convbookWidgets.trainer.render({ model, el });
        window.Worker = Before;
    }"""
    page.evaluate(render, False)
    page.wait_for_function("document.querySelectorAll('.cb-run:not(:disabled)').length === 3")
    assert len(page.workers) == 3
    page.locator(".cb-run").last.click()
    with page.workers[-1].expect_event("close"):
        page.evaluate("window.stop()")
    assert len(page.workers) == 2

    page.evaluate(render, True)
    page.locator(".cb-wrong", has_text="starts no Web Worker").wait_for()
    assert page.locator(".cb-run").last.is_disabled()
    page.evaluate("window.stop()")


def test_images_follow_the_theme(open_trainer):
    page = open_trainer()
    light = inked(page, SEEN)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert not np.allclose(inked(page, SEEN), light)


@pytest.mark.parametrize("seed", range(3))
def test_other_writers_are_harder_as_chapter_03_says(open_trainer, seed):
    page = open_trainer()
    tested, validated = {}, {}
    for split, words in (
        ("shuffled", "Test, images at random: "),
        ("writers", "Test, other writers: "),
    ):
        follow(page, f"#train?net=blocks&s={seed}&p={split}")
        ready(page)
        train(page, 20)
        validated[split] = 100 * right_of(page) / VALIDATION
        page.get_by_role("button", name="Test once").click()
        result = page.locator(".cb-sum", has_text=words)
        result.wait_for()
        tested[split] = float(result.inner_text().split(words)[1].split()[0])
    fall = tested["shuffled"] - tested["writers"]
    assert fall > 3  # percentage points
    assert validated["shuffled"] - validated["writers"] < fall - 1
