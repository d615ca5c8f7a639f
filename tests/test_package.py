"""What the install cell installs in Colab: a wheel that holds all that a notebook reads."""

import shutil
import subprocess
import sys
import zipfile

from convbook.environment import ROOT


def test_the_wheel_holds_the_package_and_its_data(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "convbook", source / "convbook", symlinks=True)
    shutil.copytree(ROOT / "bench" / "results", source / "bench" / "results")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    kept = {".py", ".js", ".css", ".toml", ".wasm"}
    needed = {p.relative_to(ROOT).as_posix() for p in (ROOT / "convbook").rglob("*.*")}
    assert {name for name in needed if any(name.endswith(end) for end in kept)} <= held
    assert "convbook/results/standins.json" in held
    assert not [name for name in held if name.startswith(("tests", "bench", "book"))]
