// The optimizer race: what optimizers.js computes, as a map, a chart and a table.

const CALLS = [
  "SGD({lr})",
  "SGD({lr}, momentum={mo})",
  "SGD({lr}, momentum={mo}, nesterov=True)",
  "Adagrad({lr})",
  "RMSprop({lr}, rho={rho})",
  "Adam({lr}, beta_1={b1}, beta_2={b2})",
  "Adamax({lr}, beta_1={b1}, beta_2={b2})",
  "Nadam({lr}, beta_1={b1}, beta_2={b2})",
];
const MARKS = [..."●■▲◆▼✚★⬟"];
const py = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

const number = (key, label, low, high, step, when = () => true) => ({
  ...{ kind: "number", key, label, low, high, step, when },
});
const options = Object.fromEntries(
  Object.entries(SURFACES).map(([key, { label }]) => [key, label]),
);
const FIELDS = [
  { kind: "choice", key: "s", label: "surface", options },
  number("turn", "its valley is turned by °", 0, 90, 1, ({ s }) => s === "bowl"),
  number("steps", "steps", 10, 600, 1),
  number("noise", "noise in the gradients", 0, 20, 0.1),
  number("seed", "seed of the noise", 0, 999, 1, ({ noise }) => noise > 0),
  number("mo", "momentum", 0, 0.99, 0.01),
  number("rho", "rho (RMSProp)", 0, 0.999, 0.001),
  number("b1", "beta_1", 0, 0.99, 0.01),
  number("b2", "beta_2", 0, 0.9999, 0.0001),
  // A rate for each optimizer, negative where it is off; the surface and the start on it; the step.
  { kind: "other", key: "rates", read: (text) => numbers(text, 8), write: String },
  {
    kind: "other",
    key: "at",
    read: (text) => [text.split(",")[0], ...numbers(text.replace(/^\w+,/, ""), 2)],
    write: String,
  },
  { kind: "other", key: "n", read: (text) => Math.abs(numbers(text, 1)[0]), write: String },
];

function numbers(text, count) {
  const read = text.split(",");
  const isNumber = (part) => /^-?\d*\.?\d+(e-?\d+)?$/.test(part) && Math.abs(part) <= 1000;
  if (read.length === count && read.every(isNumber)) return read.map(Number);
  throw new cb.Problem(`it needs ${count} numbers, with commas between them.`);
}

const shown = (value) =>
  cb.minus(value && !(1e-3 < value && value < 1e5) ? value.toExponential(2) : precise(value, 4));
const precise = (value, digits) => Number(value.toPrecision(digits));
const placeOf = (w) => cb.minus(w.map((value) => precise(value, 6)).join(", "));

// The map of the loss, in pixels: darker where it is higher, with a line at each quarter of a
// power of ten.
const SIZE = 640;
function landscapeOn(context, { s, turn }, color) {
  const ink = color.match(/\d+/g).slice(0, 3);
  const [middleX, middleY, half] = SURFACES[s].map;
  const image = context.createImageData(SIZE, SIZE);
  const bands = new Int8Array(SIZE * SIZE);
  for (let i = 0; i < bands.length; i++) {
    const x = middleX + half * ((2 * (i % SIZE)) / SIZE - 1);
    const y = middleY + half * (1 - (2 * Math.floor(i / SIZE)) / SIZE);
    bands[i] = 4 * Math.log10(SURFACES[s].at([x, y], turn)[0] + 0.01);
    const isLine = bands[i] !== bands[i - 1] || bands[i] !== bands[i - SIZE];
    image.data.set([...ink, isLine ? 80 : 3 * (bands[i] + 8)], 4 * i);
  }
  return image;
}

function render({ model, el }) {
  function build({ state, change, say, body, root }) {
    const canvas = cb.h("canvas", { width: SIZE, height: SIZE, role: "img" });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const start = cb.button("", () => {}, { class: "cb-start" });
    const map = cb.h("div", { class: "cb-map" }, canvas, start);
    const player = cb.player({ label: "Step of the race", go: (n) => change({ n }), rate: 20 });
    const words = cb.h("p", { class: "cb-sum" });
    const figure = cb.h("div");
    const code = cb.h("code");
    const rows = NAMES.map(rowOf);
    const setRates = (rateOf) =>
      change({ rates: state.rates.map((rate, i) => Math.sign(rate) * rateOf(NAMES[i], i)) });
    body.append(
      cb.h("div", { class: "cb-course" }, map, figure),
      player.node,
      words,
      cb.h(
        "div",
        { class: "cb-player" },
        cb.button("Best of 41 rates for each", () => setRates((name) => bestRate(state, name))),
        cb.button("Keras' default rates", () => setRates((name, i) => (i < 3 ? 0.01 : 0.001))),
      ),
      cb.table({
        label: "The race",
        titles: [
          "optimizer",
          "learning_rate",
          "loss",
          "to the minimum",
          "x, y",
          "below 1/10,000 of its start",
        ],
        rows: rows.map(({ nodes }) => nodes),
      }),
      cb.h("pre", {}, code),
    );

    function rowOf(name, i) {
      const change1 = (rate) => change({ rates: state.rates.with(i, rate) });
      const on = cb.h("input", { type: "checkbox", onchange: () => change1(-state.rates[i]) });
      const rate = cb.h("input", { inputmode: "decimal", "aria-label": `${name}: learning_rate` });
      rate.oninput = () => {
        const value = Number(rate.value);
        const isRate = value > 0 && value <= 1000;
        rate.setAttribute("aria-invalid", String(!isRate));
        if (isRate) change1(Math.sign(state.rates[i]) * value);
      };
      const mark = cb.h("span", { style: `color: var(--cb-series-${i})` }, MARKS[i]);
      const cells = Array.from({ length: 4 }, () => cb.h("span"));
      const label = cb.h("label", { class: "cb-check" }, on, mark, name);
      return { on, rate, cells, nodes: [label, rate, ...cells] };
    }

    let runs, n, landscape, landscapeOf, sayLater;

    const isOn = (i) => state.rates[i] > 0;
    const isInside = (w) => toPixels(w).every((at) => 0 <= at && at <= SIZE);
    const toPixels = ([x, y]) => {
      const [middleX, middleY, half] = SURFACES[state.s].map;
      return [1 + (x - middleX) / half, 1 - (y - middleY) / half].map((at) => (at * SIZE) / 2);
    };
    function moveTo([left, top]) {
      const [middleX, middleY, half] = SURFACES[state.s].map;
      const inside = (at) => Math.max(0, Math.min(SIZE, at));
      const x = middleX + half * ((2 * inside(left)) / SIZE - 1);
      const y = middleY - half * ((2 * inside(top)) / SIZE - 1);
      change({ at: [state.s, precise(x, 3), precise(y, 3)] });
    }
    function follow(event) {
      const box = canvas.getBoundingClientRect();
      const scale = SIZE / box.width;
      moveTo([(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]);
    }
    canvas.onclick = follow;
    start.onpointerdown = (event) => start.setPointerCapture(event.pointerId);
    start.onpointermove = (event) => start.hasPointerCapture(event.pointerId) && follow(event);
    start.onkeydown = (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!by[event.key]) return;
      event.preventDefault();
      moveTo(toPixels(startOf(state)).map((at, i) => at + (by[event.key][i] * SIZE) / 100));
    };

    function update() {
      if (!isInside(startOf(state))) {
        throw new cb.Problem(`The start ${placeOf(startOf(state))} is off the map. Press Reset.`);
      }
      n = Math.min(state.n, state.steps);
      runs = NAMES.map((name, i) => (isOn(i) ? run(state, name, state.rates[i]) : []));
      player.set(n, state.steps + 1);
      paint();
      const [left, top] = toPixels(startOf(state)).map((at) => `${(100 * at) / SIZE}%`);
      start.style.cssText = `left: ${left}; top: ${top}`;
      const label = `Start: ${placeOf(startOf(state))}. The arrow keys move it.`;
      start.setAttribute("aria-label", label);
      rows.forEach(showRow);
      figure.replaceChildren(chartOf());
      words.textContent = summary();
      clearTimeout(sayLater); // read aloud once the race stands still
      sayLater = setTimeout(() => body.hidden || say(summary()), 500);
      code.textContent = NAMES.flatMap((_, i) => (isOn(i) ? [callOf(i)] : [])).join("\n");
    }

    function callOf(i) {
      const values = { ...state, lr: state.rates[i] };
      return CALLS[i].replace(/{(\w+)}/g, (_, key) => py(values[key]));
    }

    function showRow({ on, rate, cells }, i) {
      on.checked = isOn(i);
      if (document.activeElement !== rate) rate.value = Math.abs(state.rates[i]);
      const now = runs[i][n];
      const settledAt = settled(runs[i], state.steps);
      const texts = now
        ? [
            shown(now.loss),
            shown(Math.min(...SURFACES[state.s].minima.map((m) => distance(m, now.w)))),
            placeOf(now.w) + (isInside(now.w) ? "" : ", off the map"),
            settledAt === Infinity ? "never" : `from step ${settledAt}`,
          ]
        : [isOn(i) ? `diverged at step ${runs[i].length}` : "", "", "", ""];
      cells.forEach((cell, k) => (cell.textContent = texts[k]));
    }

    function summary() {
      const racing = NAMES.map((name, i) => ({ name, now: runs[i][n], on: isOn(i) }));
      const [best] = racing.filter(({ now }) => now).sort((a, b) => a.now.loss - b.now.loss);
      const lost = racing.filter(({ on, now }) => on && !now).map(({ name }) => name);
      const first = best ? ` ${best.name} has the lowest loss, ${shown(best.now.loss)}.` : "";
      return `After step ${n}:${first}${lost.length ? ` Diverged: ${lost.join(", ")}.` : ""}`;
    }

    function chartOf() {
      const losses = runs.flat().map(({ loss }) => loss);
      const high = 10 ** Math.ceil(Math.log10(Math.max(losses[0] ?? 1, 1e-6) * 10));
      const least = Math.min(high / 100, ...losses.filter((loss) => loss > 1e-12));
      return cb.chart({
        label: "Loss against the step",
        x: { label: "step", low: 0, high: state.steps },
        y: { label: "loss", low: 10 ** Math.floor(Math.log10(least)), high, log: true },
        lines: runs.map((places, i) => ({
          name: isOn(i) && NAMES[i],
          points: places.slice(0, n + 1).map(({ loss }, step) => [step, loss]),
        })),
      });
    }

    function paint() {
      const style = getComputedStyle(root);
      const color = (name) => style.getPropertyValue(`--cb-${name}`);
      const key = [state.s, state.turn, style.color].join();
      if (key !== landscapeOf) landscape = landscapeOn(context, state, style.color);
      landscapeOf = key;
      context.putImageData(landscape, 0, 0);
      context.font = "bold 22px sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 3;
      const write = (text, w, fill) => {
        context.fillStyle = fill;
        context.fillText(text, ...toPixels(w));
      };
      for (const place of SURFACES[state.s].minima) write("✕", place, color("ink"));
      runs.forEach((places, i) => {
        const seen = places.slice(0, n + 1);
        context.strokeStyle = color(`series-${i}`);
        context.beginPath();
        for (const { w } of seen) context.lineTo(...toPixels(w));
        context.stroke();
        if (seen.length) write(MARKS[i], seen.at(-1).w, color(`series-${i}`));
      });
      const label = `Map of the loss: ${SURFACES[state.s].label}, and the ways taken on it`;
      canvas.setAttribute("aria-label", label);
    }

    const observer = new MutationObserver(() => runs && paint());
    for (const node of [document.documentElement, document.body]) {
      observer.observe(node, { attributes: true });
    }
    const stop = () => {
      player.pause();
      clearTimeout(sayLater);
      observer.disconnect();
    };
    return { update, stop, reset: player.pause };
  }

  return cb.explorer({
    model,
    el,
    name: "optimizer_race",
    title: "Optimizer race",
    hint: "run the race, then turn the valley by 45° and give each its best rate again. For SGD nothing changes. Who is hurt most?",
    fields: FIELDS,
    build,
  });
}

export default { render };
