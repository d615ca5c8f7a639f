"""PyTorch as a peer: an environment of its own, and a process in it that answers requests."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np

from convbook.environment import CACHE

VERSION = "2.13.0"
CPU_ONLY = "https://download.pytorch.org/whl/cpu"  # a third of the size; needs no CUDA
SCRIPT = Path(__file__).with_name("_torch_trainer.py")
ELSE = "or name a Python that has PyTorch and NumPy: python -m bench.training --torch PYTHON"


def python() -> Path:
    """The Python of an environment that holds PyTorch; it is made on the first call."""
    folder = CACHE / "bench-torch"
    path, done = folder / "bin" / "python", folder / f"torch-{VERSION}"
    if done.exists():
        return path
    print(f"Installing PyTorch {VERSION} into .cache/bench-torch (once) …", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    options = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "30"]
    if not shutil.which("nvidia-smi"):
        options += ["--extra-index-url", CPU_ONLY]
    packages = [f"torch=={VERSION}", f"numpy=={np.__version__}"]
    command = [path, "-m", "pip", "install", *options, *packages]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(folder)
        last = result.stderr.strip().rpartition("\n")[2]
        sys.exit(f"PyTorch could not be installed ({last}). Try again with a network, {ELSE}")
    done.touch()
    return path


class Peer:
    """A process that trains with PyTorch when it is asked to, and waits in between."""

    def __init__(self, interpreter: Path, variables: dict[str, str] | None = None):
        env = os.environ | (variables or {})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([interpreter, SCRIPT], env=env, text=True, **pipes)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait()

    def ask(self, what: str, **request):
        """Send one request; returns the answer to it."""
        try:
            self.process.stdin.write(json.dumps({"what": what, **request}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            sys.exit(f"PyTorch does not run: see its message above. Mend that, {ELSE}")
        if not (line := self.process.stdout.readline()):
            sys.exit(f"PyTorch failed: see its message above. Mend that, {ELSE}")
        return json.loads(line)
