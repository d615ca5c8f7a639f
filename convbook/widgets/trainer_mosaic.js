// Numbers as images: the trainer's canvases, and how numbers are written.

const { h } = cb;
const SIDE = 8; // of an image
const PIXELS = SIDE * SIDE;
const CLASSES = 10;

const count = (number) => number.toLocaleString("en");
const chance = (probability) => `${Math.round(100 * probability)} %`;
const percent = (part) => `${Number((100 * part).toFixed(1))} %`;
const short = (value) => cb.minus(Number(value.toPrecision(3)).toString().replace("e+", "e"));

const mix = (from, to, part) => from.map((value, i) => value + part * (to[i] - value));

// The colours of the theme, as [red, green, blue].
function paletteOf(node) {
  const styles = getComputedStyle(node);
  const read = (name) => {
    const hex = styles.getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  };
  return {
    paper: read("--cb-paper"),
    ink: read("--cb-ink"),
    gap: mix(read("--cb-paper"), read("--cb-line"), 0.35),
    positive: read("--cb-input"),
    negative: read("--cb-kernel"),
  };
}

// Tiles of numbers side by side, one pixel of a canvas for each; read with the mouse or the arrow
// keys: `onread` gets a number's index in Keras' layout, and the number.
function mosaicView(onread) {
  const canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": "No numbers yet" });
  const mark = h("span", { class: "cb-mark", hidden: true });
  const node = h("div", { class: "cb-mosaic" }, canvas, mark);
  let shown = null;
  let across = 1;
  let cursor = [0, 0];

  const tileAt = (x, y) =>
    Math.floor(y / (shown.height + 1)) * across + Math.floor(x / (shown.width + 1));

  // The number at a pixel of the canvas: its place in `tiles`, and its index.
  function at(x, y) {
    const { height, width, channels, shape, tiles, count } = shown;
    const [column, row] = [x % (width + 1), y % (height + 1)];
    const tile = tileAt(x, y);
    const place = (tile * height + row) * width + column;
    if (column === width || row === height || tile >= count || Number.isNaN(tiles[place])) {
      return null;
    }
    const [filter, channel] = [Math.floor(tile / channels), tile % channels];
    const index = {
      1: [row * width + column],
      2: [(row * width + column) * channels + channel, filter],
      3: [row, column, channel],
      4: [row, column, channel, filter],
    }[shape.length];
    return { place, index };
  }

  function show(mosaic, name, palette, isInk = false) {
    shown = mosaic;
    const { tiles, height, width, count, low, high } = mosaic;
    across = Math.min(count, Math.max(1, Math.floor(73 / (width + 1))));
    const wide = across * (width + 1) - 1;
    const tall = Math.ceil(count / across) * (height + 1) - 1;
    if (canvas.width !== wide || canvas.height !== tall) {
      Object.assign(canvas, { width: wide, height: tall });
      cursor = [0, 0];
      mark.hidden = true;
    }
    node.style.width = `${wide * Math.max(2, Math.min(isInk ? 20 : 12, Math.floor(440 / wide)))}px`;
    canvas.setAttribute("aria-label", `${name}: ${sizeWords(mosaic)}, ${range(low, high)}`);
    const limit = Math.max(Math.abs(low), Math.abs(high)) || 1;
    const context = canvas.getContext("2d");
    const image = context.createImageData(wide, tall);
    for (let y = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++) {
        if (tileAt(x, y) >= count) continue; // behind the last one nothing is drawn
        const value = tiles[at(x, y)?.place];
        const hue = isInk ? palette.ink : value < 0 ? palette.negative : palette.positive;
        const part = Number.isFinite(value) ? Math.abs(value) / limit : 0;
        const colour = value === undefined ? palette.gap : mix(palette.paper, hue, part);
        image.data.set([...colour, 255], 4 * (y * wide + x));
      }
    }
    context.putImageData(image, 0, 0);
  }

  function read([x, y]) {
    const found = shown && at(x, y);
    if (!found) return;
    cursor = [x, y];
    const box = { left: x / canvas.width, top: y / canvas.height };
    for (const side of ["left", "top"]) mark.style[side] = `${100 * box[side]}%`;
    mark.style.width = `${100 / canvas.width}%`;
    mark.style.height = `${100 / canvas.height}%`;
    mark.hidden = false;
    onread(`[${found.index.join(", ")}] = ${short(shown.tiles[found.place])}`);
  }

  canvas.onpointermove = canvas.onpointerdown = ({ offsetX, offsetY }) =>
    read([
      Math.floor((offsetX / canvas.clientWidth) * canvas.width),
      Math.floor((offsetY / canvas.clientHeight) * canvas.height),
    ]);
  canvas.onpointerleave = () => (mark.hidden = document.activeElement !== canvas);
  canvas.onfocus = () => canvas.matches(":focus-visible") && read(cursor);
  canvas.onblur = () => (mark.hidden = true);
  canvas.onkeydown = (event) => {
    const step = arrow(event);
    if (!step || !shown) return;
    let [x, y] = [cursor[0] + step[0], cursor[1] + step[1]];
    // Between two tiles is a gap.
    if (x >= 0 && y >= 0 && !at(x, y)) [x, y] = [x + step[0], y + step[1]];
    if (x >= 0 && y >= 0 && x < canvas.width && y < canvas.height) read([x, y]);
  };
  return { node, show };
}

// The step of an arrow key, [right, down], and the page does not scroll; else nothing.
function arrow(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
    event.key
  ];
  if (step) event.preventDefault();
  return step;
}

function sizeWords({ shape, count: tiles, channels, filters }) {
  const all = channels * filters;
  const words = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  return tiles < all ? `${words}, the first ${tiles} of ${all}` : words;
}

function range(low, high) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "too large for numbers";
  return low === high ? `all ${short(low)}` : `${short(low)} … ${short(high)}`;
}

const imageOf = (pixels) => ({
  tiles: pixels,
  shape: [SIDE, SIDE, 1],
  count: 1,
  height: SIDE,
  width: SIDE,
  channels: 1,
  filters: 1,
  low: 0,
  high: 1,
});
