// The convolution arithmetic explorer: what Keras' Conv2D and Conv2DTranspose do, cell by cell.

const { h, minus, show } = cb;

const PARAMETERS = [
  { key: "n", name: "input size", low: 1, high: 16 },
  { key: "k", name: "kernel_size", low: 1, high: 7 },
  { key: "s", name: "strides", low: 1, high: 4 },
  { key: "p", name: "padding", low: 0, high: 6 },
  { key: "d", name: "dilation_rate", low: 1, high: 4 },
];
const AXES = ["height", "width"];
const GRIDS = ["input", "kernel", "output"];
const TITLES = { input: "Input", kernel: "Weights (kernel)", output: "Output" };

// Each preset gives the number at row r, column c of a grid of the given height and width.
const PRESETS = {
  input: {
    numbers: ["Small numbers", (r, c) => ((r * r * 3 + c * c + r * c * 2 + c * 3 + 1) % 17) % 4],
    edge: ["Vertical edge", (r, c, height, width) => Number(c >= width / 2)],
    dot: [
      "A single 1",
      (r, c, height, width) => Number(r === (height - 1) >> 1 && c === (width - 1) >> 1),
    ],
    ones: ["All 1", () => 1],
  },
  kernel: {
    numbers: [
      "Small numbers",
      (r, c) => (((r * r * 5 + c * c * 7 + r * c * 5 + c * 4 + 1) % 19) % 4) - 1,
    ],
    ones: ["Sum: all 1", () => 1],
    identity: [
      "Identity: centre 1",
      (r, c, height, width) => Number(r === (height - 1) >> 1 && c === (width - 1) >> 1),
    ],
    vertical: ["Vertical edges", (r, c, height, width) => Math.sign(2 * c - width + 1)],
    horizontal: ["Horizontal edges", (r, c, height) => Math.sign(2 * r - height + 1)],
  },
};

// ---- Arithmetic: settings are { n, k, s, p, d: [height, width], t: true for transposed } ----

const isLegal = (value, low, high) => Number.isInteger(value) && low <= value && value <= high;
const spanOf = ({ k, d }, a) => d[a] * (k[a] - 1) + 1;

function outputSize(settings, a) {
  const { n, s, p, t } = settings;
  const span = spanOf(settings, a);
  return t ? (n[a] - 1) * s[a] + span - 2 * p[a] : Math.floor((n[a] + 2 * p[a] - span) / s[a]) + 1;
}

function rangeProblem(settings) {
  for (const { key, name, low, high } of PARAMETERS) {
    for (const a of [0, 1]) {
      const value = settings[key][a];
      if (isLegal(value, low, high)) continue;
      const which = Object.is(...settings[key]) ? name : `${name} (${AXES[a]})`;
      const range = `a whole number from ${low} to ${high}`;
      if (Number.isNaN(value)) return `${which} is empty or no number. Give it ${range}.`;
      return `${which} cannot be ${minus(value)}. Change it to ${range}.`;
    }
  }
  return "";
}

function fitProblem(settings) {
  const { n, k, s, p, d, t } = settings;
  for (const a of [0, 1]) {
    const lines = ["rows", "columns"][a];
    const span = spanOf(settings, a);
    if (outputSize(settings, a) >= 1) continue;
    if (t) {
      const all = (n[a] - 1) * s[a] + span;
      return `Nothing is left of the output: it has ${all} ${lines}, and padding = ${p[a]} crops ${p[a]} at each end. Take padding ${(all - 1) >> 1} or less, or a larger input or kernel.`;
    }
    const kernel =
      d[a] > 1
        ? `With dilation_rate = ${d[a]}, the kernel's ${k[a]} ${lines} reach over ${span}`
        : `The kernel has ${span} ${lines}`;
    const input = p[a] > 0 ? "the padded input" : "the input";
    const remedy = d[a] > 1 ? "a smaller kernel_size or dilation_rate" : "a smaller kernel_size";
    return `${kernel}, but ${input} has only ${n[a] + 2 * p[a]}, so the kernel fits nowhere. Take ${remedy}, a larger input, or more padding.`;
  }
  return "";
}

// One relation ties the three grids: wide = narrow · strides + weight · dilation_rate − padding.
// A convolution reads from the wide grid, its input; a transposed one writes to it, its output.
function linksOf(settings, narrowSize) {
  const { k, s, p, d, t } = settings;
  const links = [];
  for (const narrow of cellsOf(narrowSize)) {
    for (const weight of cellsOf(k)) {
      const wide = [0, 1].map((a) => narrow[a] * s[a] + weight[a] * d[a] - p[a]);
      const [input, output] = t ? [narrow, wide] : [wide, narrow];
      links.push({ input: String(input), kernel: String(weight), output: String(output) });
    }
  }
  return links;
}

function cellsOf([height, width], margin = [0, 0]) {
  const cells = [];
  for (let r = -margin[0]; r < height + margin[0]; r++) {
    for (let c = -margin[1]; c < width + margin[1]; c++) cells.push([r, c]);
  }
  return cells;
}

// ---- The Keras call: an expression whose value is a layer or a Sequential model ----

function kerasCall(settings) {
  const { n, k, s, p, d, t } = settings;
  const tuple = (pair) => `(${pair.join(", ")})`;
  const layer = (name, strides, padding, extra = "") =>
    `${name}(filters=1, kernel_size=${tuple(k)}, strides=${tuple(strides)}, padding="${padding}", dilation_rate=${tuple(d)}${extra})`;
  const refused = Math.max(...s) > 1 && Math.max(...d) > 1;
  const padded = Math.max(...p) > 0;
  const layers = [];
  const notes = [];

  if (t) {
    // Keras makes the output at least as large as n · strides, unless output_padding is given.
    const short = [0, 1].some((a) => spanOf(settings, a) < (refused ? 1 : s[a]));
    const exact = ", output_padding=0";
    if (refused) {
      layers.push(
        `Conv2DTranspose(filters=1, kernel_size=(1, 1), strides=${tuple(s)}${exact}, kernel_initializer="ones", use_bias=False, trainable=False)`,
      );
      notes.push(
        "Keras refuses strides > 1 together with dilation_rate > 1. Two layers give the same: a fixed 1 × 1 kernel of 1 spreads the input by strides, then the dilated kernel runs with strides 1.",
      );
    }
    layers.push(layer("Conv2DTranspose", refused ? [1, 1] : s, "valid", short ? exact : ""));
    if (short) {
      notes.push(
        "output_padding=0 is needed because the kernel is smaller than the stride: without it Keras adds zeros at the end.",
      );
    }
    if (Math.max(...d) > 1) {
      notes.push(
        "On a CPU, TensorFlow runs a dilated Conv2DTranspose only with oneDNN and in float32; elsewhere it says that it does not support it.",
      );
    }
    if (padded) {
      layers.push(`Cropping2D(cropping=${tuple(p)})`);
      notes.push("Conv2DTranspose takes no number as padding: Cropping2D takes it off the output.");
    }
  } else {
    const strides = refused ? [1, 1] : s;
    const isSame = [0, 1].every((a) => {
      const out = Math.ceil(n[a] / strides[a]);
      const total = Math.max((out - 1) * strides[a] + spanOf(settings, a) - n[a], 0);
      const own = Math.floor((n[a] + 2 * p[a] - spanOf(settings, a)) / strides[a]) + 1;
      return own === out && Math.floor(total / 2) === p[a];
    });
    if (padded && !isSame) {
      layers.push(`ZeroPadding2D(padding=${tuple(p)})`);
      notes.push(
        'Conv2D takes no number as padding, and padding="same" would give another result here, so ZeroPadding2D adds the zeros first.',
      );
    } else if (padded) {
      notes.push(
        `For this input size, padding="same" gives the same result as padding = ${p[0] === p[1] ? p[0] : tuple(p)}.`,
      );
    }
    layers.push(layer("Conv2D", strides, padded && isSame ? "same" : "valid"));
    if (refused) {
      layers.push(`MaxPooling2D(pool_size=(1, 1), strides=${tuple(s)})`);
      notes.push(
        "Keras refuses strides > 1 together with dilation_rate > 1. Two layers give the same: convolve with strides 1, then let a pooling of size 1 keep every strides-th output.",
      );
    }
  }
  const text =
    layers.length > 1
      ? `Sequential([\n${layers.map((line) => `    ${line},\n`).join("")}])`
      : layers[0];
  return { text, notes };
}

// ---- Text ----

const factor = (number) => (number < 0 ? `(${show(number, 4)})` : show(number, 4));
const times = (pair) => pair.join(" × ");
const at = (grid, cell) => `${grid}[${minus(cell.replace(",", ", ")).replace(", -", ", −")}]`;

const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;
const joined = (parts, separator) => parts.flatMap((part, i) => (i ? [separator, part] : [part]));

function formulaLines(settings, square) {
  const { n, k, s, p, d, t } = settings;
  const general = t ? "(n − 1)s + d(k − 1) + 1 − 2p" : "⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1";
  const lines = [h("div", {}, "output size ", h("span", {}, `= ${general}`))];
  for (const a of square ? [0] : [0, 1]) {
    const filled = t
      ? `(${n[a]} − 1)·${s[a]} + ${d[a]}·(${k[a]} − 1) + 1 − 2·${p[a]}`
      : `⌊(${n[a]} + 2·${p[a]} − ${d[a]}·(${k[a]} − 1) − 1) / ${s[a]}⌋ + 1`;
    const name = square ? "height and width" : AXES[a];
    const result = h("strong", {}, minus(outputSize(settings, a)));
    const value = h("span", {}, "= ", result);
    lines.push(h("div", {}, `${name} `, h("span", {}, `= ${filled}`), " ", value));
  }
  return lines;
}

// ---- The explorer ----

function render({ model, el }) {
  // Only the static site owns the address bar; a notebook's belongs to the notebook.
  const inSite = el.matches(".convbook-widget[data-widget]");
  const unique = cb.uniqueId();

  let settings, square, numbers, preset, initialPreset, linkProblem;
  let links = [];
  let outputs = new Map();
  let steps = []; // the cells of the narrow grid, in the order in which the kernel visits them
  let grids = {}; // for each grid: cells (Map from "r,c" to its element) and current (the tab stop)
  let pinned = null; // { grid, cell }, as is hovered
  let hovered = null;
  let painted = [];
  let timer = null;
  let saveTimer = null;

  const narrow = () => (settings.t ? "input" : "output");
  const wide = () => (settings.t ? "output" : "input");
  const problem = () => linkProblem || rangeProblem(settings) || fitProblem(settings);
  const sizeOf = (grid) =>
    ({ input: settings.n, kernel: settings.k, output: [0, 1].map((a) => outputSize(settings, a)) })[
      grid
    ];

  function isInside(grid, cell) {
    const size = sizeOf(grid);
    return cell.split(",").every((index, a) => 0 <= index && index < size[a]);
  }

  function valueOf(grid, cell) {
    if (grid === "output") return outputs.get(cell);
    if (!isInside(grid, cell)) return 0;
    const [r, c] = cell.split(",");
    return numbers[grid][r][c];
  }

  // ---- State: from Python, from the link, to the link ----

  function reset() {
    const state = model.get("state");
    settings = { t: state.t };
    for (const { key } of PARAMETERS) settings[key] = [...state[key]];
    numbers = { input: [], kernel: [] };
    preset = {};
    for (const grid of ["input", "kernel"]) {
      const largest = grid === "input" ? 16 : 7;
      const given = state[grid];
      for (let r = 0; r < largest; r++) {
        numbers[grid][r] = Array.from(
          { length: largest },
          (_, c) => given?.[r]?.[c] ?? PRESETS[grid].numbers[1](r, c),
        );
      }
      preset[grid] = given ? "own" : "numbers";
    }
    initialPreset = { ...preset };
    square = isSquare();
    linkProblem = "";
    start();
  }

  function start() {
    pinned = { grid: narrow(), cell: "0,0" };
    grids = {};
  }

  const isSquare = () => PARAMETERS.every(({ key }) => Object.is(...settings[key]));

  function readLink() {
    const [key, query] = window.location.hash.slice(1).split("?");
    if (!inSite || key !== model.get("state").id || query === undefined) return false;
    reset();
    const given = new URLSearchParams(query);
    for (const { key } of PARAMETERS) {
      if (!given.has(key)) continue;
      const pair = given
        .get(key)
        .split(",")
        .map((text) => (text.trim() ? Number(text) : NaN));
      settings[key] = [pair[0], pair.length > 1 ? pair[1] : pair[0]];
    }
    if (given.has("t")) settings.t = given.get("t") === "1";
    start();
    square = isSquare();
    for (const [name, grid] of [
      ["x", "input"],
      ["w", "kernel"],
    ]) {
      if (given.has(name) && !rangeProblem(settings)) readNumbers(grid, name, given.get(name));
    }
    return true;
  }

  function readNumbers(grid, name, text) {
    if (Object.hasOwn(PRESETS[grid], text)) {
      preset[grid] = text;
      return;
    }
    const values = text.split(",").map(Number);
    const [height, width] = sizeOf(grid);
    if (values.length !== height * width || !values.every(Number.isFinite)) {
      linkProblem = `The link's ${name}= must list ${height * width} numbers for the ${height} × ${width} ${grid}. Correct it, or press Reset.`;
      return;
    }
    preset[grid] = "own";
    for (const [r, c] of cellsOf([height, width])) numbers[grid][r][c] = values[r * width + c];
  }

  function linkOf() {
    const parts = PARAMETERS.map(({ key }) => `${key}=${settings[key]}`);
    parts.push(`t=${Number(settings.t)}`);
    for (const [name, grid] of [
      ["x", "input"],
      ["w", "kernel"],
    ]) {
      if (preset[grid] === "own") {
        const values = cellsOf(sizeOf(grid)).map((cell) => valueOf(grid, String(cell)));
        parts.push(`${name}=${values}`);
      } else if (preset[grid] !== initialPreset[grid]) parts.push(`${name}=${preset[grid]}`);
    }
    return `#${model.get("state").id}?${parts.join("&")}`;
  }

  function saveSoon() {
    if (!inSite) return;
    clearTimeout(saveTimer); // browsers refuse replaceState when a dragged slider calls it too often
    saveTimer = setTimeout(() => window.history.replaceState(null, "", linkOf()), 150);
  }

  // ---- Controls ----

  const status = h("div", { class: "cb-status", role: "status" });
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };

  const modes = [false, true].map((t) =>
    h("input", {
      type: "radio",
      name: unique,
      onchange: () =>
        change(() => {
          settings.t = t;
          start();
        }),
    }),
  );
  const squareBox = h("input", {
    type: "checkbox",
    onchange: () =>
      change(() => {
        square = squareBox.checked;
        if (square) for (const { key } of PARAMETERS) settings[key][1] = settings[key][0];
      }),
  });
  const head = h(
    "div",
    { class: "cb-head" },
    h(
      "div",
      { class: "cb-modes", role: "radiogroup", "aria-label": "Kind of convolution" },
      h("label", {}, modes[0], h("span", {}, "Convolution")),
      h("label", {}, modes[1], h("span", {}, "Transposed")),
    ),
    h("label", { class: "cb-check" }, squareBox, "square: height = width"),
    h("button", { type: "button", class: "cb-reset", onclick: () => (reset(), change()) }, "Reset"),
  );

  const fields = [];
  const controls = h("div", { class: "cb-controls" });
  for (const { key, name, low, high } of PARAMETERS) {
    const row = h("div", { class: "cb-parameter" });
    row.append(h("span", { class: "cb-name" }, h("code", {}, name), " ", h("i", {}, key)));
    AXES.forEach((axis, a) => {
      const range = { min: low, max: high, step: 1 };
      const slider = h("input", { type: "range", ...range, oninput: () => set(slider) });
      const number = h("input", { type: "number", ...range, oninput: () => set(number) });
      const set = (source) =>
        change(() => {
          settings[key][a] = source.valueAsNumber;
          if (square) settings[key][1 - a] = source.valueAsNumber;
        });
      const letter = h("span", { class: "cb-axis-name", "aria-hidden": "true" }, "HW"[a]);
      const field = h("div", { class: "cb-axis" }, letter, slider, number);
      fields.push({ key, name, low, high, axis, a, slider, number, field });
      row.append(field);
    });
    controls.append(row);
  }

  function showControls() {
    modes[Number(settings.t)].checked = true;
    squareBox.checked = square;
    controls.classList.toggle("cb-rectangular", !square);
    for (const { key, name, low, high, axis, a, slider, number, field } of fields) {
      const value = settings[key][a];
      const label = square ? name : `${name}, ${axis}`;
      field.hidden = square && a === 1;
      slider.setAttribute("aria-label", `${label}, slider`);
      number.setAttribute("aria-label", label);
      // What is being typed stays as it is, be it illegal or half written.
      const text = Number.isNaN(value) ? "" : value;
      if (text !== "") slider.value = text;
      if (!Object.is(number.valueAsNumber, value)) number.value = text;
      number.setAttribute("aria-invalid", String(!isLegal(value, low, high)));
    }
  }

  // ---- The picture ----

  const formula = h("div", { class: "cb-formula" });
  const message = h("p", { class: "cb-problem" });
  const figures = h("div", { class: "cb-figures" });
  const picture = h("div", { class: "cb-picture" });
  const editors = {};
  const parts = {};
  for (const grid of GRIDS) {
    const size = h("span", { class: "cb-size" });
    const table = h("div", { class: "cb-grid", role: "grid", "data-grid": grid });
    const figure = h(
      "div",
      { class: `cb-figure cb-${grid}` },
      h("div", { class: "cb-title" }, h("strong", {}, TITLES[grid]), " ", size),
      h("div", { class: "cb-scroll" }, table),
    );
    if (grid !== "output") figure.append(editorOf(grid));
    parts[grid] = { size, table };
    figures.append(figure);
  }

  function editorOf(grid) {
    const name = h("span", { class: "cb-cell-name" });
    const number = h("input", {
      type: "number",
      step: "any",
      oninput: () => {
        if (!Number.isFinite(number.valueAsNumber)) return;
        const [r, c] = grids[grid].current.split(",");
        change(() => {
          preset[grid] = "own";
          numbers[grid][r][c] = number.valueAsNumber;
        });
      },
      onkeydown: (event) => {
        if (event.key === "Enter" || event.key === "Escape") focusCell(grid, grids[grid].current);
      },
      onblur: () => showEditor(grid),
    });
    const select = h("select", {
      "aria-label": `${TITLES[grid]}: numbers`,
      onchange: () => change(() => (preset[grid] = select.value)),
    });
    for (const [key, [label]] of Object.entries(PRESETS[grid])) {
      select.append(h("option", { value: key }, label));
    }
    const own = h("option", { value: "own" }, "Your own");
    select.append(own);
    editors[grid] = { name, number, select, own };
    const box = h("div", { class: "cb-editor" }, h("label", {}, name, number), select);
    if (grid === "kernel") box.append(h("button", { type: "button", onclick: flip }, "Flip 180°"));
    return box;
  }

  function flip() {
    const [height, width] = settings.k;
    const old = cellsOf(settings.k).map(([r, c]) => numbers.kernel[r][c]);
    change(() => {
      preset.kernel = "own";
      for (const [r, c] of cellsOf(settings.k)) {
        numbers.kernel[r][c] = old[(height - 1 - r) * width + (width - 1 - c)];
      }
    });
  }

  function showEditor(grid) {
    const { name, number, select, own } = editors[grid];
    const { current } = grids[grid];
    name.textContent = `${at(grid, current)} =`;
    number.disabled = !isInside(grid, current);
    const value = valueOf(grid, current);
    if (document.activeElement !== number || number.valueAsNumber !== value) number.value = value;
    own.hidden = preset[grid] !== "own";
    select.value = preset[grid];
  }

  function buildGrid(grid) {
    const { size, table } = parts[grid];
    const inner = sizeOf(grid);
    const margin = grid === wide() ? settings.p : [0, 0];
    const outer = inner.map((length, a) => length + 2 * margin[a]);
    const shape = `${inner} ${margin}`;
    const before = grids[grid];
    if (before?.shape !== shape) {
      const cells = new Map();
      const rows = [];
      for (const [r, c] of cellsOf(inner, margin)) {
        if (c === -margin[1]) rows.push(h("div", { role: "row" }));
        const cell = h("div", { role: "gridcell", tabindex: -1, "data-cell": `${r},${c}` });
        cells.set(`${r},${c}`, cell);
        cell.classList.toggle("cb-outside", !isInside(grid, `${r},${c}`));
        rows.at(-1).append(cell);
      }
      table.replaceChildren(...rows);
      table.style.setProperty("--columns", outer[1]);
      const current = cells.has(before?.current) ? before.current : "0,0";
      cells.get(current).tabIndex = 0;
      grids[grid] = { shape, cells, current, columns: outer[1] };
    }
    const border =
      grid === "input" ? `${times(outer)} with padding` : `of ${times(outer)}, cropped`;
    size.textContent = times(inner) + (String(inner) === String(outer) ? "" : `, ${border}`);
    table.setAttribute("aria-label", `${TITLES[grid]}, ${size.textContent}`);
    for (const [key, cell] of grids[grid].cells) {
      const text = show(valueOf(grid, key), 2);
      const kind = isInside(grid, key) ? "" : grid === "input" ? ", padding" : ", cropped";
      cell.textContent = text;
      cell.classList.toggle("cb-long", text.length > 3);
      cell.setAttribute("aria-label", `${at(grid, key)}${kind}: ${text}`);
    }
  }

  function update() {
    showControls();
    const trouble = problem();
    message.textContent = trouble;
    message.hidden = !trouble;
    picture.hidden = Boolean(trouble);
    formula.hidden = Boolean(linkProblem || rangeProblem(settings));
    if (!formula.hidden) formula.replaceChildren(...formulaLines(settings, square));
    if (trouble) {
      pause();
      say(trouble);
      return;
    }
    for (const grid of ["input", "kernel"]) {
      if (preset[grid] === "own") continue;
      const [height, width] = sizeOf(grid);
      for (const [r, c] of cellsOf([height, width])) {
        numbers[grid][r][c] = PRESETS[grid][preset[grid]][1](r, c, height, width);
      }
    }
    links = linksOf(settings, sizeOf(narrow()));
    outputs = new Map();
    const margin = settings.t ? settings.p : [0, 0];
    for (const cell of cellsOf(sizeOf("output"), margin)) outputs.set(String(cell), 0);
    for (const { input, kernel, output } of links) {
      outputs.set(
        output,
        outputs.get(output) + valueOf("input", input) * valueOf("kernel", kernel),
      );
    }
    steps = cellsOf(sizeOf(narrow())).map(String);
    unpaint();
    GRIDS.forEach(buildGrid);
    // However small the kernel is, its title and its field for numbers are five cells wide.
    const [x, w, y] = GRIDS.map((grid) => grids[grid].columns);
    figures.style.setProperty("--all-columns", x + Math.max(w, 5) + y);
    timeline.max = steps.length;
    hovered = null;
    if (!grids[pinned.grid].cells.has(pinned.cell)) pinned = { grid: narrow(), cell: "0,0" };
    showKeras();
    paint();
    say(`Output size ${times(sizeOf("output"))}`);
  }

  function change(apply = () => {}) {
    linkProblem = "";
    apply();
    update();
    saveSoon();
  }

  // ---- Selection: a cell is pinned by a click, by the keyboard or by the player; hover overrides ----

  function unpaint() {
    for (const cell of painted) {
      cell.classList.remove("cb-lit", "cb-chosen", "cb-window");
      cell.removeAttribute("data-tag");
      cell.removeAttribute("aria-selected");
    }
    painted = [];
  }

  function paint() {
    unpaint();
    const chosen = hovered ?? pinned;
    const shown = links.filter((link) => link[chosen.grid] === chosen.cell);
    const mark = (grid, key, name) => {
      const cell = grids[grid].cells.get(key);
      cell.classList.add(name);
      painted.push(cell);
      return cell;
    };
    if (chosen.grid === narrow()) {
      const start = chosen.cell.split(",").map((i, a) => i * settings.s[a] - settings.p[a]);
      for (const [r, c] of cellsOf([0, 1].map((a) => spanOf(settings, a)))) {
        mark(wide(), `${start[0] + r},${start[1] + c}`, "cb-window");
      }
    }
    for (const link of shown) {
      for (const grid of GRIDS) {
        const cell = mark(grid, link[grid], "cb-lit");
        const tagged = { input: "output", output: "input" }[chosen.grid];
        if (grid === tagged) cell.dataset.tag = `×${show(valueOf("kernel", link.kernel), 2)}`;
      }
    }
    mark(chosen.grid, chosen.cell, "cb-chosen").setAttribute("aria-selected", "true");
    explain(chosen, shown);
    showEditor("input");
    showEditor("kernel");
    const step = pinned.grid === narrow() ? steps.indexOf(pinned.cell) + 1 : timeline.value;
    timeline.value = Math.max(step, 1);
    place.textContent = `${timeline.value} of ${steps.length}`;
  }

  function pin(grid, cell) {
    const { cells, current } = grids[grid];
    cells.get(current).tabIndex = -1;
    cells.get(cell).tabIndex = 0;
    grids[grid].current = cell;
    pinned = { grid, cell };
    hovered = null;
    sum.setAttribute("aria-live", timer ? "off" : "polite");
    paint();
    if (grid !== "kernel") painted.forEach(reveal); // a weight is used all over the grids
  }

  // Scrolls a cell into view within its grid; scrollIntoView would move the page as well.
  function reveal(cell) {
    const box = cell.closest(".cb-scroll");
    const inner = cell.getBoundingClientRect();
    const outer = box.getBoundingClientRect();
    box.scrollLeft += Math.min(inner.left - outer.left, 0) + Math.max(inner.right - outer.right, 0);
    box.scrollTop += Math.min(inner.top - outer.top, 0) + Math.max(inner.bottom - outer.bottom, 0);
  }

  function focusCell(grid, cell) {
    grids[grid].cells.get(cell)?.focus();
  }

  function cellAt(target) {
    const cell = target.closest?.("[data-cell]");
    return cell && { grid: cell.closest("[data-grid]").dataset.grid, cell: cell.dataset.cell };
  }

  function hover(event) {
    if (event.pointerType === "touch") return; // a touch has no hover: it pins
    const target = event.type === "pointerleave" ? null : cellAt(event.target);
    if (!target && !hovered) return;
    hovered = target;
    paint();
  }
  figures.addEventListener("pointerover", hover);
  figures.addEventListener("pointerleave", hover);
  figures.addEventListener("pointerdown", (event) => {
    const target = cellAt(event.target);
    if (!target) return;
    pause();
    pin(target.grid, target.cell);
  });
  figures.addEventListener("focusin", (event) => {
    const target = cellAt(event.target);
    if (!target) return;
    pause();
    pin(target.grid, target.cell);
  });
  figures.addEventListener("keydown", (event) => {
    const target = cellAt(event.target);
    if (!target || event.altKey || event.metaKey) return;
    const { grid, cell } = target;
    const keys = [...grids[grid].cells.keys()];
    const { columns } = grids[grid];
    const index = keys.indexOf(cell);
    const column = index % columns;
    const moves = {
      ArrowLeft: column > 0 ? -1 : 0,
      ArrowRight: column < columns - 1 ? 1 : 0,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: event.ctrlKey ? -index : -column,
      End: (event.ctrlKey ? keys.length - index : columns - column) - 1,
    };
    if (Object.hasOwn(moves, event.key)) {
      event.preventDefault();
      focusCell(grid, keys[index + moves[event.key]]);
    } else if (!event.ctrlKey && /^(Enter|F2|[-\d])$/.test(event.key)) {
      const number = editors[grid]?.number;
      if (!number || number.disabled) return;
      if (event.key.length > 1) event.preventDefault(); // a digit goes on into the field
      number.focus();
      number.select();
    }
  });

  // ---- The player: the kernel visits the cells of the narrow grid one after the other ----

  const playButton = h(
    "button",
    { type: "button", class: "primary cb-play", onclick: () => (timer ? pause() : play()) },
    "Play",
  );
  const timeline = h("input", {
    type: "range",
    min: 1,
    max: 1,
    value: 1,
    "aria-label": "Position of the kernel",
    oninput: () => (pause(), visit(timeline.value - 1)),
  });
  const place = h("span", { class: "cb-place" });
  const speed = h("input", {
    type: "range",
    min: 1,
    max: 8,
    value: 2,
    "aria-label": "Speed, steps a second",
    oninput: () => timer && play(),
  });
  const button = (label, name, by) =>
    h("button", { type: "button", "aria-label": name, onclick: () => (pause(), step(by)) }, label);
  const player = h(
    "div",
    { class: "cb-player", role: "group", "aria-label": "Move the kernel" },
    button("‹", "Step back", -1),
    playButton,
    button("›", "Step forward", 1),
    h("span", { class: "cb-timeline" }, timeline, place),
    h("label", { class: "cb-speed" }, "Speed", speed),
  );

  function visit(index) {
    pin(narrow(), steps[index]);
  }

  function step(by) {
    visit((Number(timeline.value) - 1 + by + steps.length) % steps.length);
  }

  function play() {
    clearInterval(timer);
    timer = setInterval(() => step(1), 1000 / speed.value);
    playButton.textContent = "Pause";
    if (pinned.grid !== narrow()) visit(timeline.value - 1);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    playButton.textContent = "Play";
  }

  // ---- In words: the sum, the Keras call ----

  const sum = h("p", { class: "cb-sum" });

  const product = (link) =>
    h(
      "span",
      { class: "cb-product" },
      h("span", { class: "cb-input" }, factor(valueOf("input", link.input))),
      "·",
      h("span", { class: "cb-kernel" }, factor(valueOf("kernel", link.kernel))),
    );

  const explanations = {
    output(name, value, outside, shown) {
      const result = h("strong", {}, value);
      const terms = joined(shown.map(product), " + ");
      const sum = terms.length ? [...terms, " = ", result] : [result, ": no input reaches it"];
      return [name, " = ", ...sum, outside ? " (cropped: not part of the result)" : ""];
    },
    input(name, value, outside, shown) {
      const is = ` = ${value}${outside ? " (padding)" : ""}`;
      if (!shown.length) return [name, `${is} is used by no output: the kernel never lands on it.`];
      const uses = shown.map((link) => {
        const cropped = isInside("output", link.output) ? "" : " (cropped)";
        return h("span", {}, product(link), ` to ${at("output", link.output)}${cropped}`);
      });
      return [name, `${is} goes into ${count(shown.length, "output")}: `, ...joined(uses, ", ")];
    },
    kernel(name, value, outside, shown) {
      const isLost = settings.t
        ? (link) => !isInside("output", link.output)
        : (link) => !isInside("input", link.input);
      const lost = shown.filter(isLost).length;
      const what = settings.t ? "these products are cropped" : "these inputs are padding";
      const uses = `used ${count(shown.length, "time")}, once for each position of the kernel`;
      return [name, ` = ${value} is ${uses}`, lost ? `; ${lost} of ${what}.` : "."];
    },
  };

  function explain({ grid, cell }, shown) {
    const name = h("strong", { class: `cb-${grid}` }, at(grid, cell));
    const value = show(valueOf(grid, cell), 4);
    sum.replaceChildren(...explanations[grid](name, value, !isInside(grid, cell), shown));
  }

  const code = h("code", {});
  const notes = h("div", { class: "cb-notes" });
  const keras = h(
    "div",
    { class: "cb-keras" },
    h(
      "div",
      { class: "cb-keras-head" },
      h("strong", {}, "In Keras"),
      cb.copyButton("Copy the call", () => code.textContent, say),
    ),
    h("pre", {}, code),
    notes,
  );
  if (inSite) {
    const address = () => window.location.href.split("#")[0] + linkOf();
    keras.firstChild.append(cb.copyButton("Copy link", address, say));
  }

  function showKeras() {
    const call = kerasCall(settings);
    code.textContent = call.text;
    notes.replaceChildren(...call.notes.map((note) => h("p", {}, note)));
  }

  // ---- Putting it together ----

  picture.append(figures, player, sum, keras);
  const root = h(
    "div",
    {
      class: "convbook cb-conv",
      role: "group",
      "aria-label": "Convolution arithmetic explorer",
      // A notebook would take the arrow keys, Enter and digits for commands of its own.
      onkeydown: (event) => {
        if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
      },
    },
    head,
    h(
      "p",
      { class: "cb-hint" },
      h("strong", {}, "Try: "),
      "input 8 and strides 2, without padding. Which inputs does no window reach? Point at them.",
    ),
    controls,
    formula,
    message,
    picture,
    status,
  );
  el.append(root);

  function followLink() {
    if (!readLink()) return;
    update();
    root.scrollIntoView({ block: "start" });
  }
  function restart() {
    reset();
    update();
  }

  restart();
  followLink();
  window.addEventListener("hashchange", followLink);
  model.on("change:state", restart);
  return () => {
    pause();
    clearTimeout(saveTimer);
    window.removeEventListener("hashchange", followLink);
    model.off("change:state", restart);
  };
}

export default { render };
