// The embedding explorer: a lookup, its product, and a training step.

const OPTIMIZERS = { sgd: "SGD", momentum: "SGD, momentum 0.9", adam: "Adam" };
const MOST = 1000; // steps; and the largest number
const SQUARES = "Keras on TensorFlow adds the squares one by one: a repeated ID goes further.";
const RUN_AWAY =
  " The table has run away: at this rate each step overshoots. Lower learning_rate or undo.";

// What a weight moves by, as in Keras on TensorFlow, its row used n times with gradient g.
function moveOf(optimizer, memory, n, g, rate, step) {
  if (optimizer !== "adam") {
    memory.m = (optimizer === "momentum" ? 0.9 : 0) * memory.m - rate * n * g;
    return memory.m;
  }
  memory.m += 0.1 * (n * g - memory.m);
  memory.v += 0.001 * (n * g ** 2 - memory.v);
  const correction = Math.sqrt(1 - 0.999 ** step) / (1 - 0.9 ** step);
  return (-rate * correction * memory.m) / (Math.sqrt(memory.v) + 1e-7);
}

const uses = (ids, row) => ids.filter((id) => id === row).length;

const lossOf = (table, ids, target) =>
  ids.flatMap((id) => table[id].map((w, j) => (w - target[j]) ** 2 / 2)).reduce((a, b) => a + b);

const limited = (number) => Math.max(-MOST, Math.min(MOST, number));

// The tables after 0, 1, 2, … steps, until one runs away.
function train(start, steps, { o, r, t }) {
  const memory = start.map((row) => row.map(() => ({ m: 0, v: 0 })));
  const tables = [start];
  for (const ids of steps) {
    const step = tables.length;
    const next = tables[step - 1].map((row, i) =>
      row.map((w, j) => w + moveOf(o, memory[i][j], uses(ids, i), w - t[j], r, step)),
    );
    if (next.flat().some((w) => w !== limited(w))) break;
    tables.push(next);
  }
  return tables;
}

function readIds(text) {
  const ids = text.match(/[^\s,;]+/g) ?? [];
  if (ids.length > 8) throw new cb.Problem(`${ids.length} IDs are too many: at most 8.`);
  if (ids.length && ids.every((id) => /^-?\d+$/.test(id))) return ids.map(Number);
  throw new cb.Problem(`“${text}” is no list of 1 to 8 whole numbers such as 3, 1, 3.`);
}

function readRows(text) {
  const rows = text.split("~").map((row) => row.split("_").map(Number));
  if (rows.flat().every(Number.isFinite)) return rows;
  throw new cb.Problem("it needs numbers, joined by _ in rows joined by ~.");
}

const writeRows = (rows) => rows.map((row) => row.map((w) => +w.toFixed(4)).join("_")).join("~");

// "0.1.0x3-2": three steps with IDs 0, 1, 0, one with ID 2.
function readSteps(text) {
  const runs = text.replaceAll(".", " ").match(/[^-]+/g) ?? [];
  return runs.flatMap((run) => {
    const [ids, times = 1] = run.split("x");
    return Array.from({ length: Math.min(times, MOST) }, () => readIds(ids));
  });
}

function writeSteps(steps) {
  const text = steps.map((ids) => ids.join(".")).join("-");
  const runs = /(?<![\d.])([\d.]+)(-\1)+(?![\d.])/g;
  return text.replace(runs, (run, ids) => `${ids}x${run.split("-").length}`);
}

function checkIds(ids, rows) {
  const wrong = ids.find((id) => id < 0 || id >= rows);
  if (wrong === undefined) return;
  const why =
    wrong < 0
      ? "counts it from the end"
      : `refuses it: “indices[${ids.indexOf(wrong)}] = ${wrong} is not in [0, ${rows})”`;
  throw new cb.Problem(
    `ID ${cb.minus(wrong)} has no row: the table has 0 to ${rows - 1}. Keras on a CPU ${why}. Change it or input_dim.`,
  );
}

// As 4e−3 where two digits would show 0.
const textOf = (number) =>
  number && Math.abs(number) < 0.005 ? cb.minus(number.toExponential(0)) : cb.show(number);

function build({ state, change, say, body, root }) {
  // A position among the IDs or null, a column, and if no position, a row.
  let pinned = [0, 0];
  let hovered = null;
  let ids, steps, t, before, after;

  const oninput = () => change({ i: list.value });
  const list = cb.h("input", { type: "text", class: "cb-ids", oninput });
  const label = cb.h("span", { class: "cb-name" }, "IDs");
  const controls = root.querySelector(".cb-controls");
  controls.prepend(cb.h("label", { class: "cb-parameter" }, label, list));

  function figure(name, title, { toPoint = (place) => place, edit, beside = "" } = {}) {
    const onpoint = (place, isPinned) => {
      hovered = place && toPoint(place);
      if (isPinned) pinned = hovered;
      paint();
    };
    const table = cb.grid({ label: title, name, onpoint, edit });
    const head = cb.h("strong");
    const node = cb.h(
      "div",
      { class: `cb-figure cb-${name}` },
      head,
      cb.h("div", { class: "cb-scroll" }, beside, table.node),
    );
    const fill = (rows, lookOf) => {
      head.textContent = `${title} ${rows.length} × ${rows[0].length}`;
      table.fill(rows.length, rows[0].length, (r, c) => ({
        text: textOf(rows[r][c]),
        name: `${name}[${r}, ${c}]`,
        ...lookOf(r, c),
      }));
    };
    return { node, fill };
  }

  const byRow = ([row, column]) => [null, column, row];
  const picks = cb.h("div", { class: "cb-picks" });
  const onehot = figure("onehot", "One-hot", { toPoint: ([p]) => [p, pinned[1]] });
  const table = figure("table", "× Table", {
    toPoint: byRow,
    beside: picks,
    edit(row, column, value) {
      const w = readRows(writeRows(after)); // rounded
      w[row][column] = value;
      change({ w, h: [] });
    },
  });
  const output = figure("output", "= Output");
  const target = figure("target", "Target", {
    toPoint: ([, column]) => pinned.with(1, column),
    edit: (_, column, value) => change({ t: [t.with(column, value)] }),
  });
  const gradient = figure("gradient", "Gradient of the next step", { toPoint: byRow });
  const moved = figure("moved", "Change by the last step", { toPoint: byRow });
  const [sum, news] = [0, 1].map(() => cb.h("p", { class: "cb-sum", "aria-live": "polite" }));
  const cost = cb.h("p", { class: "cb-note" });
  const code = cb.h("code");
  const take = (n) => () => change({ h: [...steps, ...new Array(n).fill(ids)].slice(0, MOST) });
  const undo = cb.button("Undo the steps", () => change({ h: [] }));
  body.append(
    cb.h("div", { class: "cb-figures" }, onehot.node, table.node, output.node),
    sum,
    cost,
    cb.h(
      "div",
      { class: "cb-player" },
      cb.button("Take a step", take(1), { class: "primary" }),
      cb.button("10 steps", take(10)),
      undo,
    ),
    news,
    cb.h("div", { class: "cb-figures" }, target.node, gradient.node, moved.node),
    cb.h("pre", {}, code),
  );

  function update() {
    const { V, D, i } = state;
    if (document.activeElement !== list) list.value = i;
    list.setAttribute("aria-invalid", true);
    ids = readIds(i);
    checkIds(ids, V);
    list.setAttribute("aria-invalid", false);
    const asked = state.h.filter((step) => step.every((id) => 0 <= id && id < V));
    t = Array.from({ length: D }, (_, c) => limited(state.t[0][c] ?? 0));
    const start = Array.from({ length: V }, (_, r) =>
      t.map((_, c) => limited(state.w[r]?.[c] ?? cb.random(8 * r + c)())),
    );
    const tables = train(start, asked, { ...state, t });
    [before, after] = [tables.at(-2) ?? start, tables.at(-1)];
    steps = asked.slice(0, tables.length - 1);
    undo.setAttribute("aria-disabled", !state.h.length);
    const [position, column, row = ids[position]] = pinned;
    if (!(column < D && row < V)) pinned = [0, 0];
    if (picks.children.length !== V) picks.replaceChildren(...after.map((_, i) => pick(i)));
    const n = ids.length;
    for (const button of picks.children) button.setAttribute("aria-disabled", n === 8);
    cost.textContent = `The product has ${n}·${V}·${D} = ${n * V * D} multiplications, ${n * (V - 1) * D} of them by 0. The lookup has none: it copies ${n * D} numbers.`;
    code.textContent = `Embedding(input_dim=${V}, output_dim=${D})`;
    news.textContent = tell() + (asked.length > steps.length ? RUN_AWAY : "");
    say("");
    hovered = null;
    paint();
  }

  const pick = (row) =>
    cb.button(row, () => ids.length < 8 && change({ i: [...ids, row].join(", ") }), {
      "aria-label": `Append ID ${row}`,
    });

  function paint() {
    const [place, column, row = ids[place]] = hovered ?? pinned;
    const position = place ?? ids.indexOf(row);
    const lit = (isLit, isPoint) => (isLit ? "cb-lit" : "") + (isPoint ? " cb-point" : "");
    const byTable = (rows) => {
      const limit = 2 * Math.max(...rows.flat().map(Math.abs));
      return (r, c) => ({
        classes: lit(r === row, r === row && c === column),
        style: cb.heat(rows[r][c], limit),
      });
    };
    onehot.fill(
      ids.map((id) => after.map((_, r) => Number(r === id))),
      (p, r) => ({ classes: r === ids[p] ? "cb-chosen" : lit(p === position) }),
    );
    const look = byTable(after);
    output.fill(
      ids.map((id) => after[id]),
      (p, c) => ({
        ...look(ids[p], c),
        classes: lit(p === position, p === position && c === column),
      }),
    );
    const slope = after.map((row, r) => row.map((w, c) => uses(ids, r) * (w - t[c])));
    const change = after.map((row, r) => row.map((w, c) => w - before[r][c]));
    table.fill(after, look);
    gradient.fill(slope, byTable(slope));
    moved.fill(change, byTable(change));
    target.fill([t], (_, c) => ({ classes: lit(false, c === column) }));
    sum.textContent = explain(position, column, row, slope[row][column]);
  }

  function explain(position, column, row, slope) {
    const terms = after.map((w, r) => `${Number(r === row)}·${cb.show(w[column], 4)}`);
    const [w, pull] = [after[row][column], t[column]].map((number) => cb.show(number, 4));
    const output = `output[${position}, ${column}] = ${terms.join(" + ")} = ${w}`;
    return `${position < 0 ? `Row ${row} is not looked up` : output}. gradient[${row}, ${column}] = ${uses(ids, row)}·(${w} − ${pull}) = ${cb.show(slope, 4)}`;
  }

  function tell() {
    if (!steps.length) {
      return `The loss is half the squared distance of the output to the target: ${cb.show(lossOf(after, ids, t), 4)}.`;
    }
    const last = steps.at(-1);
    const all = after.map((_, row) => row);
    const hasMoved = (row) => after[row].some((w, c) => w !== before[row][c]);
    const rows = (is) => all.filter((row) => hasMoved(row) === is).join(", ") || "none";
    const twice = all.filter((row) => uses(last, row) > 1);
    const remembered = all.filter((row) => !last.includes(row) && hasMoved(row));
    const losses = [before, after].map((table) => cb.show(lossOf(table, last, t), 4));
    return [
      `Step ${steps.length}, all replayed with ${OPTIMIZERS[state.o]}, learning_rate ${state.r}.`,
      `IDs ${last.join(", ")}: loss ${losses.join(" → ")}.`,
      `Rows moved: ${rows(true)}; not by a bit: ${rows(false)}.`,
      ...twice.map((row) => `Row ${row} adds up ${uses(last, row)} gradients.`),
      twice.length && state.o === "adam" ? SQUARES : "",
      ...remembered.map((row) => `Row ${row} was not used: the optimizer remembers.`),
    ].join(" ");
  }

  return { update };
}

function render({ model, el }) {
  const rows = { kind: "other", read: readRows, write: writeRows };
  const fields = [
    { kind: "number", key: "V", label: "input_dim", low: 1, high: 8 },
    { kind: "number", key: "D", label: "output_dim", low: 1, high: 8 },
    { kind: "choice", key: "o", label: "optimizer", options: OPTIMIZERS },
    { kind: "number", key: "r", label: "learning_rate", low: 0, high: 2, step: 0.05 },
    {
      kind: "other",
      key: "i",
      read: (text) => readIds(text.replaceAll(".", " ")).join(", "),
      write: (text) => text.replace(/[\s,;]+/g, "."),
    },
    { ...rows, key: "t" },
    { ...rows, key: "w" },
    { kind: "other", key: "h", read: readSteps, write: writeSteps },
  ];

  return cb.explorer({
    model,
    el,
    name: "embedding",
    title: "Embedding lookup",
    hint: "ID 3 occurs twice. Take a step: how far does its row go, how far row 1? Then take momentum or Adam, other IDs, and guess which rows move.",
    fields,
    build,
  });
}

export default { render };
