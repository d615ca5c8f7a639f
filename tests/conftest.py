"""What the tests share: Keras, a real browser, and a warm process that runs submissions."""

import os

import pytest
from explorers import page_of

from bench import _browser
from convbook.grading import sandbox
from convbook.grading.worker import Worker


@pytest.fixture(scope="session")
def keras():
    """Keras, imported when the first test asks for it: that takes seconds."""
    return pytest.importorskip("keras")


@pytest.fixture(scope="session")
def installed():
    """For tests that need a browser: skipped on a machine that has none, never in CI."""
    if not _browser.installed():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(_browser.MISSING)


# One browser a module, not a session: while it is open, Playwright's event loop runs in this
# thread, and a notebook executed by another module would find asyncio "already running".
@pytest.fixture(scope="module")
def browser(installed):
    """Chromium, headless, as Playwright's ``Browser``."""
    with _browser.chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a page with the given explorers; at the end, see that it logged no error."""
    contexts, errors = [], []

    def open_(*explorers, link="", theme="light", clock=False, **options):
        path = tmp_path / "page.html"
        path.write_text(page_of(explorers, theme), encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: m.type in ("error", "warning") and errors.append(m.text))
        page.add_init_script(
            "Object.defineProperty(navigator, 'clipboard',"
            " {value: {writeText: async (text) => { window.copied = text; }}})"
        )
        if clock:
            page.clock.install()
        page.goto(path.as_uri() + link)
        if clock:  # from here on, only a test moves it
            page.clock.pause_at(page.evaluate("Date.now()") + 1)
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


@pytest.fixture(scope="session")
def walls():
    """For tests that need a sandbox: skipped on a machine that has none, never in CI."""
    try:
        sandbox.check()
    except sandbox.SandboxError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))


@pytest.fixture(scope="module")
def worker():
    """A warm process; where there is no sandbox (never in CI), an unprotected one for our cells."""
    trust = False
    try:
        sandbox.check()
    except sandbox.SandboxError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        trust = True
    with Worker(trust) as warm:
        yield warm
