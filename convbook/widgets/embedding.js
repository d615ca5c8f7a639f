// The embedding explorer: a lookup, the same as a product, and which rows a training step moves.

const OPTIMIZERS = { sgd: "SGD", momentum: "SGD, momentum 0.9", adam: "Adam" };
const MOST = 1000; // steps
const SQUARES =
  "In Adam, Keras on TensorFlow adds the squares one by one: a repeated ID goes further.";

// What one weight moves by, as Keras' optimizers do on TensorFlow. `memory` is its own; its row
// was used `n` times, with the gradient g each time.
function moveOf(optimizer, memory, n, g, rate, step) {
  if (optimizer !== "adam") {
    memory.m = (optimizer === "momentum" ? 0.9 : 0) * memory.m - rate * n * g;
    return memory.m;
  }
  memory.m += 0.1 * (n * g - memory.m);
  memory.v += 0.001 * (n * g ** 2 - memory.v); // the sum of squares, not the square of the sum
  const correction = Math.sqrt(1 - 0.999 ** step) / (1 - 0.9 ** step);
  return (-rate * correction * memory.m) / (Math.sqrt(memory.v) + 1e-7);
}

const uses = (ids, row) => ids.filter((id) => id === row).length;

// Half the sum of the squared distances of all rows looked up to the target.
const lossOf = (table, ids, target) =>
  ids.flatMap((id) => table[id].map((w, j) => (w - target[j]) ** 2 / 2)).reduce((a, b) => a + b);

function train(start, steps, { o, r, t }) {
  const memory = start.map((row) => row.map(() => ({ m: 0, v: 0 })));
  let [before, after] = [start, start];
  steps.forEach((ids, step) => {
    before = after;
    after = before.map((row, i) =>
      row.map((w, j) => w + moveOf(o, memory[i][j], uses(ids, i), w - t[j], r, step + 1)),
    );
  });
  return { before, after };
}

function readIds(text) {
  const ids = text.match(/[^\s,.;]+/g)?.map(Number) ?? [];
  if (1 <= ids.length && ids.length <= 8 && ids.every(Number.isInteger)) return ids;
  throw new cb.Problem(`“${text}” is no list of 1 to 8 whole numbers such as 3, 1, 3.`);
}

const shortOf = (text) => text.trim().replace(/[\s,;]+/g, ".");

function readRows(text) {
  const rows = text.split("~").map((row) => row.split("_").map(Number));
  if (rows.flat().every(Number.isFinite)) return rows;
  throw new cb.Problem("it needs numbers, joined by _ in rows joined by ~.");
}

// "0.1.0x3-2" is three steps with IDs 0, 1, 0 and one with ID 2.
function readSteps(text) {
  const runs = text.match(/[^-]+/g) ?? [];
  return runs.flatMap((run) => {
    const [ids, times = 1] = run.split("x");
    return Array.from({ length: Math.min(times, MOST + 1) }, () => readIds(ids));
  });
}

function writeSteps(steps) {
  const runs = [];
  for (const ids of steps.map((step) => step.join("."))) {
    if (runs.at(-1)?.ids === ids) runs.at(-1).times += 1;
    else runs.push({ ids, times: 1 });
  }
  return runs.map(({ ids, times }) => `${ids}${times > 1 ? `x${times}` : ""}`).join("-");
}

function checkIds(ids, rows) {
  const wrong = ids.find((id) => !(0 <= id && id < rows));
  if (wrong === undefined) return;
  const why =
    wrong < 0
      ? "Keras on a CPU counts it from the end, as NumPy does, and says nothing."
      : `Keras on a CPU refuses it: “indices[${ids.indexOf(wrong)}] = ${wrong} is not in [0, ${rows})”.`;
  throw new cb.Problem(
    `ID ${cb.minus(wrong)} has no row: the table has 0 to ${rows - 1}. ${why} Change the ID, or take a larger input_dim.`,
  );
}

function render({ model, el }) {
  const write = (rows) => rows.map((row) => row.join("_")).join("~");
  const rows = { kind: "other", read: readRows, write };
  const fields = [
    { kind: "number", key: "V", label: "input_dim", low: 1, high: 8 },
    { kind: "number", key: "D", label: "output_dim", low: 1, high: 8 },
    { kind: "choice", key: "o", label: "optimizer", options: OPTIMIZERS },
    { kind: "number", key: "r", label: "learning_rate", low: 0, high: 2, step: 0.05 },
    { kind: "other", key: "i", read: (text) => readIds(text).join(", "), write: shortOf },
    { ...rows, key: "t" },
    { ...rows, key: "w" },
    { kind: "other", key: "h", read: readSteps, write: writeSteps },
  ];

  function build({ state, change, body, root }) {
    // A position in the list of IDs, or none; a column; and if there is no position, a row.
    let pinned = [0, 0];
    let hovered = null;
    let ids, steps, t, before, after;

    const list = cb.h("input", { type: "text", class: "cb-ids" });
    list.oninput = () => change({ i: list.value });
    root
      .querySelector(".cb-controls")
      .prepend(
        cb.h("label", { class: "cb-parameter" }, cb.h("span", { class: "cb-name" }, "IDs"), list),
      );

    function figure(name, title, { toPoint = (place) => place, edit, beside = "" } = {}) {
      const onpoint = (place, isPinned) => {
        hovered = place && toPoint(place);
        if (isPinned) pinned = hovered;
        paint();
      };
      const table = cb.grid({ label: title, name, onpoint, edit });
      const size = cb.h("span", { class: "cb-size" });
      const node = cb.h(
        "div",
        { class: `cb-figure cb-${name}` },
        cb.h("div", {}, cb.h("strong", {}, title), " ", size),
        cb.h("div", { class: "cb-scroll" }, beside, table.node),
      );
      const fill = (rows, lookOf) => {
        size.textContent = `${rows.length} × ${rows[0].length}`;
        table.fill(rows.length, rows[0].length, (r, c) => ({
          text: cb.show(rows[r][c]),
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
        const w = after.map((numbers) => numbers.map((number) => Number(number.toFixed(4))));
        w[row][column] = value;
        change({ w, h: [] }); // the steps were another table's
      },
    });
    const output = figure("output", "= Output");
    const target = figure("target", "Target", {
      toPoint: ([, column]) => pinned.with(1, column),
      edit: (_, column, value) => change({ t: [t.with(column, value)] }),
    });
    const gradient = figure("gradient", "Gradient of the next step", { toPoint: byRow });
    const moved = figure("moved", "Change by the last step", { toPoint: byRow });
    const sum = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const cost = cb.h("p", { class: "cb-note" });
    const news = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const code = cb.h("code");
    const take = (n) => () => change({ h: [...steps, ...new Array(n).fill(ids)] });
    body.append(
      cb.h("div", { class: "cb-figures" }, onehot.node, table.node, output.node),
      sum,
      cost,
      cb.h(
        "div",
        { class: "cb-player" },
        cb.button("Take a step", take(1), { class: "primary" }),
        cb.button("10 steps", take(10)),
        cb.button("Undo the steps", () => change({ h: [] })),
      ),
      news,
      cb.h("div", { class: "cb-figures" }, target.node, gradient.node, moved.node),
      cb.h("pre", {}, code),
    );

    function update() {
      const { V, D, i } = state;
      if (document.activeElement !== list) list.value = i;
      ids = readIds(i);
      checkIds(ids, V);
      steps = state.h.filter((step) => step.every((id) => 0 <= id && id < V));
      if (steps.length > MOST) throw new cb.Problem(`${MOST} steps are enough: press Reset.`);
      const numbers = (row) => Array.from({ length: D }, (_, c) => row?.[c] ?? 0);
      t = numbers(state.t[0]);
      const start = Array.from({ length: V }, (_, r) => numbers(state.w[r]));
      ({ before, after } = train(start, steps, { ...state, t }));
      if (!after.flat().every((number) => Math.abs(number) < 1e6)) {
        throw new cb.Problem(
          "The table has run away, over 1,000,000. Lower learning_rate or press Reset.",
        );
      }
      const [position, column, row = ids[position]] = pinned;
      if (!(column < D && row < V)) pinned = [0, 0];
      if (picks.children.length !== V) picks.replaceChildren(...after.map((_, i) => pick(i)));
      cost.textContent = `The product has ${ids.length}·${V}·${D} = ${ids.length * V * D} multiplications, ${ids.length * (V - 1) * D} of them by 0. The lookup has none: it copies ${ids.length * D} numbers.`;
      code.textContent = `Embedding(input_dim=${V}, output_dim=${D})`;
      news.textContent = tell();
      hovered = null;
      paint();
    }

    const pick = (row) =>
      cb.button(row, () => change({ i: [...ids, row].join(", ") }), {
        "aria-label": `Look up ID ${row}`,
      });

    function paint() {
      const [place, column, row = ids[place]] = hovered ?? pinned;
      const position = place ?? ids.indexOf(row);
      const lit = (isLit, isPoint) => `${isLit ? "cb-lit" : ""}${isPoint ? " cb-point" : ""}`;
      const byTable = (rows) => {
        const limit = 2 * Math.max(...rows.flat().map(Math.abs)); // so that the text stays legible
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
      const rows = (found) => found.join(", ") || "none";
      const twice = all.filter((row) => uses(last, row) > 1);
      const remembered = all.filter((row) => !last.includes(row) && hasMoved(row));
      const losses = [before, after].map((table) => cb.show(lossOf(table, last, t), 4));
      return [
        `Step ${steps.length} with IDs ${last.join(", ")}: loss ${losses.join(" → ")}.`,
        `Rows moved: ${rows(all.filter(hasMoved))}; not by a bit: ${rows(all.filter((row) => !hasMoved(row)))}.`,
        ...twice.map((row) => `Row ${row} adds up ${uses(last, row)} gradients.`),
        twice.length && state.o === "adam" ? SQUARES : "",
        ...remembered.map((row) => `Row ${row} was not used: the optimizer remembers.`),
      ].join(" ");
    }

    return { update };
  }

  return cb.explorer({
    model,
    el,
    name: "embedding",
    title: "Embedding lookup",
    hint: "ID 3 occurs twice. Take a step: how far does its row go, how far row 1? Then take momentum or Adam, step with other IDs, and guess which rows move.",
    fields,
    build,
  });
}

export default { render };
