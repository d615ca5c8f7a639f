// The schedules explorer: the learning rate at each step, and the Keras code that gives it.

// A number as a Python float: Keras rounds the rates of a schedule made of ints.
const py = (value) => {
  const text = String(Number(value.toPrecision(12)));
  return /[.e]/.test(text) ? text : `${text}.0`;
};
const significant = (value) => cb.minus(Number(value.toPrecision(5)));

const optimizer = (rate) => `optimizer = keras.optimizers.SGD(${rate})`;
const ready = (name, ...lines) => `schedule = keras.optimizers.schedules.${name}(
${lines.map((line) => `    ${line},\n`).join("")})
${optimizer("schedule")}`;
const subclass = (
  name,
  ...lines
) => `class ${name}(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):  # a tensor: so keras.ops, and no \`if\`
        step = keras.ops.cast(step, "float32")
${lines.map((line) => `        ${line}\n`).join("")}
${optimizer(`${name}()`)}`;

// The corners of 1cycle, joined by straight lines: [step, rate].
const corners = ({ lr, T, up, down, div }) => [
  [0, lr / div],
  [up, lr],
  [up + down, lr / div],
  [T, lr / div / 10],
];

// Each schedule: the rate `at` a step, the Keras `code`, and what is wrong where settings do not
// fit together (`problem`).
const SCHEDULES = {
  power: {
    label: "power",
    formula: "learning_rate / (1 + step / decay_steps), the bracket to the power of the exponent",
    at: ({ lr, pd, c }, step) => lr / (1 + step / pd) ** c,
    code: ({ lr, pd, c }) =>
      c === 1
        ? ready("InverseTimeDecay", py(lr), `decay_steps=${pd}`, "decay_rate=1.0")
        : subclass("Power", `return ${py(lr)} / (1 + step / ${pd}) ** ${py(c)}`),
  },
  exponential: {
    label: "exponential",
    formula: "learning_rate · decay_rate to the power of step / decay_steps",
    at: ({ lr, ed, er }, step) => lr * er ** (step / ed),
    code: ({ lr, ed, er }) =>
      ready("ExponentialDecay", py(lr), `decay_steps=${ed}`, `decay_rate=${py(er)}`),
  },
  piecewise: {
    label: "piecewise constant",
    formula: "in Keras a rate holds up to and including its boundary",
    problem: ({ a, b }) =>
      a < b ? "" : `The second drop, at step ${b}, must come after the first, at ${a}.`,
    at: ({ lr, a, b, f }, step) => (step < a ? lr : step < b ? lr / f : lr / f / f),
    code: ({ lr, a, b, f }) =>
      ready(
        "PiecewiseConstantDecay",
        `boundaries=[${a - 1}, ${b - 1}]`,
        `values=[${[lr, lr / f, lr / f / f].map(py).join(", ")}]`,
      ),
  },
  performance: {
    label: "performance",
    formula: "times factor, after patience epochs without a new best val_loss",
    at: ({ e }, step, epochs) => epochs[Math.floor(step / e)].rate,
    code: ({ lr, p, g }) => `plateau = keras.callbacks.ReduceLROnPlateau(
    monitor="val_loss", factor=${py(g)}, patience=${p}, min_delta=1e-4
)  # for fit: callbacks=[plateau], with validation_data
${optimizer(py(lr))}`,
  },
  one_cycle: {
    label: "1cycle",
    formula: "up to learning_rate, down to where it began, then to a tenth of that",
    problem: ({ up, down, T }) =>
      up + down <= T
        ? ""
        : `1cycle has ${up} steps up and ${down} down. Take fewer of them, or more steps than ${T}.`,
    at(settings, step) {
      const points = corners(settings);
      const next = points.findIndex(([end]) => step < end);
      const [[x0, y0], [x1, y1]] = points.slice(next - 1);
      return y0 + ((y1 - y0) * (step - x0)) / (x1 - x0);
    },
    code(settings) {
      const { up, down, T } = settings;
      const [low, peak, , last] = corners(settings).map(([, rate]) => py(rate));
      return subclass(
        "OneCycle",
        `climb = ${low} + (${peak} - ${low}) * step / ${up}`,
        `fall = ${peak} + (${low} - ${peak}) * (step - ${up}) / ${down}`,
        `tail = ${low} + (${last} - ${low}) * (step - ${up + down}) / ${Math.max(1, T - up - down)}`,
        `tail = keras.ops.where(step < ${up + down}, fall, tail)`,
        `return keras.ops.where(step < ${up}, climb, tail)`,
      );
    },
  },
  cosine: {
    label: "cosine",
    formula: "warm-up from 0, then learning_rate / 2 · (1 + cos(π · share of the way))",
    problem: ({ w, T }) =>
      w < T ? "" : `A warm-up of ${w} steps needs more steps than ${T}. Change one of them.`,
    at: ({ lr, T, w }, step) =>
      step < w ? (lr * step) / w : (lr / 2) * (1 + Math.cos((Math.PI * (step - w)) / (T - w))),
    code: ({ lr, T, w }) =>
      w
        ? ready("CosineDecay", "0.0", `${T - w}`, `warmup_target=${py(lr)}`, `warmup_steps=${w}`)
        : ready("CosineDecay", py(lr), `decay_steps=${T}`),
  },
  warm_up: {
    label: "warm-up, then constant",
    formula: "learning_rate · (step + 1) / warmup_steps, and never more than learning_rate",
    at: ({ lr, w }, step) => lr * Math.min(1, (step + 1) / Math.max(1, w)),
    code: ({ lr, w }) =>
      subclass(
        "WarmUp",
        `return ${py(lr)} * keras.ops.minimum(1.0, (step + 1) / ${Math.max(1, w)})`,
      ),
  },
};

// A modelled training, epoch by epoch, with ReduceLROnPlateau's rule.
function train({ lr, T, e, p, g, ripple, seed }) {
  const next = cb.normal(cb.random(seed));
  let [loss, rate, best, wait] = [2.3, lr, Infinity, 0];
  return Array.from({ length: Math.ceil(T / e) }, () => {
    loss += (1 - Math.exp(-1.5 * rate)) * (0.2 + 2 * rate - loss);
    const seen = Number(Math.max(0, loss + ripple * Math.sqrt(rate / lr) * next()).toFixed(4));
    wait = seen - 1e-4 < best ? 0 : wait + 1;
    if (!wait) best = seen;
    const epoch = { rate, seen, best, wait };
    if (wait >= p) [rate, wait] = [rate * g, 0];
    return epoch;
  });
}

const labels = {};
for (const key in SCHEDULES) labels[key] = SCHEDULES[key].label;
const number = (key, label, low, high, step, ...kinds) => ({
  ...{ kind: "number", key, label, low, high, step },
  when: ({ s, v }) => !kinds.length || kinds.includes(s) || kinds.includes(v),
});
const FIELDS = [
  { kind: "choice", key: "s", label: "schedule", options: labels },
  { kind: "choice", key: "v", label: "compare with", options: { none: "nothing", ...labels } },
  number("lr", "learning_rate", 0.001, 1, 0.001),
  number("T", "steps", 10, 2000, 1),
  number("pd", "power: decay_steps", 1, 2000, 1, "power"),
  number("c", "power: exponent", 0.1, 4, 0.1, "power"),
  number("ed", "exponential: decay_steps", 1, 2000, 1, "exponential"),
  number("er", "exponential: decay_rate", 0.01, 1, 0.01, "exponential"),
  number("a", "first drop at step", 1, 2000, 1, "piecewise"),
  number("b", "second drop at step", 1, 2000, 1, "piecewise"),
  number("f", "each divides by", 1, 100, 0.5, "piecewise"),
  number("up", "1cycle: steps up", 1, 2000, 1, "one_cycle"),
  number("down", "1cycle: steps down", 1, 2000, 1, "one_cycle"),
  number("div", "it begins at the peak ÷", 1, 100, 0.5, "one_cycle"),
  number("w", "warmup_steps", 0, 2000, 1, "cosine", "warm_up"),
  number("p", "patience", 1, 20, 1, "performance"),
  number("g", "factor", 0.01, 0.99, 0.01, "performance"),
  number("e", "steps in an epoch", 5, 500, 1, "performance"),
  number("ripple", "ripple of the loss", 0, 0.5, 0.01, "performance"),
  number("seed", "seed of the ripple", 0, 999, 1, "performance"),
  { kind: "check", key: "log", label: "logarithmic axis" },
  { kind: "other", key: "n", read: readStep, write: String },
];

function readStep(text) {
  if (/^\d+$/.test(text)) return Number(text);
  throw new cb.Problem("the step is a whole number from 0.");
}

function axisOf(rates, log) {
  const high = Math.max(...rates);
  if (!log) return { label: "learning rate", low: 0, high: high * 1.05 };
  const least = Math.max(Math.min(...rates.filter((rate) => rate > 0)), high * 1e-8);
  const top = 10 ** Math.ceil(Math.log10(high));
  const low = Math.min(10 ** Math.floor(Math.log10(least)), top / 10);
  return { label: "learning rate", low, high: top, log };
}

// The simulated epochs, as a chart, in words and as a table.
function trainingOf(epochs) {
  const rates = new Set(epochs.map(({ rate }) => rate)).size;
  return [
    cb.chart({
      label: "Validation loss against the epoch",
      x: { label: "epoch", low: 1, high: Math.max(2, epochs.length) },
      y: { label: "val_loss", low: 0, high: 2.5 },
      lines: [{ name: "", points: epochs.map(({ seen }, i) => [i + 1, seen]) }],
    }),
    cb.h(
      "p",
      {},
      `Best val_loss: ${epochs.at(-1).best}, with ${rates} ${rates > 1 ? "rates" : "rate"}. A modelled loss: it moves towards 0.2 + 2 · rate, slowly at low rates.`,
    ),
    cb.h(
      "details",
      {},
      cb.h("summary", {}, "Epoch by epoch"),
      cb.table({
        label: "Epochs",
        titles: ["epoch", "rate", "val_loss", "best", "waited"],
        rows: epochs.map((epoch, i) => [i + 1, ...Object.values(epoch).map(significant)]),
      }),
    ),
  ];
}

function render({ model, el }) {
  function build({ state, change, say, body }) {
    const figure = cb.h("div", { class: "cb-rates" });
    const slider = cb.h("input", { type: "range", min: 0, "aria-label": "step" });
    slider.oninput = () => change({ n: slider.valueAsNumber });
    const words = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const summary = cb.h("div");
    const training = cb.h("div");
    const formula = cb.h("p", { class: "cb-note" });
    const code = cb.h("code");
    body.append(
      figure,
      cb.h("label", { class: "cb-cursor" }, "step", slider),
      words,
      summary,
      training,
      formula,
      cb.h("pre", {}, code),
      cb.copyButton("Copy code", () => code.textContent, say),
    );

    function update() {
      const kinds = [...new Set([state.s, state.v])].filter((kind) => kind !== "none");
      for (const kind of kinds) {
        const trouble = SCHEDULES[kind].problem?.(state);
        if (trouble) throw new cb.Problem(trouble);
      }
      const epochs = train(state);
      const curves = kinds.map((kind) => ({
        name: labels[kind],
        rates: Array.from({ length: state.T }, (_, i) => SCHEDULES[kind].at(state, i, epochs)),
      }));
      const step = Math.min(state.n, state.T - 1);
      slider.max = state.T - 1;
      slider.value = step;
      figure.replaceChildren(chartOf(curves, step));
      words.textContent = `At step ${step}: ${curves.map(({ name, rates }) => `${name} ${significant(rates[step])}`).join("; ")}.`;
      summary.replaceChildren(
        cb.table({
          label: "Rates",
          titles: ["schedule", "first rate", "highest", "last", "mean"],
          rows: curves.map(({ name, rates }) => [name, ...numbersOf(rates).map(significant)]),
        }),
      );
      training.replaceChildren(...(kinds.includes("performance") ? trainingOf(epochs) : []));
      formula.textContent = `${labels[state.s]}: ${SCHEDULES[state.s].formula}.`;
      code.textContent = SCHEDULES[state.s].code(state);
    }

    const numbersOf = (rates) => [
      rates[0],
      Math.max(...rates),
      rates.at(-1),
      rates.reduce((a, b) => a + b) / rates.length,
    ];

    function chartOf(curves, step) {
      const y = axisOf(
        curves.flatMap(({ rates }) => rates),
        state.log,
      );
      const lines = curves.map(({ name, rates }) => ({ name, points: [...rates.entries()] }));
      const cursor = [y.low, y.high].map((rate) => [step, rate]);
      return cb.chart({
        label: `Learning rate against the step: ${curves.map(({ name }) => name).join(" and ")}`,
        x: { label: "step", low: 0, high: state.T },
        y,
        lines: [...lines, { name: "", points: cursor }],
      });
    }

    return { update };
  }

  return cb.explorer({
    model,
    el,
    name: "schedules",
    title: "Learning-rate schedules",
    hint: "power, exponential, piecewise constant and 1cycle begin at 0.3 or rise to it. Guess which has the highest mean rate over 400 steps, then compare two at a time. With performance, try a patience of 1, 5 and 20: which reaches the lowest val_loss?",
    fields: FIELDS,
    build,
  });
}

export default { render };
