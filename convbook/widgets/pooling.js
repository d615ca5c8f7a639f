// The pooling explorer: what a pooling layer computes, and where its gradient goes.

const EXAMPLE = [
  [1, 1, 2, 4],
  [5, 6, 7, 8],
  [3, 2, 1, 0],
  [1, 2, 3, 4],
];
const SIGNED = [
  [3, 4, -2, -1],
  [-2, 0, 1, 2],
  [1, -2, 2, 6],
  [0, 8, 3, 5],
];
// Each preset gives the number at row r, column c of an n × n input.
const PRESETS = {
  example: ["A small example", (r, c) => EXAMPLE[r % 4][c % 4]],
  signed: ["With negative numbers", (r, c) => SIGNED[r % 4][c % 4]],
  dot: ["A single 9", (r, c, n) => 9 * Number(r === n >> 1 && c === n >> 1)],
  edge: ["A vertical edge", (r, c, n) => 9 * Number(c >= n >> 1)],
  equal: ["All equal", () => 5],
  own: ["Your own", () => 0],
};
const LAYERS = { max: "MaxPooling2D", average: "AveragePooling2D", min: "MaxPooling2D" };

const sizeOf = ({ n, k, s, p }) => (p === "same" ? Math.ceil(n / s) : Math.floor((n - k) / s) + 1);

// The cells of the input below output [r, c]; with "same", those outside the input do not count.
function windowOf(settings, r, c) {
  const { n, k, s, p } = settings;
  const padding = p === "same" ? Math.max((sizeOf(settings) - 1) * s + k - n, 0) >> 1 : 0;
  const cells = [];
  for (let i = r * s - padding; i < r * s - padding + k; i++) {
    for (let j = c * s - padding; j < c * s - padding + k; j++) {
      if (0 <= i && i < n && 0 <= j && j < n) cells.push([i, j]);
    }
  }
  return cells;
}

// One output, and the cells that share its gradient, with their shares.
function pool(kind, x, cells) {
  const values = cells.map(([i, j]) => x[i][j]);
  if (kind === "average") {
    const value = values.reduce((sum, v) => sum + v) / values.length;
    return { value, shares: cells.map((cell) => [cell, 1 / cells.length]) };
  }
  const value = kind === "max" ? Math.max(...values) : Math.min(...values);
  return { value, shares: [[cells[values.indexOf(value)], 1]] }; // of equal ones, the first
}

function render({ model, el }) {
  const fields = [
    {
      kind: "choice",
      key: "m",
      label: "pooling",
      options: { max: "max", average: "average", min: "min" },
    },
    { kind: "number", key: "n", label: "input size", low: 1, high: 10 },
    { kind: "number", key: "k", label: "pool_size", low: 1, high: 5 },
    { kind: "number", key: "s", label: "strides", low: 1, high: 5 },
    { kind: "choice", key: "p", label: "padding", options: { valid: "valid", same: "same" } },
    { kind: "number", key: "d", label: "move the input right by", low: 0, high: 5 },
    {
      kind: "choice",
      key: "x",
      label: "numbers",
      options: Object.fromEntries(Object.entries(PRESETS).map(([key, [label]]) => [key, label])),
    },
    {
      kind: "other",
      key: "own",
      read: readNumbers,
      write: (rows) => rows.map((row) => row.join()).join(";"),
    },
  ];

  function readNumbers(text) {
    const rows = text.split(";").map((row) => row.split(",").map(Number));
    const isSquare = rows.every((row) => row.length === rows.length && row.every(Number.isFinite));
    if (isSquare && rows.length <= 10) return rows;
    throw new cb.Problem("it needs as many rows (;) as columns (,) of numbers, at most 10.");
  }

  function build({ state, change, body }) {
    let pinned = { grid: "output", cell: [0, 0] };
    let hovered = null;
    let x, size, outputs, gradient;
    let before; // the outputs of the input that was not moved

    const point = (name) => (cell, isPinned) => {
      if (isPinned) pinned = { grid: name, cell };
      hovered = isPinned || !cell ? null : { grid: name, cell };
      paint();
    };
    const figure = (name, title, edit) => {
      const table = cb.grid({ label: title, name, onpoint: point(name), edit });
      const words = cb.h("div", { class: "cb-title" });
      const node = cb.h(
        "div",
        { class: `cb-figure cb-${name}` },
        words,
        cb.h("div", { class: "cb-scroll" }, table.node),
      );
      return { ...table, box: node, words, title };
    };
    const input = figure("input", "Input", (r, c, value) => {
      const own = x.map((row) => [...row]);
      own[r][c] = value;
      change({ x: "own", own, d: 0 });
    });
    const output = figure("output", "Output");
    const back = figure("gradient", "Gradient of the input, when each output's gradient is 1");
    const sum = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const moved = cb.h("p", { class: "cb-note" });
    const code = cb.h("code");
    body.append(
      cb.h("div", { class: "cb-figures" }, input.box, output.box, back.box),
      sum,
      moved,
      cb.h("pre", {}, code),
    );

    function numbers(shift) {
      const { n, own } = state;
      const at = (r, c) => (state.x === "own" ? (own[r]?.[c] ?? 0) : PRESETS[state.x][1](r, c, n));
      return Array.from({ length: n }, (_, r) =>
        Array.from({ length: n }, (_, c) => (c < shift ? 0 : at(r, c - shift))),
      );
    }

    function compute(values) {
      return Array.from({ length: size }, (_, r) =>
        Array.from({ length: size }, (_, c) => pool(state.m, values, windowOf(state, r, c))),
      );
    }

    function update() {
      const { n, k, p, d } = state;
      size = sizeOf(state);
      if (size < 1) {
        throw new cb.Problem(
          `A window of ${k} × ${k} does not fit into an input of ${n} × ${n}. Take a smaller pool_size, a larger input, or padding "same".`,
        );
      }
      x = numbers(d);
      outputs = compute(x);
      gradient = x.map((row) => row.map(() => 0));
      for (const { shares } of outputs.flat())
        for (const [[i, j], part] of shares) gradient[i][j] += part;
      before = compute(numbers(0));
      const changed = outputs.flatMap((row, r) => row.filter((_, c) => isChanged(r, c))).length;
      moved.hidden = d === 0;
      moved.textContent = `Moved by ${d}: ${changed} of ${size * size} outputs changed, and ${x.flat().filter((v, i) => v !== numbers(0).flat()[i]).length} of ${n * n} inputs.`;
      const call = `${LAYERS[state.m]}(pool_size=${k}, strides=${state.s}, padding="${p}")`;
      code.textContent = state.m === "min" ? `-${call}(-x)  # Keras has no min pooling` : call;
      if (pinned.cell.some((i) => i >= (pinned.grid === "output" ? size : n)))
        pinned = { grid: "output", cell: [0, 0] };
      paint();
    }

    // Sums of the same numbers in another order may differ in the last digit.
    const isChanged = (r, c) => Math.abs(outputs[r][c].value - before[r][c].value) > 1e-9;

    function outputCell(r, c, marks) {
      const was = `was ${cb.show(before[r][c].value)}`;
      const cell = {
        text: cb.show(outputs[r][c].value),
        name: `output[${r}, ${c}]`,
        classes: marks,
      };
      if (!isChanged(r, c)) return cell;
      const [name, classes] = [`${cell.name}, ${was}`, `${marks} cb-was`];
      return { ...cell, name, classes, style: `--was: "${was}"` };
    }

    function paint() {
      const { grid, cell } = hovered ?? pinned;
      const isAt = (r, c) => r === cell[0] && c === cell[1];
      const reads = (r, c, [i, j]) => windowOf(state, r, c).some(([a, b]) => a === i && b === j);
      const chosen = grid === "output" ? outputs[cell[0]][cell[1]] : null;
      const inWindow = (r, c) => (chosen ? reads(...cell, [r, c]) : isAt(r, c));
      const wins = (r, c) => chosen?.shares.some(([[i, j]]) => i === r && j === c);
      const marks = (lit, strong) => `${lit ? "cb-lit " : ""}${strong ? "cb-chosen" : ""}`;
      for (const [figure, values] of [
        [input, x],
        [back, gradient],
      ]) {
        figure.words.replaceChildren(cb.h("strong", {}, figure.title), ` ${state.n} × ${state.n}`);
        figure.fill(state.n, state.n, (r, c) => ({
          text: cb.show(values[r][c]),
          name: `${figure === input ? "input" : "gradient"}[${r}, ${c}]`,
          classes: marks(inWindow(r, c), chosen ? wins(r, c) && state.m !== "average" : isAt(r, c)),
        }));
      }
      output.words.replaceChildren(cb.h("strong", {}, "Output"), ` ${size} × ${size}`);
      output.fill(size, size, (r, c) =>
        outputCell(r, c, marks(!chosen && reads(r, c, cell), chosen && isAt(r, c))),
      );
      sum.textContent = chosen ? explain(cell, chosen) : uses(cell);
    }

    function explain([r, c], { value, shares }) {
      const values = windowOf(state, r, c).map(([i, j]) => x[i][j]);
      const name = { max: "max", average: "mean", min: "min" }[state.m];
      const list = values.map((v) => cb.show(v)).join(", ");
      const equal = values.filter((v) => v === value).length;
      const tie = `. A tie: the first of these ${equal}, input[${shares[0][0].join(", ")}], gets the whole gradient.`;
      return `output[${r}, ${c}] = ${name}(${list}) = ${cb.show(value, 4)}${state.m !== "average" && equal > 1 ? tie : ""}`;
    }

    function uses([r, c]) {
      const count = outputs.flatMap((row, i) =>
        row.filter((_, j) => windowOf(state, i, j).some(([a, b]) => a === r && b === c)),
      ).length;
      const part = cb.show(gradient[r][c], 4);
      return `input[${r}, ${c}] = ${cb.show(x[r][c], 4)} lies in ${count} window${count === 1 ? "" : "s"}, and gets a gradient of ${part}.`;
    }

    return { update };
  }

  return cb.explorer({
    model,
    el,
    name: "pooling",
    title: "Pooling",
    hint: "move the input right by 1, then by 2. Which outputs stay as they were? Then take “A single 9” and do the same. Last, compare where the gradient goes with max and with average.",
    fields,
    build,
  });
}

export default { render };
