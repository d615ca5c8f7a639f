// Signal and gradient flow: what arrives at each layer of a deep dense network without biases.

const EXAMPLES = 32;
const LAMBDA = 1.0507009873554805;
const ALPHA = 1.6732632423543772;

// Each activation, its slope, and the slope where it is steepest.
const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const ACTIVATIONS = {
  sigmoid: [sigmoid, (a) => sigmoid(a) * (1 - sigmoid(a)), 1 / 4],
  tanh: [Math.tanh, (a) => 1 - Math.tanh(a) ** 2, 1],
  relu: [(a) => Math.max(a, 0), (a) => Number(a > 0), 1],
  leaky_relu: [(a) => Math.max(a, 0.2 * a), (a) => (a > 0 ? 1 : 0.2), 1],
  elu: [(a) => (a > 0 ? a : Math.expm1(a)), (a) => (a > 0 ? 1 : Math.exp(a)), 1],
  selu: [
    (a) => LAMBDA * (a > 0 ? a : ALPHA * Math.expm1(a)),
    (a) => LAMBDA * (a > 0 ? 1 : ALPHA * Math.exp(a)),
    LAMBDA * ALPHA,
  ],
  linear: [(a) => a, () => 1, 1],
};
const INITIALIZERS = [
  "random_normal",
  ...["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"],
  ...["orthogonal", "constant", "zeros"],
];

// ---- Matrices: rows × columns numbers in one array ----

function product(a, b, rows, inner, columns) {
  const out = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[r * inner + k];
      for (let c = 0; c < columns; c++) out[r * columns + c] += factor * b[k * columns + c];
    }
  }
  return out;
}

function transposed(a, rows, columns) {
  return a.map((_, i) => a[(i % rows) * columns + Math.floor(i / rows)]);
}

// What each unit says of all examples.
function unitsOf(a, n) {
  const columns = transposed(a, EXAMPLES, n);
  return Array.from({ length: n }, (_, u) => columns.subarray(u * EXAMPLES, (u + 1) * EXAMPLES));
}

const mean = (a) => a.reduce((sum, value) => sum + value, 0) / a.length;
const deviation = (a) => {
  const middle = mean(a);
  return Math.sqrt(mean(a.map((value) => (value - middle) ** 2)));
};
const size = (a) => Math.sqrt(a.reduce((sum, value) => sum + value * value, 0));

// ---- The network ----

// Random columns at right angles to one another, of length 1.
function orthogonal(n, normal) {
  const columns = transposed(Float64Array.from({ length: n * n }, normal), n, n);
  for (let i = 0; i < n; i++) {
    const column = columns.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < i; j++) {
      const other = columns.subarray(j * n, (j + 1) * n);
      const along = column.reduce((sum, value, k) => sum + value * other[k], 0);
      for (let k = 0; k < n; k++) column[k] -= along * other[k];
    }
    const length = size(column);
    for (let k = 0; k < n; k++) column[k] /= length;
  }
  return transposed(columns, n, n);
}

// A kernel of n × n weights, as Keras' initializer of this name draws it.
function kernel({ init, n, stddev, value }, uniform, normal) {
  if (init === "orthogonal") return orthogonal(n, normal);
  const spread = Math.sqrt((init.startsWith("he") ? 2 : 1) / n); // fan-in and fan-out are equal
  const draws = {
    zeros: () => 0,
    constant: () => value,
    random_normal: () => stddev * normal(),
    uniform: () => spread * Math.sqrt(3) * (2 * uniform() - 1),
    normal() {
      let z = normal();
      while (Math.abs(z) > 2) z = normal(); // cut at two standard deviations, as in Keras
      return (spread / 0.8796256610342398) * z;
    },
  };
  return Float64Array.from({ length: n * n }, draws[init] ?? draws[init.split("_")[1]]);
}

// Batch normalization in training, with γ = 1 and β = 0: the output, and the way back.
function normalized(a, n) {
  const together = (units) =>
    transposed(Float64Array.from(units.flatMap((u) => [...u])), n, EXAMPLES);
  const before = unitsOf(a, n);
  const scales = before.map((unit) => Math.sqrt(deviation(unit) ** 2 + 1e-3));
  const after = before.map((unit, u) => {
    const middle = mean(unit);
    return unit.map((value) => (value - middle) / scales[u]);
  });
  const backOf = (g, u) => {
    const [middle, along] = [mean(g), mean(g.map((value, i) => value * after[u][i]))];
    return g.map((value, i) => (value - middle - after[u][i] * along) / scales[u]);
  };
  return [together(after), (g) => together(unitsOf(g, n).map(backOf))];
}

// Both passes, layer by layer. The gradient at the output is random, as if from some loss.
function flow(settings) {
  const { depth, n, act, bn, seed } = settings;
  const [value, slope, steepest] = ACTIVATIONS[act];
  const uniform = cb.random(seed);
  const normal = cb.normal(uniform);
  const draw = () => Float64Array.from({ length: EXAMPLES * n }, normal);
  let [h, g] = [draw(), draw()];
  const full = size(product(transposed(h, EXAMPLES, n), g, n, EXAMPLES, n));
  const layers = Array.from({ length: depth }, () => {
    const weights = kernel(settings, uniform, normal);
    let [input, a, back] = [h, product(h, weights, EXAMPLES, n, n), (gradient) => gradient];
    if (bn) [a, back] = normalized(a, n);
    h = a.map(value);
    return { input, weights, slopes: a.map(slope), back, h };
  });
  for (const layer of layers.toReversed()) {
    layer.delta = layer.back(g.map((one, i) => one * layer.slopes[i]));
    const gradient = product(transposed(layer.input, EXAMPLES, n), layer.delta, n, EXAMPLES, n);
    layer.gradient = size(gradient) / full;
    g = product(layer.delta, transposed(layer.weights, n, n), EXAMPLES, n, n);
    const flat = layer.slopes.map((one) => Number(one < steepest / 10));
    layer.flat = mean(flat);
    layer.dead = unitsOf(flat, n).filter((unit) => unit.every(Boolean)).length;
    layer.spread = Math.sqrt(mean(unitsOf(layer.h, n).map((unit) => deviation(unit) ** 2)));
  }
  return layers;
}

// ---- What is shown ----

const number = (key, label, low, high, more) => ({
  ...{ kind: "number", key, label, low, high, ...more },
});
const amount = (key, name) =>
  number(key, key, 0.001, 2, { step: "any", log: true, when: ({ init }) => init === name });
const choice = (key, label, values) => ({
  ...{ kind: "choice", key, label, options: cb.choices(...values) },
});
const FIELDS = [
  number("depth", "layers", 2, 30),
  number("n", "units in each", 8, 128),
  choice("act", "activation", Object.keys(ACTIVATIONS)),
  choice("init", "kernel_initializer", INITIALIZERS),
  amount("stddev", "random_normal"),
  amount("value", "constant"),
  { kind: "check", key: "bn", label: "batch normalization before each activation" },
  number("seed", "seed", 0, 999),
];

// In the text, the table and the chart alike: 0.042, and 4.2e−9 below a thousandth.
function shown(value, digits) {
  const isPlain = !value || (value >= 1e-3 && value < 1e5);
  const text = isPlain ? Number(value.toPrecision(digits)) : value.toExponential(digits - 1);
  return cb.minus(String(text).replace("e+", "e"));
}
const times = (factor) => `${shown(factor, 2)} times`;

const BINS = 41;
function histogram(values, limit, className) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) {
    const bin = Math.round(((value / limit + 1) / 2) * (BINS - 1));
    counts[Math.max(0, Math.min(BINS - 1, bin))] += 1;
  }
  const highest = Math.max(...counts);
  const path = counts.map((count, i) => `M${2 * i + 1},40v${(-38 * count) / highest}`);
  return cb.svg(
    "svg",
    { viewBox: `0 0 ${2 * BINS} 41`, class: className, "aria-hidden": "true" },
    cb.svg("path", { d: path.join("") }),
  );
}

function render({ model, el }) {
  function build({ state, body }) {
    const words = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const figure = cb.h("div");
    const histograms = cb.h("div", { class: "cb-layers", role: "img" });
    const note = cb.h("p", { class: "cb-note" });
    const table = cb.h("div");
    const code = cb.h("code");
    const details = cb.h("details", {}, cb.h("summary", {}, "The numbers, layer by layer"), table);
    body.append(words, figure, note, histograms, details, cb.h("pre", {}, code));

    function update() {
      const layers = flow(state);
      const rows = layers.map(({ h, spread, delta, gradient, flat, dead }) => [
        ...[deviation(h), spread, deviation(delta), gradient, flat, dead],
      ]);
      const alike = ["constant", "zeros"].includes(state.init);
      words.textContent = summary(rows) + (alike ? " Each layer's units stay equal." : "");
      figure.replaceChildren(chartOf(rows));
      const limit = ["sigmoid", "tanh"].includes(state.act) ? 1 : 4;
      const zeros = rows.some((row) => row.slice(0, 4).includes(0));
      note.textContent = `${zeros ? "Zeros cannot be drawn on this axis. " : ""}Below, each layer's activations from −${limit} to ${limit} (above), and its gradients from −4 to 4 (below). The edges count what lies beyond. Flat: a slope under a tenth of the steepest.`;
      histograms.setAttribute("aria-label", `Histograms by layer. ${words.textContent}`);
      const pairs = layers.map(({ h, delta }, i) => [
        ...[histogram(h, limit, "cb-forward"), histogram(delta, 4, "cb-backward")],
        `layer ${i + 1}`,
      ]);
      histograms.replaceChildren(...pairs.map((pair) => cb.h("div", {}, ...pair)));
      table.replaceChildren(tableOf(rows));
      code.textContent = codeOf(state);
    }
    return { update };
  }

  return cb.explorer({
    model,
    el,
    name: "signal_flow",
    title: "Signal and gradient flow",
    hint: "here the first layers get no gradient. Predict: with relu, random_normal and a stddev of 0.01, which layers learn: the first, the last, none? Then find an initializer for relu, tanh and sigmoid that keeps each line nearly level (within a factor of ten). Sigmoid needs random_normal with a large stddev.",
    fields: FIELDS,
    build,
  });
}

const cellOf = (value) => cb.h("data", { value }, shown(value, 3));

function tableOf(rows) {
  return cb.table({
    label: "Layers",
    titles: [
      ...["layer", "signal", "between examples", "gradient back", "kernel's gradient"],
      ...["flat", "flat for all"],
    ],
    rows: rows.map((row, i) => [i + 1, ...row.map(cellOf)]),
  });
}

function chartOf(rows) {
  const column = (k) => rows.map((row, i) => [i + 1, row[k]]);
  const sizes = rows.flatMap((row) => row.slice(0, 4)).filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(Math.min(0.1, ...sizes)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(10, ...sizes)));
  return cb.chart({
    label: "Signal and gradients by layer, logarithmic",
    x: { label: "layer", low: 1, high: rows.length },
    y: { label: "1 = full strength", low, high, log: true },
    lines: [
      { name: "signal: standard deviation of the activations", points: column(0) },
      { name: "gradient on its way back: standard deviation", points: column(2) },
      { name: "length of the kernel's gradient", points: column(3) },
      { name: "what is left of the signal between examples", points: column(1) },
    ],
  });
}

function summary(rows) {
  const [first, last] = [rows[0], rows.at(-1)];
  return [
    `After ${rows.length} layers the signal is ${times(last[0])} what came in, and the examples differ by ${times(last[1])} what they did.`,
    `On its way back to layer 1, the gradient is ${times(first[2])} what it was.`,
    `The first kernel's gradient has ${times(first[3])} its full length, and the last one's ${times(last[3])}.`,
    `Units with almost no slope for any example: ${first[5]} in layer 1, ${last[5]} in the last.`,
  ].join(" ");
}

function codeOf({ depth, n, act, init, bn, stddev, value }) {
  const made = {
    random_normal: `keras.initializers.RandomNormal(stddev=${stddev})`,
    constant: `keras.initializers.Constant(${value})`,
  };
  const kernel = made[init] ?? `"${init}"`;
  const dense = `Dense(${n}, use_bias=False, kernel_initializer=${kernel})`;
  const rest = bn ? `\n    model.add(keras.layers.BatchNormalization())` : "";
  return `model = keras.Sequential([keras.Input((${n},))])
for _ in range(${depth}):
    model.add(keras.layers.${dense})${rest}
    model.add(keras.layers.Activation("${act}"))`;
}

export default { render };
