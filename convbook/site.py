"""Build the static site, and serve it on this machine."""

import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from convbook import environment

ROOT = environment.ROOT
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def build(output: Path = ROOT) -> Path:
    """Build the site into ``output/_build/html`` and return that folder; a warning is an error."""
    print("Building the site …", flush=True)
    start = time.perf_counter()
    options = ["--path-output", str(output), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", JUPYTER_BOOK, "build", str(ROOT), *options],
        cwd=ROOT,
        env=os.environ | environment.folders(),
        capture_output=True,
        text=True,
    )
    folder = output / "_build"
    if done.returncode:
        # The next build must read every page again: Sphinx warns only about pages it reads.
        shutil.rmtree(folder / ".doctrees", ignore_errors=True)
        raise SystemExit(failure(done.stderr))
    index = folder / "html" / "index.html"
    print(f"Built in {time.perf_counter() - start:.0f} s. Open {index.as_uri()}")
    return index.parent


def failure(log: str) -> str:
    """What went wrong and where, from what Sphinx printed before Jupyter Book's own traceback."""
    log = re.sub(r"\x1b\[[\d;]*m", "", log).replace(f"{ROOT}{os.sep}", "")
    cause = log.partition("Traceback (most recent call last)")[0].strip()
    return f"The site was not built:\n{cause or log}"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, and prints only the requests that fail."""

    def log_request(self, code="-", size="-"):
        if int(code) >= 400:
            super().log_request(code, size)


def serve(port: int = 8000) -> None:
    """Serve the built site on this machine until Ctrl-C."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        raise SystemExit("There is no built site yet. Build it first: convbook book")
    server = open_server(folder, port)
    print(
        f"Serving the site at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.server_close()


def open_server(folder: Path, port: int, tries: int = 20) -> ThreadingHTTPServer:
    """A server of a folder on the first free port from ``port`` on; 0 lets the system choose."""
    handler = partial(QuietHandler, directory=str(folder))
    for candidate in range(port, port + tries):
        try:
            return ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except OSError:
            print(f"Port {candidate} is taken.")
    raise SystemExit(f"No free port from {port} to {port + tries - 1}: choose another one.")
