// Train a network live: the page's side. It shows; the worker (trainer_worker.js) trains. Before
// this text, trainer.py puts the constants DIGITS, ENGINE, WORKER and GEMM, then trainer_mosaic.js,
// trainer_ink.js and trainer_views.js.

const IMAGES = 258; // of the validation set
const MOST_TEXT = 2000;
const DRAWN = -1; // the chosen image, where it is the reader's own

const block = (filters) => `Conv2D(${filters}, 3, padding="same", activation="relu")
MaxPooling2D(2)
`;
const normalBlock = (filters) => `Conv2D(${filters}, 3, padding="same")
BatchNormalization()
ReLU()
MaxPooling2D(2)
`;
const END = `Flatten()
Dense(10, activation="softmax")`;
const NETWORKS = {
  softmax: ["Softmax on the pixels", END],
  dense: ["One hidden layer", END.replace("\n", '\nDense(32, activation="relu")\n')],
  conv: ["One convolution", block(8) + END],
  blocks: ["Two convolutions", block(16) + block(32) + END],
  norm: ["With batch normalization", normalBlock(16) + normalBlock(32) + END],
  dropout: [
    "With dropout",
    block(16) + block(32) + END.replace("\n", '\nDense(64, activation="relu")\nDropout(0.5)\n'),
  ],
  sigmoid: [
    "Deep, with sigmoid",
    'Conv2D(16, 3, padding="same", activation="sigmoid")\n'.repeat(6) + END,
  ],
};
const OPTIMIZERS = {
  sgd: ["SGD", "SGD"],
  nesterov: ["SGD, nesterov=True", "SGD"],
  adagrad: ["Adagrad", "Adagrad"],
  rmsprop: ["RMSprop", "RMSprop"],
  adam: ["Adam", "Adam"],
};
const TESTED = { shuffled: "images at random", writers: "other writers" };
const firstOf = (table) =>
  Object.fromEntries(Object.entries(table).map(([key, [label]]) => [key, label]));
const hasMomentum = ({ o }) => o === "sgd" || o === "nesterov";

const FIELDS = [
  {
    kind: "choice",
    key: "net",
    label: "network",
    options: { ...firstOf(NETWORKS), own: "Your own" },
  },
  { kind: "choice", key: "o", label: "optimizer", options: firstOf(OPTIMIZERS) },
  {
    kind: "number",
    key: "r",
    label: "learning_rate",
    low: 0.00001,
    high: 1000,
    step: "any",
    log: true,
  },
  {
    kind: "number",
    key: "m",
    label: "momentum",
    low: 0,
    high: 0.99,
    step: 0.01,
    when: hasMomentum,
  },
  { kind: "number", key: "b", label: "batch_size", low: 1, high: 256 },
  { kind: "number", key: "d", label: "weight_decay", low: 0, high: 1, step: 0.001 },
  { kind: "number", key: "e", label: "epochs", low: 1, high: 1000 },
  {
    kind: "choice",
    key: "v",
    label: "speed",
    options: { full: "as fast as it can", slow: "10 steps a second" },
  },
  {
    kind: "choice",
    key: "p",
    label: "validate and test on",
    options: { shuffled: "images at random", writers: "other writers’ images" },
  },
  { kind: "number", key: "s", label: "seed", low: 0, high: 999 },
  { kind: "other", key: "own", read: readText, write: (text) => text },
  { kind: "other", key: "i", read: readImageNumber, write: String },
  { kind: "other", key: "g", read: readFlag, write: (flag) => String(Number(flag)) },
  { kind: "other", key: "w", read: readFlag, write: (flag) => String(Number(flag)) },
];
const SAVED = FIELDS.filter(({ key }) => "ormbdps".includes(key));

function readText(text) {
  if (text.length <= MOST_TEXT) return text;
  throw new cb.Problem(`the network has more than ${MOST_TEXT} characters; shorten it.`);
}

function readImageNumber(text) {
  const number = text.trim() ? Number(text) : NaN;
  if (Number.isInteger(number) && number >= DRAWN && number < IMAGES) return number;
  throw new cb.Problem(`an image is a whole number from 0 to ${IMAGES - 1}.`);
}

function readFlag(text) {
  if (text === "0" || text === "1") return text === "1";
  throw new cb.Problem("it is either 0 (off) or 1 (on).");
}

// ---- The data, and the worker ----

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// All 1,797 images, from 0 to 1, and their labels: { pixels, labels }.
async function readDigits() {
  const packed = new Blob([bytesOf(DIGITS)]).stream();
  const unpacked = packed.pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(unpacked).arrayBuffer());
  const images = bytes.length / (PIXELS + 1);
  const pixels = Float32Array.from(bytes.subarray(0, images * PIXELS), (value) => value / 16);
  return { pixels, labels: bytes.slice(images * PIXELS) };
}

// `onmessage` gets the worker's answers. What is sent first waits until the data are there.
function startWorker(onmessage) {
  const script = new Blob([ENGINE, "\n", WORKER], { type: "text/javascript" });
  const address = URL.createObjectURL(script);
  let worker = null;
  const fail = () => {
    worker?.terminate();
    worker = null;
    const message =
      "This browser starts no Web Worker here, so nothing can be trained. Open the book’s site in a current browser, not in a preview.";
    onmessage({ kind: "problem", about: "worker", message });
  };
  try {
    worker = new Worker(address);
    worker.onmessage = ({ data }) => onmessage(data);
    worker.onerror = fail;
  } catch {
    setTimeout(fail);
  }
  const ready = readDigits().then((digits) => {
    worker?.postMessage({ kind: "data", ...digits, wasm: bytesOf(GEMM) });
    return digits;
  }, fail);
  return {
    ready,
    send: (message) => ready.then(() => worker?.postMessage(message)),
    stop() {
      worker?.terminate();
      worker = null;
      URL.revokeObjectURL(address);
    },
  };
}

// ---- The explorer ----

function render({ model, el }) {
  function build({ state, change, say, body, root }) {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const worker = startWorker((message) => ANSWERS[message.kind](message));
    let digits = null; // { pixels, labels }
    let network = null; // what the worker said when it was built
    let progress = null;
    let view = null; // the numbers that are shown
    let asked = ""; // the network, seed and split that the worker was told to build
    let isRunning = false;
    let isLooking = false; // a view is on its way
    let hasPaused = false; // just now; to be said with the next view
    let looksStale = false; // and will be old when it comes
    let isVisible = true;
    let ticking = null;
    let first = 0; // of the list that the strip shows

    // -- The parts --

    const run = cb.button(
      "Run",
      () => worker.send({ kind: isRunning ? "pause" : "run", epochs: state.e }),
      { class: "primary cb-run" },
    );
    const step = cb.button("One step", () => worker.send({ kind: "step" }), { title: "One batch" });
    const epoch = cb.button("One epoch", () => worker.send({ kind: "run", epochs: 1 }));
    const again = cb.button("Start anew", () => start(true), {
      title: "New first weights from the same seed",
    });
    const pace = h("span", { class: "cb-pace" });
    const note = h("p", { class: "cb-note" });
    const wrong = wrongView();
    const curves = curvesView();
    const score = h("p", { class: "cb-sum" });
    const strip = stripView({ onchoose: (i) => change({ i }) });
    const onlyWrong = checkBox("Only wrong ones", (w) => {
      first = 0;
      change({ w });
    });
    const others = cb.button("Others", () => {
      first += STRIP;
      showStrip();
    });
    const strips = h("p", { class: "cb-note" });
    const pad = drawingPad({ onink: showDrawing, say });
    const crop = checkBox(
      "Crop and scale it, as the data were; untick to leave it where you drew it",
      showDrawing,
    );
    crop.box.checked = true;
    const upload = fileButton("Image file…", "image/*", openImage);
    const wrongImage = wrongView();
    const reading = h("p", { class: "cb-sum", "aria-live": "polite" });
    const seen = mosaicView((text) => (reading.textContent = `image${text}`));
    const seenWords = h("p", { class: "cb-note" });
    const bars = barsView(CLASSES);
    const gradients = checkBox("Show gradients", (g) => change({ g }));
    const gradientWords = h("p", { class: "cb-note" });
    const layers = layersView({ onread: (text) => (reading.textContent = text) });
    const editor = editorView({
      oncheck: (text) => worker.send({ kind: "check", text }),
      onuse(own) {
        change({ net: "own", own });
        run.focus();
      },
    });
    const test = cb.button("Test once", () => worker.send({ kind: "test" }));
    const tested = h("p", { class: "cb-sum" });
    const save = cb.button("Save", () => worker.send({ kind: "save" }));
    const load = fileButton("Load…", ".json,application/json", openFile);
    const wrongFile = wrongView();
    const clear = cb.button("Clear", () => {
      pad.clear();
      showDrawing();
    });
    const buttons = [run, step, epoch, again, test, save];
    body.append(
      h("div", { class: "cb-head" }, run, step, epoch, again, pace),
      wrong.node,
      note,
      curves.node,
      score,
      editor.node,
      part(
        "Images that it was not trained on",
        h("div", { class: "cb-head" }, onlyWrong.node, others, strips),
        strip.node,
      ),
      part(
        "One image on its way through the layers",
        h(
          "div",
          { class: "cb-way" },
          h("div", {}, seen.node, seenWords),
          bars.node,
          drawingView(pad.node, clear, upload, crop.node, wrongImage.node),
        ),
        h("div", { class: "cb-head" }, gradients.node, gradientWords),
        reading,
        layers.node,
      ),
      part(
        "When you have made your choices",
        h("div", { class: "cb-head" }, test, save, load),
        tested,
        wrongFile.node,
      ),
    );

    // -- What the worker is told --

    const textOf = () => (state.net === "own" ? state.own : NETWORKS[state.net][1]);

    function start(isForced) {
      const settings = { seed: state.s, split: state.p };
      const wanted = JSON.stringify([textOf(), settings]);
      if (wanted === asked && !isForced) return;
      asked = wanted;
      editor.show(textOf());
      worker.send({ kind: "build", text: textOf(), settings });
    }

    function look() {
      if (!network) return;
      looksStale = isLooking;
      if (isLooking) return;
      setLooking(true);
      const { pixels, label } = chosen();
      worker.send({ kind: "look", pixels, label, wantsGradients: state.g });
    }

    const imageAt = (number) => {
      const at = network.validation[number] * PIXELS;
      return digits.pixels.slice(at, at + PIXELS);
    };

    // The image that goes through the layers; a drawing has no label.
    function chosen() {
      if (state.i === DRAWN) {
        const { bits } = pad.ink;
        return { pixels: countBlocks(crop.box.checked ? fit(pad.ink) : bits), label: null };
      }
      return { pixels: imageAt(state.i), label: digits.labels[network.validation[state.i]] };
    }

    // -- What the worker answers --

    const ANSWERS = {
      built(message) {
        const isNew = network && network.text !== message.text;
        begin(message);
        note.textContent = isNew
          ? "A new network: training starts anew, with the same optimizer and settings."
          : "Not trained yet: it guesses.";
      },
      loaded(message) {
        const known = Object.keys(NETWORKS).find((key) => NETWORKS[key][1] === message.text);
        const { fields, ...settings } = message.settings;
        asked = JSON.stringify([message.text, settings]);
        begin(message);
        editor.show(message.text);
        note.textContent =
          "Loaded. Training would go on from here, with an optimizer that remembers nothing.";
        change({ ...fields, net: known ?? "own", own: known ? "" : message.text });
        say("The saved network is loaded.");
      },
      checked: (message) => editor.accept(message),
      progress(message) {
        const wasRunning = isRunning;
        progress = message;
        curves.add(message.news);
        if (message.steps !== network.steps) note.textContent = "";
        if (wasRunning && message.isRunning) return; // the clock shows it
        setRunning(message.isRunning);
        tick();
        hasPaused ||= wasRunning; // the next view says how well the network does now
      },
      view(message) {
        view = message;
        showView();
        setLooking(false);
        if (looksStale) {
          look();
          return;
        }
        if (hasPaused) say(`Paused. ${troubleOf(progress) || score.textContent}`);
        hasPaused = false;
      },
      tested({ right, count: all, tests }) {
        const times =
          tests === 1
            ? ""
            : ` This was look ${tests}: if you choose by it, it is a validation set.`;
        const whose = TESTED[network.settings.split];
        tested.textContent = `Test, ${whose}: ${percent(right / all)} right (${right} of ${all}).${times}`;
        say(tested.textContent);
      },
      saved({ file }) {
        const settings = Object.fromEntries(SAVED.map(({ key }) => [key, state[key]]));
        download("convbook-training.json", JSON.stringify({ ...file, settings }));
        say("Saved.");
      },
      problem({ about, message }) {
        if (about === "check" || about === "build") editor.refuse(message);
        else if (about === "load") wrongFile.show(message);
        else wrong.show(message);
        if (about === "training") setRunning(false);
        if (about === "look") setLooking(false);
      },
    };

    function setRunning(now) {
      isRunning = now;
      run.textContent = isRunning ? "Pause" : "Run";
      clearInterval(ticking);
      ticking = isRunning ? setInterval(tick, isCalm ? 1000 : 250) : null;
    }

    function setLooking(now) {
      isLooking = now;
      body.setAttribute("aria-busy", String(now));
    }

    function begin(message) {
      network = message;
      view = null;
      first = 0;
      for (const button of buttons) button.disabled = false;
      for (const { show } of [wrong, wrongFile]) show("");
      tested.textContent =
        "The test images wait for the very end. Who looks at the result, changes something and looks again is choosing by them; then no images are left that tell how good the choice is.";
      curves.clear();
      layers.build(message.layers);
      editor.built(message.layers, message.text, state);
      reading.textContent =
        "Point at a number of an image below, or go there with the Tab and arrow keys.";
    }

    // What is wrong with the training, as a sentence.
    function troubleOf({ isDiverged, loss }) {
      const remedy = `with learning_rate ${short(state.r)} the steps are too large. Choose a smaller one, then press Start anew.`;
      if (isDiverged) return `The loss is no longer a number: ${remedy}`;
      if (loss < 10) return "";
      return `The loss of the last batch is ${short(loss)}, and guessing would give ln 10 ≈ 2.3: ${remedy}`;
    }

    // -- What is shown --

    function tick() {
      if (!isVisible && isRunning) return;
      const { epochs, steps, loss, speed } = progress;
      curves.draw(epochs);
      wrong.show(troubleOf(progress));
      pace.textContent = [
        `${count(Math.floor(10 * epochs) / 10)} ${epochs === 1 ? "epoch" : "epochs"}`,
        `${count(steps)} ${steps === 1 ? "step" : "steps"}`,
        loss === null || Number.isNaN(loss) ? "" : `loss of the last batch ${loss.toFixed(3)}`,
        isRunning && speed
          ? `${count(Math.round(speed / 10) * 10)} images a second (${network.backend})`
          : "",
      ]
        .filter(Boolean)
        .join(" · ");
      look();
    }

    function showView() {
      const palette = paletteOf(root);
      showStrip();
      const { pixels, label } = chosen();
      seen.show(imageOf(pixels), "the image that comes in", palette, true);
      pad.paint(palette);
      const [[digit, probability]] = ranked(view.own);
      const what = label === null ? "Your drawing" : `Image ${state.i}, a ${label}`;
      const isBlank = label === null && pixels.every((value) => value === 0);
      const answer = probability ? `${digit} (${chance(probability)})` : "nothing";
      seenWords.textContent = isBlank
        ? "Nothing is drawn yet."
        : `${what}. The network says: ${answer}.`;
      bars.show(Array.from(view.own, (part, i) => [i, part]));
      layers.show(view, palette);
      gradientWords.textContent = !state.g
        ? "Blue is positive, orange negative."
        : view.hasGradients
          ? "Of the loss, if this image joined the last batch. Blue: more of this would raise the loss; orange: lower it."
          : "A drawing has no label, so it has no loss and no gradients. These are values.";
    }

    function showStrip() {
      if (!view) return;
      const all = network.validation.map((index, number) => {
        const row = view.probabilities.subarray(number * CLASSES, (number + 1) * CLASSES);
        return { number, label: digits.labels[index], order: ranked(row) };
      });
      const list = state.w ? all.filter((one) => !isRight(one)) : all;
      if (first >= list.length) first = 0;
      strip.show(list.slice(first, first + STRIP), {
        chosen: state.i,
        palette: paletteOf(root),
        imageAt,
      });
      strips.textContent = list.length
        ? `${first + 1} to ${Math.min(first + STRIP, list.length)} of ${list.length}`
        : "None is wrong.";
      others.disabled = list.length <= STRIP;
      const right = all.filter(isRight).length;
      score.textContent = `${percent(right / IMAGES)} of the validation images are right (${right} of ${IMAGES}).`;
    }

    function showDrawing() {
      wrongImage.show("");
      change({ i: DRAWN });
      pad.paint(paletteOf(root));
    }

    async function openImage(file) {
      try {
        pad.put(fit(await readInk(file)));
      } catch (error) {
        if (!(error instanceof cb.Problem)) throw error;
        wrongImage.show(error.message);
      }
    }

    async function openFile(file) {
      try {
        const saved = readSaved(await file.text());
        const { s: seed, p: split } = saved.settings;
        worker.send({
          kind: "load",
          file: saved,
          settings: { seed, split, fields: saved.settings },
        });
      } catch (error) {
        if (!(error instanceof cb.Problem)) throw error;
        wrongFile.show(error.message);
      }
    }

    // -- The frame's calls --

    function update() {
      if (state.net === "own" && !state.own) state.own = network?.text ?? NETWORKS.conv[1];
      const { o, r, m, b, d } = state;
      worker.send({
        kind: "options",
        optimizer: o,
        learning_rate: r,
        momentum: hasMomentum(state) ? m : 0,
        batch_size: b,
        isSlow: state.v === "slow",
        weight_decay: d,
      });
      onlyWrong.box.checked = state.w;
      gradients.box.checked = state.g;
      start(false);
      if (network) editor.setCode(network.text, state);
      look();
    }

    function reset() {
      asked = "";
      worker.send({ kind: "pause" });
      pad.clear();
      crop.box.checked = true;
      for (const { show } of [wrong, wrongFile, wrongImage]) show("");
    }

    root.addEventListener("change", ({ target }) => {
      if (target.matches("select") && target.value === "own") editor.open();
    });
    worker.ready.then((read) => (digits = read));
    for (const button of buttons) button.disabled = true;
    const themes = new MutationObserver(() => view && showView());
    for (const node of [document.documentElement, document.body]) {
      themes.observe(node, { attributeFilter: ["data-theme", "theme", "data-jp-theme-light"] });
    }
    const sight = new IntersectionObserver(
      (entries) => (isVisible = entries.at(-1).isIntersecting),
    );
    sight.observe(body);
    return {
      update,
      reset,
      stop() {
        clearInterval(ticking);
        editor.stop();
        themes.disconnect();
        sight.disconnect();
        worker.stop();
      },
    };
  }

  return cb.explorer({
    model,
    el,
    name: "trainer",
    title: "Train a network live",
    hint: "guess how many of 100 images that it has never seen the network will get right after one epoch; then press One epoch (to watch, take the speed “10 steps a second”). Next, take “Deep, with sigmoid”, six convolutions instead of one: predict its accuracy after 20 epochs, then show its gradients: how large are they in the first layer? Last, train “Two convolutions” and press Test once; then the same with other writers’ images: what do validation and test say now?",
    fields: FIELDS,
    build,
  });
}

export default { render };
