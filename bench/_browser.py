"""What measurements and tests in a browser share: Chromium, and the peers' packages from npm."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from convbook.environment import CACHE

MISSING = "no browser: install Chromium (apt-get install chromium), then run this again"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def installed() -> str | None:
    """The path of Chromium or Chrome, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def chromium():
    """Chromium, headless, as Playwright's ``Browser``."""
    path = installed() or sys.exit(MISSING)
    folders = {"XDG_CONFIG_HOME": str(CACHE / "config"), "XDG_CACHE_HOME": str(CACHE / "xdg")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=FLAGS, env=os.environ | folders
        )
        yield browser
        browser.close()


def npm(packages: dict[str, str]) -> Path:
    """Install packages, name and version, where they are missing; return their folder."""
    folder = CACHE / "bench-npm"
    modules = folder / "node_modules"
    missing = [
        f"{name}@{wanted}" for name, wanted in packages.items() if version(modules, name) != wanted
    ]
    if missing:
        if shutil.which("npm") is None:
            sys.exit("npm is missing: install Node.js, then run this again (it fetches the peers)")
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        if subprocess.run(["npm", "install", "--prefix", folder, *options, *missing]).returncode:
            sys.exit(f"npm could not fetch {', '.join(missing)}: try again with a network")
    return modules


def version(modules: Path, name: str) -> str | None:
    manifest = modules / name / "package.json"
    return json.loads(manifest.read_text("utf-8"))["version"] if manifest.exists() else None
