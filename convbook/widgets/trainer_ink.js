// The trainer's drawings and image files, made into 8 × 8 numbers as the data were (NIST, UCI).

const BITMAP = 32;

// The ink cropped to its box, scaled to fill 32 × 32 with its proportions kept, in the middle.
function fit({ bits, width, height }) {
  const places = [...bits.keys()].filter((at) => bits[at]);
  const xs = places.map((at) => at % width);
  const ys = places.map((at) => Math.floor(at / width));
  const ends = (values) =>
    values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, 0]);
  const [[left, right], [top, bottom]] = [ends(xs), ends(ys)];
  const scale = BITMAP / (Math.max(right - left, bottom - top) + 1);
  const isInk = (x, y) => {
    const column = Math.floor((x - BITMAP / 2) / scale + (left + right + 1) / 2);
    const row = Math.floor((y - BITMAP / 2) / scale + (top + bottom + 1) / 2);
    return column >= 0 && column < width && row >= 0 && row < height && bits[row * width + column];
  };
  const fitted = new Uint8Array(BITMAP * BITMAP);
  if (!places.length) return fitted;
  const inner = [0.125, 0.375, 0.625, 0.875]; // of each new cell, 16 points are looked up
  for (let i = 0; i < fitted.length; i++) {
    let hits = 0;
    for (const dy of inner) {
      for (const dx of inner) hits += isInk((i % BITMAP) + dx, Math.floor(i / BITMAP) + dy) ? 1 : 0;
    }
    fitted[i] = Number(hits >= 8);
  }
  return fitted;
}

// How many of each 4 × 4 cells are inked, as parts of 16.
function countBlocks(bits) {
  const pixels = new Float32Array(PIXELS);
  bits.forEach((bit, i) => {
    const [row, column] = [Math.floor(i / BITMAP), i % BITMAP];
    pixels[(row >> 2) * SIDE + (column >> 2)] += bit / 16;
  });
  return pixels;
}

// A file as ink on paper, whichever of the two is the darker: the border is paper.
async function readInk(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new cb.Problem(
      `“${file.name}” cannot be read as an image. Choose a PNG, JPEG, GIF or WebP file.`,
    );
  }
  const scale = Math.min(1, 256 / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((n) =>
    Math.max(1, Math.round(n * scale)),
  );
  const context = Object.assign(h("canvas"), { width, height }).getContext("2d");
  context.fillStyle = "#ffffff"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float32Array.from(
    { length: width * height },
    (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2],
  );
  const [low, high] = [Math.min, Math.max].map((end) => grey.reduce((a, b) => end(a, b)));
  if (high - low < 32) {
    throw new cb.Problem(
      `“${file.name}” is all of one shade. Choose an image of one dark digit on white.`,
    );
  }
  const middle = (low + high) / 2;
  const border = grey.filter((_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return row === 0 || column === 0 || row === height - 1 || column === width - 1;
  });
  const isLight = border.reduce((sum, value) => sum + value) / border.length > middle;
  return {
    bits: Uint8Array.from(grey, (value) => Number(value > middle !== isLight)),
    width,
    height,
  };
}

// A pad of 32 × 32 cells, for the mouse, a finger or the arrow keys. `onink` hears of each change.
function drawingPad({ onink, say }) {
  const bits = new Uint8Array(BITMAP * BITMAP);
  const canvas = h("canvas", {
    width: BITMAP,
    height: BITMAP,
    tabindex: 0,
    role: "application",
    "aria-label": "Drawing pad: arrow keys move the pen, the space bar lowers and lifts it",
  });
  const mark = h("span", { class: "cb-mark cb-pen", hidden: true });
  const node = h("div", { class: "cb-mosaic cb-pad" }, canvas, mark);
  let pen = [16, 16];
  let isDown = false;

  function stamp([x, y]) {
    for (let i = 0; i < bits.length; i++) {
      if (Math.hypot((i % BITMAP) - x, Math.floor(i / BITMAP) - y) < 1.9) bits[i] = 1;
    }
  }

  function drawTo([x, y]) {
    const steps = Math.ceil(Math.hypot(x - pen[0], y - pen[1])) || 1;
    for (let i = 1; i <= steps; i++) {
      stamp([pen[0] + ((x - pen[0]) * i) / steps, pen[1] + ((y - pen[1]) * i) / steps]);
    }
    pen = [x, y];
    onink();
  }

  function paint(palette) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(BITMAP, BITMAP);
    bits.forEach((bit, i) => image.data.set([...(bit ? palette.ink : palette.paper), 255], 4 * i));
    context.putImageData(image, 0, 0);
  }

  function showPen() {
    mark.style.left = `${(100 * pen[0]) / BITMAP}%`;
    mark.style.top = `${(100 * pen[1]) / BITMAP}%`;
    mark.classList.toggle("cb-down", isDown);
  }

  const placeOf = ({ offsetX, offsetY }) => [
    Math.floor((offsetX / canvas.clientWidth) * BITMAP),
    Math.floor((offsetY / canvas.clientHeight) * BITMAP),
  ];
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    mark.hidden = true;
    pen = placeOf(event);
    drawTo(pen);
  };
  canvas.onpointermove = (event) => event.buttons && drawTo(placeOf(event));
  canvas.onfocus = () => {
    mark.hidden = !canvas.matches(":focus-visible");
    showPen();
  };
  canvas.onblur = () => {
    isDown = false;
    mark.hidden = true;
  };
  canvas.onkeydown = (event) => {
    const step = arrow(event);
    if (event.key === " ") {
      event.preventDefault();
      isDown = !isDown;
      if (isDown) drawTo(pen);
      say(isDown ? "Pen down: it draws" : "Pen up");
    }
    if (step) {
      const to = pen.map((place, axis) => Math.max(0, Math.min(BITMAP - 1, place + step[axis])));
      if (isDown) drawTo(to);
      else pen = to;
      say(`Row ${pen[1] + 1}, column ${pen[0] + 1}`);
    }
    mark.hidden = false;
    showPen();
  };
  return {
    node,
    paint,
    get ink() {
      return { bits, width: BITMAP, height: BITMAP };
    },
    put(other) {
      bits.set(other);
      onink();
    },
    clear() {
      bits.fill(0);
      pen = [16, 16];
      isDown = false;
    },
  };
}
