"""What every report of ``bench/`` begins with, and how it is written."""

import datetime
import json
import os
import platform
import sys
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def device() -> str:
    """The device that Keras trains on, in words."""
    import keras  # takes seconds, and who only reads results does not need it

    backend, cpu = keras.backend.backend(), f"{platform.machine()} CPU, {os.cpu_count()} cores"
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in found]
    elif backend == "jax":
        import jax

        names = [gpu.device_kind for gpu in jax.devices() if gpu.platform == "gpu"]
    else:
        import torch

        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or cpu


def header(module: str) -> dict:
    """Command, date, device and versions: what a reader needs to repeat a measurement."""
    import keras

    return {
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "device": device(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
    }


def spread(numbers: list[float]) -> dict[str, float]:
    """Smallest, median and largest of the rounds, to four digits."""
    low, middle, high = (float(f(numbers)) for f in (min, np.median, max))
    return {key: float(f"{n:.4g}") for key, n in (("min", low), ("median", middle), ("max", high))}


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round, so that what slows a round slows both sides of its ratio."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def save(path: Path, report: dict) -> None:
    """Write a report in one step, so that an interrupt leaves the old one."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)
