"""What holds for every explorer: its size, its frame, its links, and its access for all."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from explorers import problem

from convbook import widgets
from convbook.sphinx_extension import WIDGETS
from convbook.widgets.explorer import read

FRAMED = {  # those built with cb.explorer, and a setting each that cannot be
    "embedding": (widgets.embedding, "V=9", "input_dim cannot be 9"),
    "receptive_field": (widgets.receptive_field, "n=999", "input size cannot be 999"),
    "image_kernels": (widgets.image_kernels, "k=4", "kernel_size cannot be “4”"),
    "pooling": (widgets.pooling, "n=99", "input size cannot be 99"),
    "optimizer_race": (widgets.optimizer_race, "steps=9", "steps cannot be 9"),
    "signal_flow": (widgets.signal_flow, "depth=1", "layers cannot be 1"),
    "schedules": (widgets.schedules, "T=9", "steps cannot be 9"),
    "trainer": (widgets.trainer, "r=-1", "learning_rate cannot be −1"),
}
LARGER = {  # bytes, of those that do more; the trainer's include its engine and its images
    "image_kernels": 32_000,
    "optimizer_race": 19_000,
    "trainer": 200_000,
}


def framed(test):
    return pytest.mark.parametrize("name", FRAMED)(test)


@pytest.mark.parametrize("widget", WIDGETS.values(), ids=WIDGETS)
def test_module_is_one_file_with_one_export(widget):
    source = widget.source()
    assert source.count("\nexport default") == 1
    assert not re.search(r"^\s*import\b|\bimport\s*\(", source, re.MULTILINE)
    made = widget(state={})
    assert made._esm == read("controls.js") + source
    assert made._css.startswith(read("base.css"))


@framed
def test_module_is_small(name):
    assert len(WIDGETS[name].source().encode()) <= LARGER.get(name, 12_000)


@framed
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 375)])
def test_axe_finds_nothing_and_nothing_overflows(open_page, name, theme, width):
    page = open_page(
        FRAMED[name][0](),
        theme=theme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []


@framed
def test_frame(open_page, name):
    make, link, words = FRAMED[name]
    widget = make()
    id = widget.state["id"]
    page = open_page(widget, link=f"#{id}?{link}")
    assert words in problem(page)
    assert words in page.locator("[role=status]").first.text_content()
    assert not page.locator(".cb-body").is_visible()
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""
    assert page.locator(".cb-body").is_visible()
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("window.copied").endswith(f"#{id}")
    assert len(page.locator(".cb-hint").inner_text()) > 40
    page.wait_for_function("(id) => location.hash === `#${id}`", arg=id)


@framed
def test_two_on_a_page_keep_to_themselves(open_page, name):
    make, link, words = FRAMED[name]
    page = open_page(make(), make(id="other"), link=f"#other?{link}")
    messages = page.locator(".cb-problem").all_inner_texts()
    assert [words in text for text in messages] == [False, True]


@framed
def test_ids_are_checked(name):
    with pytest.raises(ValueError, match="id must be a letter"):
        FRAMED[name][0](id="1 2")
