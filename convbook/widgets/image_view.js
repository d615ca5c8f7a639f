// The images of the image-kernels explorer on their canvases: drawn, framed, walked over.

// An image that the mouse points at and the arrow keys walk over: `onhover([row, column] or null)`,
// `onpin([row, column])`, `onstep(rows, columns)`.
function pixelView({ name, title, onhover, onpin, onstep }) {
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const canvas = cb.h("canvas");
  const frame = cb.h("span", { class: "cb-frame" });
  const words = cb.h("div", { class: "cb-title" });

  function pixelAt({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [
      Math.floor(((clientY - box.top) / box.height) * canvas.height),
      Math.floor(((clientX - box.left) / box.width) * canvas.width),
    ];
  }
  function onkeydown(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    onstep(...arrow.map((by) => by * (event.shiftKey ? 8 : 1)));
  }
  const pane = cb.h(
    "div",
    {
      class: "cb-view",
      tabindex: 0,
      role: "application",
      "aria-label": `${title}. The arrow keys move the pixel, with Shift by 8.`,
      onkeydown,
      onclick: (event) => onpin(pixelAt(event)),
      onpointermove: (event) => onhover(pixelAt(event)),
      onpointerleave: () => onhover(null),
    },
    canvas,
    frame,
  );

  // `colourAt(i)` is the colour of pixel i: red, green, blue, opacity; `more` ends the title.
  function draw({ height, width, depth }, colourAt, more = "") {
    Object.assign(canvas, { height, width });
    pane.style.setProperty("--aspect", Math.min(1, width / height)); // a tall image is made narrow
    words.replaceChildren(cb.h("strong", {}, title), ` ${height} × ${width} × ${depth}${more}`);
    const pixels = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) pixels.data.set(colourAt(i), 4 * i);
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }
  function frameAt(row, column, side) {
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(frame.style, {
      top: percent(row, canvas.height),
      left: percent(column, canvas.width),
      height: percent(side, canvas.height),
      width: percent(side, canvas.width),
    });
  }
  return { node: cb.h("div", { class: `cb-figure cb-${name}` }, words, pane), draw, frameAt };
}

// Numbers with a title, `words`, in a `box`.
function numberGrid(name, title, options) {
  const table = cb.grid({ label: title, name, ...options });
  const words = cb.h("div", { class: "cb-title" }, cb.h("strong", {}, title));
  const box = cb.h("div", { class: `cb-figure cb-${name}` }, words, table.node);
  return { ...table, words, box };
}

const opaque = (values, depth) => (i) =>
  depth === 3 ? [...values.slice(3 * i, 3 * i + 3), 255] : [...Array(3).fill(values[i]), 255];

const LOOKS = {
  clamp: "clamped to 0…255",
  absolute: "as absolute values",
  signed: "in signed colours",
  stretch: "stretched to 0…255",
};

// How bright each output is shown, from 0 to 255. Signed: how strong its colour is; and where each
// pixel has three outputs, 128 is 0.
function tonesOf({ values, depth }, look) {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const limit = Math.max(-low, high) || 1;
  const toneOf = {
    clamp: (v) => v,
    absolute: Math.abs,
    stretch: (v) => (255 * (v - low)) / (high - low || 1),
    signed: (v) => (depth === 3 ? 127.5 * (1 + v / limit) : (255 * Math.abs(v)) / limit),
  }[look];
  return Uint8ClampedArray.from(values, toneOf); // rounds, and cuts off at 0 and 255
}

// Signed colours: blue above 0 and orange below, over the page's own colour.
function hued(values, tones, root) {
  const style = getComputedStyle(root);
  const hue = (name) =>
    style
      .getPropertyValue(name)
      .match(/\w\w/g)
      .map((pair) => parseInt(pair, 16));
  const [above, below] = [hue("--cb-input"), hue("--cb-kernel")];
  return (i) => [...(values[i] < 0 ? below : above), tones[i]];
}
