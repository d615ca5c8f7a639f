// Keras' optimizers, and the surfaces over two weights on which they race.

function rotate([x, y], degrees) {
  const [c, s] = [Math.cos, Math.sin].map((of) => of((degrees * Math.PI) / 180));
  return [c * x - s * y, s * x + c * y];
}

// Each surface: loss and gradient `at` [x, y], its minima, its map (the middle, half the width),
// and where a race usually begins. The bowl's valley is turned.
const SURFACES = {
  bowl: {
    label: "a long bowl",
    at(w, turn) {
      const [u, v] = rotate(w, -turn);
      return [(u * u + 100 * v * v) / 2, rotate([u, 100 * v], turn)];
    },
    minima: [[0, 0]],
    map: [0, 0, 5],
    start: (turn) => rotate([-4, 1], turn),
  },
  rosenbrock: {
    label: "a bent valley (Rosenbrock)",
    at: ([x, y]) => [
      (1 - x) ** 2 + 100 * (y - x * x) ** 2,
      [2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)],
    ],
    minima: [[1, 1]],
    map: [0, 1, 2],
    start: () => [-1.5, 2],
  },
  saddle: {
    label: "a saddle between two minima",
    at: ([x, y]) => [(x * x) / 2 + (y * y - 10) ** 2 / 40, [x, (y * (y * y - 10)) / 10]],
    minima: [-1, 1].map((sign) => [0, sign * Math.sqrt(10)]),
    map: [0, 0, 5],
    start: () => [-4, 0],
  },
  himmelblau: {
    label: "four minima (Himmelblau)",
    at([x, y]) {
      const [a, b] = [x * x + y - 11, x + y * y - 7];
      return [a * a + b * b, [4 * x * a + 2 * b, 2 * a + 4 * y * b]];
    },
    minima: [
      [3, 2],
      [-2.805118, 3.131313],
      [-3.77931, -3.283186],
      [3.584428, -1.848127],
    ],
    map: [0, 0, 6],
    start: () => [-0.5, -1],
  },
  cliff: {
    label: "a plateau with a cliff",
    at([x, y]) {
      const s = 1 / (1 + Math.exp(-12 * (x - 1)));
      return [((x + 1) ** 2 + y * y) / 20 + 3 * s, [(x + 1) / 10 + 36 * s * (1 - s), y / 10]];
    },
    minima: [[-1, 0]],
    map: [0, 0, 5],
    start: () => [4, 2],
  },
};

// A place as shares of its map's width and height, from the upper left corner; and the way back.
function sharesOf(s, [x, y]) {
  const [middleX, middleY, half] = SURFACES[s].map;
  return [(1 + (x - middleX) / half) / 2, (1 - (y - middleY) / half) / 2];
}
function placeAt(s, [across, down]) {
  const [x, y, half] = SURFACES[s].map;
  return [x + half * (2 * across - 1), y + half * (1 - 2 * down)];
}
const isInside = (s, w) => sharesOf(s, w).every((share) => 0 <= share && share <= 1);

// The nearest point of the map on a grid with so many lines to the unit: so ridges can be met.
function snapped(s, w, lines) {
  const inside = sharesOf(s, w).map((share) => Math.max(0, Math.min(1, share)));
  return placeAt(s, inside).map((value) => Math.round(value * lines) / lines + 0); // + 0: no −0
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const toMinimum = (s, w) => Math.min(...SURFACES[s].minima.map((minimum) => distance(minimum, w)));

// What each optimizer adds to a weight with gradient g at step t, counted from 1: `s` is what it
// remembers, `p` the settings, `lr` the learning rate.
const STEPS = {
  SGD: (g, s, p, lr) => -lr * g,
  momentum(g, s, p, lr) {
    s.m = p.mo * s.m - lr * g;
    return s.m;
  },
  Nesterov(g, s, p, lr) {
    s.m = p.mo * s.m - lr * g;
    return p.mo * s.m - lr * g;
  },
  AdaGrad(g, s, p, lr) {
    s.sum += g * g;
    return (-lr * g) / Math.sqrt(s.sum + 1e-7);
  },
  RMSProp(g, s, p, lr) {
    s.v = p.rho * s.v + (1 - p.rho) * g * g;
    return (-lr * g) / Math.sqrt(s.v + 1e-7);
  },
  Adam(g, s, p, lr, t) {
    means(g, s, p);
    const rate = (lr * Math.sqrt(1 - p.b2 ** t)) / (1 - p.b1 ** t);
    return (-rate * s.m) / (Math.sqrt(s.v) + 1e-7);
  },
  AdaMax(g, s, p, lr, t) {
    s.v = Math.max(p.b2 * s.v, Math.abs(g));
    s.m += (1 - p.b1) * (g - s.m);
    return (-lr * s.m) / ((1 - p.b1 ** t) * (s.v + 1e-7));
  },
  Nadam(g, s, p, lr, t) {
    means(g, s, p);
    const [now, ahead] = [t, t + 1].map((k) => p.b1 * (1 - 0.5 * 0.96 ** k));
    s.u *= now;
    const mean = (ahead * s.m) / (1 - s.u * ahead) + ((1 - now) * g) / (1 - s.u);
    return (-lr * mean) / (Math.sqrt(s.v / (1 - p.b2 ** t)) + 1e-7);
  },
};
const means = (g, s, { b1, b2 }) => {
  s.m += (1 - b1) * (g - s.m);
  s.v += (1 - b2) * (g * g - s.v);
};

const NAMES = Object.keys(STEPS);

// In the same order, how Keras calls them.
const CALLS = [
  "SGD({lr})",
  "SGD({lr}, momentum={mo})",
  "SGD({lr}, momentum={mo}, nesterov=True)",
  "Adagrad({lr})",
  "RMSprop({lr}, rho={rho})",
  "Adam({lr}, beta_1={b1}, beta_2={b2})",
  "Adamax({lr}, beta_1={b1}, beta_2={b2})",
  "Nadam({lr}, beta_1={b1}, beta_2={b2})",
];
const py = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
const callOf = (settings, i) =>
  CALLS[i].replace(/{(\w+)}/g, (_, key) => py({ ...settings, lr: settings.rates[i] }[key]));

const startOf = ({ s, turn, at }) => (at?.[0] === s ? at.slice(1) : SURFACES[s].start(turn));

// The places of one run and their losses, until it is over a million away or not finite.
function run(settings, name, lr) {
  const { s, turn, steps, noise, seed } = settings;
  const next = cb.normal(cb.random(seed)); // the same noise for each: they see the same batches
  const memory = [0, 1].map(() => ({ m: 0, v: 0, sum: 0.1, u: 1 }));
  let w = startOf(settings);
  const places = [];
  for (let t = 1; ; t++) {
    const [loss, gradient] = SURFACES[s].at(w, turn);
    places.push({ w, loss });
    if (t > steps) return places;
    w = w.map((value, i) => {
      const g = gradient[i] + noise * next();
      return value + STEPS[name](g, memory[i], settings, lr, t);
    });
    if (!w.every((value) => Math.abs(value) < 1e6)) return places;
  }
}

// The step from which the loss stays below a ten-thousandth of its start, or Infinity.
function settled(places, steps) {
  const last = places.findLastIndex(({ loss }) => !(loss < 1e-4 * places[0].loss));
  return places.length > steps && last < steps ? last + 1 : Infinity;
}

// Of 41 rates from 0.001 to 10, the one that settles first; if none does, with the lowest loss.
function bestRate(settings, name) {
  const runs = Array.from({ length: 41 }, (_, i) => {
    const lr = Number((10 ** (i / 10 - 3)).toPrecision(3));
    const places = run(settings, name, lr);
    const loss = places.length > settings.steps ? places.at(-1).loss : Infinity;
    return { lr, loss, needed: settled(places, settings.steps) };
  });
  return runs.reduce((a, b) =>
    b.needed < a.needed || (b.needed === a.needed && b.loss < a.loss) ? b : a,
  ).lr;
}
