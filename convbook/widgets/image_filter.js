// The arithmetic of the image-kernels explorer: kernels, borders, the sum, and its Keras code.

const COLOURS = ["red", "green", "blue"];
const TABS = { all: "all channels", 0: "red", 1: "green", 2: "blue" };
const CHANNELS = {
  grey: "made grey first",
  each: "each by itself: DepthwiseConv2D",
  sum: "one filter over all: Conv2D",
};

// What stands at place i of a side of n pixels, -1 for a zero; and NumPy's name for it.
const modulo = (i, n) => ((i % n) + n) % n;
const BORDERS = {
  same: ['zeros: padding="same"', (i, n) => (i < n ? i : -1)],
  valid: ['none: padding="valid"', (i) => i],
  nearest: ["nearest: the edge again", (i, n) => Math.max(0, Math.min(n - 1, i)), "edge"],
  reflect: [
    "reflect: a mirror",
    (i, n) => Math.min(modulo(i, 2 * n), 2 * n - 1 - modulo(i, 2 * n)),
    "symmetric",
  ],
  wrap: ["wrap: the opposite side", modulo, "wrap"],
};

function pad(image, margin, placeOf) {
  const [height, width] = [image.height + 2 * margin, image.width + 2 * margin];
  const { depth } = image;
  const values = new Float64Array(height * width * depth);
  for (let r = 0; r < height; r++) {
    const i = placeOf(r - margin, image.height);
    for (let c = 0; c < width; c++) {
      const j = placeOf(c - margin, image.width);
      for (let d = 0; i >= 0 && j >= 0 && d < depth; d++) {
        values[(r * width + c) * depth + d] = image.values[(i * image.width + j) * depth + d];
      }
    }
  }
  return { height, width, depth, values };
}

function valueAt({ height, width, depth, values }, r, c, channel) {
  const isThere = 0 <= r && r < height && 0 <= c && c < width;
  return isThere ? values[(r * width + c) * depth + channel] : undefined;
}

// One weight at a time, over the whole image. `isSum` adds the channels up.
function correlate(x, kernels, k, isSum) {
  const [height, width, depth] = [x.height - k + 1, x.width - k + 1, isSum ? 1 : x.depth];
  const values = new Float64Array(height * width * depth);
  for (let channel = 0; channel < x.depth; channel++) {
    kernels[channel].forEach((weight, i) => {
      for (let r = 0; weight && r < height; r++) {
        let from = ((r + Math.floor(i / k)) * x.width + (i % k)) * x.depth + channel;
        let to = r * width * depth + (isSum ? 0 : channel);
        for (let c = 0; c < width; c++, from += x.depth, to += depth) {
          values[to] += weight * x.values[from];
        }
      }
    });
  }
  return { height, width, depth, values };
}

// ---- Kernels: lists of k × k weights ----

const BINOMIAL = { 1: [1], 3: [1, 2, 1], 5: [1, 4, 6, 4, 1], 7: [1, 6, 15, 20, 15, 6, 1] };
const isMiddle = (u, v, k) => Number(u === v && u === k >> 1);
// A list of 3 × 3 weights, or the weight at row u, column v of a k × k kernel.
const KERNELS = {
  identity: ["identity", isMiddle],
  outline: ["outline", [-1, -1, -1, -1, 8, -1, -1, -1, -1]],
  box: ["blur (box)", () => 1],
  gaussian: ["blur (Gaussian)", (u, v, k) => BINOMIAL[k][u] * BINOMIAL[k][v]],
  motion: ["motion blur", (u, v) => Number(u === v)],
  sharpen: ["sharpen", [0, -1, 0, -1, 5, -1, 0, -1, 0]],
  emboss: ["emboss", [-2, -1, 0, -1, 1, 1, 0, 1, 2]],
  sobel_top: ["top Sobel", [1, 2, 1, 0, 0, 0, -1, -2, -1]],
  sobel_bottom: ["bottom Sobel", [-1, -2, -1, 0, 0, 0, 1, 2, 1]],
  sobel_left: ["left Sobel", [1, 0, -1, 2, 0, -2, 1, 0, -1]],
  sobel_right: ["right Sobel", [-1, 0, 1, -2, 0, 2, -1, 0, 1]],
  laplacian: ["Laplacian", [0, 1, 0, 1, -4, 1, 0, 1, 0]],
  random: ["random", (u, v, k, next) => Math.floor(9 * next()) - 4],
  red_green: ["red minus green", isMiddle],
  own: ["your own", isMiddle], // until weights are typed
};

// A list of n × n weights in the middle of k × k: zeros around it, or cut off.
function centred(weights, k) {
  const n = Math.sqrt(weights.length);
  const at = (i, j) => (0 <= i && i < n && 0 <= j && j < n ? weights[i * n + j] : 0);
  const shift = (n - k) / 2;
  return Array.from({ length: k * k }, (_, i) => at(Math.floor(i / k) + shift, (i % k) + shift));
}

// The weights for red, green and blue.
function kernelsOf({ f, k, r, own }) {
  if (f === "own" && own.length) {
    return [0, 1, 2].map((channel) => centred(own[channel % own.length], k));
  }
  const made = KERNELS[f][1];
  const next = cb.random(r);
  const list = Array.isArray(made)
    ? centred(made, k)
    : Array.from({ length: k * k }, (_, i) => made(Math.floor(i / k), i % k, k, next));
  return (f === "red_green" ? [1, -1, 0] : [1, 1, 1]).map((sign) => list.map((w) => sign * w));
}

const DIFFERS = "differs by channel; choose a channel under “kernel for”";

// What the kernel's numbers do not say by themselves. `edited` are the channels that are shown.
function noteOf(name, kernels, edited, image) {
  if (name === "red_green" && kernels.length === 1) {
    const way =
      image.depth === 3
        ? `under “channels”, choose “${CHANNELS.sum}”`
        : "choose an image in colour";
    return `Red minus green needs three channels: ${way}. With one it is the identity.`;
  }
  return edited.some((list) => String(list) !== String(edited[0])) ? `≠ ${DIFFERS}.` : "";
}

// What keeps the brightness: the sum of the weights, if it is positive.
function divisorOf(kernels, isSum) {
  const total = kernels.flat().reduce((a, b) => a + b) / (isSum ? 1 : kernels.length);
  return total > 1e-9 ? total : 1;
}

// The column and the row whose product the kernel is, or nothing.
function factors(kernel, k) {
  const first = kernel.findIndex((weight) => weight !== 0);
  if (first < 0) return null;
  const [u, v] = [Math.floor(first / k), first % k];
  const row = kernel.slice(u * k, u * k + k);
  const column = row.map((_, i) => kernel[i * k + v] / row[v]);
  const isClose = (w, i) => Math.abs(w - column[Math.floor(i / k)] * row[i % k]) < 1e-9;
  return kernel.every(isClose) ? { column, row } : null;
}

function separability(kernel, k) {
  const found = factors(kernel, k);
  const all = `${k} · ${k} = ${k * k}`;
  if (!found) return `No: it is no column times a row, so a pixel takes all ${all} products.`;
  const list = (weights) => `(${weights.map((w) => cb.show(w, 3)).join(", ")})`;
  return `Yes, its rank is 1: it is the column ${list(found.column)} times the row ${list(found.row)}. Two passes, one with each, take 2 · ${k} = ${2 * k} products a pixel in place of ${all}.`;
}

// Keras code for the same numbers. `settings` is the explorer's state.
function kerasCode(settings, image, kernels, divisor) {
  const { c, b, v, o } = settings;
  const k = Number(settings.k);
  const numpyMode = BORDERS[b][2];
  const depth = kernels.length;
  const isEach = c === "each" && depth > 1;
  const rowsOf = (list) => Array.from({ length: k }, (_, i) => list.slice(i * k, i * k + k));
  const texts = kernels.map((list) => JSON.stringify(rowsOf(list)).replaceAll(",", ", "));
  const isOne = texts.every((text) => text === texts[0]);
  const array = isOne ? `[${texts[0]}]${depth > 1 ? ` * ${depth}` : ""}` : `[${texts.join(", ")}]`;
  const p = k >> 1;
  return [
    `# x: the image, an array of ${image.height} × ${image.width} × ${image.depth}`,
    image.depth > depth && "x = np.round(x.mean(axis=-1, keepdims=True))",
    numpyMode && `x = np.pad(x, [(${p}, ${p}), (${p}, ${p}), (0, 0)], "${numpyMode}")`,
    `kernels = np.array(${array})  # channels, rows, columns`,
    v && "kernels = np.flip(kernels, (1, 2))",
    `weights = np.moveaxis(kernels, 0, -1)[..., None]${divisor === 1 ? "" : ` / ${divisor}`}`,
    `layer = keras.layers.${isEach ? "DepthwiseConv2D(" : "Conv2D(1, "}${k}, padding="${numpyMode ? "valid" : b}")`,
    `layer.build((None, None, None, ${depth}))`,
    `layer.set_weights([weights, np.full(${isEach ? depth : 1}, ${o})])`,
    "y = layer(x[None])[0]",
  ]
    .filter(Boolean)
    .join("\n");
}

// ---- What a link may hold ----

function readName(text) {
  if (Object.hasOwn(KERNELS, text)) return text;
  throw new cb.Problem(`choose one of ${Object.keys(KERNELS).join(", ")}.`);
}

function readPlace(text) {
  const place = text.split(",").map(Number);
  if (place.length === 2 && place.every(Number.isInteger)) return place;
  throw new cb.Problem("it needs a row and a column: two whole numbers.");
}

function readKernels(text) {
  const lists = text.split(";").map((list) => list.split(",").map(Number));
  const isKernel = (list) =>
    [1, 9, 25, 49].includes(list.length) && list.every((w) => Math.abs(w) <= 1e6);
  if ([1, 3].includes(lists.length) && lists.every(isKernel)) return lists;
  throw new cb.Problem("it needs 1 or 3 lists (;) of 1, 9, 25 or 49 numbers (,).");
}
