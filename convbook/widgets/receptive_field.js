// The receptive-field explorer: how far an output sees, and how many paths lead there.

// "3-3s2-3d4-p2" is a stack of layers: for each its kernel_size, then strides and dilation_rate
// if not Keras' defaults; p is a pooling.
const SIZES = cb.choices(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
const MOST = 24; // layers
const HILL = 72; // the height of the bars, in pixels
const POOLING =
  "A pooling counts as an average: in max pooling, only the largest number has a path.";
const CONV = { pool: "", k: 3, s: 1, d: 1 };
const POOL = { pool: "p", k: 2, s: 2, d: 1 };

function readStack(text) {
  const layers = text.split("-").map((part) => {
    const [, pool, k, s = pool ? k : 1, d = 1] =
      part.match(/^(p?)(\d+)(?:s(\d+))?(?:d(\d+))?$/) ?? [];
    return { pool, k: Number(k), s: Number(s), d: Number(d) };
  });
  const isLegal = ({ pool, k, s, d }) =>
    [k, s, d].every((size) => 1 <= size && size <= 11) && (d === 1 || !(pool || s > 1));
  if (layers.length <= MOST && layers.every(isLegal)) return layers;
  throw new cb.Problem(
    `“${text}” is no stack of 1 to ${MOST} layers such as 3-3s2-3d4-p2, numbers 1 to 11. Keras refuses strides > 1 together with dilation_rate > 1.`,
  );
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
    const same = p === "same";
    const fit = same ? Math.ceil(size / s) : Math.floor((size - reach) / s) + 1;
    const pad = same ? Math.max((fit - 1) * s + reach - size, 0) >> 1 : 0;
    const next = { size: fit, field: field + (reach - 1) * jump, jump: jump * s };
    stages.push({ ...next, start: start - pad * jump, pad });
  }
  return stages;
}

// All pairs of a cell with paths in stage l and a cell below that it reads. Padding is no cell.
function edgesOf(l, { layers, stages, paths }) {
  const { k, s, d } = layers[l - 1];
  const reads = (i) => Array.from({ length: k }, (_, tap) => [i, i * s - stages[l].pad + tap * d]);
  const edges = paths[l].flatMap((count, i) => (count ? reads(i) : []));
  return edges.filter(([, to]) => 0 <= to && to < stages[l - 1].size);
}

// A net with `paths`: how many lead from each cell of each stage to the unit of the last.
function trace(unit, layers, stages) {
  const paths = stages.map(({ size }) => new Array(size).fill(0));
  const net = { layers, stages, paths };
  paths.at(-1)[unit] = 1;
  for (let l = layers.length; l > 0; l--) {
    for (const [from, to] of edgesOf(l, net)) paths[l - 1][to] += paths[l][from];
  }
  return net;
}

function describe(line, unit, { field, start, jump }) {
  if (!line.some(Boolean)) return `Unit ${unit} reads nothing but padding, which is always 0.`;
  const from = start + unit * jump;
  const to = from + field - 1;
  const inside = line.slice(Math.max(from, 0), to + 1);
  const seen = inside.filter(Boolean).sort((a, b) => b - a);
  const total = seen.reduce((a, b) => a + b);
  let half = 0;
  for (let covered = 0; covered < total / 2; half++) covered += seen[half];
  return [
    `Unit ${unit} has a field of ${field} cells, ${cb.minus(from)} to ${to}.`,
    field > line.length && `It is wider than the input, ${line.length}.`,
    field > inside.length && `Padding in it, always 0: ${field - inside.length}.`,
    inside.length > seen.length && `Holes in it: ${inside.length - seen.length}.`,
    `Of ${cb.count(total)} paths, ${cb.count(seen[0])} begin in cell ${line.indexOf(seen[0])}, ${cb.count(inside[0])} in the first. Half begin in ${half} of ${seen.length} cells.`,
    inside.length <= 16 && `Cell by cell: ${inside.map(cb.count).join(", ")}.`,
    `In an image, paths down and across multiply: ${cb.count(seen[0] ** 2)} from one pixel, ${cb.count(inside[0] ** 2)} from a corner.`,
  ]
    .filter(Boolean)
    .join(" ");
}

// The cells of all stages, the last at the top, over the input cells that they see; below, a bar
// for each input cell. Across, the drawing is measured in input cells; down, in pixels.
function draw(net, go) {
  const { layers, stages, paths } = net;
  const row = Math.max(24, 56 - 2 * stages.length);
  const floor = stages.length * row + HILL;
  const centre = (l, i) => stages[l].start + (stages[l].field - 1) / 2 + i * stages[l].jump;
  const top = (l) => (layers.length - l) * row + row / 4;
  const parts = [];
  const box = (name, l, i, y, height, opacity = 1) => {
    const width = 0.92 * stages[l].jump;
    const place = { x: centre(l, i) - width / 2, y, width, height };
    const look = { class: `cb-${name}`, "fill-opacity": opacity };
    const onclick = { onclick: () => go(i) };
    parts.push(cb.svg("rect", { ...place, ...look, ...(l === layers.length && onclick) }));
  };
  paths.forEach((counts, l) => {
    const most = Math.max(...counts) || 1;
    counts.forEach((count, i) => {
      const part = count / most;
      box("cell", l, i, top(l), row / 2);
      if (count) box("seen", l, i, top(l), row / 2, 0.2 + 0.8 * part);
      if (l === 0) box("seen", l, i, floor - HILL * part, HILL * part);
    });
    const edges = l ? edgesOf(l, net) : [];
    const lines = edges.map(
      ([i, j]) => `M${centre(l, i)} ${top(l) + row / 2}L${centre(l - 1, j)} ${top(l - 1)}`,
    );
    parts.push(cb.svg("path", { d: lines.join(""), class: "cb-edges" }));
  });
  const low = Math.min(...stages.map((_, l) => centre(l, -0.5)));
  const high = Math.max(...stages.map(({ size }, l) => centre(l, size - 0.5)));
  const names = [...layers.map((_, i) => `layer ${layers.length - i}`), "input", "paths"];
  return [
    cb.h("div", { style: `--row: ${row}px` }, ...names.map((name) => cb.h("span", {}, name))),
    cb.svg(
      "svg",
      {
        viewBox: `${low} 0 ${high - low} ${floor}`,
        preserveAspectRatio: "none",
        style: `height: ${floor}px`,
        role: "img",
        "aria-label": "The layers above the input, and the paths from each cell",
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
    { kind: "other", key: "u", read: parseInt, write: String }, // the unit; −1 is the middle one
  ];

  function build({ state, change, body, root }) {
    const networks = Object.fromEntries(state.networks.map(([name, ...rest]) => [name, rest]));
    let layers, stages;
    let edited = 0; // the layer that the lists and buttons change

    const list = (label, options, set) => cb.control({ kind: "choice", label, options }, set);
    const preset = list("network", cb.choices(...Object.keys(networks), "your own"), (name) => {
      const [n, p, l] = networks[name] ?? [state.n, state.p, state.l];
      change({ n, p, l, u: -1 });
    });
    root.querySelector(".cb-controls").prepend(preset.node);

    function edit(act, next = edited) {
      const changed = [...layers];
      act(changed);
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
    const place = cb.h("strong");
    const editor = cb.h(
      "div",
      { class: "cb-edit" },
      place,
      ...Object.values(settings).map(({ node }) => node),
      cb.button("Add a layer", () => edit((all) => all.splice(edited + 1, 0, CONV), edited + 1)),
      cb.button("Remove", () => edit((all) => all.splice(edited, 1))),
      cb.button("Move up", () => move(-1)),
      cb.button("Move down", () => move(1)),
    );
    const table = cb.h("div");
    // Above the body, so that a stack that does not fit can be mended.
    body.before(cb.h("div", { class: "cb-stack" }, table, editor));

    const go = (u) => change({ u });
    const player = cb.player({ label: "unit of the last layer", go });
    const drawing = cb.h("div", { class: "cb-pyramid" });
    const sum = cb.h("p", { class: "cb-sum", "aria-live": "polite" });
    const note = cb.h("p", { class: "cb-note" }, POOLING);
    const code = cb.h("code");
    body.append(player.node, drawing, sum, note, cb.h("pre", {}, code));

    function choose(l) {
      edited = Math.min(l, layers.length - 1);
      const layer = layers[edited];
      place.textContent = `Layer ${edited + 1}`;
      for (const [key, { refresh }] of Object.entries(settings)) refresh(layer[key]);
      settings.d.node.hidden = Boolean(layer.pool);
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
          cb.h("span", {}, `${before.field} + ${steps}·${before.jump} = `, cb.h("b", {}, field)),
          ...[jump, size, start].map(cb.minus),
          pool ? 0 : k * k,
        ];
      });
      const titles = ["layer", "field", "jump", "output", "start", "weights"];
      const { scrollTop = 0 } = table.firstChild ?? {};
      table.replaceChildren(cb.table({ label: "The layers", titles, rows }));
      table.firstChild.scrollTop = scrollTop;
      choose(edited);
    }

    function update() {
      const { n, p, l } = state;
      layers = readStack(l);
      stages = stagesOf(state, layers);
      const isThis = (name) => networks[name].join() === [n, p, l].join();
      preset.refresh(Object.keys(networks).find(isThis) ?? "your own");
      fillTable();
      const empty = stages.findIndex((stage) => stage.size < 1);
      if (empty > 0) {
        throw new cb.Problem(
          `Layer ${empty} does not fit on ${stages[empty - 1].size} cells. Take a larger input, smaller layers, or padding "same".`,
        );
      }
      const { size } = stages.at(-1);
      const unit = 0 <= state.u && state.u < size ? state.u : size >> 1;
      const net = trace(unit, layers, stages);
      player.set(unit, size);
      drawing.replaceChildren(...draw(net, go));
      sum.textContent = describe(net.paths[0], unit, stages.at(-1));
      note.hidden = !layers.some(({ pool }) => pool);
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
    hint: "three 3×3 layers see as far as one 7×7. Do all 7 cells count alike? Guess, then look at the paths. Then take VGG-16.",
    fields,
    build,
  });
}

export default { render };
