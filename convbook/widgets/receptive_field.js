// The receptive-field explorer: how far an output sees, and how many paths lead there.

// "3-3s2-3d4-p2" is a stack of layers: kernel_size, then strides and dilation_rate if not Keras'
// defaults; p is a pooling.
const SIZES = cb.choices(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
const MOST = 24; // layers
const HILL = 72; // pixels
const POOLING =
  "A pooling counts as an average: in max pooling, only the largest number has a path.";
const [CONV, POOL] = readStack("3-p2");

function readStack(text) {
  const layers = text.split("-").map((part) => {
    const [, pool, k, s = pool ? k : 1, d = 1] =
      part.match(/^(p?)(\d+)(?:s(\d+))?(?:d(\d+))?$/) ?? [];
    return { pool, k: +k, s: +s, d: +d };
  });
  const isLegal = ({ pool, k, s, d }) =>
    [k, s, d].every((size) => 1 <= size && size <= 11) && !(pool && d > 1);
  if (!layers.every(isLegal) || layers.length > MOST) {
    throw new cb.Problem(
      `“${text}” is no stack of 1 to ${MOST} layers such as 3-3s2-3d4-p2, numbers 1 to 11.`,
    );
  }
  return layers;
}

const textOf = ({ pool, k, s, d }, strides, dilation) =>
  k + (s === (pool ? k : 1) ? "" : strides + s) + (d === 1 ? "" : dilation + d);
const callOf = (layer, filters = "") =>
  (layer.pool ? "MaxPooling2D(" : `Conv2D(${filters}`) +
  textOf(layer, ", strides=", ", dilation_rate=");
const writeStack = (layers) =>
  layers.map((layer) => layer.pool + textOf(layer, "s", "d")).join("-");

// The input and what each layer makes of it. `start` is where the field of unit 0 begins.
function stagesOf({ n, p }, layers) {
  const stages = [{ size: n, field: 1, jump: 1, start: 0 }];
  for (const { k, s, d } of layers) {
    const { size, field, jump, start } = stages.at(-1);
    const reach = d * (k - 1) + 1;
    const fit = p === "same" ? Math.ceil(size / s) : Math.floor((size - reach) / s) + 1;
    const pad = Math.max((fit - 1) * s + reach - size, 0) >> 1;
    const next = { size: fit, field: field + (reach - 1) * jump, jump: jump * s };
    stages.push({ ...next, start: start - pad * jump, pad, k, s, d });
  }
  return stages;
}

// All pairs of a cell with paths in stage l and a cell below that it reads.
function edgesOf(l, stages, paths) {
  const { k, s, d, pad } = stages[l];
  const reads = (i) => Array.from({ length: k }, (_, tap) => [i, i * s - pad + tap * d]);
  const edges = paths[l].flatMap((count, i) => (count ? reads(i) : []));
  return edges.filter(([, to]) => 0 <= to && to < stages[l - 1].size);
}

// How many paths lead from each cell of each stage to the unit of the last.
function trace(unit, stages) {
  const paths = stages.map(({ size }) => new Array(size).fill(0));
  paths.at(-1)[unit] = 1;
  for (let l = stages.length - 1; l > 0; l--) {
    for (const [from, to] of edgesOf(l, stages, paths)) paths[l - 1][to] += paths[l][from];
  }
  return paths;
}

function describe(line, unit, { size, field, start, jump }) {
  const name = `Unit ${unit} (${unit + 1} of ${size})`;
  if (!line.some(Boolean)) return `${name} reads nothing but padding, which is always 0.`;
  const from = start + unit * jump;
  const to = from + field - 1;
  const inside = line.slice(Math.max(from, 0), to + 1);
  const seen = inside.filter(Boolean).sort((a, b) => b - a);
  const total = seen.reduce((a, b) => a + b);
  let half = 0;
  for (let covered = 0; covered < total / 2; half++) covered += seen[half];
  return [
    `${name} has a field of ${field} cells, ${cb.minus(from)} to ${to}.`,
    field > line.length && `It is wider than the input, ${line.length}.`,
    field > inside.length && `Padding in it, always 0: ${field - inside.length}.`,
    inside.length > seen.length && `Holes in it: ${inside.length - seen.length}.`,
    `Paths: ${cb.count(total)}; from cell ${line.indexOf(seen[0])}: ${cb.count(seen[0])}; from the first: ${cb.count(inside[0])}. Half of them begin in the ${half} busiest of the ${seen.length} cells with paths.`,
    inside.length <= 16 && `Cell by cell: ${inside.map(cb.count).join(", ")}.`,
    `In an image, paths down and across multiply: ${cb.count(seen[0] ** 2)} from one pixel, ${cb.count(inside[0] ** 2)} from a corner.`,
  ]
    .filter(Boolean)
    .join(" ");
}

// The cells of all stages, the last at the top; below, a bar for each input cell. Across, the
// drawing is measured in input cells; down, in pixels.
function draw(stages, paths, go) {
  const last = stages.length - 1;
  const row = Math.max(24, 56 - 2 * stages.length);
  const floor = stages.length * row + HILL;
  const centre = (l, i) => stages[l].start + (stages[l].field - 1) / 2 + i * stages[l].jump;
  const top = (l) => (last - l) * row + row / 4;
  const parts = [];
  const box = (name, l, i, y, height, opacity = 1) => {
    const width = 0.92 * stages[l].jump;
    const x = centre(l, i) - width / 2;
    const onclick = l === last ? () => go(i) : null;
    const look = { class: `cb-${name}`, "fill-opacity": opacity, onclick };
    parts.push(cb.svg("rect", { x, y, width, height, ...look }));
  };
  paths.forEach((counts, l) => {
    const most = Math.max(...counts) || 1;
    counts.forEach((count, i) => {
      const part = count / most;
      box("cell", l, i, top(l), row / 2);
      if (count) box("seen", l, i, top(l), row / 2, 0.2 + 0.8 * part);
      if (l === 0) box("seen", l, i, floor - HILL * part, HILL * part);
    });
    const lines = (l ? edgesOf(l, stages, paths) : []).map(
      ([i, j]) => `M${centre(l, i)} ${top(l) + row / 2}L${centre(l - 1, j)} ${top(l - 1)}`,
    );
    parts.push(cb.svg("path", { d: lines.join(""), class: "cb-edges" }));
  });
  const low = Math.min(...stages.map((_, l) => centre(l, -0.5)));
  const high = Math.max(...stages.map(({ size }, l) => centre(l, size - 0.5)));
  const names = [...stages.map((_, l) => (l < last ? `layer ${last - l}` : "input")), "paths"];
  return [
    cb.h("div", { style: `line-height: ${row}px` }, names.join("\n")),
    cb.svg(
      "svg",
      {
        viewBox: `${low} 0 ${high - low} ${floor}`,
        preserveAspectRatio: "none",
        style: `height: ${floor}px`,
        role: "img",
        "aria-label": "The layers and the paths",
      },
      ...parts,
    ),
  ];
}

function render({ model, el }) {
  const fields = [
    { kind: "number", key: "n", label: "input size", low: 1, high: 256 },
    { kind: "choice", key: "p", label: "padding", options: cb.choices("valid", "same") },
    { kind: "other", key: "l", read: (text) => writeStack(readStack(text)), write: String },
    { kind: "other", key: "u", read: parseInt, write: String }, // −1 is the middle unit
  ];

  function build({ state, change, body, root }) {
    const networks = Object.fromEntries(state.networks.map(([name, ...rest]) => [name, rest]));
    let layers, stages;
    let edited = 0; // a layer

    const list = (label, options, set) => cb.control({ kind: "choice", label, options }, set);
    const preset = list("network", cb.choices(...Object.keys(networks), "your own"), (name) => {
      const [n, p, l] = networks[name] ?? [state.n, state.p, state.l];
      change({ n, p, l, u: -1 });
    });
    root.querySelector(".cb-controls").prepend(preset.node);

    function edit(act, next = edited) {
      const changed = [...layers];
      act(changed);
      if (!changed[0] || changed[MOST]) return; // the button is aria-disabled
      change({ l: writeStack(changed) });
      choose(next);
    }
    const replace = (layer) => edit((all) => (all[edited] = layer));
    const setting = (key, label) =>
      list(label, SIZES, (size) => replace({ ...layers[edited], [key]: Number(size) }));
    const settings = {
      pool: list("layer", { "": "Conv2D", p: "MaxPooling2D" }, (pool) =>
        replace(pool ? POOL : CONV),
      ),
      k: setting("k", "kernel_size"),
      s: setting("s", "strides"),
      d: setting("d", "dilation_rate"),
    };
    function move(by) {
      const to = Math.max(0, edited + by);
      edit((all) => all.splice(to, 0, ...all.splice(edited, 1)), to);
    }
    const add = cb.button("Add a layer", () =>
      edit((all) => all.splice(edited + 1, 0, CONV), edited + 1),
    );
    const remove = cb.button("Remove", () => edit((all) => all.splice(edited, 1)));
    const place = cb.h("strong");
    const editor = cb.h(
      "div",
      { class: "cb-edit" },
      place,
      ...Object.values(settings).map(({ node }) => node),
      add,
      remove,
      cb.button("Move up", () => move(-1)),
      cb.button("Move down", () => move(1)),
    );
    const table = cb.h("div");
    const note = cb.h("p", { class: "cb-note" }, POOLING);
    // Above the body, to mend a stack that does not fit.
    body.before(cb.h("div", { class: "cb-stack" }, table, editor, note));

    const go = (u) => change({ u });
    const player = cb.player({ label: "unit of the last layer", go });
    const drawing = cb.h("div", { class: "cb-pyramid" });
    const sum = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const code = cb.h("code");
    body.append(player.node, drawing, sum, cb.h("pre", {}, code));

    function choose(l) {
      edited = Math.min(l, layers.length - 1);
      const layer = layers[edited];
      place.textContent = `Layer ${edited + 1}`;
      for (const [key, { refresh }] of Object.entries(settings)) refresh(layer[key]);
      settings.d.node.hidden = layer.pool !== "";
      add.setAttribute("aria-disabled", layers.length === MOST);
      remove.setAttribute("aria-disabled", layers.length === 1);
      table
        .querySelectorAll("button")
        .forEach((name, i) => name.setAttribute("aria-pressed", i === edited));
    }

    function fillTable() {
      const rows = layers.map((layer, i) => {
        const { pool, k, d } = layer;
        const [before, { size, field, jump, start }] = stages.slice(i);
        const steps = `${d > 1 ? `${d}·` : ""}(${k} − 1)`;
        return [
          cb.button(`${i + 1} ${callOf(layer)})`, () => choose(i)),
          `${before.field} + ${steps}·${before.jump} = ${field}`,
          ...[jump, size, start, pool ? 0 : k * k].map(cb.minus),
        ];
      });
      const titles = [
        "layer",
        "field",
        "jump",
        "output",
        "first cell of unit 0",
        "weights, 1 channel in and out",
      ];
      table.replaceChildren(cb.table({ label: "The layers", titles, rows }));
      note.hidden = !layers.some(({ pool }) => pool);
      choose(edited);
    }

    function update() {
      const { n, p, l } = state;
      layers = readStack(l);
      stages = stagesOf(state, layers);
      const isThis = (name) => networks[name].join() === [n, p, l].join();
      preset.refresh(Object.keys(networks).find(isThis) ?? "your own");
      fillTable();
      const wrong = stages.findIndex(({ size, s, d }) => size < 1 || (s > 1 && d > 1));
      if (wrong > 0) {
        const why =
          stages[wrong].size < 1
            ? `does not fit on ${stages[wrong - 1].size} cells. Take a larger input, smaller layers, or padding "same".`
            : "has both strides > 1 and dilation_rate > 1, which Keras refuses. Set one to 1.";
        throw new cb.Problem(`Layer ${wrong} ${why}`);
      }
      const { size } = stages.at(-1);
      const unit = 0 <= state.u && state.u < size ? state.u : size >> 1;
      const paths = trace(unit, stages);
      player.set(unit, size);
      drawing.replaceChildren(...draw(stages, paths, go));
      sum.textContent = describe(paths[0], unit, stages.at(-1));
      const calls = layers.map((layer) => `layers.${callOf(layer, "1, ")}, padding="${p}"),`);
      code.textContent = calls.join("\n");
    }

    return { update, stop: player.pause };
  }

  return cb.explorer({
    model,
    el,
    name: "receptive_field",
    title: "Receptive field",
    hint: "three 3×3 layers see as far as one 7×7. Do all 7 cells count alike? Guess, then look at the paths. Then take VGG-16. Its field is 212 of 224 cells. In how many do half of its paths begin? Guess.",
    fields,
    build,
  });
}

export default { render };
