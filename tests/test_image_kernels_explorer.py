"""The image-kernels explorer, in a real browser: its numbers are SciPy's and Keras' own."""

import json
import re
import struct
import zlib

import numpy as np
import pytest
from explorers import cells, follow, number, page_of, problem
from scipy.ndimage import correlate

from convbook.widgets import image_kernels
from convbook.widgets.image_kernels import IMAGES

GREY = np.random.default_rng(0).integers(0, 256, (6, 7), dtype="uint8")
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 6, 3), dtype="uint8")
SOBEL = np.outer([1, 2, 1], [1, 0, -1])
KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "box": np.ones((3, 3)),
    "gaussian": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
    "motion": np.eye(3),
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    "sobel_top": SOBEL.T,
    "sobel_bottom": -SOBEL.T,
    "sobel_left": SOBEL,
    "sobel_right": -SOBEL,
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}
BINOMIALS = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1], 7: [1, 6, 15, 20, 15, 6, 1]}
START = {"c": "grey", "k": 3, "b": "same", "m": "clamp", "n": 1, "o": 0, "v": 0}


@pytest.fixture(scope="module")
def pages(browser, tmp_path_factory):
    """Pages with the grey and the coloured array, for settings that are only looked at."""
    opened = {}
    for name, image in (("grey", GREY), ("colour", COLOUR)):
        path = tmp_path_factory.mktemp(name) / "page.html"
        path.write_text(page_of([image_kernels(image=image)]), encoding="utf-8")
        opened[name] = browser.new_page()
        opened[name].goto(path.as_uri())
    yield opened
    for page in opened.values():
        page.close()


def query(**settings):
    return "#kernels?" + "&".join(f"{key}={value}" for key, value in settings.items())


def outputs(page):
    """What the sum says at every pixel that the mouse points at: (height, width, channels)."""
    texts = page.evaluate("""() => {
        const canvas = document.querySelector(".cb-output canvas");
        const box = canvas.getBoundingClientRect();
        const at = (part, whole) => (part + 0.5) / whole;
        const texts = [];
        for (let r = 0; r < canvas.height; r++) {
            texts.push([]);
            for (let c = 0; c < canvas.width; c++) {
                canvas.dispatchEvent(new PointerEvent("pointermove", {
                    bubbles: true,
                    clientX: box.left + box.width * at(c, canvas.width),
                    clientY: box.top + box.height * at(r, canvas.height),
                }));
                texts[r].push(document.querySelector(".cb-sum strong").textContent);
            }
        }
        canvas.parentElement.dispatchEvent(new PointerEvent("pointerleave"));
        return texts;
    }""")
    for r, row in enumerate(texts):
        for c, text in enumerate(row):
            assert text.startswith(f"output[{r}, {c}]: ")
    read = [
        [[number(v) for v in re.findall(r"(−?[\d.]+), shown", t)] for t in row] for row in texts
    ]
    return np.array(read)


def pixels(page, name):
    """The canvas: (height, width, 4), of bytes."""
    shape, flat = page.evaluate(
        """(name) => {
            const canvas = document.querySelector(`.cb-${name} canvas`);
            const { width, height } = canvas;
            const copy = Object.assign(document.createElement("canvas"), { width, height });
            const context = copy.getContext("2d", { willReadFrequently: true });
            context.drawImage(canvas, 0, 0);
            return [[height, width, 4], [...context.getImageData(0, 0, width, height).data]];
        }""",
        name,
    )
    return np.array(flat).reshape(shape)


def reference(image, kernels, border, channels, divisor=1.0, offset=0.0, flip=False):
    """By SciPy: one kernel for each channel of the image, (height, width, channels)."""
    x = image[..., None] if image.ndim == 2 else image
    x = x.astype(float)
    if channels == "grey":
        x = np.round(x.mean(axis=-1, keepdims=True))
    mode = {"same": "constant", "valid": "constant"}.get(border, border)
    turned = [np.flip(k) if flip else np.asarray(k) for k in kernels][: x.shape[-1]]
    y = np.stack([correlate(x[..., d], k, mode=mode) for d, k in enumerate(turned)], axis=-1)
    if border == "valid" and (margin := len(turned[0]) // 2):
        y = y[margin:-margin, margin:-margin]
    if channels == "sum":
        y = y.sum(axis=-1, keepdims=True)
    return y / divisor + offset


def by_keras(code, image, keras):
    """What the copied code computes from the image."""
    names = {"np": np, "keras": keras, "x": image[..., None] if image.ndim == 2 else image}
    names["x"] = names["x"].astype("float32")
    exec(code, names)
    return np.array(names["y"])


# ---- The numbers ----

ODD = "0.5,-1,2,0,3.25,-4,1,0,-2"
RGB = ";".join([ODD, "1,0,0,0,0,0,0,0,-1", "0,0,0,0,7,0,0,0,0"])
SETTINGS = [
    ("grey", {"f": "own", "own": ODD, "n": 0, "d": 1, "b": "same"}),
    ("grey", {"f": "own", "own": ODD, "n": 0, "d": 2.5, "o": -7, "b": "valid"}),
    ("grey", {"f": "own", "own": ODD, "n": 0, "d": 1, "b": "nearest", "v": 1}),
    ("grey", {"f": "own", "own": ODD, "n": 0, "d": 1, "b": "reflect", "k": 7}),
    ("grey", {"f": "own", "own": ODD, "n": 0, "d": 1, "b": "wrap", "k": 5}),
    ("grey", {"f": "gaussian", "k": 7, "b": "reflect"}),
    ("grey", {"f": "box", "k": 5, "b": "valid"}),
    ("grey", {"f": "identity", "k": 1, "b": "valid", "n": 0, "d": 4}),
    ("colour", {"f": "own", "own": RGB, "n": 0, "d": 2, "o": 3, "c": "sum"}),
    ("colour", {"f": "own", "own": RGB, "n": 0, "d": 2, "o": 3, "c": "each", "b": "valid"}),
    ("colour", {"f": "own", "own": RGB, "n": 0, "d": 1, "c": "each", "b": "wrap", "v": 1}),
    ("colour", {"f": "own", "own": ODD, "n": 0, "d": 1, "c": "grey", "b": "nearest"}),
    ("colour", {"f": "box", "c": "sum"}),
    ("colour", {"f": "gaussian", "k": 5, "c": "each"}),
    ("colour", {"f": "red_green", "c": "sum", "b": "reflect"}),
]


def given_kernels(settings):
    """The three kernels of a setting, and its divisor, worked out anew."""
    k = settings.get("k", 3)
    if settings["f"] == "own":
        lists = [np.array(list_.split(","), float) for list_ in settings["own"].split(";")]
        kernels = [np.pad(list_.reshape(3, 3), (k - 3) // 2) for list_ in lists]
    elif settings["f"] == "gaussian":
        kernels = [np.outer(BINOMIALS[k], BINOMIALS[k])]
    elif settings["f"] == "box":
        kernels = [np.ones((k, k))]
    else:
        one = np.pad([[1]], k // 2)
        kernels = [one, -one, 0 * one] if settings["f"] == "red_green" else [one]
    if len(kernels) == 1:
        kernels = kernels * 3
    divisor = settings.get("d", 1)
    if settings.get("n", 1):
        total = np.sum(kernels) if settings.get("c") == "sum" else np.sum(kernels[0])
        divisor = total if total > 0 else 1
    return kernels, divisor


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_numbers_agree_with_scipy_and_keras(pages, keras, name, settings):
    page = pages[name]
    image = GREY if name == "grey" else COLOUR
    follow(page, query(**settings))
    assert problem(page) == ""
    kernels, divisor = given_kernels(settings)
    full = START | settings
    expected = reference(image, kernels, full["b"], full["c"], divisor, full["o"], full["v"])
    shown = outputs(page)
    assert np.ptp(expected) > 20
    np.testing.assert_allclose(shown, expected, rtol=0, atol=5.1e-5)
    drawn = pixels(page, "output")[..., : expected.shape[-1]]
    np.testing.assert_array_equal(drawn, np.clip(np.rint(expected), 0, 255))
    code = page.locator("pre code").text_content()
    np.testing.assert_allclose(by_keras(code, image, keras), expected, rtol=1e-4, atol=1e-3)


def kernel_shown(page):
    shown = cells(page, "kernel")
    side = round(len(shown) ** 0.5)
    return np.array([shown[cell] for cell in sorted(shown)]).reshape(side, side)


def test_each_kernel_has_its_numbers_and_says_whether_it_is_separable(pages):
    page = pages["grey"]
    follow(page, "#kernels")
    page.locator("summary").click()
    chips = page.locator(".cb-chips button")
    follow(page, "#kernels?f=random&r=5")
    random = kernel_shown(page)
    assert np.abs(random).max() <= 4
    assert np.array_equal(random, np.rint(random))
    follow(page, "#kernels?f=random&r=6")
    assert not np.array_equal(kernel_shown(page), random)
    for index, name in enumerate(KERNELS):
        chips.nth(index).click()
        np.testing.assert_array_equal(kernel_shown(page), KERNELS[name])
        assert page.locator(".cb-chips [aria-pressed=true]").count() == 1
        assert chips.nth(index).get_attribute("aria-pressed") == "true"
        text = page.locator("details p").inner_text()
        assert text.startswith("Yes") == (np.linalg.matrix_rank(KERNELS[name]) == 1)
        if text.startswith("Yes"):
            lists = re.findall(r"\(([^)]*)\)", text)
            column, row = ([number(part) for part in list_.split(",")] for list_ in lists)
            np.testing.assert_array_equal(np.outer(column, row), KERNELS[name])
            assert "2 · 3 = 6 products a pixel in place of 3 · 3 = 9" in text
    follow(page, "#kernels?f=outline&k=5")
    np.testing.assert_array_equal(kernel_shown(page), np.pad(KERNELS["outline"], 1))


def test_ways_to_show_the_output(pages):
    y = reference(GREY, [SOBEL], "same", "each")
    limit = np.abs(y).max()
    page = pages["grey"]
    assert (y < 0).any()
    assert (y > 255).any()

    def drawn(look):
        follow(page, query(m=look))
        shown = outputs(page)
        np.testing.assert_array_equal(shown, y)  # how it is shown changes no number
        return pixels(page, "output")

    grey = drawn("absolute")
    np.testing.assert_array_equal(grey[..., :1], np.clip(np.abs(y), 0, 255))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    stretched = (y - y.min()) / np.ptp(y) * 255
    np.testing.assert_array_equal(drawn("stretch")[..., :1], np.rint(stretched))
    signed = drawn("signed")
    np.testing.assert_allclose(signed[..., 3:], np.abs(y) / limit * 255, atol=0.51)
    strong = np.abs(y[..., 0]) > limit / 4
    is_blue = signed[..., 2] > signed[..., 0]
    np.testing.assert_array_equal(is_blue[strong], (y[..., 0] > 0)[strong])
    colour = "blue" if y[3, 3, 0] > 0 else "orange"
    assert page.locator(".cb-sum strong").inner_text().endswith(f"shown {colour}")

    page = pages["colour"]
    follow(page, query(c="each", m="signed"))
    y = reference(COLOUR, [SOBEL] * 3, "same", "each")
    expected = np.rint(127.5 + y / np.abs(y).max() * 127.5)
    np.testing.assert_array_equal(pixels(page, "output")[..., :3], expected)


def test_image_as_numbers(pages):
    page = pages["grey"]
    follow(page, query(p="1,2", b="reflect", k=5))
    padded = np.pad(GREY, 2, mode="symmetric")  # [0, 0] is input[-2, -2]
    shown = {
        cell: int(text)
        for cell, text in page.evaluate(
            """() => [...document.querySelectorAll("[data-grid=numbers] [role=gridcell]")]
                .map((e) => [e.ariaLabel, e.textContent])"""
        )
        if text
    }
    expected = {
        f"input[{r}, {c}]: {padded[r + 2, c + 2]}": padded[r + 2, c + 2]
        for r in range(-2, 7)  # 5 around row 1
        for c in range(-2, 8)
    }
    assert shown == expected
    assert page.locator("[data-grid=numbers] .cb-lit").count() == 25
    assert page.locator("[data-grid=numbers] .cb-outside").count() == 9 * 10 - 6 * 7
    page = pages["colour"]
    follow(page, query(c="sum", p="4,3", t=2))
    middle = page.locator("[data-grid=numbers] [data-cell='5,5']")
    assert middle.inner_text() == str(COLOUR[4, 3, 2])
    assert page.locator(".cb-numbers .cb-title").inner_text().endswith("blue")


def test_samples_teach_what_they_should(pages):
    page = pages["grey"]
    for image in IMAGES:
        follow(page, query(s=image, f="identity", c="each"))
        x = pixels(page, "input")
        assert x.shape[0] <= 64
        assert np.ptp(x[..., 0]) > 100
        assert (x[..., 3] == 255).all()
    inside = np.s_[1:-1, 1:-1, 3]
    # A ramp has no outline; an edge between colours of equal brightness none in grey.
    for image in ("ramp", "colours"):
        follow(page, query(s=image, f="outline", m="signed"))
        outline = pixels(page, "output")[inside]
        assert outline.max() < 20
    follow(page, query(s="colours", f="outline", m="signed", c="each"))
    assert np.ptp(pixels(page, "output")[1:-1, 1:-1, 0]) > 100


# ---- The controls ----


def test_typed_weights(open_page):
    page = open_page(image_kernels(image=GREY, kernel="box"))
    box = np.ones((3, 3))
    np.testing.assert_allclose(
        outputs(page), reference(GREY, [box], "same", "each", 9), atol=5.1e-5
    )
    field = page.locator("[data-grid=kernel] input").nth(2)
    field.fill("-2.5")
    box[0, 2] = -2.5
    expected = reference(GREY, [box], "same", "each", 9)  # the divisor stays
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    assert page.get_by_label("divisor", exact=True).input_value() == "9"
    assert page.locator(".cb-chips [aria-pressed=true]").inner_text() == "your own"
    assert page.locator("summary").count() == 1
    field.fill("two")
    assert field.get_attribute("aria-invalid") == "true"
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    field.press("Tab")
    assert field.input_value() == "−2.5"
    field.fill("1e999")
    assert "NaN" not in page.locator(".cb-body").inner_text()
    field.fill("9e99")
    assert "Infinity" not in page.locator(".cb-body").inner_text()
    field.fill("-2.5")

    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("window.copied").split("#")[1]
    page.get_by_role("button", name="sharpen").click()
    np.testing.assert_array_equal(kernel_shown(page), KERNELS["sharpen"])
    page.get_by_role("button", name="your own").click()
    np.testing.assert_array_equal(kernel_shown(page), box)
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    page.get_by_role("button", name="Reset").click()
    np.testing.assert_array_equal(kernel_shown(page), np.ones((3, 3)))
    follow(page, f"#{link}")
    np.testing.assert_array_equal(kernel_shown(page), box)
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    page.get_by_label("divisor", exact=True).fill("0")
    assert "divisor cannot be 0" in problem(page)


def test_kernels_of_single_channels(open_page):
    page = open_page(image_kernels(image=COLOUR, kernel="identity", channels="sum"))
    page.get_by_label("kernel for").select_option("green")
    centre = page.locator("[data-grid=kernel] [data-cell='1,1'] input")
    centre.fill("-4")
    centre.press("Tab")
    one = np.array(KERNELS["identity"])
    expected = reference(COLOUR, [one, -4 * one, one], "same", "sum", 3)
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    page.get_by_label("kernel for").select_option("all channels")
    assert centre.input_value() == "≠"
    words = "differs by channel; choose a channel under “kernel for”"
    assert centre.get_attribute("aria-label") == f"Kernel, row 1, column 1: {words}"
    note = page.locator(".cb-kernel .cb-note")
    assert note.inner_text() == f"≠ {words}."
    centre.fill("2")
    expected = reference(COLOUR, [2 * one] * 3, "same", "sum", 3)
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
    assert note.inner_text() == ""
    np.testing.assert_array_equal(pixels(page, "input")[..., :3], COLOUR)
    page.get_by_role("combobox", name=re.compile("^channels")).select_option("made grey first")
    assert not page.get_by_label("kernel for").is_visible()
    np.testing.assert_array_equal(pixels(page, "input")[..., :3], COLOUR)  # its own colours
    assert page.locator(".cb-input .cb-title").inner_text() == "Input 5 × 6 × 3, made grey first"
    assert page.locator(".cb-numbers .cb-title").inner_text().endswith("numbers made grey")


def test_red_minus_green_says_that_it_needs_colours(open_page):
    page = open_page(image_kernels(image="colours", kernel="outline"))
    assert (outputs(page)[1:-1, 1:-1] == 0).all()  # as the hint says
    note = page.locator(".cb-kernel .cb-note")
    page.get_by_role("button", name="red minus green").click()
    assert "needs three channels: under “channels”, choose “one filter" in note.inner_text()
    page.get_by_role("combobox", name=re.compile("^channels")).select_option(
        "one filter over all: Conv2D"
    )
    assert "needs three channels" not in note.inner_text()
    assert outputs(page)[16, 16, 0] == 170 - 70
    page.get_by_role("combobox", name=re.compile("^image")).select_option("a face")
    assert "needs three channels: choose an image in colour" in note.inner_text()
    page.get_by_role("button", name="identity").click()
    assert note.inner_text() == ""


def frame(page, name):
    """Row, column and side of the frame, in pixels of the image."""
    return page.evaluate(
        """(name) => {
            const view = document.querySelector(`.cb-${name} .cb-view`);
            const { style } = view.querySelector(".cb-frame");
            const { height, width } = view.querySelector("canvas");
            const part = (text, whole) => Math.round((parseFloat(text) / 100) * whole);
            return [part(style.top, height), part(style.left, width), part(style.height, height)];
        }""",
        name,
    )


def test_linked_cursors_by_mouse_and_keyboard(open_page):
    page = open_page(image_kernels())  # 32 × 32
    status = page.locator("[role=status]").first
    result = page.locator(".cb-sum strong")
    canvas = page.locator(".cb-input canvas")
    cell = canvas.bounding_box()["width"] / 32
    canvas.hover(position={"x": 4.5 * cell, "y": 10.5 * cell})
    assert frame(page, "input") == [9, 3, 3]
    assert frame(page, "output") == [10, 4, 1]
    assert result.inner_text().startswith("output[10, 4]:")
    assert status.text_content() == ""  # the mouse passes in silence
    page.locator(".cb-output canvas").hover(position={"x": 20.5 * cell, "y": 5.5 * cell})
    assert frame(page, "input") == [4, 19, 3]
    page.mouse.move(1, 1)
    assert frame(page, "output") == [16, 16, 1]
    page.locator(".cb-output canvas").click(position={"x": 20.5 * cell, "y": 5.5 * cell})
    page.mouse.move(1, 1)
    assert frame(page, "output") == [5, 20, 1]
    assert status.text_content() == result.inner_text()

    page.get_by_role("application", name=re.compile("^Input")).focus()
    for key, place in [
        ("ArrowRight", [5, 21]),
        ("ArrowDown", [6, 21]),
        ("ArrowLeft", [6, 20]),
        ("Shift+ArrowLeft", [6, 12]),
        ("Shift+ArrowUp", [0, 12]),
        ("ArrowUp", [0, 12]),
    ]:
        page.keyboard.press(key)
        assert frame(page, "output") == [*place, 1]
        assert status.text_content() == result.inner_text()
    page.get_by_label("border").select_option('none: padding="valid"')
    assert frame(page, "output") == [0, 11, 1]  # where the kernel still fits
    assert frame(page, "input") == [0, 11, 3]
    page.get_by_role("application", name=re.compile("^Output")).press("ArrowDown")
    assert frame(page, "output") == [1, 11, 1]
    page.get_by_role("button", name="Copy link").click()
    assert "p=2,12" in page.evaluate("decodeURIComponent(window.copied)")


def test_signed_colours_follow_the_theme(open_page):
    page = open_page(image_kernels(image="ramp", negatives="signed"))
    before = pixels(page, "output")[5, 5, :3]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)
    after = pixels(page, "output")[5, 5, :3]
    # A canvas keeps the colour of what is half transparent only about.
    np.testing.assert_allclose(before, [0x9A, 0x4A, 0x00], atol=8)
    np.testing.assert_allclose(after, [0xF0, 0xB0, 0x72], atol=8)


def test_bad_links_get_a_sentence(open_page):
    page = open_page(image_kernels(image=GREY[:5]))
    for settings, words in [
        ({"k": 7, "b": "valid"}, "A 7 × 7 kernel does not fit into 5 × 7 pixels."),
        ({"s": "own"}, "No image of your own is open."),
        ({"s": "cat"}, "image cannot be “cat”"),
        ({"f": "magic"}, "In the link, f: choose one of identity, outline"),
        ({"f": "own", "own": "1,2"}, "In the link, own: it needs 1 or 3 lists"),
        ({"f": "own", "own": "1e9"}, "In the link, own: it needs 1 or 3 lists"),
        ({"f": "own", "own": "x"}, "In the link, own: it needs 1 or 3 lists"),
        ({"p": "1"}, "In the link, p: it needs a row and a column"),
        ({"o": "1e9"}, "offset cannot be"),
        ({"v": "2"}, "is either 0 (off) or 1 (on)"),
    ]:
        follow(page, query(**settings))
        assert words in problem(page), settings
    follow(page, query(f="own"))  # without weights: the identity
    np.testing.assert_array_equal(kernel_shown(page), KERNELS["identity"])
    follow(page, query(p="-5,99"))
    assert frame(page, "output") == [0, 6, 1]


# ---- Images of the reader ----


def png(image):
    """The bytes of a PNG file that holds the array (height, width, 3)."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, _ = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def give(page, event, content, name="mine.png"):
    """Drop or paste a file."""
    page.evaluate(
        """([type, bytes, name]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name));
            const event = new Event(type, { bubbles: true, cancelable: true });
            event[type === "drop" ? "dataTransfer" : "clipboardData"] = data;
            document.querySelector(".cb-chips").dispatchEvent(event);
        }""",
        [event, list(content), name],
    )


def test_own_images(open_page):
    page = open_page(image_kernels(kernel="identity", channels="each"))
    trouble = page.locator(".cb-trouble")

    def opened(shape):
        size = " × ".join(map(str, shape))
        page.wait_for_function(
            "(size) => document.querySelector('.cb-input .cb-title').textContent.includes(size)",
            arg=size,
        )
        return pixels(page, "input")[..., :3]

    picker = page.get_by_label("Open an image")
    picker.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": png(COLOUR)})
    np.testing.assert_array_equal(opened(COLOUR.shape), COLOUR)
    picker.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"})
    page.wait_for_function("document.querySelector('.cb-trouble').textContent")
    assert "“a.txt” is no image" in trouble.inner_text()
    assert "“a.txt” is no image" in page.locator("[role=status]").first.text_content()
    picker.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": b"hello"})
    trouble.filter(has_text="“b.png” is no image that this browser can read").wait_for()
    page.get_by_role("button", name="Reset").click()
    assert trouble.inner_text() == picker.input_value() == ""
    give(page, "drop", png(COLOUR[:3]))
    np.testing.assert_array_equal(opened((3, 6, 3)), COLOUR[:3])
    assert trouble.inner_text() == ""
    give(page, "paste", png(COLOUR[:, :4]))
    np.testing.assert_array_equal(opened((5, 4, 3)), COLOUR[:, :4])
    huge = np.zeros((1500, 3000, 3), "uint8") + np.array([9, 200, 77], "uint8")
    give(page, "drop", png(huge))
    assert (opened((64, 128, 3)) == [9, 200, 77]).all()
    page.get_by_role("button", name="Copy link").click()
    assert len(page.evaluate("window.copied").split("#")[1]) < 40
    page.get_by_role("button", name="Reset").click()
    assert opened((32, 32, 1)).shape == (32, 32, 3)


CAMERA = """
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 64, height: 48 });
    const context = canvas.getContext("2d");
    window.paint = (colour) => { context.fillStyle = colour; context.fillRect(0, 0, 64, 48); };
    let colours = 0;
    setInterval(() => paint(window.colour ?? "rgb(250, 0, 0)"), 20);
    navigator.mediaDevices.getUserMedia = async () => {
        if (window.refusal) throw new DOMException("no", window.refusal);
        window.stream = canvas.captureStream();
        return window.stream;
    };
"""
IS_LIVE = "window.stream.getTracks()[0].readyState === 'live'"


def test_camera(open_page):
    page = open_page(image_kernels(kernel="identity", channels="each"))
    page.evaluate(CAMERA)
    camera = page.locator(".cb-own button")
    for refusal, words in [
        ("NotAllowedError", "The camera was refused."),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera did not start: no"),
    ]:
        page.evaluate("(name) => { window.refusal = name; }", refusal)
        camera.click()
        page.wait_for_function(
            "(words) => document.querySelector('.cb-trouble').textContent.includes(words)",
            arg=words,
        )
        assert camera.inner_text() == "Use the camera"
    page.evaluate("window.refusal = ''")

    def start():
        camera.click()
        page.wait_for_function(
            "document.querySelector('.cb-own button').textContent === 'Stop the camera'"
        )
        page.wait_for_function(
            "document.querySelector('.cb-input .cb-title').textContent.includes('48 × 64 × 3')"
        )

    def wait_for(colour):
        for _ in range(100):
            if np.abs(pixels(page, "output")[9, 9, :3] - colour).max() < 20:
                return
            page.wait_for_timeout(20)
        raise AssertionError(f"the camera's image never became {colour}")

    start()
    assert page.locator(".cb-trouble").inner_text() == ""
    wait_for([250, 0, 0])
    page.evaluate("window.colour = 'rgb(0, 250, 0)'")
    wait_for([0, 250, 0])  # the image lives
    camera.click()
    assert not page.evaluate(IS_LIVE)
    assert camera.inner_text() == "Use the camera"
    start()
    page.get_by_role("combobox", name=re.compile("^image")).select_option("a digit")
    assert not page.evaluate(IS_LIVE)
    start()
    page.get_by_role("button", name="Reset").click()
    assert not page.evaluate(IS_LIVE)


def test_removal_releases_the_camera(open_page):
    page = open_page(image_kernels())
    page.evaluate(CAMERA)
    state = json.dumps(dict(image_kernels(id="second").state))
    page.evaluate(
        f"""() => {{
            const el = document.createElement("div");
            document.querySelector("main").append(el);
            const model = {{ get: () => ({state}), on() {{}}, off() {{}} }};
            window.end = convbookWidgets.image_kernels.render({{ model, el }});
        }}"""
    )
    page.locator(".cb-own button").last.click()
    page.wait_for_function(
        "[...document.querySelectorAll('.cb-input .cb-title')].pop().textContent.includes('48')"
    )
    assert page.evaluate(IS_LIVE)
    page.evaluate("window.end()")
    assert not page.evaluate(IS_LIVE)


def test_without_a_camera_the_page_says_why(open_page):
    page = open_page(image_kernels())
    page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.reload()
    assert not page.get_by_role("button", name="Use the camera").is_visible()
    assert "https" in page.locator(".cb-own .cb-note").inner_text()


# ---- Python ----


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": "cat"}, "image must be one of 'face'"),
        ({"image": np.zeros((4, 4, 2), int)}, "image must be .height, width."),
        ({"image": np.zeros((65, 4), int)}, "1 to 64 rows and columns"),
        ({"image": np.zeros((0, 4), int)}, "1 to 64 rows and columns"),
        ({"image": np.zeros((4, 4))}, "whole numbers from 0 to 255"),
        ({"image": np.full((4, 4), 256)}, "whole numbers from 0 to 255"),
        ({"kernel": "magic"}, "kernel must be one of 'identity'"),
        ({"kernel": np.ones((2, 2))}, "kernel must be 1×1, 3×3, 5×5 or 7×7"),
        ({"kernel": [[np.nan]]}, "kernel must hold numbers"),
        ({"size": 4}, "size must be one of '1'"),
        ({"channels": "rgb"}, "channels must be one of"),
        ({"border": "zero"}, "border must be one of"),
        ({"negatives": "hide"}, "negatives must be one of"),
        ({"divisor": 0}, "divisor must be a number from 0.1"),
        ({"offset": 0.5}, "offset must be a whole number"),
    ],
)
def test_arguments_are_checked(arguments, words):
    with pytest.raises(ValueError, match=words):
        image_kernels(**arguments)


def test_a_kernel_given_as_an_array(open_page):
    page = open_page(image_kernels(image=GREY, kernel=SOBEL / 8, divisor=2, offset=128))
    np.testing.assert_array_equal(kernel_shown(page), SOBEL / 8)
    expected = reference(GREY, [SOBEL], "same", "each", 16, 128)
    np.testing.assert_allclose(outputs(page), expected, atol=5.1e-5)
