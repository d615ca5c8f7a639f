// Where the images of the image-kernels explorer come from: drawn here, opened, or the camera's.
// An image is { height, width, depth, values }: rows, columns, channels, as Keras orders them.

const far = Math.hypot;

function face(x, y) {
  const radius = far(x - 16, y - 16);
  if (Math.min(far(x - 11, y - 14), far(x - 21, y - 14)) < 2) return 20; // eyes
  if (y > 18 && Math.abs(radius - 7.5) < 1) return 90; // mouth
  if (radius < 13) return y < 8 ? 60 : 235 - 4 * Math.abs(x - 11); // hair; skin, lit from the left
  return 100 + 2 * y;
}

function digit(x, y) {
  const strokes = [
    [13, 4, 7, 16],
    [7, 16, 21, 15],
    [17, 9, 15, 24],
  ];
  const distances = strokes.map(([a, b, c, d]) => {
    const along = ((x - a) * (c - a) + (y - b) * (d - b)) / far(c - a, d - b) ** 2;
    const t = Math.max(0, Math.min(1, along));
    return far(x - a - t * (c - a), y - b - t * (d - b));
  });
  return 255 * Math.max(0, Math.min(1, 2 - Math.min(...distances)));
}

function scene(x, y) {
  if (far(x - 53, y - 10) < 6) return [255, 220, 60]; // sun
  if (far(x - 50, y - 36) < 8) return [40, 130, 50]; // tree
  if (Math.abs(x - 50) < 2 && y > 36 && y < 54) return [110, 70, 40];
  if (Math.abs(x - 22) < y - 16 && y > 16 && y < 32) return [200, 50, 40]; // roof
  if (Math.abs(x - 22) < 12 && y >= 32 && y < 54) {
    if (Math.abs(x - 18) < 3 && y > 42) return [90, 60, 50]; // door
    return Math.abs(x - 28) < 3 && Math.abs(y - 39) < 3 ? [120, 200, 255] : [235, 225, 200];
  }
  return y > 46 + 3 * Math.sin(x / 9) ? [110, 180, 80] : [90 + 2 * y, 160 + y, 245];
}

const SAMPLES = {
  face: ["a face", 32, face],
  digit: ["a digit", 28, digit],
  ramp: ["a ramp", 32, (x) => 8 * x],
  checkers: ["a checkerboard", 24, (x, y) => 255 * ((Math.floor(x / 4) + Math.floor(y / 4)) % 2)],
  star: [
    "edges at many angles",
    48,
    (x, y) => 255 * (Math.floor((8 * Math.atan2(y - 24, x - 24)) / Math.PI) & 1),
  ],
  scene: ["a house, in colour", 64, scene],
  colours: [
    "red on green",
    32,
    (x, y) => (far(x - 16, y - 16) < 9 ? [170, 70, 60] : [60, 150, 90]),
  ],
};
const drawn = {};

// A sample's pixel is the mean of 3 × 3 points.
function sample(key) {
  const [, size, colourAt] = SAMPLES[key];
  const depth = [colourAt(0, 0)].flat().length;
  const values = new Float64Array(size * size * depth);
  for (let r = 0; r < 3 * size; r++) {
    for (let c = 0; c < 3 * size; c++) {
      const pixel = Math.floor(r / 3) * size + Math.floor(c / 3);
      [colourAt((c + 0.5) / 3, (r + 0.5) / 3)].flat().forEach((value, channel) => {
        values[pixel * depth + channel] += value / 9;
      });
    }
  }
  return { height: size, width: size, depth, values: values.map(Math.round) };
}

// The mean of the channels, a whole number.
function grey({ height, width, values: v }) {
  const values = new Float64Array(height * width);
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.round((v[3 * i] + v[3 * i + 1] + v[3 * i + 2]) / 3);
  }
  return { height, width, depth: 1, values };
}

// Opened images are scaled, so that the longer side has at most 128 pixels.
function pixelsOf(source, width, height) {
  const scale = Math.min(1, 128 / Math.max(width, height));
  const canvas = cb.h("canvas", {
    width: Math.max(1, Math.round(scale * width)),
    height: Math.max(1, Math.round(scale * height)),
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = Float64Array.from(data.filter((_, i) => i % 4 < 3));
  return { height: canvas.height, width: canvas.width, depth: 3, values };
}

const REFUSALS = {
  NotAllowedError: "The camera was refused. Allow it in the browser’s settings for this page.",
  NotFoundError: "No camera was found. Connect one, or open an image.",
};

// Ways to bring an image: a file, one dropped on or pasted into `target`, the camera.
// `use(image)` gets each image, and `tell(sentence)` what went wrong.
function ownImages({ target, use, tell }) {
  let stream = null;
  let timer = null;
  let ended = false;

  async function open(file) {
    stopCamera();
    try {
      const bitmap = await createImageBitmap(file);
      tell("");
      use(pixelsOf(bitmap, bitmap.width, bitmap.height));
    } catch {
      tell(`“${file.name}” is no image that this browser can read. Take a PNG or JPEG file.`);
    }
  }
  function take(event) {
    const [file] = (event.dataTransfer ?? event.clipboardData).files;
    if (!file) return;
    event.preventDefault();
    open(file);
  }
  target.addEventListener("dragover", (event) => event.preventDefault());
  target.addEventListener("drop", take);
  target.addEventListener("paste", take);

  const video = cb.h("video", { playsinline: true });
  async function startCamera() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320 } });
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      stopCamera();
      return tell(REFUSALS[error.name] ?? `The camera did not start: ${error.message}`);
    }
    if (ended) return stopCamera(); // the explorer went while the reader was being asked
    camera.textContent = "Stop the camera";
    tell("");
    timer = setInterval(() => {
      if (video.videoWidth) use(pixelsOf(video, video.videoWidth, video.videoHeight));
    }, 1000 / 15);
  }
  function stopCamera() {
    clearInterval(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    camera.textContent = "Use the camera";
  }

  const picker = cb.h("input", {
    type: "file",
    accept: "image/*",
    onclick: () => (picker.value = ""), // the same file may be opened again
    onchange: () => picker.files.length && open(picker.files[0]),
  });
  const camera = cb.button("Use the camera", () => (stream ? stopCamera() : startCamera()));
  const canFilm = Boolean(navigator.mediaDevices?.getUserMedia);
  camera.hidden = !canFilm;
  const node = cb.h(
    "div",
    { class: "cb-own" },
    cb.h("label", {}, cb.h("span", { class: "cb-name" }, "Open an image "), picker),
    camera,
    cb.h(
      "span",
      { class: "cb-note" },
      "Or drop or paste one here. It stays on your machine, and is not part of a link.",
      canFilm ? "" : " For the camera, browsers want a page opened over https.",
    ),
  );
  const stop = () => ((ended = true), stopCamera());
  return { node, stop, stopCamera, clear: () => (picker.value = "") };
}
