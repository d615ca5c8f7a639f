// The parts of the trainer's page: each is made once, and shows what it is given.

const part = (title, ...children) =>
  h(
    "div",
    { class: "cb-part", role: "group", "aria-label": title },
    h("div", { class: "cb-part-title" }, title),
    ...children,
  );

// A sentence about what went wrong, beside what it is about.
function wrongView() {
  const node = h("p", { class: "cb-wrong", role: "alert", hidden: true });
  return {
    node,
    show(text) {
      if (node.textContent === text) return; // it would be read aloud again
      node.textContent = text;
      node.hidden = !text;
    },
  };
}

function checkBox(label, onchange) {
  const box = h("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  return { node: h("label", { class: "cb-check" }, box, label), box };
}

function fileButton(label, accept, onfile) {
  const input = h("input", { type: "file", accept, hidden: true, "aria-label": label });
  input.onchange = () => {
    const [file] = input.files;
    if (file) onfile(file);
    input.value = ""; // so that the same file can be chosen again
  };
  return h(
    "span",
    {},
    cb.button(label, () => input.click()),
    input,
  );
}

const drawingView = (pad, clear, upload, crop, wrong) =>
  h(
    "div",
    { class: "cb-drawing" },
    h("div", { class: "cb-part-title" }, "Draw a digit"),
    pad,
    h("div", { class: "cb-head" }, clear, upload),
    crop,
    wrong,
  );

// Rows of class, bar and percent.
function barsView(length) {
  const rows = Array.from({ length }, () => {
    const [digit, bar, text] = ["cb-digit", "cb-bar", "cb-percent"].map((name) =>
      h("span", { class: name }),
    );
    return { digit, bar, text, node: h("div", { class: "cb-bar-row" }, digit, bar, text) };
  });
  const show = (pairs) =>
    pairs.forEach(([digit, probability], i) => {
      rows[i].digit.textContent = digit;
      rows[i].bar.style.setProperty("--part", probability);
      rows[i].text.textContent = chance(probability);
    });
  return { node: h("div", { class: "cb-bars" }, ...rows.map(({ node }) => node)), show };
}

// Classes and their probabilities, the most probable first.
const ranked = (probabilities) =>
  Array.from(probabilities, (probability, digit) => [digit, probability]).sort(
    (one, other) => other[1] - one[1],
  );

// Long curves are drawn by at most 300 points, each the mean of its neighbours.
function thin(points) {
  const size = Math.ceil(points.length / 300);
  if (size <= 1) return points;
  const means = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    means.push(
      group[0].map((_, k) => group.reduce((sum, point) => sum + point[k], 0) / group.length),
    );
  }
  return means;
}

function curvesView() {
  const node = h("div", { class: "cb-curves" });
  let curves = { train: [], validation: [] };

  function draw(epochs) {
    const x = { label: "epochs", low: 0, high: Math.max(1, epochs) };
    const last = (name, column, write) => {
      const point = curves[name].at(-1);
      return point ? `${name} ${write(point[column])}` : "";
    };
    const chartOf = (title, column, high, write) => {
      const lineOf = (name, label) => ({
        name: label,
        points: thin(curves[name]).map((point) => [point[0], point[column]]),
      });
      const ends = ["train", "validation"].map((name) => last(name, column, write));
      return cb.chart({
        label: `${title} after ${count(epochs)} epochs: ${ends.filter(Boolean).join(", ")}`,
        x,
        y: { label: title, low: 0, high },
        lines: [lineOf("train", "training"), lineOf("validation", "validation")],
      });
    };
    const losses = [...curves.train, ...curves.validation].map(([, loss]) => loss);
    const most = Math.min(
      10,
      losses.reduce((a, b) => Math.max(a, b), 2.5),
    );
    node.replaceChildren(
      chartOf("loss", 1, most, (loss) => loss.toFixed(2)),
      chartOf("accuracy", 2, 1, percent),
    );
  }
  return {
    node,
    draw,
    add(news) {
      for (const name of Object.keys(curves)) curves[name].push(...news[name]);
    },
    clear() {
      curves = { train: [], validation: [] };
    },
  };
}

// Where the network's numbers are too large, all probabilities are 0.
const isRight = ({ label, order: [[digit, probability]] }) => digit === label && probability > 0;

const STRIP = 10;

// Some validation images, and what the network takes them for.
function stripView({ onchoose }) {
  const items = Array.from({ length: STRIP }, () => {
    const canvas = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    const verdict = h("span", { class: "cb-verdict" });
    const bars = barsView(3);
    const node = h(
      "button",
      { type: "button", class: "cb-item", hidden: true },
      h("span", { class: "cb-item-head" }, canvas, verdict),
      bars.node,
    );
    return { canvas, verdict, bars, node };
  });
  const node = h("div", { class: "cb-strip" }, ...items.map((item) => item.node));

  function show(list, { chosen, palette, imageAt }) {
    items.forEach((item, i) => {
      item.node.hidden = i >= list.length;
      if (item.node.hidden) return;
      const { number, label, order } = list[i];
      const isGood = isRight(list[i]);
      paintImage(item.canvas, imageAt(number), palette);
      item.verdict.textContent = isGood ? "✓ right" : `✗ a ${label}`;
      item.verdict.classList.toggle("cb-false", !isGood);
      item.bars.show(order.slice(0, 3));
      item.node.setAttribute("aria-pressed", String(number === chosen));
      const said = order.slice(0, 3).map(([digit, p]) => `${digit} with ${chance(p)}`);
      item.node.setAttribute(
        "aria-label",
        `Image ${number}, a ${label}: ${isGood ? "right" : "wrong"}. It says ${said.join(", ")}`,
      );
      item.node.onclick = () => onchoose(number);
    });
  }
  return { node, show };
}

function paintImage(canvas, pixels, { paper, ink }) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  pixels.forEach((value, i) => {
    image.data.set([...mix(paper, ink, value), 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

// A layer's name in Keras: Conv2D is conv2d, the second one conv2d_1.
function namesOf(layers) {
  const seen = {};
  return layers.map(({ type }) => {
    const name = type
      .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
      .replace(/([a-z])([A-Z])/g, "$1_$2")
      .toLowerCase();
    seen[name] = (seen[name] ?? -1) + 1;
    return seen[name] ? `${name}_${seen[name]}` : name;
  });
}

const weightsOf = (layers, wanted = () => true) =>
  layers
    .flatMap(({ parameters }) => parameters.filter(wanted))
    .reduce((sum, parameter) => sum + parameter.count, 0);

const DEAD = "Every validation image gets outputs of 0 here: the units are dead.";

// What model.summary() prints, with the numbers of each layer as images.
function layersView({ onread }) {
  const node = h("div", { class: "cb-layers" });
  let rows = [];

  // An image with a caption, made when it is first shown.
  function figureIn(cell, figures, what, name) {
    if (!figures[what]) {
      const view = mosaicView((text) => onread(`${name}: ${what}${text}`));
      const caption = h("span", { class: "cb-size" });
      const figure = h("div", { class: "cb-tile" }, h("div", {}, `${what} `, caption), view.node);
      cell.append(figure);
      figures[what] = { view, caption, figure };
    }
    return figures[what];
  }

  function build(layers) {
    const names = namesOf(layers);
    rows = layers.map(({ type, outputShape, parameters }, i) => {
      const [outputs, weights] = [h("div"), h("div")];
      const lines = [
        h(
          "tr",
          {},
          h("th", { scope: "row" }, names[i], h("span", { class: "cb-size" }, ` (${type})`)),
          h("td", {}, `(None, ${outputShape.join(", ")})`),
          h("td", {}, count(weightsOf([{ parameters }]))),
        ),
        h("tr", {}, h("td", { colspan: 3 }, h("div", { class: "cb-images" }, outputs, weights))),
      ];
      return { name: names[i], outputs, weights, figures: {}, lines };
    });
    const fixed = weightsOf(layers, ({ trainable }) => !trainable);
    const total = `Total params: ${count(weightsOf(layers))}`;
    const titles = ["Layer (type)", "Output shape", "Param #"];
    node.replaceChildren(
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title)))),
        h("tbody", {}, ...rows.flatMap(({ lines }) => lines)),
      ),
      h("p", { class: "cb-note" }, fixed ? `${total}; ${count(fixed)} are not trained` : total),
    );
  }

  function show({ layers, hasGradients }, palette) {
    layers.forEach(({ output, parameters, isDead }, i) => {
      const { name, outputs, weights, figures } = rows[i];
      const shown = [[outputs, "output", output]];
      for (const parameter of parameters) shown.push([weights, parameter.name, parameter]);
      for (const { figure } of Object.values(figures)) figure.hidden = true;
      for (const [cell, what, mosaic] of shown) {
        const { view, caption, figure } = figureIn(cell, figures, what, name);
        figure.hidden = false;
        const words = `${name}, ${hasGradients ? "gradient by " : ""}${what}`;
        view.show(mosaic, words, palette);
        const numbers = range(mosaic.low, mosaic.high);
        const isBlank = mosaic === output && !hasGradients && numbers === "all 0";
        caption.textContent = `${sizeWords(mosaic)} · ${isBlank ? "all outputs are 0" : numbers}`;
        if (mosaic === output && isDead) caption.textContent += `. ${DEAD}`;
      }
    });
  }
  return { node, build, show };
}

const IN_TRAINING = "This network is in training. Change its layers to train another one.";

// The description of the network as text, checked while it is written.
function editorView({ oncheck, onuse }) {
  const area = h("textarea", {
    rows: 8,
    spellcheck: "false",
    autocomplete: "off",
    maxlength: MOST_TEXT,
    "aria-label": "The network’s layers in Keras’ words, one on each line",
  });
  const wrong = wrongView();
  const verdict = h("p", { class: "cb-note" });
  const use = cb.button("Train this network", useText, { class: "primary" });
  const summary = h("summary");
  const code = h("code");
  const node = h(
    "details",
    { class: "cb-editor" },
    summary,
    area,
    wrong.node,
    h("div", { class: "cb-head" }, use, verdict),
    h("p", { class: "cb-note" }, "The same in Keras:"),
    h("pre", { tabindex: 0 }, code),
  );
  let timer = null;
  let current = "";
  use.disabled = true;

  area.oninput = () => {
    use.disabled = true;
    verdict.textContent = "";
    clearTimeout(timer);
    timer = setTimeout(() => oncheck(area.value), 300);
  };
  function show(text) {
    current = text;
    area.value = text;
    use.disabled = true;
    verdict.textContent = IN_TRAINING;
    wrong.show("");
  }
  function useText() {
    area.focus(); // the button will be disabled, and would lose the focus
    onuse(area.value);
  }
  return {
    node,
    show,
    stop: () => clearTimeout(timer),
    open() {
      node.open = true;
      area.scrollIntoView({ block: "center" });
    },
    built: (layers, text, options) => {
      summary.textContent = `The network in words: ${layers.length} layers, ${count(weightsOf(layers))} parameters`;
      code.textContent = kerasCode(text, options);
    },
    setCode: (text, options) => (code.textContent = kerasCode(text, options)),
    refuse(message) {
      wrong.show(message);
      verdict.textContent = "";
      node.open = true;
    },
    accept({ text, layers }) {
      if (text !== area.value) return; // there is newer text
      wrong.show("");
      use.disabled = text === current;
      verdict.textContent = use.disabled
        ? IN_TRAINING
        : `It fits: ${layers.length} layers, ${count(weightsOf(layers))} parameters.`;
    },
  };
}

// The program that trains the same network in Keras.
function kerasCode(text, { o, r, m, b, d }) {
  const layers = text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().replace(/,$/, ""))
    .filter(Boolean)
    .map((line) => `    layers.${line.replace(/^(keras\.)?layers\./, "")},`);
  const rate = Number.isInteger(r) ? `${r}.0` : r; // Keras takes no whole number here
  const options = [`learning_rate=${rate}`];
  if (hasMomentum({ o }) && m) options.push(`momentum=${m}`);
  if (o === "nesterov") options.push("nesterov=True");
  if (d) options.push(`weight_decay=${d}`);
  return `model = keras.Sequential([
    keras.Input((8, 8, 1)),
${layers.join("\n")}
])
model.compile(
    keras.optimizers.${OPTIMIZERS[o][1]}(${options.join(", ")}),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=${b}, validation_data=(x_validation, y_validation))`;
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// The JSON of a saved training, its settings checked; the worker checks the network.
function readSaved(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new cb.Problem("The file is cut off, or no JSON. Choose a file that Save has written.");
  }
  for (const field of SAVED) {
    const trouble = cb.problemOf(field, file?.settings?.[field.key]);
    if (trouble) throw new cb.Problem(`This is no saved training. ${trouble}`);
  }
  return file;
}
