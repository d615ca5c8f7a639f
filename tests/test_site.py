"""The built site: its links, and every page in a real browser, served and from a file, offline."""

import shutil
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from sphinx_external_toc.parsing import parse_toc_yaml

from convbook import site as site_module
from convbook.environment import ROOT
from convbook.widgets import convolution

IN_TOC = list(parse_toc_yaml(ROOT / "_toc.yml"))
NOTEBOOKS = [name for name in IN_TOC if (ROOT / f"{name}.ipynb").exists()]
PAGES = ["index", "search", *IN_TOC]
HEAVIEST = 4  # MB before compression
AXE = {"preload": False, "resultTypes": ["violations"]}  # preloading fetches, which files refuse


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    try:
        return site_module.build(tmp_path_factory.mktemp("a site"))
    except SystemExit as failure:  # which pytest does not expect of a fixture
        pytest.fail(str(failure))


@pytest.fixture(scope="session")
def bases(site):
    """The addresses of the site: served, and as files."""
    server = site_module.open_server(site, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    yield {"http": f"http://127.0.0.1:{server.server_port}/", "file": f"{site.as_uri()}/"}
    server.shutdown()
    server.server_close()


class Page(HTMLParser):
    """What a page's links need: its ids, what it links to, its images."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.images = set(), [], []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]
        if tag == "img":
            self.images.append(attrs)


@pytest.fixture(scope="session")
def parsed(site):
    return {name: Page(site / f"{name}.html") for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_every_internal_link_leads_somewhere(name, site, parsed):
    broken = []
    for link in parsed[name].links:
        target = urlsplit(urljoin(f"/{name}.html", link))
        if target.scheme in ("http", "https", "mailto", "data"):
            continue
        path = site / unquote(target.path).lstrip("/")
        if not path.is_file():
            broken.append(link)
        elif target.fragment and path.suffix == ".html":
            page = parsed[path.relative_to(site).with_suffix("").as_posix()]
            if unquote(target.fragment) not in page.ids:
                broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", IN_TOC)
def test_figures_have_an_alternative_text(name, parsed):
    inside = [image for image in parsed[name].images if "_images/" in image["src"]]
    wordless = [image for image in inside if len(image.get("alt", "").split()) < 3]
    assert wordless == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_opens_in_colab_and_downloads(name, site, parsed):
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    github = repository["url"].removeprefix("https://")
    colab = f"https://colab.research.google.com/{github.replace('.com', '')}"
    assert f"{colab}/blob/{repository['branch']}/{name}.ipynb" in parsed[name].links
    download = f"../_sources/{name}.ipynb"
    assert download in parsed[name].links
    copy = (site / f"{name}.html").parent / download
    assert copy.read_bytes() == (ROOT / f"{name}.ipynb").read_bytes()


@pytest.mark.parametrize("name", IN_TOC)
def test_only_pages_with_formulas_load_mathjax(name, parsed):
    text = parsed[name].text
    assert ("tex-mml-chtml.js" in text) == ('class="math' in text)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_install_cell_is_hidden(name, parsed):
    assert "run_line_magic" not in parsed[name].text


def test_landing_page_holds_the_explorer_that_the_class_makes():
    html = convolution()._repr_mimebundle_()[0]["text/html"]
    assert html in (ROOT / "book" / "index.md").read_text(encoding="utf-8")


def context_of(name):
    """What axe looks at: all code on one page, and on the others the rest.

    Code is the same everywhere, and has most of a page's elements, which axe looks at one by one.
    """
    return {} if name == "book/02_convolution" else {"exclude": [[".highlight pre"]]}


@contextmanager
def opened(browser, address, theme="light"):
    """A page with nothing but the site within reach, and a list of all that goes wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(f"localStorage.mode = localStorage.theme = '{theme}'")
    page, problems = context.new_page(), []
    local = urlsplit(address)[:2]

    def guard(route):
        if urlsplit(route.request.url)[:2] == local:
            return route.continue_()
        problems.append(f"asks another host: {route.request.url}")
        return route.abort()

    def log(message):
        if message.type in ("error", "warning"):
            problems.append(f"console {message.type}: {message.text}")

    context.route("**/*", guard)
    page.on("console", log)
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("requestfailed", lambda request: problems.append(f"request failed: {request.url}"))
    page.weights = []
    page.on("response", lambda answer: page.weights.append(answer.headers.get("content-length", 0)))
    page.goto(address)
    page.evaluate("async () => await window.MathJax?.startup.promise")
    page.evaluate("async () => { await document.fonts.ready }")
    yield page, problems
    context.close()


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_front_door_leads_to_the_landing_page(scheme, bases, browser):
    page = browser.new_page()
    page.goto(f"{bases[scheme]}index.html")
    page.wait_for_url("**/book/index.html")
    page.close()


@pytest.mark.parametrize(
    ("scheme", "theme", "axe_width"), [("http", "light", 1280), ("file", "dark", 375)]
)
@pytest.mark.parametrize("name", [*IN_TOC, "search"])
def test_page_in_a_browser(name, scheme, theme, axe_width, bases, browser):
    with opened(browser, f"{bases[scheme]}{name}.html", theme) as (page, problems):
        assert page.get_attribute("html", "data-theme") == theme
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{overflow} px too wide at {width} px"
            if width == axe_width:
                page.wait_for_timeout(500)  # the theme follows a new width after 300 ms
                violations = Axe().run(page, context_of(name), AXE).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []
        assert page.locator("mjx-merror").count() == 0
        assert page.locator(".math:not(:has(mjx-container))").count() == 0
        assert page.locator(".convbook-widget:not(:has(.convbook))").count() == 0
        assert page.evaluate("[...document.fonts].filter(f => f.status === 'error').length") == 0
        assert problems == []
        if scheme == "http":
            weight = sum(map(int, page.weights)) / 1e6
            print(f"{name}: {weight:.2f} MB before compression, in {len(page.weights)} files")
            assert weight < HEAVIEST


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_maths_loads_its_extensions_from_the_site(scheme, bases, browser):
    with opened(browser, f"{bases[scheme]}{NOTEBOOKS[0]}.html") as (page, problems):
        shown = page.evaluate(r"""async () => {
            const maths = await MathJax.tex2chtmlPromise(String.raw`\boldsymbol{w} \cancel{x}`);
            return maths.outerHTML;
        }""")
        assert "mjx-mi" in shown
        assert "merror" not in shown
        assert problems == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds(scheme, bases, browser):
    with opened(browser, f"{bases[scheme]}search.html?q=dilation") as (page, problems):
        page.wait_for_selector("#search-results li a")
        found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
        assert any("book/02_convolution.html" in link for link in found)
        page.wait_for_load_state("networkidle")
        assert problems == []


def test_a_bad_page_stops_the_build(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "_assets", tmp_path / "_assets")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "references.bib").touch()
    widget = '<div class="convbook-widget" data-widget="abacus" data-state="{}"></div>'
    (tmp_path / "book" / "index.md").write_text(f"# A page\n\n[This](nowhere.md)\n\n{widget}\n")
    monkeypatch.setattr(site_module, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as stop:
        site_module.build(tmp_path)
    assert "book/index.md:3: WARNING: " in str(stop.value)
    assert "book/index: no widget is named abacus" in str(stop.value)
    assert "Traceback" not in str(stop.value)


def test_serve_takes_the_next_port(tmp_path, capsys):
    first = site_module.open_server(tmp_path, 0)
    second = site_module.open_server(tmp_path, first.server_port)
    assert second.server_port > first.server_port
    assert f"Port {first.server_port} is taken" in capsys.readouterr().out
    first.server_close()
    second.server_close()


def test_serve_says_that_there_is_no_site_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(site_module, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="Build it first"):
        site_module.serve()


def test_serve_ends_cleanly(tmp_path, monkeypatch, capsys):
    def interrupt(server):
        raise KeyboardInterrupt

    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").touch()
    monkeypatch.setattr(site_module, "ROOT", tmp_path)
    monkeypatch.setattr(site_module.ThreadingHTTPServer, "serve_forever", interrupt)
    site_module.serve()
    assert capsys.readouterr().out.endswith("Stopped.\n")
