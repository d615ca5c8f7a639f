// The image-kernels explorer: what a small kernel does to an image, number by number.
// Before it stand image_sources.js (its images), image_filter.js (its arithmetic) and
// image_view.js (its canvases).

const SHOWN = 11; // rows and columns of the image as numbers
const signed = (value) => (value < 0 ? `(${cb.show(value, 4)})` : cb.show(value, 4));
const labels = (table) => Object.fromEntries(Object.entries(table).map(([key, [t]]) => [key, t]));

function render({ model, el }) {
  const { data } = model.get("state"); // an array given in Python
  let own = null; // an image opened by the reader, or of the camera

  const choice = (key, label, options, more) => ({ kind: "choice", key, label, options, ...more });
  const number = (key, label, more) => ({ kind: "number", key, label, ...more });
  const check = (key, label) => ({ kind: "check", key, label });
  const other = (key, read, write = String) => ({ kind: "other", key, read, write });
  const fields = [
    choice("s", "image", {
      ...labels(SAMPLES),
      ...(data && { data: "the data given" }),
      own: "your own",
    }),
    choice("c", "channels", CHANNELS, { when: (state) => imageOf(state)?.depth === 3 }),
    choice("k", "kernel_size", { 1: "1 × 1", 3: "3 × 3", 5: "5 × 5", 7: "7 × 7" }),
    choice("t", "kernel for", TABS, { when: (state) => inputOf(state)?.depth === 3 }),
    choice("b", "border", labels(BORDERS)),
    choice("m", "output shown", LOOKS),
    number("d", "divisor", { low: 0.1, high: 20000, log: true, step: "any", when: ({ n }) => !n }),
    number("o", "offset", { low: -255, high: 255 }),
    number("r", "seed", { low: 0, high: 99, when: ({ f }) => f === "random" }),
    check("n", "divide by the sum of the weights"),
    check("v", "flip the kernel: true convolution"),
    other("f", readName),
    other("own", readKernels, (lists) => lists.join(";")),
    other("p", readPlace),
  ];

  function imageOf({ s }) {
    if (s === "own") return own;
    if (Object.hasOwn(SAMPLES, s)) return (drawn[s] ??= sample(s));
    if (!data) return null;
    const values = Float64Array.from(atob(data.values), (letter) => letter.charCodeAt(0));
    return { ...data, values };
  }

  function inputOf(state) {
    const image = imageOf(state);
    return state.c === "grey" && image?.depth === 3 ? grey(image) : image;
  }

  function build({ state, change, say, body, root }) {
    let image, x, padded, kernels, applied, divisor, y, tones;
    let size, margin, lost; // of the kernel; what the border adds on each side, or takes off
    let hovered = null;

    // ---- The images, and the pixel that is looked at ----

    function view(name, title) {
      const inset = ([r, c]) => (name === "output" ? [r + lost, c + lost] : [r, c]);
      return pixelView({
        name,
        title,
        onhover: (pixel) => hover(pixel && inset(pixel)),
        onpin: (pixel) => pin(inset(pixel)),
        onstep: (rows, columns) => pin([place()[0] + rows, place()[1] + columns]),
      });
    }

    function place() {
      const within = (i, n) => Math.max(lost, Math.min(n - 1 - lost, i));
      const [r, c] = hovered ?? state.p ?? [x.height >> 1, x.width >> 1];
      return [within(r, x.height), within(c, x.width)];
    }
    function hover(pixel) {
      hovered = pixel;
      paint();
    }
    function pin(pixel) {
      hovered = pixel;
      const p = place();
      hovered = null;
      change({ p });
      announce();
    }
    const announce = () => say(sum.lastChild.textContent);

    function drawOutput() {
      const isHued = state.m === "signed" && y.depth === 1;
      output.draw(y, isHued ? hued(y.values, tones, root) : opaque(tones, y.depth));
    }

    // ---- The numbers ----

    const isGreyed = () => image.depth > x.depth;
    const isAll = () => state.t === "all" || x.depth === 1;
    const tab = () => (isAll() ? 0 : Number(state.t));
    const editedOf = (lists) => (isAll() ? lists : [lists[tab()]]);

    function edit(u, v, value) {
      const weight = Math.max(-1e6, Math.min(1e6, value));
      const lists = kernelsOf(state);
      for (const list of editedOf(lists)) list[u * size + v] = weight;
      makeOwn(lists);
      announce();
    }
    // Typed weights are used as they are: the divisor no longer follows their sum.
    function makeOwn(lists) {
      const kept = state.f === "own" ? {} : { n: false, d: divisor };
      change({ f: "own", own: lists, ...kept });
    }
    function choose(key) {
      if (key !== "own") change({ f: key, n: true });
      else if (state.own.length) change({ f: key, n: false });
      else makeOwn(kernelsOf(state));
      announce();
    }

    function paintKernel() {
      const edited = editedOf(kernels);
      const limit = 1.5 * Math.max(...edited[0].map(Math.abs)); // pale enough to read
      kernel.fill(size, size, (u, v) => {
        const weight = edited[0][u * size + v];
        const isOne = edited.every((list) => list[u * size + v] === weight);
        if (!isOne) return { text: "≠", name: `Kernel, row ${u}, column ${v}: ${DIFFERS}` };
        return { text: cb.show(weight, 3), style: cb.heat(weight, limit) };
      });
      for (const [key, chip] of chips) chip.setAttribute("aria-pressed", String(key === state.f));
      note.textContent = noteOf(state.f, kernels, edited, image);
      separable.textContent = separability(kernels[tab()], size);
    }

    // ---- What is seen at one pixel ----

    function paint() {
      const [r, c] = place();
      const half = size >> 1;
      input.frameAt(r - half, c - half, size);
      output.frameAt(r - lost, c - lost, 1);
      paintNumbers(r, c);
      explain(r - lost, c - lost);
    }
    function paintNumbers(r, c) {
      const half = SHOWN >> 1;
      const colour = x.depth === 3 ? ` ${COLOURS[tab()]}` : isGreyed() ? " made grey" : "";
      numbers.words.replaceChildren(cb.h("strong", {}, "The image as numbers"), colour);
      numbers.fill(SHOWN, SHOWN, (i, j) => {
        const [row, column] = [r - half + i, c - half + j];
        const name = `input[${row}, ${column}]`;
        const value = valueAt(padded, row + margin, column + margin, tab());
        if (value === undefined) return { text: "", name };
        const isRead = Math.max(Math.abs(i - half), Math.abs(j - half)) <= size >> 1;
        const isOutside = row < 0 || column < 0 || row >= x.height || column >= x.width;
        return {
          text: value,
          name,
          classes: `${isRead ? "cb-lit" : ""}${isOutside ? " cb-outside" : ""}`,
          style: `--shade: ${value}; --on-shade: ${value < 118 ? 255 : 0}`,
        };
      });
    }
    function explain(top, left) {
      const sums = applied.map((list, channel) => {
        const values = list.map((_, i) =>
          valueAt(padded, top + Math.floor(i / size), left + (i % size), channel),
        );
        const terms = list.flatMap((w, i) => (w ? [`${values[i]} · ${signed(w)}`] : []));
        const total = list.reduce((before, w, i) => before + w * values[i], 0);
        return { text: `${terms.join(" + ") || "0"} = ${cb.show(total, 4)}`, total };
      });
      const named = (channel) => (x.depth === 3 ? `${COLOURS[channel]}: ` : "");
      const by = divisor === 1 ? "" : ` ÷ ${cb.show(divisor, 4)}`;
      const steps = `${by}${state.o ? ` + ${signed(state.o)}` : ""}`;
      const totals = sums.map(({ total }) => signed(total));
      const isSum = y.depth < x.depth;
      const results = (isSum ? [`(${totals.join(" + ")})`] : totals).map((start, channel) => {
        const at = (top * y.width + left) * y.depth + channel;
        const before = steps || isSum ? `${start}${steps} = ` : "";
        const name = isSum ? "" : named(channel);
        return `${name}${before}${cb.show(y.values[at], 4)}, shown ${shownAt(at)}`;
      });
      sum.replaceChildren(
        ...sums.map(({ text }, channel) => cb.h("div", {}, named(channel), text)),
        cb.h("strong", {}, `output[${top}, ${left}]: ${results.join("; ")}`),
      );
    }
    function shownAt(index) {
      if (state.m !== "signed" || y.depth === 3) return `as ${tones[index]}`;
      const colours = { "-1": "orange", 0: "empty", 1: "blue" };
      return colours[Math.sign(y.values[index])];
    }

    // ---- All together ----

    function update() {
      if (state.s !== "own") ownImage.stopCamera();
      const opened = imageOf(state);
      if (!opened) {
        throw new cb.Problem("No image of your own is open. Open one, or choose another image.");
      }
      image = opened;
      x = inputOf(state);
      size = Number(state.k);
      margin = state.b === "valid" ? 0 : size >> 1;
      lost = (size >> 1) - margin;
      if (Math.min(x.height, x.width) <= 2 * lost) {
        throw new cb.Problem(
          `A ${size} × ${size} kernel does not fit into ${x.height} × ${x.width} pixels. Take a smaller kernel, or a border other than none.`,
        );
      }
      const isSum = state.c === "sum" || x.depth === 1;
      kernels = kernelsOf(state).slice(0, x.depth);
      applied = state.v ? kernels.map((list) => [...list].reverse()) : kernels;
      divisor = state.n ? divisorOf(kernels, isSum) : state.d;
      padded = pad(x, margin, BORDERS[state.b][1]);
      y = correlate(padded, applied, size, isSum);
      y.values = y.values.map((value) => value / divisor + state.o);
      input.draw(image, opaque(image.values, image.depth), isGreyed() ? ", made grey first" : "");
      tones = tonesOf(y, state.m);
      drawOutput();
      paintKernel();
      code.textContent = kerasCode(state, image, kernels, divisor);
      paint();
    }

    const ownImage = ownImages({
      target: root,
      use: (image) => {
        own = image;
        change({ s: "own" });
      },
      tell: (sentence) => {
        trouble.textContent = sentence;
        say(sentence);
      },
    });
    const trouble = cb.h("p", { class: "cb-trouble" });
    const input = view("input", "Input");
    const output = view("output", "Output");
    const separable = cb.h("p");
    const note = cb.h("p", { class: "cb-note", "aria-live": "polite" });
    const numbers = numberGrid("numbers", "The image as numbers");
    const kernel = numberGrid("kernel", "Kernel", { edit });
    kernel.box.append(
      note,
      cb.h("details", {}, cb.h("summary", {}, "Is this kernel separable?"), separable),
    );
    const chips = Object.entries(KERNELS).map(([key, [label]]) => [
      key,
      cb.button(label, () => choose(key)),
    ]);
    const sum = cb.h("div", { class: "cb-sum" });
    const code = cb.h("code");
    body.before(ownImage.node, trouble);
    body.append(
      cb.h(
        "div",
        { class: "cb-chips", role: "group", "aria-label": "Kernels" },
        ...chips.map(([, chip]) => chip),
      ),
      cb.h("div", { class: "cb-figures" }, input.node, output.node),
      cb.h("div", { class: "cb-figures" }, numbers.box, kernel.box),
      sum,
      cb.h("pre", {}, code),
    );
    // The canvas does not follow the theme by itself.
    const themes = new MutationObserver(() => y && drawOutput());
    for (const node of [document.documentElement, document.body]) {
      themes.observe(node, { attributes: true });
    }
    const stop = () => (ownImage.stop(), themes.disconnect());
    const reset = () => (ownImage.clear(), (trouble.textContent = ""));
    return { update, reset, stop };
  }

  return cb.explorer({
    model,
    el,
    name: "image_kernels",
    title: "Image kernels",
    hint: "take the image “red on green” and press outline. There is an edge all around the disc, and yet the output is 0 there. Which setting of the channels finds it?",
    fields,
    build,
  });
}

export default { render };
