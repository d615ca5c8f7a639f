// The trainer's worker: it holds the images, the network and its optimizer, and trains in short
// slices, so that the page's messages are read in between. It is run behind trainer_engine.js.
//
// The page sends { kind, … }, one of HANDLERS below; the answers are { kind, … } too, and come in
// the order of the questions. So all that follows "built" or "loaded" is about the new network.

const CLASSES = 10;
const SHAPE = [8, 8, 1];
const PIXELS = 64;
const CUTS = [1287, 1545]; // in the file's order, no writer is on both sides of a cut
const SLICE = 30; // milliseconds
const SLOW = 100; // milliseconds a step, where the reader wants to watch
const POINTS = 10; // of the training curve, for each epoch
const CHECKS = 2; // of the validation set, for each epoch
const FORMAT = "convbook-training";
const VERSION = 1;
const WIDTH = 32; // numbers that have no place in an image are shown in rows of so many
const MOST_CELLS = [72, 36]; // across and down a mosaic

let data = null; // { pixels, labels, wasm }
let training = null;
let optimizer = null;
let batchSize = 32;
let isSlow = false;
let goal = 0; // the number of images to be seen when the run ends
let timer = null; // while training runs

// ---- The data ----

// A shuffled order of the numbers below `length` (Fisher and Yates).
function shuffled(length, next) {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function divide(split, seed) {
  const all = Array.from(data.labels, (_, i) => i);
  const order = split === "shuffled" ? shuffled(all.length, Engine.random(seed + 1)) : all;
  return {
    train: order.slice(0, CUTS[0]),
    validation: order.slice(CUTS[0], CUTS[1]),
    test: order.slice(CUTS[1]),
  };
}

function batchOf(indices) {
  const x = new Float32Array(indices.length * PIXELS);
  indices.forEach((index, i) => {
    x.set(data.pixels.subarray(index * PIXELS, (index + 1) * PIXELS), i * PIXELS);
  });
  return { x, y: indices.map((index) => data.labels[index]) };
}

// ---- Training ----

class Training {
  // It has made `steps`, and seen so many `images`, where it was saved before.
  constructor(network, text, { seed, split }, { steps, images }) {
    Object.assign(this, { network, text, seed, steps, images });
    this.parts = divide(split, seed);
    this.next = Engine.random(seed + 2);
    this.order = []; // what is left of this epoch
    this.batch = []; // the last one
    this.loss = null; // of the last batch
    this.tests = 0;
    this.sum = { loss: 0, right: 0, images: 0 };
    this.news = { train: [], validation: [] };
    this.check();
  }

  get epochs() {
    return this.images / CUTS[0];
  }

  // How many times `each` share of an epoch has passed.
  passed(each) {
    return Math.floor((this.images * each) / CUTS[0]);
  }

  step() {
    if (!this.order.length) this.order = shuffled(CUTS[0], this.next);
    this.batch = this.order.splice(0, batchSize).map((i) => this.parts.train[i]);
    const { x, y } = batchOf(this.batch);
    const { loss, correct } = this.network.trainStep(x, y, y.length, optimizer);
    this.loss = loss;
    if (Number.isNaN(loss)) return;
    const before = [this.passed(POINTS), this.passed(CHECKS)];
    this.steps++;
    this.images += y.length;
    this.sum.loss += loss * y.length;
    this.sum.right += correct;
    this.sum.images += y.length;
    if (this.passed(POINTS) > before[0]) this.note();
    if (this.passed(CHECKS) > before[1]) this.check();
  }

  // A point of the training curve: the mean since the last one.
  note() {
    const { loss, right, images } = this.sum;
    this.news.train.push([this.epochs, loss / images, right / images]);
    this.sum = { loss: 0, right: 0, images: 0 };
  }

  check() {
    const { loss, right } = this.measure(this.parts.validation);
    this.news.validation.push([this.epochs, loss, right / this.parts.validation.length]);
  }

  measure(indices) {
    const { x, y } = batchOf(indices);
    const probabilities = this.network.forward(x, y.length);
    let loss = 0;
    let right = 0;
    y.forEach((label, i) => {
      const row = probabilities.subarray(i * CLASSES, (i + 1) * CLASSES);
      loss -= Math.log(Math.max(row[label], 1e-37)) / y.length;
      if (row.indexOf(Math.max(...row)) === label) right++;
    });
    return { loss, right, count: y.length, probabilities };
  }
}

const speed = { images: 0, time: 0, shown: 0 };

function slice() {
  const start = performance.now();
  const before = training.images;
  do training.step();
  while (!isDone() && !isSlow && performance.now() < start + SLICE);
  speed.images += training.images - before;
  speed.time += performance.now() - start;
  if (speed.time > 500) {
    Object.assign(speed, { images: 0, time: 0, shown: (1000 * speed.images) / speed.time });
  }
}

const isDone = () => training.images >= goal || Number.isNaN(training.loss);

function run() {
  timer = setTimeout(
    () =>
      answering("training", () => {
        slice();
        if (isDone()) return stop();
        run();
        report();
      }),
    isSlow ? SLOW : 0,
  );
}

function stop() {
  clearTimeout(timer);
  timer = null;
  if (training) report();
}

function report() {
  const { steps, epochs, loss, news } = training;
  const isRunning = timer !== null;
  const isDiverged = Number.isNaN(loss);
  const state = { isRunning, isDiverged, steps, epochs, loss, news, speed: speed.shown };
  postMessage({ kind: "progress", ...state });
  training.news = { train: [], validation: [] };
}

// ---- What the page shows of a network ----

// The place of numbers in an image: [height, width, channels]; a row of numbers is broken.
const layOut = (shape) =>
  shape.length === 3 ? shape : [Math.ceil(shape[0] / WIDTH), Math.min(shape[0], WIDTH), 1];

// Numbers (height, width, channels, filters) as tiles, one for each channel of each filter, as many
// as can be shown. Where a row was broken, the last tile's rest is empty (NaN).
function mosaic(values, [height, width, channels, filters]) {
  const across = Math.max(1, Math.floor((MOST_CELLS[0] + 1) / (width + 1)));
  const down = Math.max(1, Math.floor((MOST_CELLS[1] + 1) / (height + 1)));
  const count = Math.min(channels * filters, across * down);
  const size = height * width;
  const tiles = new Float32Array(count * size).fill(NaN);
  for (let tile = 0; tile < count; tile++) {
    const [filter, channel] = [Math.floor(tile / channels), tile % channels];
    for (let i = 0; i < size; i++) {
      const at = (i * channels + channel) * filters + filter;
      if (at < values.length) tiles[tile * size + i] = values[at];
    }
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { tiles, count, height, width, channels, filters, low, high };
}

// A dense kernel is laid out as what comes in: an image that was flattened is an image again.
function kernelShape(shape, incoming) {
  if (shape.length === 4) return shape;
  return shape.length === 2 ? [...incoming, shape[1]] : [...layOut(shape), 1];
}

// Every layer's output for the first image of the last forward, and its parameters; or their
// gradients.
function layersOf(network, pick) {
  let incoming = SHAPE;
  return network.layers.map((layer) => {
    const { type, outputShape: shape } = layer;
    const size = shape.reduce((product, length) => product * length);
    const numbers = pick.output(layer).subarray(0, size);
    const output = { shape, ...mosaic(numbers, [...layOut(shape), 1]) };
    const parameters = layer.parameters.filter(pick.parameter).map((parameter) => {
      const { name, shape } = parameter;
      return { name, shape, ...mosaic(pick.parameter(parameter), kernelShape(shape, incoming)) };
    });
    const mixes = type === "Dense" || type === "GlobalAveragePooling2D";
    if (mixes || shape.length === 3) incoming = layOut(shape); // else as it was before
    return { output, parameters };
  });
}

const VALUES = { output: ({ output }) => output, parameter: ({ value }) => value };
const GRADIENTS = {
  output: ({ outputGradient }) => outputGradient,
  parameter: ({ gradient }) => gradient,
};

// The gradients that the image would give in the last batch. A copy of the network computes them:
// a look must not move the moving means, nor draw random numbers that training would have drawn.
function gradientsOf(pixels, label) {
  const { network, batch, seed } = training;
  training.lens ??= Engine.load(network.save(), { wasm: data.wasm });
  const { lens } = training;
  lens.random = Engine.random(seed);
  lens.parameters.forEach(({ value }, i) => value.set(network.parameters[i].value));
  const { x, y } = batchOf(batch);
  const all = new Float32Array(PIXELS + x.length);
  all.set(pixels);
  all.set(x, PIXELS);
  lens.forward(all, y.length + 1, { training: true });
  lens.backward([label, ...y], y.length + 1);
  return layersOf(lens, GRADIENTS);
}

// Of each layer: whether it is a ReLU that gives 0 everywhere, for all `n` images of the last forward.
const deadOf = (network, n) =>
  network.layers.map(({ type, options, output, outputShape }) => {
    const size = n * outputShape.reduce((product, length) => product * length);
    const isRelu = type === "ReLU" || options.activation === "relu";
    return isRelu && output.subarray(0, size).every((value) => value === 0);
  });

function look({ pixels, label, wantsGradients }) {
  const { validation } = training.parts;
  const measured = training.measure(validation);
  const dead = deadOf(training.network, validation.length);
  const finite = (values) => values.map((value) => value || 0); // a copy; NaN is no probability
  const probabilities = finite(measured.probabilities);
  const own = finite(training.network.forward(pixels, 1));
  const hasGradients = wantsGradients && label !== null;
  const layers = hasGradients ? gradientsOf(pixels, label) : layersOf(training.network, VALUES);
  layers.forEach((layer, i) => (layer.isDead = dead[i]));
  postMessage({ kind: "view", probabilities, own, layers, hasGradients });
}

// ---- The page's messages ----

const summary = (network) =>
  network.layers.map(({ type, outputShape, parameters }) => ({
    type,
    outputShape,
    parameters: parameters.map(({ value, trainable }) => ({ count: value.length, trainable })),
  }));

function build(text, seed) {
  const options = { inputShape: SHAPE, classes: CLASSES, seed, wasm: data.wasm };
  return Engine.build(Engine.parse(text), options);
}

function begin(kind, network, text, settings, so = { steps: 0, images: 0 }) {
  training = new Training(network, text, settings, so);
  goal = 0;
  const { validation } = training.parts;
  const { backend } = network;
  const { steps } = training;
  postMessage({ kind, text, settings, steps, layers: summary(network), backend, validation });
  report();
}

function setOptions({ optimizer: name, batch_size: size, isSlow: slow, ...options }) {
  [batchSize, isSlow] = [size, slow];
  if (optimizer?.name !== name) optimizer = Engine.optimizer(name, options);
  else Object.assign(optimizer, options);
}

function open(file) {
  if (file?.format !== FORMAT || typeof file.text !== "string") {
    throw new Error("This is no saved training: choose a file that Save has written.");
  }
  if (file.version !== VERSION) {
    throw new Error(`The file has version ${file.version}, but this page reads ${VERSION}.`);
  }
  const network = Engine.load(file.network, { wasm: data.wasm });
  const written = Engine.parse(file.text);
  const words = (layers) => JSON.stringify(layers.map(({ type, options }) => [type, options]));
  const isSame = words(written) === words(network.layers);
  if (!isSame || String(network.inputShape) !== String(SHAPE) || network.classes !== CLASSES) {
    throw new Error("The saved network is not the one that the file describes. Save it again.");
  }
  if (![file.steps, file.images].every((count) => Number.isInteger(count) && count >= 0)) {
    throw new Error("The file does not say how long the network was trained. Save it again.");
  }
  return network;
}

const HANDLERS = {
  data(message) {
    data = message;
  },
  options: setOptions,
  check({ text }) {
    postMessage({ kind: "checked", text, layers: summary(build(text, 0)) });
  },
  build: ({ text, settings }) => begin("built", build(text, settings.seed), text, settings),
  // A run that was interrupted goes on to its end; else this one begins.
  run({ epochs }) {
    if (training.images >= goal) goal = training.images + epochs * CUTS[0];
    if (timer === null) run();
    report();
  },
  pause: stop,
  step() {
    training.step();
    stop();
  },
  look,
  test() {
    const { right, count } = training.measure(training.parts.test);
    training.tests++;
    postMessage({ kind: "tested", right, count, tests: training.tests });
  },
  save() {
    const { network, text, steps, images } = training;
    const file = { format: FORMAT, version: VERSION, text, steps, images, network: network.save() };
    postMessage({ kind: "saved", file });
  },
  load: ({ file, settings }) => begin("loaded", open(file), file.text, settings, file),
};

// What goes wrong is the page's to say, beside what it was asked for.
function answering(kind, act) {
  try {
    act();
  } catch (error) {
    if (kind === "training") timer = null;
    postMessage({ kind: "problem", about: kind, message: error.message });
  }
}

onmessage = ({ data: message }) => answering(message.kind, () => HANDLERS[message.kind](message));
