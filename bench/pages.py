"""How heavy a page is, and how long it takes until it can be used, beside stock pages.

``python -m bench.pages`` builds the site, and the same chapters with a stock Jupyter Book (its
own configuration, MathJax and widgets from a CDN), and opens the pages of both in Chromium, one
after another in each round. A page can be used when it is loaded, its explorers are shown, and its
main thread has been free of long tasks (50 ms) for a second; then the last long task's end counts.
What a stock page takes from a CDN is served from the same packages' copies from npm, without delay.

The ConvNetJS demo page is rebuilt from what npm has of it: jQuery (1.11, for its 1.8.3) and
ConvNetJS' three scripts. Its text (24 kB) and the images with its data are not among that, and not
counted.
``bench/results/pages.json`` gets bytes, requests, and the median time of the rounds.
"""

import argparse
import gzip
import shutil
import statistics
import sys
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from sphinx_external_toc.parsing import parse_toc_yaml
from tqdm import tqdm

from bench import _stock
from bench._browser import MISSING, chromium, installed, npm
from bench._report import RESULTS, header, save
from convbook import site
from convbook.environment import CACHE, ROOT

CONTENTS = map(Path, parse_toc_yaml(ROOT / "_toc.yml"))
CHAPTERS = [p.name for p in CONTENTS if p.parent.name == "book" and p.name[0].isdigit()]
CDN = {  # the last part of a CDN's address: the file in npm's folder
    "tex-mml-chtml.js": "mathjax/es5/tex-mml-chtml.js",
    "embed-amd.js": "@jupyter-widgets/html-manager/dist/embed-amd.js",
    "require.min.js": "requirejs/require.js",
}
PACKAGES = {
    "mathjax": "3.2.2",
    "requirejs": "2.3.6",
    "@jupyter-widgets/html-manager": "1.0.14",
    "jquery": "1.11.0",
    "convnetjs": "0.3.0",
}
DEMO = ["jquery/dist/jquery.min.js", "convnetjs/build/vis.js", "convnetjs/build/util.js"]
DEMO.append("convnetjs/build/convnet.js")
READY = """() => new Promise((done) => {
    let last = performance.getEntriesByType("navigation")[0].loadEventEnd;
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) last = Math.max(last, task.startTime + task.duration);
    }).observe({ type: "longtask", buffered: true });
    const shown = () => !document.querySelector(".convbook-widget:not(:has(.convbook))");
    const poll = () => {
        if (!shown()) last = performance.now();
        if (performance.now() - last > 1000) done(last);
        else setTimeout(poll, 50);
    };
    poll();
})"""


def stock_book() -> Path:
    """The same chapters, built by Jupyter Book with nothing configured but their names."""
    first, *others = [{"file": f"book/{name}"} for name in CHAPTERS]
    contents = {"format": "jb-book", "root": first["file"], "chapters": others}
    _stock.prepare(CACHE / "bench-stock", contents)
    return _stock.build(CACHE / "bench-stock")


def demo_page(modules: Path) -> Path:
    """A page that loads what the ConvNetJS CIFAR-10 demo page loads."""
    folder = CACHE / "bench-demo"
    folder.mkdir(parents=True, exist_ok=True)
    for name in DEMO:
        shutil.copy(modules / name, folder)
    scripts = "".join(f'<script src="{Path(name).name}"></script>' for name in DEMO)
    (folder / "cifar10.html").write_text(f"<!doctype html><title>demo</title>{scripts}")
    return folder


def serve(folder: Path) -> str:
    server = site.open_server(folder, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def opened(browser, address: str, modules: Path) -> dict:
    """Open a page in a fresh profile: its requests, bytes and the time until it can be used."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, answers, unknown = context.new_page(), [], []
    host = urlsplit(address).netloc

    def route_cdn(route):
        name = CDN.get(Path(urlsplit(route.request.url).path).name)
        if name is None:
            unknown.append(route.request.url)
            route.abort()
        else:
            route.fulfill(path=modules / name)

    context.route(lambda url: urlsplit(url).netloc != host, route_cdn)
    page.on("response", lambda answer: answers.append(answer))
    page.goto(address, wait_until="load")
    ready = page.evaluate(READY)
    bodies = [answer.body() for answer in answers if answer.ok]
    context.close()
    return {
        "requests": len(bodies),
        "not found": len(unknown),
        "kB": round(sum(map(len, bodies)) / 1000),
        "kB compressed": round(sum(len(gzip.compress(body, 6)) for body in bodies) / 1000),
        "ms": ready,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each page is opened (5)")
    rounds = parser.parse_args().rounds
    if not installed():
        sys.exit(MISSING)
    modules = npm(PACKAGES)
    ours = serve(site.build(CACHE / "bench-site"))
    stock = serve(stock_book())
    pages = {"landing page": f"{ours}/book/index.html"}
    for name in CHAPTERS:
        pages[name] = f"{ours}/book/{name}.html"
        pages[f"{name}, stock Jupyter Book"] = f"{stock}/book/{name}.html"
    pages["ConvNetJS demo, scripts only"] = f"{serve(demo_page(modules))}/cifar10.html"
    found = {name: [] for name in pages}
    with chromium() as browser:
        version = browser.version
        for _ in tqdm(range(rounds), unit="round"):
            for name, address in pages.items():
                found[name].append(opened(browser, address, modules))
    rows = []
    for name, runs in found.items():
        times = [run.pop("ms") for run in runs]
        rows.append({"page": name, **runs[0], "ms until usable": round(statistics.median(times))})
        print(", ".join(f"{key} {value}" for key, value in rows[-1].items()))
    report = header("bench.pages")
    report["versions"] |= {"chromium": version, **PACKAGES}
    save(RESULTS / "pages.json", report | {"rounds": rounds, "rows": rows})


if __name__ == "__main__":
    main()
