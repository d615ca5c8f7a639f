// The trainer's engine: a convolutional network in Keras' words, its gradients and its optimizers,
// in plain JavaScript, with the product of matrices in WebAssembly (gemm.wat) where there is SIMD.
// It needs no page: it runs in a Worker, in a page, or in Node.
//
// All numbers of a network lie in one memory, in Keras' layouts. When that memory grows, its arrays
// are detached: read layer.output, parameter.value … anew after each step, and send only copies
// (slice) to another thread, since a clone takes the whole memory along.
const Engine = (() => {
  "use strict";

  const FORMAT = "convbook-network";
  const VERSION = 1;
  const MOST_LAYERS = 30;
  const MOST_WEIGHTS = 2e6;
  const MOST_VALUES = 1e6; // that all layers together give for one image

  const MOST_MEMORY = 2 ** 29; // numbers: 2 GB
  const NO_MEMORY = "There is not enough memory: take a smaller batch or a smaller network.";

  const count = (shape) => shape.reduce((product, length) => product * length, 1);
  const isWhole = (value, low, high) => Number.isInteger(value) && low <= value && value <= high;

  function check(condition, text) {
    if (!condition) throw new Error(text);
  }

  // ---- The memory, and the product of matrices ----

  class Memory {
    constructor(wasm) {
      this.used = 0;
      this.isWasm = Boolean(wasm) && globalThis.WebAssembly?.validate(wasm) === true;
      if (this.isWasm) {
        this.wasm = new WebAssembly.Memory({ initial: 1 });
        const imports = { engine: { memory: this.wasm } };
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports);
        this.product = exports.product;
      } else {
        this.product = (...places) => multiply(this.floats, this.integers, ...places);
      }
      this.view(this.isWasm ? this.wasm.buffer : new ArrayBuffer(1 << 16));
    }

    view(buffer) {
      this.floats = new Float32Array(buffer);
      this.integers = new Int32Array(buffer);
    }

    // The place of `length` new numbers, on cache lines of their own; they are there after fit().
    take(length) {
      const start = this.used;
      this.used += Math.ceil(length / 16) * 16;
      return start;
    }

    fit() {
      const old = this.floats;
      const needed = this.used + 16; // vectors may be read past the end
      if (needed <= old.length) return;
      check(needed <= MOST_MEMORY, NO_MEMORY);
      try {
        if (this.isWasm) {
          this.wasm.grow(Math.ceil((needed - old.length) / (1 << 14)));
          this.view(this.wasm.buffer);
        } else {
          this.view(new ArrayBuffer(4 * needed));
          this.floats.set(old);
        }
      } catch {
        throw new Error(NO_MEMORY);
      }
    }
  }

  // Some numbers in the memory; `array` is the view of them that is good now.
  class Stretch {
    constructor(memory, length = 0) {
      this.memory = memory;
      this.place(length);
    }

    place(length) {
      this.start = this.memory.take(length);
      this.length = length;
      this.view = null;
    }

    get array() {
      const { floats } = this.memory;
      if (this.view?.buffer !== floats.buffer) {
        this.view = floats.subarray(this.start, this.start + this.length);
      }
      return this.view;
    }
  }

  // C += A · B, for A (m, k), B (k, n) and C (m, n). B and C are stored row by row; A's number in
  // row i and column t stands at a + rows[i] + columns[t]. With such tables an image is the matrix
  // of all its windows without being copied into one. gemm.wat does the same, several times faster.
  function multiply(floats, integers, a, rows, m, columns, k, b, n, c) {
    for (let i = 0; i < m; i += 4) {
      // Four rows at a time; where there is none, the last one again.
      const [i0, i1, i2, i3] = [0, 1, 2, 3].map((next) => Math.min(i + next, m - 1));
      const a0 = a + integers[rows + i0];
      const a1 = a + integers[rows + i1];
      const a2 = a + integers[rows + i2];
      const a3 = a + integers[rows + i3];
      for (let j = c; j < c + n; j++) {
        let s0 = floats[j + i0 * n];
        let s1 = floats[j + i1 * n];
        let s2 = floats[j + i2 * n];
        let s3 = floats[j + i3 * n];
        for (let t = 0, at = b + j - c; t < k; t++, at += n) {
          const column = integers[columns + t];
          const factor = floats[at];
          s0 += floats[a0 + column] * factor;
          s1 += floats[a1 + column] * factor;
          s2 += floats[a2 + column] * factor;
          s3 += floats[a3 + column] * factor;
        }
        floats[j + i0 * n] = s0;
        floats[j + i1 * n] = s1;
        floats[j + i2 * n] = s2;
        floats[j + i3 * n] = s3;
      }
    }
  }

  function sumRows(matrix, sums) {
    const width = sums.length;
    sums.fill(0);
    for (let i = 0; i < matrix.length; i += width) {
      for (let c = 0; c < width; c++) sums[c] += matrix[i + c];
    }
  }

  function fillRows(matrix, row) {
    matrix.set(row);
    for (let done = row.length; done < matrix.length; done *= 2) matrix.copyWithin(done, 0, done);
  }

  // mulberry32: numbers in [0, 1), the same for the same seed.
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  // ---- Activations: y = f(x); and the gradient by x from y and the gradient by y ----

  // Products with 0 or 1 instead of branches, which a processor would guess wrong half of the time.
  const leaky = (slope) => ({
    forward(x, y) {
      for (let i = 0; i < y.length; i++) y[i] = x[i] * (slope + (1 - slope) * Number(x[i] > 0));
    },
    backward(y, dy, dx) {
      for (let i = 0; i < y.length; i++) dx[i] = dy[i] * (slope + (1 - slope) * Number(y[i] > 0));
    },
  });

  const smooth = (f, derivative) => ({
    forward(x, y) {
      for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
    },
    backward(y, dy, dx) {
      for (let i = 0; i < y.length; i++) dx[i] = derivative(y[i]) * dy[i];
    },
  });

  const softmax = {
    forward(x, y, size) {
      for (let row = 0; row < y.length; row += size) {
        let most = -Infinity;
        for (let i = row; i < row + size; i++) most = Math.max(most, x[i]);
        let sum = 0;
        for (let i = row; i < row + size; i++) sum += y[i] = Math.exp(x[i] - most);
        for (let i = row; i < row + size; i++) y[i] /= sum;
      }
    },
    // Together with the cross-entropy, whose gradient is 0 but for the label's probability: so it
    // is right even where that probability is 0.
    backward(y, dy, dx, size) {
      const n = y.length / size;
      for (let i = 0; i < y.length; i++) dx[i] = (y[i] - Number(dy[i] !== 0)) / n;
    },
  };

  const [SELU, SELU_ALPHA] = [1.0507009873554805, 1.6732632423543772];
  const exponential = (scale, alpha) =>
    smooth(
      (x) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
      (y) => (y > 0 ? scale : y + scale * alpha),
    );
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const ACTIVATIONS = {
    linear: leaky(1),
    relu: leaky(0),
    leaky_relu: leaky(0.2),
    elu: exponential(1, 1),
    selu: exponential(SELU, SELU_ALPHA),
    softplus: smooth(softplus, (y) => -Math.expm1(-y)),
    sigmoid: smooth(sigmoid, (y) => y * (1 - y)),
    tanh: smooth(Math.tanh, (y) => 1 - y * y),
    softmax,
  };

  // ---- Layers: forward(n, training); then learn(n) for the weights, passBack(n) for the input ----

  class Layer {
    constructor({ type, options, line }, outputShape, input, memory) {
      Object.assign(this, { type, options, line, outputShape, input, memory });
      this.size = count(outputShape);
      this.parameters = [];
      this.values = new Stretch(memory);
      this.gradients = new Stretch(memory);
    }

    get output() {
      return this.values.array;
    }

    get outputGradient() {
      return this.gradients.array;
    }

    add(name, shape, trainable = true) {
      const value = new Stretch(this.memory, count(shape));
      const gradient = trainable ? new Stretch(this.memory, count(shape)) : null;
      this.parameters.push({
        name,
        shape,
        trainable,
        get value() {
          return value.array;
        },
        get gradient() {
          return gradient && gradient.array;
        },
      });
      return { value, gradient };
    }

    // Makes room for n examples.
    reserve(n, training) {
      this.values.place(n * this.size);
      this.gradients?.place(training ? n * this.size : 0);
    }
  }

  // An image as the matrix of its windows: a table of where the windows begin, one of where their
  // numbers stand. An image with padding is first copied into a frame of zeros.
  class Windows {
    constructor(memory, size, starts, taps, frame = null) {
      Object.assign(this, { memory, size, frame });
      this.starts = this.table(...starts);
      this.taps = this.table(...taps);
    }

    table(rows, rowStep, columns, columnStep) {
      const length = rows * columns;
      const start = this.memory.take(length);
      this.memory.fit();
      for (let i = 0; i < length; i++) {
        const [row, column] = [Math.floor(i / columns), i % columns];
        this.memory.integers[start + i] = row * rowStep + column * columnStep;
      }
      return { start, length };
    }

    of(stretch, example) {
      const start = stretch.start + example * this.size;
      return this.frame ? this.frame.hold(start) : start;
    }
  }

  // A larger image of zeros, which holds images: their rows and columns `strides` apart, the first
  // one at `corner`.
  class Frame extends Stretch {
    constructor(memory, [height, width, channels], [tall, wide], corner, strides) {
      super(memory, tall * wide * channels);
      const isDense = strides[1] === 1; // then whole rows are copied
      this.first = (corner[0] * wide + corner[1]) * channels;
      this.down = strides[0] * wide * channels;
      this.right = strides[1] * channels;
      this.runs = isDense ? 1 : width;
      this.run = isDense ? width * channels : channels;
      this.height = height;
    }

    hold(from) {
      const { floats } = this.memory;
      for (let y = 0; y < this.height; y++) {
        for (let x = 0; x < this.runs; x++) {
          const to = this.start + this.first + y * this.down + x * this.right;
          for (let i = 0; i < this.run; i++) floats[to + i] = floats[from + i];
          from += this.run;
        }
      }
      return this.start;
    }
  }

  // What Conv2D and Dense share. A subclass gives `windows` of its input, `backWindows` of its
  // output, how many examples they hold, and how many windows each example has.
  class Weighted extends Layer {
    prepare(kernelShape) {
      const { activation, use_bias: useBias } = this.options;
      [this.channels, this.filters] = kernelShape.slice(-2);
      this.activation = activation === "linear" ? null : ACTIVATIONS[activation];
      this.kernel = this.add("kernel", kernelShape);
      this.bias = useBias ? this.add("bias", [this.filters]) : null;
      this.turned = new Stretch(this.memory, this.input.gradients ? count(kernelShape) : 0);
      this.delta = new Stretch(this.memory); // the gradient before the activation
    }

    reserve(n, training) {
      super.reserve(n, training);
      if (this.activation) this.delta.place(training ? n * this.size : 0);
      else this.delta = this.gradients;
    }

    forward(n) {
      const { memory, windows, group, filters, output, size } = this;
      const { starts, taps } = windows;
      const kernel = this.kernel.value.start;
      if (this.bias) fillRows(output, this.bias.value.array);
      else output.fill(0);
      for (let e = 0; e < n; e += group) {
        const m = Math.min(n - e, group) * this.places;
        const [from, to] = [windows.of(this.input.values, e), this.values.start + e * size];
        memory.product(from, starts.start, m, taps.start, taps.length, kernel, filters, to);
      }
      this.activation?.forward(output, output, size);
    }

    learn(n) {
      const { memory, windows, group, filters, delta, size } = this;
      const { starts, taps } = windows;
      const { start: to, array: gradient } = this.kernel.gradient;
      this.activation?.backward(this.output, this.outputGradient, delta.array, size);
      if (this.bias) sumRows(delta.array, this.bias.gradient.array);
      gradient.fill(0);
      for (let e = 0; e < n; e += group) {
        const k = Math.min(n - e, group) * this.places;
        const [from, by] = [windows.of(this.input.values, e), delta.start + e * size];
        memory.product(from, taps.start, taps.length, starts.start, k, by, filters, to);
      }
    }

    // The gradient by the input is a convolution, too: of delta, with the kernel turned around.
    passBack(n) {
      const { memory, backWindows, group, channels, input } = this;
      const { starts, taps } = backWindows;
      this.turn();
      input.outputGradient.fill(0);
      for (let e = 0; e < n; e += group) {
        const m = Math.min(n - e, group) * this.backPlaces;
        const [from, to] = [backWindows.of(this.delta, e), input.gradients.start + e * input.size];
        const { start } = this.turned;
        memory.product(from, starts.start, m, taps.start, taps.length, start, channels, to);
      }
    }

    turn() {
      const { channels, filters } = this;
      const [kernel, turned] = [this.kernel.value.array, this.turned.array];
      const cell = channels * filters;
      for (let from = 0, to = kernel.length - cell; to >= 0; from += cell, to -= cell) {
        for (let f = 0; f < filters; f++) {
          for (let c = 0; c < channels; c++) {
            turned[to + f * channels + c] = kernel[from + c * filters + f];
          }
        }
      }
    }
  }

  class Dense extends Weighted {
    constructor(...layer) {
      super(...layer);
      const { memory, size, input } = this;
      Object.assign(this, { group: 64, places: 1, backPlaces: 1 });
      this.prepare([input.size, size]);
      const matrix = (width) => [memory, width, [this.group, width, 1, 0], [1, 0, width, 1]];
      this.windows = new Windows(...matrix(input.size));
      this.backWindows = new Windows(...matrix(size));
    }
  }

  class Conv2D extends Weighted {
    constructor(...layer) {
      super(...layer);
      const { memory, options, input, outputShape } = this;
      const [height, width, channels] = input.outputShape;
      const [rows, columns, filters] = outputShape;
      const { kernel_size: kernel, strides, padding } = options;
      const { top, left } = placement(input.outputShape, kernel, strides, padding);
      Object.assign(this, { group: 1, places: rows * columns, backPlaces: height * width });
      this.prepare([...kernel, channels, filters]);

      const tall = Math.max(top + height, (rows - 1) * strides[0] + kernel[0]);
      const wide = Math.max(left + width, (columns - 1) * strides[1] + kernel[1]);
      const isPadded = tall > height || wide > width;
      this.windows = new Windows(
        memory,
        input.size,
        [rows, strides[0] * wide * channels, columns, strides[1] * channels],
        [kernel[0], wide * channels, kernel[1] * channels, 1],
        isPadded && new Frame(memory, input.outputShape, [tall, wide], [top, left], [1, 1]),
      );

      const size = [height + kernel[0] - 1, width + kernel[1] - 1];
      const corner = [kernel[0] - 1 - top, kernel[1] - 1 - left];
      this.backWindows = new Windows(
        memory,
        this.size,
        [height, size[1] * filters, width, filters],
        [kernel[0], size[1] * filters, kernel[1] * filters, 1],
        new Frame(memory, outputShape, size, corner, strides),
      );
    }
  }

  // Pooling layers know the cells of each of their windows, in the order of their outputs.
  class Pooling extends Layer {
    constructor(...layer) {
      super(...layer);
      const [height, width, channels] = this.input.outputShape;
      const whole = { pool_size: [height, width], strides: [1, 1], padding: "valid" };
      const { pool_size: pool, strides, padding } = { ...whole, ...this.options };
      const { rows, columns, top, left } = placement([height, width], pool, strides, padding);
      this.channels = channels;
      this.windows = [];
      for (let y = -top; y < rows * strides[0] - top; y += strides[0]) {
        for (let x = -left; x < columns * strides[1] - left; x += strides[1]) {
          const cells = [];
          for (let r = Math.max(y, 0); r < Math.min(y + pool[0], height); r++) {
            for (let c = Math.max(x, 0); c < Math.min(x + pool[1], width); c++) {
              cells.push((r * width + c) * channels);
            }
          }
          this.windows.push(Int32Array.from(cells));
        }
      }
    }
  }

  class MaxPooling extends Pooling {
    constructor(...layer) {
      super(...layer);
      this.winners = new Stretch(this.memory); // of each window, the first largest
    }

    reserve(n, training) {
      super.reserve(n, training);
      this.winners.place(n * this.size);
    }

    forward(n) {
      const { windows, channels, output, size } = this;
      const x = this.input.output;
      const winners = this.memory.integers.subarray(this.winners.start);
      for (let o = 0; o < n * size; o += channels) {
        const cells = windows[(o % size) / channels];
        const image = Math.floor(o / size) * this.input.size;
        for (let c = 0; c < channels; c++) {
          let winner = image + cells[0] + c;
          let most = x[winner];
          for (let i = 1; i < cells.length; i++) {
            const at = image + cells[i] + c;
            if (x[at] > most) {
              most = x[at];
              winner = at;
            }
          }
          output[o + c] = most;
          winners[o + c] = winner;
        }
      }
    }

    passBack(n) {
      const { outputGradient, size, input } = this;
      const dx = input.outputGradient.fill(0);
      const winners = this.memory.integers.subarray(this.winners.start);
      for (let o = 0; o < n * size; o++) dx[winners[o]] += outputGradient[o];
    }
  }

  class AveragePooling extends Pooling {
    forward(n) {
      const { output } = this;
      const x = this.input.output;
      output.fill(0);
      this.eachCell(n, (at, o, share) => (output[o] += x[at] * share));
    }

    passBack(n) {
      const { outputGradient } = this;
      const dx = this.input.outputGradient.fill(0);
      this.eachCell(n, (at, o, share) => (dx[at] += outputGradient[o] * share));
    }

    eachCell(n, visit) {
      const { windows, channels, size } = this;
      for (let o = 0; o < n * size; o++) {
        const cells = windows[Math.floor((o % size) / channels)];
        const first = Math.floor(o / size) * this.input.size + (o % channels);
        for (let i = 0; i < cells.length; i++) visit(first + cells[i], o, 1 / cells.length);
      }
    }
  }

  class BatchNormalization extends Layer {
    constructor(...layer) {
      super(...layer);
      this.channels = this.outputShape.at(-1);
      this.gamma = this.add("gamma", [this.channels]);
      this.beta = this.add("beta", [this.channels]);
      this.movingMean = this.add("moving_mean", [this.channels], false).value;
      this.movingVariance = this.add("moving_variance", [this.channels], false).value;
      this.mean = new Float64Array(this.channels);
      this.variance = new Float64Array(this.channels);
      this.scale = new Float64Array(this.channels);
    }

    forward(n, training) {
      const { channels, output, mean, variance, scale } = this;
      const x = this.input.output;
      const [gamma, beta] = [this.gamma.value.array, this.beta.value.array];
      if (training) {
        this.measure(x);
        this.follow(this.movingMean.array, mean);
        this.follow(this.movingVariance.array, variance);
      } else {
        mean.set(this.movingMean.array);
        variance.set(this.movingVariance.array);
      }
      for (let c = 0; c < channels; c++) scale[c] = (variance[c] + this.options.epsilon) ** -0.5;
      for (let i = 0; i < x.length; i += channels) {
        for (let c = 0; c < channels; c++) {
          output[i + c] = (x[i + c] - mean[c]) * scale[c] * gamma[c] + beta[c];
        }
      }
    }

    measure(x) {
      const { channels, mean, variance } = this;
      const share = channels / x.length;
      mean.fill(0);
      variance.fill(0);
      for (let i = 0; i < x.length; i += channels) {
        for (let c = 0; c < channels; c++) mean[c] += x[i + c] * share;
      }
      for (let i = 0; i < x.length; i += channels) {
        for (let c = 0; c < channels; c++) variance[c] += (x[i + c] - mean[c]) ** 2 * share;
      }
    }

    follow(moving, now) {
      const { momentum } = this.options;
      for (let c = 0; c < now.length; c++)
        moving[c] = momentum * moving[c] + (1 - momentum) * now[c];
    }

    learn() {
      const { channels, mean, scale, outputGradient } = this;
      const x = this.input.output;
      const dGamma = this.gamma.gradient.array.fill(0);
      sumRows(outputGradient, this.beta.gradient.array);
      for (let i = 0; i < x.length; i += channels) {
        for (let c = 0; c < channels; c++) {
          dGamma[c] += (x[i + c] - mean[c]) * scale[c] * outputGradient[i + c];
        }
      }
    }

    // Each x has its part in the mean and in the variance, too.
    passBack() {
      const { channels, mean, scale, outputGradient, input } = this;
      const [x, dx] = [input.output, input.outputGradient];
      const [dGamma, dBeta] = [this.gamma.gradient.array, this.beta.gradient.array];
      const gamma = this.gamma.value.array;
      const share = channels / x.length;
      for (let i = 0; i < x.length; i += channels) {
        for (let c = 0; c < channels; c++) {
          const common = dBeta[c] + (x[i + c] - mean[c]) * scale[c] * dGamma[c];
          dx[i + c] = gamma[c] * scale[c] * (outputGradient[i + c] - common * share);
        }
      }
    }
  }

  class Dropout extends Layer {
    constructor(...layer) {
      super(...layer);
      this.mask = new Stretch(this.memory);
    }

    reserve(n, training) {
      super.reserve(n, training);
      this.mask.place(training ? n * this.size : 0);
    }

    forward(n, training, next) {
      const { output, options } = this;
      const x = this.input.output;
      if (!training) return output.set(x);
      const mask = this.mask.array;
      for (let i = 0; i < x.length; i++) {
        mask[i] = Number(next() >= options.rate) / (1 - options.rate);
        output[i] = x[i] * mask[i];
      }
    }

    passBack() {
      const { outputGradient } = this;
      const [mask, dx] = [this.mask.array, this.input.outputGradient];
      for (let i = 0; i < dx.length; i++) dx[i] = outputGradient[i] * mask[i];
    }
  }

  class Flatten extends Layer {
    forward() {
      this.output.set(this.input.output);
    }

    passBack() {
      this.input.outputGradient.set(this.outputGradient);
    }
  }

  // Activation, ReLU, LeakyReLU and Softmax.
  class Elementwise extends Layer {
    constructor(...layer) {
      super(...layer);
      const { activation = this.type.toLowerCase(), negative_slope: slope } = this.options;
      this.activation = slope === undefined ? ACTIVATIONS[activation] : leaky(slope);
    }

    forward() {
      this.activation.forward(this.input.output, this.output, this.size);
    }

    passBack() {
      const dx = this.input.outputGradient;
      this.activation.backward(this.output, this.outputGradient, dx, this.size);
    }
  }

  // ---- Shapes ----

  // How many windows there are, and the padding above and to the left.
  function placement(shape, window, strides, padding) {
    const [[rows, top], [columns, left]] = [0, 1].map((a) => {
      if (padding === "valid") return [Math.floor((shape[a] - window[a]) / strides[a]) + 1, 0];
      const places = Math.ceil(shape[a] / strides[a]);
      const missing = Math.max((places - 1) * strides[a] + window[a] - shape[a], 0);
      return [places, missing >> 1];
    });
    return { rows, columns, top, left };
  }

  const show = (shape) => shape.join(" × ");

  function windowed(shape, name, options, channels) {
    const { [name]: window, strides, padding } = options;
    check(
      padding === "same" || (window[0] <= shape[0] && window[1] <= shape[1]),
      `${name} ${show(window)} is larger than the ${show(shape.slice(0, 2))} that come in; take a smaller one, or padding="same".`,
    );
    const { rows, columns } = placement(shape, window, strides, padding);
    return [rows, columns, channels];
  }

  // ---- What a layer is told: { name: [kind of value, default] }; no default means required ----

  const kind = (words, accepts, read = (value) => value) => ({ words, accepts, read });
  const whole = (low, high) =>
    kind(`a whole number from ${low} to ${high}`, (value) => isWhole(value, low, high));
  const twice = (value) => (Array.isArray(value) ? value : [value, value]);
  const pair = (high) =>
    kind(
      `a whole number from 1 to ${high}, or (height, width)`,
      (value) => twice(value).length === 2 && twice(value).every((side) => isWhole(side, 1, high)),
      twice,
    );
  const fraction = (words, accepts) =>
    kind(words, (value) => Number.isFinite(value) && 0 <= value && value <= 1 && accepts(value));
  const choice = (names) =>
    kind(names.map((name) => JSON.stringify(name)).join(" or "), (value) => names.includes(value));

  const PADDING = [choice(["valid", "same"]), "valid"];
  const ACTIVATION = choice(Object.keys(ACTIVATIONS));
  const BIAS = [kind("True or False", (value) => typeof value === "boolean"), true];
  const SLOPE = fraction("a number from 0 to 1", () => true);

  const pooling = (make, poolSize) => ({
    make,
    takes: "image",
    options: {
      pool_size: [pair(64), poolSize],
      strides: [pair(64), (options) => options.pool_size],
      padding: PADDING,
    },
    shape: (options, shape) => windowed(shape, "pool_size", options, shape[2]),
  });
  const same = (make, options = {}) => ({ make, options, shape: (_, shape) => shape });

  const LAYERS = {
    Conv2D: {
      make: Conv2D,
      takes: "image",
      options: {
        filters: [whole(1, 128)],
        kernel_size: [pair(11)],
        strides: [pair(11), 1],
        padding: PADDING,
        activation: [ACTIVATION, "linear"],
        use_bias: BIAS,
      },
      unnamed: 4, // in Keras, others come fifth
      shape: (options, shape) => windowed(shape, "kernel_size", options, options.filters),
      weights: (options, shape) => options.filters * (count(options.kernel_size) * shape[2] + 1),
    },
    MaxPooling2D: pooling(MaxPooling, 2),
    AveragePooling2D: pooling(AveragePooling),
    GlobalAveragePooling2D: {
      make: AveragePooling,
      takes: "image",
      options: {},
      shape: (options, shape) => [shape[2]],
    },
    BatchNormalization: {
      ...same(BatchNormalization, {
        momentum: [SLOPE, 0.99],
        epsilon: [fraction("a number above 0, at most 1", (value) => value > 0), 1e-3],
      }),
      unnamed: 0,
    },
    Dropout: same(Dropout, {
      rate: [fraction("a number from 0 to 1, but below 1", (value) => value < 1)],
    }),
    Activation: same(Elementwise, { activation: [ACTIVATION] }),
    ReLU: same(Elementwise),
    LeakyReLU: same(Elementwise, { negative_slope: [SLOPE, 0.3] }),
    Softmax: same(Elementwise),
    Flatten: { make: Flatten, options: {}, shape: (options, shape) => [count(shape)] },
    Dense: {
      make: Dense,
      takes: "row",
      options: { units: [whole(1, 1024)], activation: [ACTIVATION, "linear"], use_bias: BIAS },
      shape: ({ units }) => [units],
      weights: ({ units }, [inputs]) => units * (inputs + 1),
    },
  };

  // ---- Reading a network in Keras' words ----

  const WORDS = { True: true, False: false, None: null };
  const LAYER = /^(?:(?:keras\.)?layers\.)?(\w+)\s*\((.*)\)$/;
  const ARGUMENT =
    /^(?:([a-z]\w*)\s*=\s*)?("[^"]*"|'[^']*'|[([][^()[\]]*[)\]]|[^\s,()[\]"'=]+)\s*(?:,\s*|$)/i;
  const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

  function atLine(line, action) {
    try {
      return action();
    } catch (error) {
      throw new Error(`Line ${line}: ${error.message}`, { cause: error });
    }
  }

  function parse(text) {
    return text.split("\n").flatMap((row, index) => {
      const source = row.replace(/#.*/, "").trim().replace(/,$/, "").trim();
      const line = index + 1;
      return source ? [{ line, ...atLine(line, () => parseLayer(source)) }] : [];
    });
  }

  function parseLayer(source) {
    const [, type, list] = source.match(LAYER) ?? [];
    check(type, `"${source}" is no layer; write one as Flatten() or Dense(10), on a single line.`);
    checkType(type);
    return { type, options: read(type, parseArguments(type, list)) };
  }

  function parseArguments(type, list) {
    const { options, unnamed = Infinity } = LAYERS[type];
    const names = Object.keys(options).slice(0, unnamed);
    const given = {};
    let place = 0;
    for (let rest = list.trim(); rest;) {
      const [all, ownName, value] = rest.match(ARGUMENT) ?? [];
      check(
        all,
        `"${rest}" cannot be read; write values, or name=value, with commas between them.`,
      );
      rest = rest.slice(all.length);
      const isLate = !ownName && place < Object.keys(given).length;
      check(!isLate, `${value} has no name; put it before the values that have one.`);
      const name = ownName ?? names[place++];
      const most = names.length || "no";
      check(name, `${type} takes ${most} values without a name; write name=value, or delete some.`);
      check(!Object.hasOwn(given, name), `${name} is given twice; delete one.`);
      given[name] = parseValue(value);
    }
    return given;
  }

  function parseValue(text) {
    if (/^["']/.test(text)) return text.slice(1, -1);
    if (/^[([]/.test(text)) {
      const parts = text.slice(1, -1).split(",");
      return parts.flatMap((part) => (part.trim() ? [parseValue(part.trim())] : []));
    }
    if (Object.hasOwn(WORDS, text)) return WORDS[text];
    check(NUMBER.test(text), `${text} is no value; a name needs quotes: "${text}".`);
    return Number(text);
  }

  function showValue(value) {
    if (Array.isArray(value)) return `(${value.map(showValue).join(", ")})`;
    return Object.keys(WORDS).find((word) => WORDS[word] === value) ?? JSON.stringify(value);
  }

  function checkType(type) {
    const known = Object.keys(LAYERS);
    check(
      known.includes(type),
      `there is no layer "${type}"; ${advice(String(type), known, "there are")}`,
    );
  }

  // All options of a layer, from those that are given.
  function read(type, given) {
    const { options: known } = LAYERS[type];
    const names = Object.keys(known);
    for (const name of Object.keys(given)) {
      const problem = `${type} has no argument "${name}"`;
      check(names.includes(name), `${problem}; ${advice(name, names, "it takes")}`);
    }
    const options = {};
    for (const [name, [{ words, accepts, read }, fallback]] of Object.entries(known)) {
      const value = given[name] ?? (fallback instanceof Function ? fallback(options) : fallback);
      check(value !== undefined, `${type} needs ${name}: ${words}.`);
      check(accepts(value), `${name} of ${type} must be ${words}, not ${showValue(value)}.`);
      options[name] = read(value);
    }
    return options;
  }

  function advice(wrong, names, lead) {
    const steps = names.map((name) => distance(name.toLowerCase(), wrong.toLowerCase()));
    const least = Math.min(...steps);
    const nearest = names[steps.indexOf(least)];
    if (least <= Math.min(3, wrong.length / 2)) return `did you mean ${nearest}?`;
    return `${lead} ${names.join(", ") || "none"}.`;
  }

  // How many letters must be changed, added or taken away to make one word of the other.
  function distance(one, other) {
    let row = Array.from({ length: other.length + 1 }, (_, j) => j);
    for (let i = 1; i <= one.length; i++) {
      const next = [i];
      for (let j = 1; j <= other.length; j++) {
        const changed = row[j - 1] + Number(one[i - 1] !== other[j - 1]);
        next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1));
      }
      row = next;
    }
    return row.at(-1);
  }

  // ---- The network ----

  const hasSoftmax = ({ type, options }) => type === "Softmax" || options.activation === "softmax";

  function checkNetwork(layers, inputShape, classes) {
    const isShape = Array.isArray(inputShape) && inputShape.length === 3;
    const isLegal = isShape && [...inputShape, classes].every((size) => isWhole(size, 1, 1024));
    check(isLegal, "inputShape must be [height, width, channels], and classes a whole number.");
    const ending = `Dense(${classes}, activation="softmax")`;
    check(layers.length > 0, `There is no layer: write at least Flatten() and ${ending}.`);
    const last = layers.at(-1);
    const totals = { shape: inputShape, weights: 0, values: 0 };
    for (const layer of layers.slice(0, MOST_LAYERS)) {
      atLine(layer.line, () => checkLayer(layer, totals, layer === last));
    }
    const { shape } = totals;
    const isFlat = shape.length === 1;
    atLine(last.line, () => {
      check(
        layers.length <= MOST_LAYERS,
        `there are more than ${MOST_LAYERS} layers; delete some.`,
      );
      check(isFlat, `the network ends with ${show(shape)}; end it with Flatten() and ${ending}.`);
      const gives = `the network gives ${shape[0]} numbers for ${classes} classes`;
      check(shape[0] === classes, `${gives}; end it with ${ending}.`);
      const remedy = last.type === "Dense" ? `write ${ending}` : "add Softmax() after it";
      check(hasSoftmax(last), `the last layer must give probabilities; ${remedy}.`);
    });
  }

  function checkLayer(layer, totals, isLast) {
    const { type, options } = layer;
    const { takes, shape: shapeOf, weights: weightsOf } = LAYERS[type];
    const { shape } = totals;
    const row = `${type} needs an image, but a row of ${shape[0]} comes in`;
    const before = "put it before Flatten(), Dense and GlobalAveragePooling2D()";
    const image = `${type} needs numbers in a row, but ${show(shape)} come in`;
    check(takes !== "image" || shape.length === 3, `${row}; ${before}.`);
    check(takes !== "row" || shape.length === 1, `${image}; put Flatten() before it.`);
    check(
      isLast || !hasSoftmax(layer),
      "softmax belongs to the last layer only; take it out here.",
    );
    totals.weights += weightsOf?.(options, shape) ?? 0;
    totals.shape = shapeOf(options, shape);
    totals.values += count(totals.shape);
    const remedy = "take fewer filters or units, or pool more before it";
    limit(totals.weights, MOST_WEIGHTS, "weights", remedy);
    limit(totals.values, MOST_VALUES, "outputs for each image", remedy);
  }

  function limit(number, most, what, remedy) {
    const [has, may] = [number, most].map((value) => value.toLocaleString("en"));
    check(number <= most, `here the network has ${has} ${what}, above ${may}; ${remedy}.`);
  }

  class Network {
    constructor(layers, { inputShape, classes, seed = 1, wasm }) {
      checkNetwork(layers, inputShape, classes);
      const memory = new Memory(wasm);
      Object.assign(this, { inputShape, classes, seed, memory, n: 0 });
      this.backend = memory.isWasm ? "WebAssembly" : "JavaScript";
      this.random = random(seed);
      this.input = new Layer({}, inputShape, null, memory);
      this.input.gradients = null; // nobody learns from them
      let input = this.input;
      this.layers = layers.map((layer) => {
        const { make: Class, shape } = LAYERS[layer.type];
        input = new Class(layer, shape(layer.options, input.outputShape), input, memory);
        return input;
      });
      this.parameters = this.layers.flatMap((layer) => layer.parameters);
      memory.fit();
      this.initialize();
      this.fixed = memory.used;
    }

    // As Keras does: glorot_uniform, zeros, ones.
    initialize() {
      for (const { name, shape, value } of this.parameters) {
        if (name === "gamma" || name === "moving_variance") value.fill(1);
        if (name !== "kernel") continue;
        const [inputs, outputs] = shape.slice(-2);
        const most = Math.sqrt(6 / (count(shape.slice(0, -2)) * (inputs + outputs)));
        for (let i = 0; i < value.length; i++) value[i] = (2 * this.random() - 1) * most;
      }
    }

    // What depends on the size of the batch lies behind all else, and is laid out anew for another.
    reserve(n, training) {
      if (n === this.n && (this.hasGradients || !training)) return;
      this.memory.used = this.fixed;
      this.n = 0; // until there is enough memory
      for (const layer of [this.input, ...this.layers]) layer.reserve(n, training);
      this.memory.fit();
      Object.assign(this, { n, hasGradients: training });
    }

    forward(x, n, { training = false } = {}) {
      const needed = n * this.input.size;
      check(x.length === needed, `A batch of ${n} needs ${needed} numbers, not ${x.length}.`);
      this.reserve(n, training);
      this.isTraining = training;
      this.input.output.set(x);
      for (const layer of this.layers) layer.forward(n, training, this.random);
      return this.layers.at(-1).output;
    }

    backward(labels, n) {
      check(this.isTraining && n === this.n, "Before backward, call forward with training: true.");
      const result = this.measure(labels, n);
      for (const layer of [...this.layers].reverse()) {
        layer.learn?.(n);
        if (layer.input.gradients) layer.passBack(n);
      }
      return result;
    }

    // The cross-entropy, its gradient by the probabilities, and how many were right.
    measure(labels, n) {
      const { classes } = this;
      const { output, outputGradient } = this.layers.at(-1);
      outputGradient.fill(0);
      let [loss, correct] = [0, 0];
      for (let i = 0; i < n; i++) {
        const label = labels[i];
        const isLegal = isWhole(label, 0, classes - 1);
        check(isLegal, `A label must be a whole number from 0 to ${classes - 1}, not ${label}.`);
        const row = output.subarray(i * classes, (i + 1) * classes);
        const probability = Math.max(row[label], 1e-37);
        loss -= Math.log(probability) / n;
        outputGradient[i * classes + label] = -1 / (probability * n);
        correct += Number(row.indexOf(Math.max(...row)) === label);
      }
      return { loss, correct };
    }

    // A loss that is no number leaves the weights alone.
    trainStep(x, labels, n, optimizer) {
      this.forward(x, n, { training: true });
      const result = this.backward(labels, n);
      if (Number.isFinite(result.loss)) optimizer.apply(this);
      return result;
    }

    save() {
      const { inputShape, classes, seed } = this;
      const layers = this.layers.map(({ type, options, line, parameters }) => ({
        type,
        options,
        line,
        parameters: Object.fromEntries(parameters.map(({ name, value }) => [name, encode(value)])),
      }));
      return { format: FORMAT, version: VERSION, inputShape, classes, seed, layers };
    }
  }

  // ---- Optimizers, by Keras' formulas: w are weights, g their gradient ----

  const EPSILON = 1e-7;
  const RULES = {
    sgd(w, g, slot, { learning_rate: rate, momentum }) {
      const m = slot("momentum");
      for (let i = 0; i < w.length; i++) w[i] += m[i] = momentum * m[i] - rate * g[i];
    },
    nesterov(w, g, slot, { learning_rate: rate, momentum }) {
      const m = slot("momentum");
      for (let i = 0; i < w.length; i++) {
        m[i] = momentum * m[i] - rate * g[i];
        w[i] += momentum * m[i] - rate * g[i];
      }
    },
    adagrad(w, g, slot, { learning_rate: rate }) {
      const sum = slot("accumulator", 0.1);
      for (let i = 0; i < w.length; i++) {
        sum[i] += g[i] * g[i];
        w[i] -= (rate * g[i]) / Math.sqrt(sum[i] + EPSILON);
      }
    },
    rmsprop(w, g, slot, { learning_rate: rate }) {
      const v = slot("velocity");
      for (let i = 0; i < w.length; i++) {
        v[i] = 0.9 * v[i] + 0.1 * g[i] * g[i];
        w[i] -= (rate * g[i]) / Math.sqrt(v[i] + EPSILON);
      }
    },
    adam(w, g, slot, { learning_rate: rate, steps }) {
      const [m, v] = [slot("momentum"), slot("velocity")];
      const alpha = (rate * Math.sqrt(1 - 0.999 ** steps)) / (1 - 0.9 ** steps);
      for (let i = 0; i < w.length; i++) {
        m[i] += (g[i] - m[i]) * 0.1;
        v[i] += (g[i] * g[i] - v[i]) * 0.001;
        w[i] -= (alpha * m[i]) / (Math.sqrt(v[i]) + EPSILON);
      }
    },
  };

  // learning_rate, momentum (of sgd and nesterov) and weight_decay may be changed between steps.
  class Optimizer {
    constructor(name, { learning_rate: rate, momentum, weight_decay: decay = 0 } = {}) {
      const known = Object.keys(RULES);
      const problem = `There is no optimizer "${name}"; ${advice(String(name), known, "there are")}`;
      check(known.includes(name), problem);
      this.name = name;
      this.learning_rate = rate ?? (name === "sgd" || name === "nesterov" ? 0.01 : 0.001);
      this.momentum = momentum ?? (name === "nesterov" ? 0.9 : 0);
      this.weight_decay = decay;
    }

    apply(network) {
      if (network !== this.network) Object.assign(this, { network, steps: 0, slots: new Map() });
      this.steps++;
      const kept = 1 - this.learning_rate * this.weight_decay;
      for (const parameter of network.parameters) {
        if (!parameter.trainable) continue;
        const { value, gradient } = parameter;
        if (kept !== 1) for (let i = 0; i < value.length; i++) value[i] *= kept;
        RULES[this.name](value, gradient, (name, start) => this.slot(parameter, name, start), this);
      }
    }

    slot(parameter, name, start = 0) {
      if (!this.slots.has(parameter)) this.slots.set(parameter, {});
      const slots = this.slots.get(parameter);
      return (slots[name] ??= new Float32Array(parameter.value.length).fill(start));
    }
  }

  // ---- Saved networks: the weights in base64, so that they come back to the last bit ----

  function encode(floats) {
    const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) {
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    return btoa(text);
  }

  function decode(text, { name, value }) {
    let bytes;
    try {
      bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    } catch {
      throw new Error(`its ${name} is no base64.`);
    }
    const isLong = bytes.length === 4 * value.length;
    check(isLong, `its ${name} must hold ${value.length} numbers, not ${bytes.length / 4}.`);
    const floats = new Float32Array(bytes.buffer);
    check(floats.every(Number.isFinite), `its ${name} holds NaN or infinite numbers.`);
    value.set(floats);
  }

  // Takes what save gave, or its JSON text.
  function load(saved, { wasm } = {}) {
    let json = saved;
    try {
      if (typeof saved === "string") json = JSON.parse(saved);
    } catch {
      throw new Error("This file is cut off, or no JSON: save the network again.");
    }
    const isOurs = json?.format === FORMAT && Array.isArray(json.layers);
    check(isOurs, "This is no saved network: take a file that the trainer has saved.");
    const { version, inputShape, classes, seed, layers } = json;
    check(version === VERSION, `This file has version ${version}; the trainer reads ${VERSION}.`);
    try {
      const told = layers.map((layer, index) => {
        const line = isWhole(layer?.line, 1, 1e6) ? layer.line : index + 1;
        return atLine(line, () => {
          checkType(layer?.type);
          return { line, type: layer.type, options: read(layer.type, layer.options ?? {}) };
        });
      });
      const network = new Network(told, { inputShape, classes, seed, wasm });
      network.layers.forEach(({ line, parameters }, index) =>
        atLine(line, () => {
          for (const each of parameters) decode(layers[index].parameters?.[each.name], each);
        }),
      );
      return network;
    } catch (error) {
      throw new Error(`This saved network is damaged. ${error.message}`, { cause: error });
    }
  }

  return {
    parse,
    load,
    random,
    build: (layers, options) => new Network(layers, options),
    optimizer: (name, options) => new Optimizer(name, options),
  };
})();
