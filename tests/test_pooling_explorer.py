"""The pooling explorer: its outputs and gradients are Keras' own."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from explorers import cells, follow, number, problem

from convbook.widgets import pooling

SHARED = pooling
SETTINGS = [
    {"m": m, "n": n, "k": k, "s": s, "p": p, "x": x}
    for m, (n, k, s), p, x in itertools.product(
        ("max", "average", "min"),
        ((4, 2, 2), (7, 3, 2), (5, 2, 3), (6, 3, 1)),
        ("valid", "same"),
        ("signed", "edge"),
    )
]


def matrix(page, grid):
    shown = cells(page, grid)
    height, width = np.max(list(shown), axis=0) + 1
    return np.array([shown[cell] for cell in sorted(shown)]).reshape(height, width)


def reference(x, m, k, s, p):
    """Output, and gradient of the input of the sum of all outputs, by TensorFlow's own pooling."""
    sign = -1 if m == "min" else 1
    image = tf.constant(x[None, :, :, None], tf.float32)
    pool = tf.nn.avg_pool2d if m == "average" else tf.nn.max_pool2d
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = sign * pool(sign * image, k, s, p.upper())
    gradient = tape.gradient(output, image)
    return np.array(output)[0, :, :, 0], np.array(gradient)[0, :, :, 0]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_output_and_gradient_are_those_of_keras(page, settings):
    follow(page, "#pool?" + "&".join(f"{key}={value}" for key, value in settings.items()))
    assert problem(page) == ""
    m, k, s, p = (settings[key] for key in "mksp")
    output, gradient = reference(matrix(page, "input"), m, k, s, p)
    np.testing.assert_allclose(matrix(page, "output"), output, atol=0.006)  # two decimals are shown
    np.testing.assert_allclose(matrix(page, "gradient"), gradient, atol=0.006)
    layer = "AveragePooling2D" if m == "average" else "MaxPooling2D"
    call = f'{layer}(pool_size={k}, strides={s}, padding="{p}")'
    assert call in page.locator("pre code").inner_text()


def test_a_shift_counts_what_changed(page):
    for d in (1, 2, 3):
        follow(page, "#pool?x=dot&n=8")
        before, unmoved = matrix(page, "output"), matrix(page, "input")
        follow(page, f"#pool?x=dot&n=8&d={d}")
        changed = (matrix(page, "output") != before).sum()
        moved = (matrix(page, "input") != unmoved).sum()
        text = page.get_by_text(f"Moved by {d}:").inner_text()
        assert f"{changed} of 16 outputs changed" in text
        assert f"{moved} of 64 inputs" in text


@pytest.mark.parametrize("m", ["max", "average"])
@pytest.mark.parametrize("x", ["example", "dot", "equal"])
def test_changed_outputs_say_what_they_were(page, m, x):
    follow(page, f"#pool?m={m}&x={x}")
    unmoved = matrix(page, "input")
    before, _ = reference(unmoved, m, 2, 2, "valid")
    for d in range(3):
        follow(page, f"#pool?m={m}&x={x}&d={d}")
        after, _ = reference(np.pad(unmoved, ((0, 0), (d, 0)))[:, :4], m, 2, 2, "valid")
        np.testing.assert_allclose(matrix(page, "output"), after)
        for r, c in np.ndindex(2, 2):
            cell = page.locator(f"[data-grid=output] [data-cell='{r},{c}']")
            tag = cell.evaluate("(cell) => getComputedStyle(cell, '::after').content")
            name = cell.get_attribute("aria-label")
            if after[r, c] == before[r, c]:
                assert tag == "none"
                assert "was" not in name
            else:
                assert number(tag.strip('"').removeprefix("was ")) == pytest.approx(before[r, c])
                assert name.startswith(f"output[{r}, {c}], {tag[1:-1]}: ")


def test_a_tie_goes_to_the_first(page):
    sentence = page.locator(".cb-sum")
    for m, link, words in [
        ("max", "x=equal", "max(5, 5, 5, 5) = 5. A tie: the first of these 4, input[0, 0], gets"),
        ("min", "m=min", "min(1, 1, 5, 6) = 1. A tie: the first of these 2, input[0, 0], gets"),
    ]:
        follow(page, f"#pool?{link}")
        assert sentence.inner_text().startswith(f"output[0, 0] = {words}")
        _, gradient = reference(matrix(page, "input"), m, 2, 2, "valid")
        assert gradient[0, 0] == 1
        np.testing.assert_array_equal(matrix(page, "gradient"), gradient)
    follow(page, "#pool")
    assert sentence.inner_text() == "output[0, 0] = max(1, 1, 5, 6) = 6"
    follow(page, "#pool?x=equal&m=average")
    assert sentence.inner_text() == "output[0, 0] = mean(5, 5, 5, 5) = 5"
    title = page.locator(".cb-gradient .cb-title").inner_text()
    assert title == "Gradient of the input, when each output's gradient is 1 4 × 4"


def test_sentence_follows_mouse_and_focus(open_page):
    page = open_page(pooling())
    assert page.locator(".cb-sum").inner_text().startswith("output[0, 0] = max(1, 1, 5, 6) = 6")
    page.locator('[data-grid=output] [data-cell="1,1"]').hover()
    assert page.locator(".cb-sum").inner_text().startswith("output[1, 1] = max(1, 0, 3, 4) = 4")
    page.locator('[data-grid=output] [data-cell="0,0"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".cb-sum").inner_text().startswith("output[0, 1] = max(2, 4, 7, 8) = 8")
    page.locator('[data-grid=input] [data-cell="3,3"] input').focus()
    text = page.locator(".cb-sum").inner_text()
    assert text == "input[3, 3] = 4 lies in 1 window, and gets a gradient of 1."


def test_an_input_is_edited_and_kept_in_the_link(open_page):
    page = open_page(pooling())
    field = page.locator('[data-grid=input] [data-cell="0,0"] input')
    field.fill("9.5")
    assert cells(page, "output")[0, 0] == 9.5
    page.wait_for_function("location.hash.includes('own=9.5')")
    again = open_page(pooling(), link=page.evaluate("location.hash"))
    assert cells(again, "output")[0, 0] == 9.5


@pytest.mark.parametrize("typed", ["0,5", "abc", ""])
def test_what_is_no_number_is_said_and_changes_nothing(open_page, typed):
    page = open_page(pooling())
    field = page.locator('[data-grid=input] [data-cell="1,1"] input')
    field.fill(typed)
    assert field.get_attribute("aria-invalid") == "true"
    assert f"“{typed}” is no number, so the cell keeps 6" in page.locator(".cb-advice").inner_text()
    assert "is no number" in page.locator("[role=status]").text_content()
    assert cells(page, "output")[0, 0] == 6
    page.keyboard.press("Tab")
    assert field.input_value() == "6"
    assert not page.locator(".cb-advice").is_visible()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("k=5&n=3", "A window of 5 × 5 does not fit into an input of 3 × 3."),
        ("m=median", "pooling cannot be “median”"),
        ("own=1,2;3", "as many rows (;) as columns"),
        ("s=0", "strides cannot be 0"),
    ],
)
def test_what_cannot_be_is_explained(page, link, words):
    follow(page, f"#pool?{link}")
    assert words in problem(page)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "median"},
        {"pool_size": 6},
        {"strides": 1.5},
        {"padding": "full"},
        {"numbers": "own"},
    ],
)
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        pooling(**wrong)
