"""The receptive-field explorer: its fields and paths are the gradients that Keras finds."""

import re

import numpy as np
import pytest
from explorers import follow, number, problem

from convbook.widgets import receptive_field

SHARED = receptive_field
VGG = "3-3-p2-3-3-p2-3-3-3-p2-3-3-3-p2-3-3-3-p2"
CASES = [  # layers, input size, padding, unit
    ("3-3-3", 11, "valid", 2),
    ("5", 9, "valid", 0),
    ("7s2-p3s2", 64, "same", 5),
    ("7s2-p3s2", 64, "same", 0),
    ("3-p2-3-p2", 33, "same", 8),
    ("5-p2-5-p2", 32, "valid", 4),
    ("3d2-3d2-3d2", 19, "valid", 3),
    ("3-3d2-3d4-3d8", 21, "same", 10),
    ("4s3-2-p3s1", 40, "valid", 9),
    ("1s4-2d3-6", 40, "same", 0),
    ("3-3-3-3", 5, "same", 2),
    (VGG, 224, "same", 3),
]


def parts(text):
    """Of each layer: whether it is a pooling, kernel_size, strides, dilation_rate."""
    for part in text.split("-"):
        pool, k, s, d = re.fullmatch(r"(p?)(\d+)(?:s(\d+))?(?:d(\d+))?", part).groups()
        yield bool(pool), int(k), int(s or (k if pool else 1)), int(d or 1)


def summing_layers(keras, text, padding):
    """The stack with all weights 1, a pooling being the sum of its window."""
    options = {"padding": padding, "use_bias": False, "kernel_initializer": "ones"}
    return [
        keras.layers.Conv2D(1, k, strides=s, dilation_rate=d, dtype="float64", **options)
        for _, k, s, d in parts(text)
    ]


def gradient(layers, size, unit):
    """The gradient of output [unit, unit] by each pixel, and the output's size."""
    import tensorflow as tf

    x = tf.ones((1, size, size, 1), "float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for layer in layers:
            y = layer(y)
        out = y[0, unit, unit, 0]
    return tape.gradient(out, x)[0, :, :, 0].numpy(), y.shape[1]


def rows(page):
    """The rows of the table: the layer's name, then its field, jump, output, start, weights."""
    found = page.locator(".cb-table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return [(name, sum_, *map(number, rest)) for name, sum_, *rest in found]


def fields(page):
    return [number(row[1].split(" = ")[1]) for row in rows(page)]


def names(page):
    return [row[0] for row in rows(page)]


def bars(page):
    """The heights of the bars, one for each input cell; the highest is 1."""
    heights = page.locator(".cb-pyramid > svg").evaluate(
        """(svg) => {
            const floor = svg.viewBox.baseVal.height;
            const bottom = (r) => r.y.baseVal.value + r.height.baseVal.value;
            return [...svg.querySelectorAll("rect")]
                .filter((r) => Math.abs(bottom(r) - floor) < 0.01)
                .map((r) => r.height.baseVal.value);
        }"""
    )
    return np.array(heights) / max(heights)


def words(page):
    return page.locator(".cb-body .cb-sum").text_content().replace("−", "-")


def whole(text):
    return int(text.replace(",", ""))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[2]}")
def test_fields_and_paths_are_keras_gradients(page, keras, case):
    text, size, padding, unit = case
    follow(page, f"#field?l={text}&n={size}&p={padding}&u={unit}")
    assert problem(page) == ""
    table = rows(page)
    layers = summing_layers(keras, text, padding)
    square, out = gradient(layers, size, unit)
    line = np.sqrt(np.diag(square))  # paths down times paths across
    np.testing.assert_array_equal(np.outer(line, line), square)

    _, _, jump, output, start, _ = table[-1]
    field = fields(page)[-1]
    assert output == out
    first, last = np.flatnonzero(line)[[0, -1]]
    begin = start + unit * jump
    assert max(begin, 0) == first
    assert min(begin + field, size) - 1 == last
    np.testing.assert_allclose(bars(page), line / line.max(), atol=1e-6)

    said = words(page)
    assert f"Unit {unit} ({unit + 1} of {out}) has a field of {field:.0f} cells" in said
    assert page.locator(".cb-place").inner_text() == f"{unit + 1} of {out}"
    total, cell, most = re.search(r"Paths: ([\d,]+); from cell (\d+): ([\d,]+);", said).groups()
    assert (whole(total), whole(most), int(cell)) == (line.sum(), line.max(), line.argmax())
    found = re.search(r"Half of them begin in the (\d+) busiest of the (\d+) cells", said)
    half, seen = map(int, found.groups())
    assert seen == np.count_nonzero(line)
    descending = np.sort(line)[::-1].cumsum() / line.sum()
    assert half == 1 + np.flatnonzero(descending >= 0.5)[0]
    assert (f"wider than the input, {size}" in said) == (field > size)
    pixel, corner = re.search(r"([\d,]+|[\d.e+]+) from one pixel, ([\d,]+) from a", said).groups()
    assert float(pixel.replace(",", "")) == pytest.approx(square.max(), rel=0.05)
    if start + unit * jump >= 0:
        assert whole(corner) == square[first, first]
    if listed := re.search(r"Cell by cell: ([\d, ]+)\.", said):
        np.testing.assert_array_equal([*map(int, listed[1].split(", "))], line[first : last + 1])
    weights = [0 if pool else k * k for pool, k, _, _ in parts(text)]
    assert [row[5] for row in table] == weights


def test_the_calls_are_keras_and_the_sums_are_right(page, keras):
    for text, size, padding, _ in CASES:
        follow(page, f"#field?l={text}&n={size}&p={padding}")
        calls = page.locator("pre code").text_content()
        shape = (1, size, size, 1)
        layers = eval(f"[{calls}]", {"layers": keras.layers})
        for layer, row in zip(layers, rows(page), strict=True):
            shape = layer.compute_output_shape(shape)
            assert shape[1] == row[3]
            left, right = row[1].replace("−", "-").replace("·", "*").split(" = ")
            assert eval(left) == int(right)


def test_average_pooling_has_the_same_shares(page, keras):
    follow(page, "#field?l=3-p2-3-p3s2&n=24&u=1")
    ones = {"use_bias": False, "kernel_initializer": "ones", "dtype": "float64"}
    conv, pool = keras.layers.Conv2D, keras.layers.AveragePooling2D
    layers = [
        *[conv(1, 3, **ones), pool(2, dtype="float64")],
        *[conv(1, 3, **ones), pool(3, strides=2, dtype="float64")],
    ]
    line = np.sqrt(np.diag(gradient(layers, 24, 1)[0]))
    np.testing.assert_allclose(bars(page), line / line.max(), atol=1e-6)
    assert "A pooling counts as an average" in page.locator(".cb-note").inner_text()


def test_layers_are_changed_from_the_keyboard(open_page):
    page = open_page(receptive_field())
    assert names(page) == ["1 Conv2D(3)", "2 Conv2D(3)", "3 Conv2D(3)"]

    def press(name):
        page.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")

    press("2 Conv2D(3)")
    assert page.locator("[aria-pressed=true]").inner_text() == "2 Conv2D(3)"
    page.get_by_label("kernel_size").select_option("5")
    page.get_by_label("strides").select_option("2")
    assert names(page)[1] == "2 Conv2D(5, strides=2)"
    press("Move up")
    press("Move up")
    assert names(page)[0] == "1 Conv2D(5, strides=2)"
    assert page.locator(".cb-edit strong").inner_text() == "Layer 1"
    press("Move down")
    press("Add a layer")
    assert names(page) == ["1 Conv2D(3)", "2 Conv2D(5, strides=2)", "3 Conv2D(3)", "4 Conv2D(3)"]
    assert "does not fit on" in problem(page)
    assert not page.locator(".cb-body").is_visible()
    page.get_by_role("combobox", name="layer", exact=True).select_option("MaxPooling2D")
    assert names(page)[2] == "3 MaxPooling2D(2)"
    assert not page.get_by_label("dilation_rate").is_visible()
    press("Remove")
    assert problem(page) == ""
    assert fields(page) == [3, 7, 11]
    page.get_by_role("slider", name="unit of the last layer").focus()
    page.keyboard.press("Home")
    assert words(page).startswith("Unit 0 (1 of 1) has a field of 11 cells, 0 to 10.")
    page.get_by_role("spinbutton", name="input size").fill("13")
    page.keyboard.press("Tab")
    page.get_by_role("slider", name="unit of the last layer").focus()
    assert words(page).startswith("Unit 1 (2 of 2) has a field of 11 cells, 2 to 12.")
    page.keyboard.press("ArrowLeft")
    assert words(page).startswith("Unit 0 (1 of 2) has a field of 11 cells, 0 to 10.")
    page.wait_for_function("location.hash === '#field?n=13&l=3-5s2-3&u=0'")


def test_too_many_and_too_few_layers(open_page):
    page = open_page(receptive_field(layers="-".join(["3"] * 24), padding="same"))
    add, remove = (page.get_by_role("button", name=name) for name in ("Add a layer", "Remove"))

    def press(button):
        button.focus()
        page.keyboard.press("Enter")
        assert button.evaluate("(node) => node === document.activeElement")

    assert add.get_attribute("aria-disabled") == "true"
    press(add)
    assert problem(page) == ""
    assert len(names(page)) == 24
    press(remove)
    assert add.get_attribute("aria-disabled") == "false"
    press(add)
    assert len(names(page)) == 24
    page.get_by_label("kernel_size").select_option("5")
    page.wait_for_function("location.hash.startsWith('#field?l=3-5-3')")  # the link is saved
    follow(page, "#field?l=5-3")
    assert remove.get_attribute("aria-disabled") == "false"
    press(remove)
    assert remove.get_attribute("aria-disabled") == "true"
    press(remove)
    assert problem(page) == ""
    assert names(page) == ["1 Conv2D(5)"]
    press(add)
    assert names(page) == ["1 Conv2D(5)", "2 Conv2D(3)"]
    page.get_by_role("button", name="Reset").click()
    assert fields(page)[-1] == 49


def test_keras_refuses_strides_with_dilation(open_page, keras):
    with pytest.raises(ValueError, match="dilation_rate > 1"):
        keras.layers.Conv2D(1, 3, strides=2, dilation_rate=2)
    page = open_page(receptive_field())
    page.get_by_label("strides").select_option("2")
    assert "dilation_rate" not in problem(page)
    page.get_by_label("strides").select_option("1")
    page.get_by_label("dilation_rate").select_option("2")
    assert problem(page) == ""
    page.get_by_label("strides").select_option("2")
    why = "has both strides > 1 and dilation_rate > 1, which Keras refuses. Set one to 1."
    assert problem(page) == f"Layer 1 {why}"
    assert names(page)[0] == "1 Conv2D(3, strides=2, dilation_rate=2)"
    page.get_by_label("dilation_rate").select_option("1")
    assert why not in problem(page)
    follow(page, "#field?l=3-3s2d2-3")
    assert problem(page) == f"Layer 2 {why}"


def test_the_table_is_shown_whole(open_page):
    page = open_page(receptive_field(layers="-".join(["3"] * 24), padding="same"))
    box = page.locator(".cb-scroll")
    assert box.evaluate("(box) => box.scrollHeight <= box.clientHeight")
    titles = page.locator(".cb-table thead th").all_text_contents()
    assert titles[4:] == ["first cell of unit 0", "weights, 1 channel in and out"]


def test_networks_are_chosen_and_recognized(open_page):
    page = open_page(receptive_field())
    network = page.get_by_label("network")
    assert network.input_value() == "three 3×3"
    expected = {"VGG-16": 212, "LeNet-5 up to its dense layers": 16, "dilations 1, 2, 4, 8": 31}
    for name, field in expected.items():
        network.select_option(name)
        assert fields(page)[-1] == field
        assert network.input_value() == name
    network.select_option("VGG-16")
    page.get_by_role("button", name="17 Conv2D").click()
    page.get_by_label("kernel_size").select_option("1")
    assert fields(page)[-1] == 180
    *given, own = network.locator("option").all()
    assert own.text_content() == "your own"
    for name in [option.text_content() for option in given]:
        network.select_option(name)
        assert own.evaluate("(option) => getComputedStyle(option).display") == "none"
        assert problem(page) == ""
    assert network.input_value() == "dilations 2, 2, 2"
    assert "Holes in it: 6" in words(page)
    page.get_by_label("padding").select_option("same")
    assert network.input_value() == "your own"
    assert own.evaluate("(option) => getComputedStyle(option).display") != "none"
    page.locator(".cb-pyramid .cb-cell").nth(-4).click()  # of the last layer
    assert words(page).startswith("Unit 15 (16 of 19) has")
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.cb-place').textContent === '18 of 19'")
    page.get_by_role("button", name="Pause").click()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("l=3-x", "“3-x” is no stack"),
        ("l=3-12", "“3-12” is no stack"),
        ("l=p2d2", "“p2d2” is no stack"),
        ("l=3s0", "“3s0” is no stack"),
        ("l=", "is no stack"),
        ("l=5-5-5", "Layer 3 does not fit on 3 cells"),
        ("n=0", "input size cannot be 0"),
        ("p=full", "padding cannot be “full”"),
    ],
)
def test_bad_links_are_explained(page, link, words):
    follow(page, f"#field?{link}")
    assert words in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""


def test_odd_units_and_units_that_see_only_padding(page):
    for unit in ("99", "-5", "abc", "1e9"):
        follow(page, f"#field?u={unit}")
        assert "NaN" not in page.locator("main").inner_html()
        assert words(page).startswith("Unit ")
    follow(page, "#field?l=2d4&n=2&p=same&u=0")
    assert words(page) == "Unit 0 (1 of 2) reads nothing but padding, which is always 0."
    follow(page, "#field?n=9")  # the page goes on as before
    assert words(page).startswith("Unit 1 (2 of 3) has a field of 7 cells")


@pytest.mark.parametrize(
    "arguments",
    [
        {"network": "alexnet"},
        {"layers": ""},
        {"layers": "3-"},
        {"layers": "12"},
        {"layers": 3},
        {"layers": "p2d2"},
        {"layers": "3s2d2"},
        {"layers": "-".join(["3"] * 25)},
        {"input_size": 257},
        {"padding": "full"},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        receptive_field(**arguments)
