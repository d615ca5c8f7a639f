"""What the tests share: Keras, and a real browser."""

import os
import shutil

import pytest
from explorers import page_of
from playwright.sync_api import sync_playwright

from convbook.environment import CACHE


@pytest.fixture(scope="session")
def keras():
    """Keras, imported when the first test asks for it: that takes seconds."""
    return pytest.importorskip("keras")


# One browser a module, not a session: while it is open, Playwright's event loop runs in this
# thread, and a notebook executed by another module would find asyncio "already running".
@pytest.fixture(scope="module")
def browser():
    """Chromium, headless, as Playwright's ``Browser``."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        message = f"no browser: install one of {', '.join(names)} (apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        folders = {"XDG_CONFIG_HOME": str(CACHE / "config"), "XDG_CACHE_HOME": str(CACHE / "xdg")}
        chromium = playwright.chromium.launch(
            executable_path=found, args=arguments, env=os.environ | folders
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a page with the given explorers; at the end, see that it logged no error."""
    contexts, errors = [], []

    def open_(*explorers, link="", theme="light", clock=False, **options):
        path = tmp_path / "page.html"
        path.write_text(page_of(explorers, theme), encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: m.type in ("error", "warning") and errors.append(m.text))
        page.add_init_script(
            "Object.defineProperty(navigator, 'clipboard',"
            " {value: {writeText: async (text) => { window.copied = text; }}})"
        )
        if clock:
            page.clock.install()
        page.goto(path.as_uri() + link)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory, request):
    """One page with the module's ``SHARED`` explorer, for settings that are only looked at."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page_of([request.module.SHARED()]), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    yield page
    page.close()
