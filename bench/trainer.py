"""How fast a network trains in the browser: the book's engine beside ConvNetJS and TensorFlow.js.

``python -m bench.trainer`` trains the network of ConvNetJS' own CIFAR-10 page on random images in
Chromium, in batches of 4. Every contender has a page of its own, and all are timed in each round,
one after another, so that a busy machine slows them alike. ``bench/results/trainer.json`` gets the
examples per second, and how many times those of the peers they are, round by round. ConvNetJS
trains with its page's Adadelta, the others with Adam: each keeps two numbers for every weight.

The peers come from npm, into ``.cache/bench-npm``.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Error, Page, Route
from tqdm import tqdm

from bench._browser import chromium, npm
from bench._report import RESULTS, header, ratios, save, spread
from convbook.environment import ROOT

PACKAGES = {
    "convnetjs": "0.3.0",
    "@tensorflow/tfjs": "4.22.0",
    "@tensorflow/tfjs-backend-wasm": "4.22.0",
}
WIDGETS = ROOT / "convbook" / "widgets"
HOST = "http://bench.invalid"  # no request leaves the machine: answer() has all of them

# 16 batches of 4 random images, the same for all; and the timing.
COMMON = """
let state = 1;
const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
const batches = Array.from({ length: 16 }, (_, batch) => ({
  x: Float32Array.from({ length: 4 * 3072 }, () => uniform() - 0.5),
  y: [0, 1, 2, 3].map((i) => (4 * batch + i) % 10),
}));
async function timed(milliseconds) {
  let [steps, loss] = [0, NaN];
  const start = performance.now();
  while (performance.now() < start + milliseconds) loss = await step(batches[steps++ % 16]);
  return { speed: (4000 * steps) / (performance.now() - start), loss };
}
"""
ENGINE = """
const text = `
  Conv2D(16, 5, padding="same", activation="relu")
  MaxPooling2D(2)
  Conv2D(20, 5, padding="same", activation="relu")
  MaxPooling2D(2)
  Conv2D(20, 5, padding="same", activation="relu")
  MaxPooling2D(2)
  Flatten()
  Dense(10, activation="softmax")`;
let step;
async function prepare() {
  const wasm = %s;
  const options = { inputShape: [32, 32, 3], classes: 10, seed: 1, wasm };
  const network = Engine.build(Engine.parse(text), options);
  const optimizer = Engine.optimizer("adam", { weight_decay: 0.0001 });
  step = ({ x, y }) => network.trainStep(x, y, 4, optimizer).loss;
  return network.backend;
}
"""
GEMM = 'new Uint8Array(await (await fetch("/gemm.wasm")).arrayBuffer())'
CONVNETJS = """
let step;
async function prepare() {
  const common = { type: "conv", sx: 5, stride: 1, pad: 2, activation: "relu" };
  const conv = (filters) => ({ ...common, filters });
  const pool = { type: "pool", sx: 2, stride: 2 };
  const network = new convnetjs.Net();
  network.makeLayers([
    { type: "input", out_sx: 32, out_sy: 32, out_depth: 3 },
    conv(16), pool, conv(20), pool, conv(20), pool,
    { type: "softmax", num_classes: 10 },
  ]);
  const options = { method: "adadelta", batch_size: 4, l2_decay: 0.0001 };
  const trainer = new convnetjs.Trainer(network, options);
  for (const batch of batches) {
    batch.images = batch.y.map((_, i) => {
      const image = new convnetjs.Vol(32, 32, 3, 0);
      image.w.set(batch.x.subarray(i * 3072, (i + 1) * 3072)); // rows, columns, channels, as ours
      return image;
    });
  }
  step = ({ images, y }) =>
    images.reduce((sum, image, i) => sum + trainer.train(image, y[i]).cost_loss / 4, 0);
  return "JavaScript";
}
"""
TENSORFLOW = """
let step;
async function prepare() {
  await tf.setBackend("%s");
  await tf.ready();
  const conv = (filters, more = {}) =>
    tf.layers.conv2d({ filters, kernelSize: 5, padding: "same", activation: "relu", ...more });
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
  const layers = [
    conv(16, { inputShape: [32, 32, 3] }), pool(), conv(20), pool(), conv(20), pool(),
    tf.layers.flatten(), tf.layers.dense({ units: 10, activation: "softmax" }),
  ];
  const model = tf.sequential({ layers });
  model.compile({ optimizer: tf.train.adam(), loss: "categoricalCrossentropy" });
  for (const batch of batches) {
    batch.images = tf.tensor4d(batch.x, [4, 32, 32, 3]);
    batch.labels = tf.oneHot(batch.y, 10).toFloat();
  }
  step = ({ images, labels }) => model.trainOnBatch(images, labels);
  await step(batches[0]);
  return tf.getBackend();
}
"""
TF = "@tensorflow/tfjs/dist/tf.min.js"
TF_WASM = "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js"
CONTENDERS = {  # name: (scripts, program)
    "convbook, WebAssembly": (["trainer_engine.js"], ENGINE % GEMM),
    "convbook, JavaScript": (["trainer_engine.js"], ENGINE % "null"),
    "ConvNetJS": (["convnetjs/build/convnet.js"], CONVNETJS),
    "TensorFlow.js, cpu": ([TF], TENSORFLOW % "cpu"),
    "TensorFlow.js, wasm": ([TF, TF_WASM], TENSORFLOW % "wasm"),
}
PEERS = ["ConvNetJS", "TensorFlow.js, cpu"]


def answer(modules: Path, route: Route) -> None:
    """Answer a page's request from our folder or npm's."""
    name = route.request.url.removeprefix(f"{HOST}/")
    if not name:
        route.fulfill(body="<!doctype html>", content_type="text/html")
        return
    found = [folder / name for folder in (WIDGETS, modules, (modules / TF_WASM).parent)]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        route.abort()
    else:
        route.fulfill(path=path)


def opened(browser, name: str, modules: Path) -> tuple[Page, str]:
    """A page that is ready to train, and what computes in it."""
    scripts, program = CONTENDERS[name]
    page = browser.new_page()
    page.route(f"{HOST}/**", partial(answer, modules))
    page.goto(f"{HOST}/")
    for script in scripts:
        page.add_script_tag(url=f"{HOST}/{script}")
    page.add_script_tag(content=COMMON + program)
    return page, page.evaluate("prepare()")


def rows(speeds: dict[str, list[float]], backends: dict[str, str]) -> list[dict]:
    """A row for each contender, from its images a second in each round."""
    return [
        {
            "contender": name,
            "computes_in": backends[name],
            "examples_per_second": spread(found),
            "times_the_speed_of": {peer: spread(ratios(found, speeds[peer])) for peer in PEERS},
        }
        for name, found in speeds.items()
    ]


def show(report: dict) -> None:
    print(f"{'':24}{'examples/s':>11}" + "".join(f"{'× ' + peer:>21}" for peer in PEERS))
    for row in report["rows"]:
        faster = [row["times_the_speed_of"][peer]["median"] for peer in PEERS]
        speed = row["examples_per_second"]["median"]
        print(f"{row['contender']:24}{speed:11.0f}" + "".join(f"{r:21.1f}" for r in faster))
    for name, error in report["cannot_train"].items():
        print(f"{name} cannot train: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.trainer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="timings of each (default: 7)")
    parser.add_argument("--seconds", type=float, default=3, help="of each timing (default: 3)")
    parser.add_argument("--out", type=Path, default=RESULTS / "trainer.json", help="the JSON file")
    options = parser.parse_args()

    modules = npm(PACKAGES)
    with chromium() as browser:
        pages, backends, failed = {}, {}, {}
        for name in tqdm(CONTENDERS, desc="warming up", unit="page", leave=False):
            try:
                pages[name], backends[name] = opened(browser, name, modules)
            except Error as error:
                failed[name] = error.message.splitlines()[0]
            else:
                pages[name].evaluate("timed(2000)")
        speeds, losses = {name: [] for name in pages}, {}
        for _ in tqdm(range(options.rounds), desc="timing", unit="round", leave=False):
            for name, page in pages.items():
                result = page.evaluate(f"timed({1000 * options.seconds})")
                speeds[name].append(result["speed"])
                losses[name] = result["loss"]
        version = browser.version
    if not np.all(np.isfinite(list(losses.values()))):
        sys.exit(f"A loss is not finite, so that these are no trainings: {losses}")

    report = header("bench.trainer")
    report["versions"] = {"python": report["versions"]["python"], "chromium": version, **PACKAGES}
    report |= {"batch_size": 4, "rounds": options.rounds, "seconds": options.seconds}
    report |= {"rows": rows(speeds, backends), "cannot_train": failed}
    save(options.out, report)
    show(report)


if __name__ == "__main__":
    main()
