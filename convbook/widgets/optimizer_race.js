// The optimizer race: what optimizers.js computes, as a map, a chart and a table.

const MARKS = [..."●■▲◆▼✚★⬟"];
const TITLES = [
  ...["optimizer", "learning_rate", "loss", "to the minimum", "x, y"],
  "below 1/10,000 of its first loss",
];
const NOTE =
  "Best: the first to stay below 1/10,000 of its first loss; if none does, the lowest last loss. Rates stay when the surface changes: look for the best again.";

const number = (key, label, low, high, step, when = () => true) => ({
  ...{ kind: "number", key, label, low, high, step, when },
});
const options = Object.fromEntries(
  Object.entries(SURFACES).map(([key, { label }]) => [key, label]),
);
const FIELDS = [
  { kind: "choice", key: "s", label: "surface", options },
  number("turn", "valley turned by (degrees)", 0, 90, 1, ({ s }) => s === "bowl"),
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
  cb.minus(
    value && Math.abs(Math.log10(Math.abs(value)) - 1) > 4
      ? value.toExponential(2)
      : Number(value.toPrecision(4)),
  );
const placeOf = (w) => w.map((value) => shown(Math.round(value * 1000) / 1000)).join(", ");

// The map of the loss, in pixels: darker where it is higher, with a line at each quarter of a
// power of ten.
const SIZE = 640;
function landscapeOn(context, { s, turn }, color) {
  const ink = color.match(/\d+/g).slice(0, 3);
  const image = context.createImageData(SIZE, SIZE);
  const bands = new Int8Array(SIZE * SIZE);
  for (let i = 0; i < bands.length; i++) {
    const w = placeAt(s, [(i % SIZE) / SIZE, Math.floor(i / SIZE) / SIZE]);
    bands[i] = 4 * Math.log10(SURFACES[s].at(w, turn)[0] + 0.01);
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
    const wrong = cb.h("p", { class: "cb-wrong", role: "alert" });
    const side = cb.h(
      "div",
      {},
      words,
      cb.button("Best of 41 rates for each", () => setRates((name) => bestRate(state, name))),
      cb.button("Keras' default rates", () => setRates((name, i) => (i < 3 ? 0.01 : 0.001))),
      cb.h("p", { class: "cb-note" }, NOTE),
    );
    body.append(
      cb.h("div", { class: "cb-course" }, map, side),
      player.node,
      figure,
      cb.table({ label: "The race", titles: TITLES, rows: rows.map(({ nodes }) => nodes) }),
      wrong,
      cb.h("pre", {}, code),
    );

    function rowOf(name, i) {
      const change1 = (rate) => change({ rates: state.rates.with(i, rate) });
      const on = cb.h("input", { type: "checkbox", onchange: () => change1(-state.rates[i]) });
      const rate = cb.h("input", { inputmode: "decimal", "aria-label": `${name}: learning_rate` });
      rate.oninput = () => {
        const value = Number(rate.value);
        const isRate = value > 0 && value <= 1000;
        mark(isRate);
        if (isRate) change1(Math.sign(state.rates[i]) * value);
      };
      rate.onblur = () => {
        mark(true);
        rate.value = Math.abs(state.rates[i]); // what could not be read goes back to what it was
      };
      function mark(isRate) {
        rate.setAttribute("aria-invalid", String(!isRate));
        wrong.textContent = isRate
          ? ""
          : `${name}: give learning_rate a number above 0, up to 1000, as 0.01. Until then it keeps ${Math.abs(state.rates[i])}.`;
      }
      const sign = cb.h("span", { style: `color: var(--cb-series-${i})` }, MARKS[i]);
      const cells = Array.from({ length: 4 }, () => cb.h("data"));
      const label = cb.h("label", { class: "cb-check" }, on, sign, name);
      return { on, rate, cells, nodes: [label, rate, ...cells] };
    }

    let runs, n, landscape, landscapeOf, sayLater;
    const isOn = (i) => state.rates[i] > 0;
    const toPixels = (w) => sharesOf(state.s, w).map((share) => share * SIZE);
    const moveTo = (w, lines) => change({ at: [state.s, ...snapped(state.s, w, lines)] });
    function follow({ clientX, clientY }) {
      const { left, top, width } = canvas.getBoundingClientRect();
      moveTo(placeAt(state.s, [(clientX - left) / width, (clientY - top) / width]), 100);
    }
    canvas.onclick = follow;
    start.onpointerdown = (event) => start.setPointerCapture(event.pointerId);
    start.onpointermove = (event) => start.hasPointerCapture(event.pointerId) && follow(event);
    start.onkeydown = (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (!by[event.key]) return;
      event.preventDefault();
      const [x, y] = startOf(state);
      moveTo([x + by[event.key][0] / 10, y + by[event.key][1] / 10], 10);
    };

    function update() {
      const at = startOf(state);
      if (!isInside(state.s, at)) {
        throw new cb.Problem(`The start ${placeOf(at)} is off the map. Press Reset.`);
      }
      n = Math.min(state.n, state.steps);
      runs = NAMES.map((name, i) => (isOn(i) ? run(state, name, state.rates[i]) : []));
      player.set(n, state.steps + 1); // the words count the steps, from 0
      paint();
      const [left, top] = sharesOf(state.s, at).map((share) => `${100 * share}%`);
      start.style.cssText = `left: ${left}; top: ${top}`;
      start.setAttribute("aria-label", `Start: ${placeOf(at)}. The arrow keys move it.`);
      rows.forEach(showRow);
      figure.replaceChildren(chartOf());
      code.textContent = NAMES.flatMap((_, i) => (isOn(i) ? callOf(state, i) : [])).join("\n");
      words.textContent = summary();
      clearTimeout(sayLater); // read aloud once the race stands still
      sayLater = setTimeout(() => body.hidden || say(summary()), 500);
    }

    function showRow({ on, rate, cells }, i) {
      on.checked = isOn(i);
      if (document.activeElement !== rate) rate.value = Math.abs(state.rates[i]);
      const now = runs[i][n];
      const settledAt = settled(runs[i], state.steps);
      const texts = now
        ? [
            shown(now.loss),
            shown(toMinimum(state.s, now.w)),
            placeOf(now.w) + (isInside(state.s, now.w) ? "" : ", off the map"),
            settledAt === Infinity ? "never" : `from step ${settledAt}`,
          ]
        : [isOn(i) ? `diverged at step ${runs[i].length}` : "", "", "", ""];
      cells.forEach((cell, k) => (cell.textContent = texts[k]));
      cells[2].value = now?.w ?? ""; // with all digits
    }

    function summary() {
      if (!code.textContent) return "All are off. Switch one on in the table.";
      const racing = NAMES.map((name, i) => ({ name, now: runs[i][n], on: isOn(i) }));
      const [best] = racing.filter(({ now }) => now).sort((a, b) => a.now.loss - b.now.loss);
      const lost = racing.filter(({ on, now }) => on && !now).map(({ name }) => name);
      const first = best ? ` ${best.name} has the lowest loss, ${shown(best.now.loss)}.` : "";
      return `After step ${n} of ${state.steps}:${first}${lost.length ? ` Diverged: ${lost.join(", ")}.` : ""}`;
    }

    function chartOf() {
      const losses = runs.flat().map(({ loss }) => loss);
      const high = 10 ** Math.ceil(Math.log10(Math.max(losses[0] ?? 1, 1e-6) * 10));
      const least = Math.min(high / 100, ...losses.filter((loss) => loss > 1e-12));
      const chart = cb.chart({
        label: "Loss against the step",
        x: { label: "step", low: 0, high: state.steps },
        y: { label: "loss", low: 10 ** Math.floor(Math.log10(least)), high, log: true },
        lines: runs.map((places, i) => ({
          name: isOn(i) && `${MARKS[i]} ${NAMES[i]}`,
          points: places.slice(0, n + 1).map(({ loss }, step) => [step, loss]),
        })),
      });
      chart.querySelectorAll("polyline").forEach(markAlong);
      return chart;
    }

    // Five marks along a line of the chart, elsewhere on each, so that none hides another.
    function markAlong(line, i) {
      const points = line.getAttribute("points").split(" ");
      for (let k = 0; k < 5; k++) {
        const at = Math.floor(((k + (i + 1) / NAMES.length) / 5) * (points.length - 1));
        const [x, y] = points[at].split(",");
        const style = `fill: var(--cb-series-${i})`;
        line.after(cb.svg("text", { x, y, style, class: "cb-mark" }, y ? MARKS[i] : ""));
      }
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
    hint: "run the race, then turn the valley by 45 degrees and press “Best of 41 rates for each” again. SGD's loss stays the same. By the table's last column, who is hurt most?",
    fields: FIELDS,
    build,
  });
}

export default { render };
