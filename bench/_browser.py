"""What measurements in a browser share: Chromium, and packages from npm for the peers."""

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from convbook.environment import CACHE

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium():
    """Chromium, headless, as Playwright's ``Browser``."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sys.exit("no browser: install Chromium (apt-get install chromium), then run this again")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def npm(*packages: str) -> Path:
    """Install packages, such as ``"jquery@1.11.0"``, where missing; return their folder."""
    folder = CACHE / "bench-npm"
    modules = folder / "node_modules"
    missing = [
        p for p in packages if not (modules / p.rpartition("@")[0] / "package.json").exists()
    ]
    if missing:
        if shutil.which("npm") is None:
            sys.exit(
                "npm is missing: install Node.js, then run this again (the peers come from npm)"
            )
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(["npm", "install", "--prefix", folder, *options, *missing], check=True)
    return modules
