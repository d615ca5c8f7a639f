"""The convolution explorer, in a real browser: every number it shows is Keras' own."""

import itertools
import json

import keras
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from explorers import follow, number, problem
from scipy.signal import convolve2d, correlate2d

from convbook.widgets import convolution

SHARED = convolution
SQUARE = [
    {"n": 7, "k": k, "s": s, "p": p, "d": d, "t": t}
    for k, s, p, d, t in itertools.product((1, 3), (1, 2), (0, 1), (1, 2), (0, 1))
    if not (t and k == 1 and p and s == 1)
]
OTHERS = [
    {"n": 8, "k": 3, "s": 2, "p": 1, "d": 1, "t": 0},  # padding="same" would differ
    {"n": 16, "k": 7, "s": 4, "p": 6, "d": 4, "t": 0},
    {"n": 3, "k": 5, "s": 1, "p": 2, "d": 1, "t": 0},
    {"n": "5,7", "k": "3,2", "s": "1,2", "p": "1,0", "d": "1,1", "t": 0},
    {"n": "6,4", "k": "2,3", "s": "2,1", "p": "0,2", "d": "1,1", "t": 0},
    {"n": "6,7", "k": "3,2", "s": "1,1", "p": "2,1", "d": "2,3", "t": 0},
    {"n": "6,7", "k": "3,2", "s": "3,1", "p": "2,1", "d": "1,3", "t": 0},
    {"n": "1,9", "k": "1,4", "s": "1,1", "p": "0,3", "d": "1,1", "t": 0},
    {"n": "3,4", "k": "3,2", "s": "2,3", "p": "1,0", "d": "1,1", "t": 1},
    {"n": "3,2", "k": "1,4", "s": "3,2", "p": "0,1", "d": "1,1", "t": 1},
    {"n": "3,2", "k": "2,3", "s": "1,1", "p": "0,1", "d": "3,2", "t": 1},
    {"n": "3,2", "k": "2,3", "s": "2,4", "p": "1,2", "d": "3,2", "t": 1},
    {"n": 2, "k": 2, "s": 4, "p": 1, "d": 1, "t": 1},
]


def pair(value):
    numbers = [int(part) for part in str(value).split(",")]
    return numbers * 2 if len(numbers) == 1 else numbers


def query(settings, key="conv"):
    return f"#{key}?" + "&".join(f"{name}={value}" for name, value in settings.items())


def shown(page, grid, selector="", root="body"):
    """The numbers of a grid that match the selector, as {(row, column): number}."""
    cells = page.evaluate(
        "(s) => [...document.querySelectorAll(s)].map((e) => [e.dataset.cell, e.textContent])",
        f"{root} [data-grid={grid}] [role=gridcell]{selector}",
    )
    return {tuple(map(int, cell.split(","))): number(text) for cell, text in cells}


def matrix(cells):
    height, width = np.max(list(cells), axis=0) + 1
    assert set(cells) == set(itertools.product(range(height), range(width)))
    return np.array([cells[cell] for cell in sorted(cells)]).reshape(height, width)


def reference(x, w, settings):
    """The output by Keras; by SciPy on a spread kernel where Keras refuses the setting."""
    x, w = x.astype("float32"), w.astype("float32")
    s, p, d = (pair(settings[name]) for name in "spd")
    if max(s) > 1 and max(d) > 1:
        w = spread(w, d)
        if settings["t"]:
            full = convolve2d(spread(x, s), w)
        else:
            return correlate2d(np.pad(x, [(p[0],) * 2, (p[1],) * 2]), w, "valid")[:: s[0], :: s[1]]
    elif settings["t"]:
        full = keras.ops.conv_transpose(
            x[None, :, :, None], w[:, :, None, None], s, "valid", 0, dilation_rate=d
        )
        full = np.array(full)[0, :, :, 0]
    else:
        x = np.pad(x, [(p[0],) * 2, (p[1],) * 2])[None, :, :, None]
        y = keras.ops.conv(x, w[:, :, None, None], s, "valid", dilation_rate=d)
        return np.array(y)[0, :, :, 0]
    return full[p[0] : full.shape[0] - p[0], p[1] : full.shape[1] - p[1]]


def spread(a, step):
    out = np.zeros([(n - 1) * by + 1 for n, by in zip(a.shape, step, strict=True)])
    out[:: step[0], :: step[1]] = a
    return out


def evaluate(call, x, w):
    """What the copied Keras call computes from x, with w as its weights."""
    layer = eval(call.strip(), {"Sequential": keras.Sequential, **vars(keras.layers)})
    x = x[None, :, :, None].astype("float32")
    layer(x)
    trainable = [variable for variable in layer.trainable_weights if variable.ndim == 4]
    assert len(trainable) == 1
    trainable[0].assign(w[:, :, None, None])
    return np.array(layer(x))[0, :, :, 0]


# ---- The numbers ----


@pytest.mark.parametrize("settings", SQUARE + OTHERS, ids=lambda s: query(s)[6:])
def test_output_and_call_agree_with_keras(page, settings):
    follow(page, query(settings))
    assert problem(page) == ""
    x, w, y = (
        matrix(shown(page, grid, ":not(.cb-outside)")) for grid in ("input", "kernel", "output")
    )
    assert list(x.shape) == pair(settings["n"])
    assert list(w.shape) == pair(settings["k"])
    assert len(np.unique(x)) > 1 or x.size == 1
    np.testing.assert_array_equal(y, reference(x, w, settings))

    call = page.locator("pre code").text_content()
    np.testing.assert_array_equal(y, evaluate(call, x, w))

    results = page.locator(".cb-formula strong").all_inner_texts()
    assert [int(r) for r in results] == list(y.shape)[: len(results)]
    assert len(results) == (1 if all(len(set(pair(settings[c]))) == 1 for c in "nkspd") else 2)


def test_padding_cells_are_visible_zeros(page):
    follow(page, query({"n": "4,5", "k": 3, "s": 1, "p": "1,2", "d": 1, "t": 0}))
    padding = shown(page, "input", ".cb-outside")
    assert len(padding) == 6 * 9 - 4 * 5
    assert set(padding.values()) == {0}


def test_the_call_uses_same_only_where_it_is_the_same(page):
    def call(n, k, s, p, d=1, t=0):
        follow(page, query({"n": n, "k": k, "s": s, "p": p, "d": d, "t": t}))
        return " ".join(page.locator("pre code").text_content().split())

    assert call(5, 3, 2, 0) == (
        "Conv2D(filters=1, kernel_size=(3, 3), strides=(2, 2), "
        'padding="valid", dilation_rate=(1, 1))'
    )
    assert 'padding="same"' in call(7, 3, 2, 1)
    assert "ZeroPadding2D(padding=(1, 1))" in call(8, 3, 2, 1)
    assert "Cropping2D" not in call(4, 3, 2, 0, t=1)
    assert "Cropping2D(cropping=(1, 1))" in call(4, 3, 2, 1, t=1)
    assert "output_padding=0" in call(4, 1, 2, 0, t=1)
    for t in (0, 1):
        call(7, 3, 2, 1, d=2, t=t)
        assert "Keras refuses strides > 1 together with dilation_rate > 1" in (
            page.locator(".cb-notes").inner_text()
        )
    with pytest.raises(ValueError, match="strides > 1"):
        keras.layers.Conv2D(1, 3, strides=2, dilation_rate=2)


@pytest.mark.parametrize("t", [0, 1])
def test_sum_is_written_out(open_page, t):
    settings = {"n": 5, "k": 3, "s": 2, "p": 1, "d": 1, "t": t}
    page = open_page(convolution(), link=query(settings))
    for cell, value in list(shown(page, "output").items())[::4]:
        selector = f'[data-grid=output] [data-cell="{cell[0]},{cell[1]}"]'
        page.locator(selector).hover()
        text = page.locator(".cb-sum").text_content().split(" (cropped")[0].replace("−", "-")
        name, terms, result = text.split(" = ")
        assert name == f"output[{cell[0]}, {cell[1]}]"
        assert eval(terms.replace("·", "*")) == float(result) == value


# ---- The links between the grids ----


@pytest.mark.parametrize("t", [0, 1])
def test_hover_links_all_three_grids(open_page, t):
    s, p, d = (2, 1), (1, 2), (1, 2)
    page = open_page(
        convolution(),
        link=query({"n": "5,4", "k": "3,2", "s": "2,1", "p": "1,2", "d": "1,2", "t": t}),
    )
    cells = {grid: set(shown(page, grid)) for grid in ("input", "kernel", "output")}
    narrow, wide = ("input", "output") if t else ("output", "input")
    triples = [
        {narrow: a, "kernel": b, wide: tuple(a[i] * s[i] + b[i] * d[i] - p[i] for i in (0, 1))}
        for a in cells[narrow]
        for b in cells["kernel"]
    ]
    assert all(triple[wide] in cells[wide] for triple in triples)
    for grid in cells:
        for cell in sorted(cells[grid])[::3]:
            page.locator(f'[data-grid={grid}] [data-cell="{cell[0]},{cell[1]}"]').hover()
            linked = [triple for triple in triples if triple[grid] == cell]
            for other in set(cells) - {grid}:
                assert set(shown(page, other, ".cb-lit")) == {triple[other] for triple in linked}
            assert set(shown(page, grid, ".cb-chosen")) == {cell}
    page.mouse.move(0, 0)
    assert set(shown(page, narrow, ".cb-chosen")) == {(0, 0)}  # what was pinned is back


def test_weights_are_written_at_the_cells(open_page):
    page = open_page(convolution())
    page.locator('[data-grid=input] [data-cell="1,1"]').hover()
    weights = shown(page, "kernel")
    tags = page.locator("[data-grid=output] [data-tag]").evaluate_all(
        "(cells) => cells.map((cell) => [cell.dataset.cell, cell.dataset.tag])"
    )
    assert len(tags) == 4
    for cell, tag in tags:
        r, c = map(int, cell.split(","))
        assert number(tag[1:]) == weights[1 - r, 1 - c]


def test_click_and_tap_pin_a_cell(open_page):
    page = open_page(convolution(), has_touch=True)
    page.locator('[data-grid=kernel] [data-cell="1,2"]').tap()
    assert set(shown(page, "kernel", ".cb-chosen")) == {(1, 2)}
    assert len(shown(page, "output", ".cb-lit")) == 9
    page.locator('[data-grid=output] [data-cell="2,0"]').click()
    page.mouse.move(0, 0)
    assert set(shown(page, "output", ".cb-chosen")) == {(2, 0)}


# ---- Settings ----


def test_sliders_and_numbers_stay_in_step(open_page):
    page = open_page(convolution())
    page.get_by_role("spinbutton", name="kernel_size", exact=True).fill("2")
    assert page.get_by_role("slider", name="kernel_size, slider").input_value() == "2"
    page.get_by_role("slider", name="strides, slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("spinbutton", name="strides", exact=True).input_value() == "2"
    assert matrix(shown(page, "output")).shape == (2, 2)
    page.get_by_label("square: height = width").uncheck()
    page.get_by_role("spinbutton", name="input size, width", exact=True).fill("9")
    assert matrix(shown(page, "output")).shape == (2, 4)
    page.get_by_label("square: height = width").check()
    assert matrix(shown(page, "input")).shape == (5, 5)
    page.get_by_text("Transposed").click()
    assert matrix(shown(page, "output")).shape == (10, 10)
    page.get_by_role("button", name="Reset").click()
    assert matrix(shown(page, "output")).shape == (3, 3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n": 4, "k": 3, "d": 4}, ["reach over 9", "only 4", "smaller kernel_size or dilation"]),
        ({"n": "9,2", "k": 3}, ["3 columns", "only 2", "larger input"]),
        ({"n": 2, "k": 5, "p": 1}, ["the padded input", "only 4"]),
        ({"n": 1, "k": 2, "p": 3, "t": 1}, ["crops 3 at each end", "padding 0 or less"]),
        ({"s": 0}, ["strides cannot be 0", "from 1 to 4"]),
        ({"s": "1,2.5"}, ["strides (width) cannot be 2.5", "whole number"]),
        ({"k": 8}, ["kernel_size cannot be 8", "from 1 to 7"]),
        ({"p": -1}, ["padding cannot be −1", "from 0 to 6"]),
        ({"n": "abc"}, ["input size is empty or no number", "from 1 to 16"]),
        ({"n": ""}, ["input size is empty or no number"]),
        ({"w": "1,2"}, ["must list 9 numbers"]),
        ({"x": "1,oops"}, ["must list 25 numbers"]),
    ],
    ids=str,
)
def test_illegal_settings_are_explained(open_page, settings, words):
    page = open_page(convolution(), link=query(settings))
    message = problem(page)
    for word in words:
        assert word in message
    assert page.locator("[role=status]").text_content() == message
    assert not page.locator(".cb-picture").is_visible()
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""
    assert matrix(shown(page, "output")).shape == (3, 3)


def test_illegal_typing_is_kept_and_explained(open_page):
    page = open_page(convolution())
    field = page.get_by_role("spinbutton", name="strides", exact=True)
    for typed in ("", "1.5", "9"):
        field.fill(typed)
        assert field.input_value() == typed
        assert field.get_attribute("aria-invalid") == "true"
        assert "from 1 to 4" in problem(page)
    field.fill("2")
    assert field.get_attribute("aria-invalid") == "false"
    assert matrix(shown(page, "output")).shape == (2, 2)


# ---- Keyboard, editing, playing ----


def chosen_focus(page):
    return page.evaluate(
        "[document.activeElement.closest('[data-grid]')?.dataset.grid,"
        " document.activeElement.dataset.cell]"
    )


def test_grids_are_walked_with_the_keyboard(open_page):
    page = open_page(convolution())
    for grid in ("input", "kernel", "output"):
        assert page.locator(f'[data-grid={grid}] [tabindex="0"]').count() == 1
    page.locator('[data-grid=output] [tabindex="0"]').focus()
    for key, cell in [
        ("ArrowRight", "0,1"),
        ("ArrowDown", "1,1"),
        ("ArrowLeft", "1,0"),
        ("ArrowLeft", "1,0"),
        ("End", "1,2"),
        ("ArrowRight", "1,2"),
        ("ArrowUp", "0,2"),
        ("ArrowUp", "0,2"),
        ("Home", "0,0"),
        ("Control+End", "2,2"),
        ("ArrowDown", "2,2"),
        ("Control+Home", "0,0"),
        ("ArrowDown", "1,0"),
    ]:
        page.keyboard.press(key)
        assert chosen_focus(page) == ["output", cell]
        assert page.locator("[data-grid=output] [aria-selected=true]").get_attribute(
            "data-cell"
        ) == (cell)
    assert page.locator('[data-grid=output] [tabindex="0"]').get_attribute("data-cell") == "1,0"
    assert page.locator(".cb-sum").text_content().startswith("output[1, 0] = ")
    assert page.locator(".cb-sum").get_attribute("aria-live") == "polite"
    label = page.locator(":focus").get_attribute("aria-label")
    assert label == f"output[1, 0]: {page.locator(':focus').text_content()}"


def test_everything_is_reached_with_tab(open_page):
    page = open_page(convolution())
    reached = []
    page.locator("body").click(position={"x": 1, "y": 1})
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
            )
        )
    for name in ("kernel_size", "kernel_size, slider", "Reset", "Step back", "Play", "Copy link"):
        assert name in reached
    for grid in ("input", "kernel", "output"):
        assert sum(name.startswith(f"{grid}[0, 0]") for name in reached) >= 1


def test_a_weight_is_edited_from_the_keyboard(open_page):
    page = open_page(convolution())
    before = shown(page, "output")
    x, w = shown(page, "input"), shown(page, "kernel")
    page.locator('[data-grid=kernel] [tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.type("-7")
    page.keyboard.press("Enter")
    assert chosen_focus(page) == ["kernel", "0,1"]
    assert shown(page, "kernel")[0, 1] == -7
    after = shown(page, "output")
    for r, c in before:
        assert after[r, c] - before[r, c] == (-7 - w[0, 1]) * x[r, c + 1]
    page.get_by_role("button", name="Flip 180°").click()
    assert shown(page, "kernel")[2, 1] == -7
    page.get_by_label("Weights (kernel): numbers").select_option("Identity: centre 1")
    assert shown(page, "output") == {(r, c): x[r + 1, c + 1] for r, c in before}


def test_playing_stepping_and_pausing(open_page):
    page = open_page(convolution(), clock=True)

    def place():
        (cell,) = shown(page, "output", ".cb-chosen")
        return cell[0] * 3 + cell[1]

    page.clock.run_for(5000)
    assert place() == 0  # nothing moves by itself
    page.get_by_role("button", name="Step forward").click()
    assert place() == 1
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("button", name="Step back").click()
    assert place() == 8
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1100)  # 2 steps a second
    assert place() == 1
    assert page.locator(".cb-sum").get_attribute("aria-live") == "off"
    page.get_by_label("Speed").fill("8")
    page.clock.run_for(520)
    assert place() == 5
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(3000)
    assert place() == 5
    page.get_by_label("Position of the kernel").fill("3")
    assert place() == 2


def test_playing_scrolls_within_the_grid_only(open_page):
    page = open_page(convolution(input_size=16), viewport={"width": 375, "height": 700})
    for _ in range(2):
        page.get_by_role("button", name="Step forward").click()
    scrolled = page.evaluate("scrollY")
    box = page.locator(".cb-figure.cb-input .cb-scroll")
    assert box.evaluate("(box) => box.scrollLeft") == 0
    page.get_by_label("Position of the kernel").fill("14")
    assert box.evaluate("(box) => box.scrollLeft") > 0
    assert page.evaluate("scrollY") == scrolled


def test_transposed_plays_over_the_input(open_page):
    page = open_page(convolution(transposed=True, strides=2, input_size=3))
    page.get_by_role("button", name="Step forward").click()
    assert set(shown(page, "input", ".cb-chosen")) == {(0, 1)}
    assert set(shown(page, "output", ".cb-lit")) == set(itertools.product(range(3), range(2, 5)))


def test_reduced_motion_has_no_transition(open_page):
    durations = [
        open_page(convolution(), reduced_motion=wish)
        .locator("[role=gridcell]")
        .first.evaluate("(cell) => getComputedStyle(cell).transitionDuration")
        for wish in ("reduce", "no-preference")
    ]
    assert set(durations[0].split(", ")) == {"0s"}
    assert durations[1] != durations[0]


# ---- Links and copies ----


def test_settings_come_back_from_the_link(open_page):
    page = open_page(convolution())
    page.get_by_label("square: height = width").uncheck()
    page.get_by_role("spinbutton", name="kernel_size, width", exact=True).fill("2")
    page.get_by_role("spinbutton", name="padding, height", exact=True).fill("1")
    page.locator('[data-grid=kernel] [tabindex="0"]').focus()
    page.keyboard.type("5")
    page.get_by_label("Input: numbers").select_option("Vertical edge")
    page.wait_for_function("location.hash.includes('x=edge')")
    link = page.evaluate("location.hash")
    assert link.startswith("#conv?n=5,5&k=3,2&s=1,1&p=1,0&d=1,1&t=0&x=edge&w=5,")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("copied") == page.url
    again = open_page(convolution(), link=link)
    for grid in ("input", "kernel", "output"):
        assert shown(again, grid) == shown(page, grid)
    assert again.evaluate("location.hash") == link


def test_ordinary_anchors_are_left_alone(open_page):
    page = open_page(convolution(), link="#top")
    assert page.evaluate("location.hash") == "#top"
    for link in ("#conv", "#other?n=3", "#top"):
        follow(page, link)
        assert matrix(shown(page, "input")).shape == (5, 5)
        assert page.evaluate("location.hash") == link
    assert page.locator(".convbook [id]").count() == 0


def test_several_explorers_on_a_page(open_page):
    page = open_page(convolution(id="first"), convolution(id="second", transposed=True))
    follow(page, "#second?n=3&t=1")
    first, second = "[data-state*=first]", "[data-state*=second]"
    assert matrix(shown(page, "input", root=first)).shape == (5, 5)
    assert matrix(shown(page, "input", root=second)).shape == (3, 3)
    page.locator(first).get_by_text("Transposed").click()
    page.locator(second).get_by_text("Convolution", exact=True).click()
    assert matrix(shown(page, "output", root=first)).shape == (7, 7)
    assert matrix(shown(page, "output", root=second)).shape == (1, 1)
    assert page.locator("input[type=radio]:checked").count() == 2
    page.wait_for_function("location.hash.startsWith('#second?')")


def test_the_call_is_copied(open_page):
    page = open_page(convolution(), link="#conv?p=2")
    page.get_by_role("button", name="Copy the call").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("copied") == page.locator("pre code").text_content()
    page.get_by_role("button", name="Copied").wait_for()


def test_the_call_is_copied_without_a_clipboard(open_page):
    page = open_page(convolution())
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('insecure')); }"
    )
    page.evaluate(
        "() => { document.execCommand = (name) => {"
        " window.copied = [name, document.activeElement.value]; return true; }; }"
    )
    page.get_by_role("button", name="Copy the call").click()
    page.wait_for_function("window.copied")
    assert page.evaluate("copied") == ["copy", page.locator("pre code").text_content()]


def test_a_notebook_keeps_its_address(open_page):
    page = open_page(convolution(), link="#conv?n=3")
    page.evaluate(
        """() => {
            const el = document.createElement("div");
            el.id = "notebook";
            document.body.append(el);
            const state = JSON.parse(document.querySelector("[data-state]").dataset.state);
            const listeners = {};
            const on = (event, listener) => (listeners[event] = listener);
            const off = (event) => delete listeners[event];
            const model = { get: () => state, on, off };
            const cleanUp = window.convbookWidgets.convolution.render({ model, el });
            Object.assign(window, { state, listeners, cleanUp });
        }"""
    )
    notebook = page.locator("#notebook")
    assert matrix(shown(page, "input", root="#notebook")).shape == (5, 5)
    assert notebook.get_by_role("button", name="Copy link").count() == 0
    notebook.get_by_role("spinbutton", name="kernel_size", exact=True).fill("2")
    page.wait_for_timeout(250)
    assert page.evaluate("location.hash") == "#conv?n=3"
    page.evaluate("() => { state.n = [4, 6]; listeners['change:state'](); }")
    assert matrix(shown(page, "input", root="#notebook")).shape == (4, 6)
    page.evaluate("cleanUp()")
    assert page.evaluate("Object.keys(listeners)") == []


# ---- The page ----


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize(
    "settings",
    [
        {"n": 5},
        {"n": 16, "k": 7, "p": 6},
        {"n": "1,16", "k": "1,3", "p": "0,6"},
        {"n": "16,15", "k": 7, "s": 4, "d": 4, "t": 1},
        {"n": 3, "k": 5},
        {"n": 6, "s": 2, "d": 2, "p": 3},
    ],
    ids=str,
)
def test_the_page_never_overflows(open_page, width, settings):
    page = open_page(convolution(), link=query(settings), viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("link", ["", "#conv?n=5,4&s=2&p=1&d=2&t=1", "#conv?n=1"])
def test_axe_finds_nothing(open_page, theme, link):
    page = open_page(convolution(), theme=theme, link=link, reduced_motion="reduce")
    violations = Axe().run(page).response["violations"]
    assert violations == [], json.dumps(violations, indent=1)[:3000]


# ---- Python ----


def test_given_numbers_are_shown(open_page):
    x = np.arange(12).reshape(3, 4)
    w = [[0.5, -1], [2, 0.25]]
    page = open_page(convolution(input=x, kernel=w))
    np.testing.assert_array_equal(matrix(shown(page, "input")), x)
    np.testing.assert_array_equal(matrix(shown(page, "kernel")), w)
    np.testing.assert_array_equal(matrix(shown(page, "output")), correlate2d(x, w, "valid"))
    page.get_by_role("spinbutton", name="kernel_size, height", exact=True).fill("1")
    page.get_by_role("spinbutton", name="kernel_size, height", exact=True).fill("2")
    np.testing.assert_array_equal(matrix(shown(page, "kernel")), w)


def test_settings_from_python():
    made = convolution(input_size=(5, 6), kernel_size=2, strides=np.int64(3), transposed=True)
    assert made.state == {
        "id": "conv",
        "n": [5, 6],
        "k": [2, 2],
        "s": [3, 3],
        "p": [0, 0],
        "d": [1, 1],
        "t": True,
    }
    json.dumps(made.state)
    first, second = (convolution()._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/html"] == second["text/html"]
    assert first["text/plain"] == second["text/plain"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strides": 0}, r"strides must be a whole number from 1 to 4.*got 0"),
        ({"kernel_size": 2.5}, "kernel_size must be a whole number"),
        ({"padding": (1, 2, 3)}, r"padding must be.*pair \(height, width\)"),
        ({"padding": "same"}, "padding must be a whole number from 0 to 6"),
        ({"dilation_rate": True}, "dilation_rate must be"),
        ({"dilation_rate": None}, "dilation_rate must be"),
        ({"input": np.zeros((17, 3))}, "input_size must be.*1 to 16"),
        ({"input": [1, 2]}, "input must be a 2-D array"),
        ({"input": [[1, 2], [3]]}, "input must be a 2-D array"),
        ({"kernel": [[np.nan]]}, "finite"),
        ({"kernel": [["a"]]}, "kernel must be a 2-D array"),
        ({"id": "1 b"}, "id must be"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        convolution(**arguments)
