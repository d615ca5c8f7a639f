"""A page with explorers, assembled as the site assembles its own."""

import math

from convbook.sphinx_extension import WIDGETS, classic_script
from convbook.widgets.explorer import read


def page_of(explorers, theme="light"):
    """The HTML of a page that holds the explorers, and nothing from elsewhere."""
    used = [WIDGETS[name] for name in dict.fromkeys(e.name for e in explorers)]
    styles = read("base.css") + "".join(read(f"{widget.name}.css") for widget in used)
    scripts = [read("controls.js"), *map(classic_script, used), read("host.js")]
    divs = "".join(e._repr_mimebundle_()[0]["text/html"] for e in explorers)
    return f"""<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Test</title>
<meta name="viewport" content="width=device-width">
<style>{styles}</style></head>
<body style="color: #777; background: {"#000" if theme == "dark" else "#fff"}">
<main><h1 id="top">Test</h1>{divs}</main>
{"".join(f"<script>{script}</script>" for script in scripts)}</body></html>"""


def follow(page, link):
    """Follow a link within the page, until the explorers have read it."""
    page.evaluate(
        """(link) => new Promise((done) => {
            history.replaceState(null, "", "#");
            addEventListener("hashchange", done, { once: true });
            location.hash = link;
        })""",
        link,
    )


def number(text):
    """The number that a text shows, with its typographic minus sign."""
    return float(text.replace("−", "-"))


def cells(page, grid, selector=""):
    """The numbers of a grid's cells that match the selector, as {(row, column): number}."""
    found = page.evaluate(
        """(s) => [...document.querySelectorAll(s)].map(
            (e) => [e.dataset.cell, e.firstElementChild?.value ?? e.textContent])""",
        f"[data-grid={grid}] [role=gridcell]{selector}",
    )
    return {tuple(map(int, place.split(","))): number(text) for place, text in found}


def problem(page):
    """The sentence that an explorer shows in place of its body, or nothing."""
    message = page.locator(".cb-problem")
    return message.inner_text() if message.is_visible() else ""


def uniform(seed):
    """The numbers of ``cb.random``: mulberry32."""
    low = 0xFFFFFFFF
    a = seed
    while True:
        a = (a + 0x6D2B79F5) & low
        t = ((a ^ (a >> 15)) * (a | 1)) & low
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & low)) & low
        yield (t ^ (t >> 14)) / 2**32


def normal(numbers):
    """The numbers of ``cb.normal``: Box and Muller's."""
    for u in numbers:
        yield math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * next(numbers))
