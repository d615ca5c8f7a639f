// What all explorers share. The site loads this as a plain script, once, before the explorers; in a
// notebook it stands at the top of each explorer's module.
const cb = (() => {
  // ---- Text ----

  const minus = (text) => String(text).replaceAll("-", "−");
  const show = (number, digits = 2) => minus(Number(number.toFixed(digits)));

  // A whole number, 1,234,567; one too large to be exact is rounded, and looks it.
  const count = (number) =>
    number <= Number.MAX_SAFE_INTEGER ? number.toLocaleString("en") : number.toExponential(1);

  // A mistake that its reader can mend: `change` shows the sentence in place of the explorer's body.
  class Problem extends Error {}

  // ---- Elements ----

  const make = (create) =>
    function (tag, attributes = {}, ...children) {
      const node = create(tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else if (value !== undefined && value !== false) node.setAttribute(name, value);
      }
      node.append(...children);
      return node;
    };
  const h = make((tag) => document.createElement(tag));
  const svg = make((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));

  const button = (label, onclick, attributes = {}) =>
    h("button", { type: "button", onclick, ...attributes }, label);

  // A sentence about one control, for the frame around it to show; none takes it away.
  function tell(node, text) {
    node.dispatchEvent(new CustomEvent("cb-tell", { bubbles: true, detail: text }));
  }

  let ids = 0;
  const uniqueId = () => `cb-${(ids += 1)}-${Math.random().toString(36).slice(2, 7)}`;

  async function copy(text, near) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // No clipboard where the page is not secure (a notebook server over http): the old way.
      const area = h("textarea", { class: "cb-status" });
      area.value = text;
      near.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  function copyButton(label, textOf, say) {
    const made = button(label, async () => {
      const done = await copy(textOf(), made.parentElement);
      made.textContent = done ? "Copied" : "Copy failed";
      say(made.textContent);
      setTimeout(() => (made.textContent = label), 1500);
    });
    return made;
  }

  // ---- Fields: what a setting is, how it is checked, shown and written into a link ----
  //
  // { kind: "number", key, label, low, high, step = 1 }     a slider and a box; with `log` (and
  //                                       step "any") the slider is logarithmic
  // { kind: "choice", key, label, options: { value: text } } a drop-down list
  // { kind: "check", key, label }
  // { kind: "other", key, read(text), write(value) }         shown by the explorer itself

  const KINDS = {
    number: {
      read: (field, text) => (text.trim() ? Number(text) : NaN),
      problem({ label, low, high, step = 1 }, value) {
        const whole = step === 1;
        const range = `${whole ? "a whole number" : "a number"} from ${minus(low)} to ${minus(high)}`;
        if (typeof value !== "number" || Number.isNaN(value)) {
          return `${label} is empty or no number. Give it ${range}.`;
        }
        if (low <= value && value <= high && (!whole || Number.isInteger(value))) return "";
        return `${label} cannot be ${minus(value)}. Change it to ${range}.`;
      },
      make(field, set) {
        const { low, high, step = 1, log, label: name } = field;
        const range = log
          ? { min: Math.log10(low), max: Math.log10(high), step: 0.1 }
          : { min: low, max: high, step };
        const slider = h("input", { type: "range", ...range, "aria-label": `${name}, slider` });
        const limits = { min: low, max: high, step: "any" };
        const box = h("input", { type: "number", ...limits, "aria-label": name });
        slider.oninput = () => {
          const at = slider.valueAsNumber;
          set(log ? Number((10 ** at).toPrecision(2)) : at);
        };
        box.oninput = () => set(box.valueAsNumber);
        const node = h("div", { class: "cb-parameter" }, labelOf(field), slider, box);
        const refresh = (value) => {
          // What is being typed stays as it is, be it illegal or half written.
          if (!Number.isNaN(value)) slider.value = log ? Math.log10(value) : value;
          if (log) slider.setAttribute("aria-valuetext", value);
          if (!Object.is(box.valueAsNumber, value)) box.value = Number.isNaN(value) ? "" : value;
          box.setAttribute("aria-invalid", String(Boolean(KINDS.number.problem(field, value))));
        };
        return { node, refresh };
      },
    },
    choice: {
      read: (field, text) => text,
      problem({ label, options }, value) {
        if (Object.hasOwn(options, value)) return "";
        return `${label} cannot be “${value}”. Choose one of: ${Object.keys(options).join(", ")}.`;
      },
      make(field, set) {
        const select = h("select", { onchange: () => set(select.value) });
        for (const [value, text] of Object.entries(field.options)) {
          select.append(h("option", { value }, text));
        }
        const node = h("label", { class: "cb-parameter" }, labelOf(field), select);
        return { node, refresh: (value) => (select.value = value) };
      },
    },
    check: {
      read: (field, text) => ({ 0: false, 1: true })[text],
      write: (field, value) => String(Number(value)),
      problem: ({ label }, value) =>
        typeof value === "boolean" ? "" : `${label} is either 0 (off) or 1 (on).`,
      make(field, set) {
        const box = h("input", { type: "checkbox", onchange: () => set(box.checked) });
        const node = h("label", { class: "cb-check" }, box, field.label);
        return { node, refresh: (value) => (box.checked = Boolean(value)) };
      },
    },
    other: {
      read: (field, text) => field.read(text),
      write: (field, value) => field.write(value),
      problem: () => "",
    },
  };

  // What is wrong with a field's value, as a sentence; or nothing.
  const problemOf = (field, value) => KINDS[field.kind].problem(field, value);

  // A Python name is set in the font of code; anything else is a word.
  const labelOf = ({ label }) =>
    h("span", { class: "cb-name" }, label.includes("_") ? h("code", {}, label) : label);

  // The options of a choice whose values are what is shown.
  const choices = (...values) => Object.fromEntries(values.map((value) => [value, value]));

  // A field outside the settings: `set` gets what is chosen, and `refresh(value)` shows a value.
  const control = (field, set) => KINDS[field.kind].make(field, set);

  // ---- The frame of an explorer: title, hint, controls, message, link, reset ----
  //
  // `build({ state, change, say, body, root })` fills the body and returns { update, stop }: `update`
  // shows what `state` holds, and may throw a Problem; `stop` ends timers and workers.
  // `change({ key: value })` sets, checks and shows.

  function explorer({ model, el, name, title, hint, fields, build }) {
    // Only the static site owns the address bar; a notebook's belongs to the notebook.
    const inSite = el.matches(".convbook-widget[data-widget]");
    const state = {};
    let linkProblem = "";
    let saveTimer = null;

    const initial = () => structuredClone(model.get("state"));
    const write = (field) => KINDS[field.kind].write?.(field, state[field.key]) ?? state[field.key];

    const status = h("div", { class: "cb-status", role: "status" });
    const say = (text) => {
      if (status.textContent !== text) status.textContent = text;
    };
    const message = h("p", { class: "cb-problem" });
    const advice = h("p", { class: "cb-advice", hidden: true });
    const body = h("div", { class: "cb-body" });
    const controls = h("div", { class: "cb-controls" });
    const shown = [];
    for (const field of fields.filter(({ kind }) => kind !== "other")) {
      const set = (value) => change({ [field.key]: value });
      const { node, refresh } = KINDS[field.kind].make(field, set);
      controls.append(node);
      shown.push(() => {
        refresh(state[field.key]);
        if (field.when) node.hidden = !field.when(state);
      });
    }
    const head = h("div", { class: "cb-head" }, h("strong", { class: "cb-heading" }, title));
    if (inSite) head.append(copyButton("Copy link", addressOf, say));
    head.append(button("Reset", reset, { class: "cb-reset" }));
    const root = h(
      "div",
      {
        class: `convbook cb-explorer cb-${name}`,
        role: "group",
        "aria-label": `${title}, an explorer`,
        // A notebook would take the arrow keys, Enter and digits for commands of its own.
        onkeydown: (event) => {
          if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
        },
        "oncb-tell": ({ detail }) => advise(detail),
      },
      head,
      h("p", { class: "cb-hint" }, h("strong", {}, "Try: "), hint),
      controls,
      message,
      advice,
      body,
      status,
    );

    function advise(text) {
      advice.textContent = text;
      advice.hidden = !text;
      if (text) say(text);
    }

    function linkOf() {
      const before = initial();
      const parts = fields
        .filter((field) => JSON.stringify(state[field.key]) !== JSON.stringify(before[field.key]))
        .map((field) => `${field.key}=${encodeURIComponent(write(field))}`);
      return `#${before.id}${parts.length ? "?" : ""}${parts.join("&")}`;
    }

    function addressOf() {
      return window.location.href.split("#")[0] + linkOf();
    }

    function saveSoon() {
      if (!inSite) return;
      clearTimeout(saveTimer); // browsers refuse replaceState when a dragged slider calls it too often
      saveTimer = setTimeout(() => window.history.replaceState(null, "", linkOf()), 150);
    }

    function change(values = {}) {
      Object.assign(state, values);
      linkProblem = "";
      advise("");
      update();
      saveSoon();
    }

    function update() {
      for (const refresh of shown) refresh();
      let trouble = linkProblem;
      for (const field of fields) trouble ||= problemOf(field, state[field.key]);
      try {
        if (!trouble) made.update();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        trouble = error.message;
      }
      message.textContent = trouble;
      message.hidden = !trouble;
      body.hidden = Boolean(trouble);
      if (trouble) say(trouble);
    }

    function restore() {
      clearTimeout(saveTimer);
      linkProblem = "";
      advise("");
      Object.assign(state, initial());
      made.reset?.();
      update();
    }

    function reset() {
      restore();
      saveSoon();
    }

    function followLink() {
      const [id, query] = window.location.hash.slice(1).split("?");
      if (!inSite || id !== state.id) return;
      restore();
      const given = new URLSearchParams(query);
      for (const field of fields.filter(({ key }) => given.has(key))) {
        try {
          state[field.key] = KINDS[field.kind].read(field, given.get(field.key));
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          linkProblem = `In the link, ${field.key}: ${error.message} Correct it, or press Reset.`;
        }
      }
      update();
      root.scrollIntoView({ block: "start" });
    }

    Object.assign(state, initial());
    const made = build({ state, change, say, body, root });
    el.append(root);
    restore();
    followLink();
    window.addEventListener("hashchange", followLink);
    model.on("change:state", restore);
    return () => {
      clearTimeout(saveTimer);
      made.stop?.();
      window.removeEventListener("hashchange", followLink);
      model.off("change:state", restore);
    };
  }

  // ---- A table of numbers, walked with the mouse or the arrow keys ----
  //
  // `onpoint([row, column] or null, isPinned)` follows the mouse, and clicks and the focus, which
  // pin. `fill(rows, columns, cellOf)` shows what `cellOf(row, column)` returns:
  // { text, name (read aloud), classes, style }. With `edit(row, column, value)`, each cell is a
  // field for a number; what is no number is marked, and not passed on.

  function grid({ label, name, onpoint = () => {}, edit }) {
    const node = h("div", {
      class: "cb-grid",
      role: "grid",
      "data-grid": name,
      "aria-label": label,
    });
    let cells = [];
    let columns = 0;
    let current = 0; // the cell that Tab goes to
    let below = -1; // the mouse

    const place = (index) => [Math.floor(index / columns), index % columns];
    const indexOf = (target) => cells.indexOf(target.closest?.("[role=gridcell]"));
    const focusable = (cell) => cell.firstElementChild ?? cell; // the field, or the cell itself

    function makeCell(index) {
      const [r, c] = place(index);
      const tabindex = index ? -1 : 0;
      const cell = h("div", { role: "gridcell", "data-cell": `${r},${c}` });
      if (!edit) {
        cell.tabIndex = tabindex;
        return cell;
      }
      const field = h("input", { inputmode: "decimal", autocomplete: "off", tabindex });
      field.oninput = () => {
        const value = field.value.trim() ? Number(field.value.replace("−", "-")) : NaN;
        const isNumber = Number.isFinite(value);
        field.setAttribute("aria-invalid", String(!isNumber));
        if (isNumber) edit(r, c, value);
        else
          tell(
            field,
            `“${field.value}” is no number, so the cell keeps ${field.dataset.text}. Write digits and a point, such as −0.5.`,
          );
      };
      field.onfocus = () => field.select();
      field.onblur = () => {
        field.setAttribute("aria-invalid", "false");
        field.value = field.dataset.text; // what could not be read goes back to what it was
        tell(field, "");
      };
      cell.append(field);
      return cell;
    }

    function moveTo(index) {
      focusable(cells[current]).tabIndex = -1;
      current = index;
      focusable(cells[current]).tabIndex = 0;
    }

    function fill(height, width, cellOf) {
      if (cells.length !== height * width || columns !== width) {
        columns = width;
        current = 0;
        cells = Array.from({ length: height * width }, (_, i) => makeCell(i));
        const row = (_, r) => h("div", { role: "row" }, ...cells.slice(r * width, (r + 1) * width));
        node.replaceChildren(...Array.from({ length: height }, row));
        node.style.setProperty("--columns", width);
      }
      cells.forEach((cell, i) => {
        const { text, name, classes = "", style = "" } = cellOf(...place(i));
        const field = focusable(cell);
        if (edit) field.dataset.text = text;
        if (!edit) cell.textContent = text;
        else if (document.activeElement !== field) field.value = text;
        cell.className = `${classes}${String(text).length > 4 ? " cb-long" : ""}`;
        cell.style.cssText = style;
        const words = name ?? `${label}, row ${place(i).join(", column ")}`;
        field.setAttribute("aria-label", edit ? words : `${words}: ${text}`);
      });
    }

    // Not pointerover: it also comes when cells change below a mouse at rest, which must not take
    // the place of the keyboard.
    node.addEventListener("pointermove", (event) => {
      const index = indexOf(event.target);
      if (event.pointerType !== "mouse" || index < 0 || index === below) return;
      below = index;
      onpoint(place(index), false);
    });
    node.addEventListener("pointerleave", (event) => {
      below = -1;
      if (event.pointerType === "mouse") onpoint(null, false);
    });
    for (const kind of ["pointerdown", "focusin"]) {
      node.addEventListener(kind, (event) => {
        const index = indexOf(event.target);
        if (index < 0) return;
        moveTo(index);
        onpoint(place(index), true);
      });
    }
    node.addEventListener("keydown", (event) => {
      if (indexOf(event.target) < 0 || event.altKey || event.metaKey) return;
      const column = current % columns;
      const target = {
        ArrowLeft: current - (column > 0),
        ArrowRight: current + (column < columns - 1),
        ArrowUp: current - columns,
        ArrowDown: current + columns,
        Home: event.ctrlKey ? 0 : current - column,
        End: event.ctrlKey ? cells.length - 1 : current - column + columns - 1,
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      if (cells[target]) focusable(cells[target]).focus();
    });
    return { node, fill };
  }

  // ---- Step by step: ‹ Play › and a timeline. `go(index)` shows a step. ----

  function player({ label, go, rate = 4 }) {
    let timer = null;
    let length = 1;
    const timeline = h("input", { type: "range", min: 0, value: 0, "aria-label": label });
    const place = h("span", { class: "cb-place" });
    const play = button("Play", () => (timer ? pause() : start()), { class: "primary cb-play" });
    const step = (by) => () => (pause(), visit(Number(timeline.value) + by));
    timeline.oninput = () => (pause(), visit(Number(timeline.value)));

    function visit(index) {
      set(Math.max(0, Math.min(length - 1, index)));
      go(Number(timeline.value));
    }
    function set(index, count = length) {
      length = count;
      timeline.max = length - 1;
      timeline.value = index;
      place.textContent = `${index + 1} of ${length}`;
    }
    function start() {
      if (Number(timeline.value) === length - 1) visit(0);
      play.textContent = "Pause";
      timer = setInterval(() => {
        visit(Number(timeline.value) + 1);
        if (Number(timeline.value) === length - 1) pause();
      }, 1000 / rate);
    }
    function pause() {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    }
    const node = h(
      "div",
      { class: "cb-player", role: "group", "aria-label": label },
      button("‹", step(-1), { "aria-label": "Step back" }),
      play,
      button("›", step(1), { "aria-label": "Step forward" }),
      h("span", { class: "cb-timeline" }, timeline, place),
    );
    return { node, set, pause };
  }

  // ---- A chart of lines ----
  //
  // `x` and `y` are axes, { label, low, high, log }; each line is { name, points: [[x, y], …] }.
  // Lines differ by colour and by dashes; points that are not finite are left out.

  function ticks({ low, high, log }) {
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9);
      const powers = Math.floor(Math.log10(high) + 1e-9) - first;
      const every = Math.max(1, Math.ceil(powers / 5));
      return Array.from(
        { length: Math.floor(powers / every) + 1 },
        (_, i) => 10 ** (first + i * every),
      );
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const size = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.99) * power;
    const first = Math.ceil(low / size - 1e-9);
    return Array.from(
      { length: Math.floor(high / size + 1e-9) - first + 1 },
      (_, i) => (first + i) * size,
    );
  }

  function tickText(value) {
    const tiny = value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 1e5);
    return minus(tiny ? value.toExponential(0).replace("e+", "e") : Number(value.toPrecision(6)));
  }

  function chart({ label, x, y, lines }) {
    const width = window.innerWidth < 600 ? 340 : 560; // on a phone, so that its texts can be read
    const [height, left, bottom, top, right] = [250, 58, 40, 8, 12];
    const scale = ({ low, high, log }, from, to) => {
      const at = log ? Math.log10 : Number;
      return (value) => from + ((at(value) - at(low)) / (at(high) - at(low))) * (to - from);
    };
    const toX = scale(x, left, width - right);
    const toY = scale(y, height - bottom, top);
    const text = (attributes, content) => svg("text", attributes, content);
    const parts = [];
    for (const value of ticks(y)) {
      const at = toY(value).toFixed(1);
      parts.push(svg("line", { x1: left, x2: width - right, y1: at, y2: at, class: "cb-rule" }));
      parts.push(text({ x: left - 6, y: at, "text-anchor": "end", dy: "0.35em" }, tickText(value)));
    }
    for (const value of ticks(x)) {
      const at = toX(value).toFixed(1);
      parts.push(
        text({ x: at, y: height - bottom + 17, "text-anchor": "middle" }, tickText(value)),
      );
    }
    const middle = (height - bottom + top) / 2;
    parts.push(
      text({ x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, x.label),
    );
    parts.push(
      text({ transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, y.label),
    );
    const clamp = (value) => Math.max(top - 4, Math.min(height - bottom + 4, value));
    lines.forEach(({ points }, i) => {
      const path = points
        .filter(([a, b]) => Number.isFinite(toX(a)) && Number.isFinite(toY(b)))
        .map(([a, b]) => `${toX(a).toFixed(1)},${clamp(toY(b)).toFixed(1)}`);
      parts.push(svg("polyline", { points: path.join(" "), class: `cb-line cb-series-${i}` }));
    });
    const legend = lines
      .map(({ name }, i) => [name, i])
      .filter(([name]) => name)
      .map(([name, i]) => {
        const sample = svg("line", {
          x1: 0,
          x2: 28,
          y1: 6,
          y2: 6,
          class: `cb-line cb-series-${i}`,
        });
        return h(
          "span",
          {},
          svg("svg", { viewBox: "0 0 28 12", "aria-hidden": "true" }, sample),
          name,
        );
      });
    return h(
      "div",
      { class: "cb-chart" },
      svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts),
      h("div", { class: "cb-legend" }, ...legend),
    );
  }

  // ---- A table: each row is a list of texts or nodes, of which the first names the row ----

  function table({ label, titles, rows }) {
    const head = titles.map((title) => h("th", { scope: "col" }, title));
    const rowOf = ([name, ...cells]) =>
      h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", {}, cell)));
    return h(
      "div",
      { class: "cb-scroll", role: "region", tabindex: 0, "aria-label": label },
      h(
        "table",
        { class: "cb-table" },
        h("thead", {}, h("tr", {}, ...head)),
        h("tbody", {}, ...rows.map(rowOf)),
      ),
    );
  }

  // A signed value as a background colour: blue for positive, orange for negative, none for 0.
  function heat(value, limit) {
    const part = Math.min(1, Math.abs(value) / (limit || 1));
    const hue = value < 0 ? "var(--cb-kernel)" : "var(--cb-input)";
    return `background: color-mix(in srgb, ${hue} ${Math.round(part * 60)}%, var(--cb-paper))`;
  }

  // Numbers in [0, 1) that a seed decides (mulberry32), and normal ones made of them (Box, Muller).
  function random(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  function normal(next) {
    return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  }

  return {
    Problem,
    button,
    chart,
    choices,
    control,
    copyButton,
    count,
    explorer,
    grid,
    h,
    heat,
    minus,
    normal,
    player,
    problemOf,
    random,
    show,
    svg,
    table,
    tell,
    uniqueId,
  };
})();
