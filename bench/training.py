"""How fast the course's networks train in Keras, beside plain PyTorch and the machine itself.

``python -m bench.training`` trains five networks of the course on random images with Adam, in
batches of 64 and float32: with Keras' ``fit``, and with a plain loop in PyTorch, which has an
environment of its own in ``.cache/bench-torch``. They are timed in each round, one after the other,
and each round also times the largest matrix products of NumPy, Keras and PyTorch: the most that a
training could make of this machine. From the same weights two steps must give like losses.

PyTorch is timed in four ways: with each of its two layouts of images in memory, and with threads
that wait for each other by spinning (its default) or asleep (``OMP_WAIT_POLICY=PASSIVE``). Threads
that spin nearly stop when other programs use the same cores, above all in small networks. The way
with the best median of all rounds is the network's peer.

In each round each trains three epochs in a row, and the fastest counts: after a pause TensorFlow
may spend a whole epoch on one of two cores.

A training's multiply-adds are counted as three times those of the forward pass; each is two
operations. ``bench/results/training.json`` gets images per second and GFLOP/s, with the ratios
round by round. ``KERAS_BACKEND=jax`` measures that back end. Rows of other devices and back ends
stay in the file.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np
import psutil
from tqdm import tqdm

from bench import _course, _torch
from bench._report import RESULTS, header, ratios, save, spread

BATCH = 64
LAYOUTS = {"": False, ", channels last": True}  # name: channels_last
WAITING = {"": {}, ", threads asleep": {"OMP_WAIT_POLICY": "PASSIVE"}}  # name: variables
FEWEST, MOST = 8 * BATCH, 8192  # images an epoch
EPOCHS = 3  # of a round, of which the fastest counts
AGREE = (1e-4, 1e-2)  # losses before and after a step: Adam's first one makes much of little
SHARED = {  # on a GPU: leave memory to PyTorch
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
SIZES = {"CPU": (1024, 2048), "GPU": (4096, 8192)}  # of matrices


def compiled(model: keras.Model) -> keras.Model:
    on_jax = keras.backend.backend() == "jax"
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=on_jax)
    return model


def random_images(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((count, *_course.SHAPES[name]), dtype="float32")
    return x, rng.integers(0, 10, count)


def check(name: str, peer: _torch.Peer, folder: Path) -> None:
    """The same weights must give the same two losses and hold the same number of parameters."""
    model = _course.build(name)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    compiled(model)
    x, y = random_images(name, BATCH)
    weights = _course.weights_for_torch(model)
    file, named = folder / "check.npz", {f"w{i}": w for i, w in enumerate(weights)}
    np.savez(file, x=x, y=y, count=len(weights), **named)
    losses = []
    for _ in range(2):
        losses.append(float(model.train_on_batch(x, y)))
        model.reset_metrics()
    for channels_last in LAYOUTS.values():
        theirs = peer.ask("check", file=str(file), network=name, channels_last=channels_last)
        if theirs["parameters"] != model.count_params():
            sys.exit(f"{name}: {model.count_params()} parameters, in PyTorch {theirs}")
        apart = abs(np.divide(losses, theirs["losses"]) - 1)
        if not np.all(apart < AGREE):
            sys.exit(f"{name}: Keras' losses are {losses}, PyTorch's are {theirs['losses']}")


def prepare(name: str, peers: dict[str, _torch.Peer], folder: Path, seconds: float) -> dict:
    """A network in Keras and in PyTorch's ways, each a function: it trains an epoch; images/s."""
    model = compiled(_course.build(name))

    def epoch() -> float:
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, verbose=0)
        return len(x) / (time.perf_counter() - start)

    x, y = random_images(name, FEWEST)
    epoch()
    while (wanted := epoch() * seconds) > 1.2 * len(x) and len(x) < MOST:
        batches = min(wanted, 8 * len(x), MOST) // BATCH  # a short one tells little of a long one
        x, y = random_images(name, int(batches) * BATCH)
    file = folder / "images.npz"
    np.savez(file, x=x, y=y)
    epochs = {"Keras": epoch}
    for waiting, peer in peers.items():
        for layout, channels_last in LAYOUTS.items():
            way = {"network": name, "channels_last": channels_last}
            peer.ask("prepare", file=str(file), most=len(x) // 4, **way)
            epochs[f"PyTorch{layout}{waiting}"] = partial(their_epoch, peer, way)
    return {
        "network": name,
        "parameters": model.count_params(),
        "forward_multiply_adds": _course.multiply_adds(model),
        "images": len(x),
        "epochs": epochs,
        "speeds": {name: [] for name in epochs},
    }


def their_epoch(peer: _torch.Peer, way: dict) -> float:
    """Images a second of an epoch in PyTorch."""
    count, took = peer.ask("epoch", **way)
    return count / took


def keras_product(size: int, repeats: int) -> float:
    a, b = (keras.random.normal((size, size)) for _ in range(2))
    return shortest(lambda: float(keras.ops.matmul(a, b)[0, 0]), repeats)


def numpy_product(size: int, repeats: int) -> float:
    a, b = (np.random.default_rng(0).random((size, size), dtype="float32") for _ in range(2))
    return shortest(lambda: a @ b, repeats)


def shortest(function, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def products(peers: list[_torch.Peer], on_gpu: bool, repeats: int = 3) -> dict[str, float]:
    """The largest GFLOP/s of a matrix product, by each of those who compute it."""

    def torch_product(size: int, repeats: int) -> float:
        return min(peer.ask("matrix product", size=size, repeats=repeats) for peer in peers)

    by = {"Keras": keras_product, "PyTorch": torch_product}
    if not on_gpu:
        by["NumPy"] = numpy_product
    sizes = SIZES["GPU" if on_gpu else "CPU"]
    return {
        name: max(2e-9 * size**3 / product(size, repeats) for size in sizes)
        for name, product in by.items()
    }


def row(job: dict, machine: list[float]) -> dict:
    """What is reported of a network, from the speeds of all rounds."""
    speeds = job["speeds"]
    peer = max(list(speeds)[1:], key=lambda way: np.median(speeds[way]))
    operations = 2e-9 * (1 + _course.BACKWARD) * job["forward_multiply_adds"]
    ours = [operations * speed for speed in speeds["Keras"]]
    return {key: value for key, value in job.items() if key not in ("epochs", "speeds")} | {
        "peer": peer,
        "images_per_second": {name: spread(found) for name, found in speeds.items()},
        "times_the_speed_of_peer": spread(ratios(speeds["Keras"], speeds[peer])),
        "gflops": spread(ours),
        "share_of_machine": spread(ratios(ours, machine)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__)
    networks = list(_course.SHAPES)
    parser.add_argument("names", nargs="*", default=networks, help="networks (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="timings of each (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.8, help="of an epoch, about (0.8)")
    parser.add_argument("--torch", type=Path, help="a Python that has PyTorch (default: our own)")
    parser.add_argument("--out", type=Path, default=RESULTS / "training.json", help="the JSON file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(networks):
        parser.error(f"no network named {', '.join(sorted(unknown))}; there are {networks}")

    os.environ.update(SHARED)
    report = header("bench.training")
    on_gpu = "CPU" not in report["device"]
    used_by_others = psutil.cpu_percent(interval=2)
    machine, jobs = [], []
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        interpreter = options.torch or _torch.python()
        peers = {
            name: stack.enter_context(_torch.Peer(interpreter, variables))
            for name, variables in WAITING.items()
        }
        theirs = peers[""].ask("versions")
        if on_gpu == (theirs["device"] == "cpu"):
            sys.exit(
                f"Keras trains on {report['device']} and PyTorch on {theirs['device']}: install "
                f"what is missing, or hide the GPU from both with CUDA_VISIBLE_DEVICES=-1"
            )
        for name in tqdm(options.names, desc="warming up", unit="network", leave=False):
            check(name, peers[""], Path(temporary))
            jobs.append(prepare(name, peers, Path(temporary), options.seconds))
        products(peers.values(), on_gpu)
        for number in tqdm(range(options.rounds), desc="timing", unit="round", leave=False):
            machine.append(products(peers.values(), on_gpu))
            for job in jobs:
                for name in list(job["epochs"])[:: -1 if number % 2 else 1]:
                    found = [job["epochs"][name]() for _ in range(EPOCHS)]
                    job["speeds"][name].append(max(found))

    backend = report["versions"]["backend"]
    if "KERAS_BACKEND" in os.environ:
        report["command"] = f"KERAS_BACKEND={backend} {report['command']}"
    report["versions"] |= {"torch": theirs["torch"]}
    largest = [max(found.values()) for found in machine]
    report["percent_used_by_others"] = round(used_by_others)
    report |= {"batch_size": BATCH, "threads": os.cpu_count(), "rounds": options.rounds}
    report["machine_gflops"] = {
        name: spread([found[name] for found in machine]) for name in machine[0]
    } | {"largest": spread(largest)}
    report["rows"] = [row(job, largest) for job in jobs]
    old = json.loads(options.out.read_text("utf-8"))["runs"] if options.out.exists() else []
    here = (report["device"], backend)
    kept = [run for run in old if (run["device"], run["versions"]["backend"]) != here]
    save(options.out, {"runs": [*kept, report]})

    print(f"matrix product: {report['machine_gflops']['largest']['median']:.0f} GFLOP/s")
    for one in report["rows"]:
        speeds = {name: s["median"] for name, s in one["images_per_second"].items()}
        print(f"{one['network']}, peer {one['peer']}:", speeds, one["times_the_speed_of_peer"])


if __name__ == "__main__":
    main()
