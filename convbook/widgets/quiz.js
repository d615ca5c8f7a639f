// A quiz that explains every answer. Each question is a form of its own: names of inputs are local
// to their form, so any number of quizzes, or copies of one, can share a page.

const { h } = cb;

// Text from the data file: `code` between backticks, a new paragraph after an empty line.
function prose(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => h("span", { class: "paragraph" }, ...inline(paragraph)));
}

function inline(text) {
  return text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

// On file:// pages, in private windows and in sandboxed frames, even reading the property
// `localStorage` may throw: then answers last until the page is left.
const memory = {
  read(key) {
    try {
      const answer = JSON.parse(localStorage.getItem(key));
      return Array.isArray(answer) ? answer : [];
    } catch {
      return [];
    }
  },
  write(key, answer) {
    try {
      localStorage.setItem(key, JSON.stringify(answer));
    } catch {}
  },
  remove(key) {
    try {
      localStorage.removeItem(key);
    } catch {}
  },
};

// Thousands may be grouped by commas, spaces, underscores or apostrophes, but only in threes, so
// that a decimal comma is never taken for one: "1,792" is read, "3,5" and "0,125" are refused.
const GROUPED = /^[+-]?[1-9]\d{0,2}([, _'’])\d{3}(\1\d{3})*(\.\d+)?$/;
const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parseNumber(typed) {
  const text = typed.trim().replace(/\s/g, " ").replace("−", "-");
  if (!text) return { problem: "Write a number first." };
  const value = GROUPED.test(text) ? Number(text.replace(/[, _'’]/g, "")) : Number(text);
  if (Number.isFinite(value) && (GROUPED.test(text) || PLAIN.test(text))) return { value };
  let advice = "Write digits only, such as 1792, 1,792, 0.5 or 2e6.";
  if (text.includes(",")) {
    advice = "Commas only separate thousands: 1,792. For decimals, write a point: 3.5.";
  } else if (text.split(".").length > 2) {
    advice = "A point begins the decimals. For thousands, write 1,792 or 1792.";
  }
  return { problem: `“${text}” cannot be read as one number. ${advice}` };
}

// What to say about an answer (the list of the form's values): either a `problem` with it, or
// whether it is `right`, a `verdict`, `notes` that explain it and `others` on the other choices.
function gradeNumber({ answer, tolerance = 0, why, hint, choice: choices = [] }, [typed]) {
  const { value, problem } = parseNumber(typed);
  if (problem) return { problem };
  const isNear = (number) => Math.abs(value - number) <= tolerance;
  const written = (number) => number.toLocaleString("en-US", { maximumFractionDigits: 12 });
  if (isNear(answer)) {
    const others = choices.map((choice) => ({ label: written(choice.value), why: choice.why }));
    return { right: true, verdict: `${written(value)} is right.`, notes: [{ why }], others };
  }
  const known = choices.find((choice) => isNear(choice.value));
  const notes = [{ why: known?.why ?? hint }];
  if (!known && Number.isInteger(answer) && !Number.isInteger(value)) {
    notes.unshift({ why: "The answer is a whole number; the point in yours begins decimals." });
  }
  return { right: false, verdict: `${written(value)} is not right.`, notes };
}

function gradeSingle({ choice: choices }, [text]) {
  const chosen = choices.find((choice) => choice.text === text);
  if (!chosen) return { problem: "Choose an answer first." };
  const notes = [{ why: chosen.why }];
  if (!chosen.right) return { right: false, verdict: "Not right.", notes };
  const others = choices.filter((choice) => !choice.right).map(labelled());
  return { right: true, verdict: "Right.", notes, others };
}

function gradeMultiple({ choice: choices }, texts) {
  if (!texts.length) return { problem: "Choose at least one answer first." };
  const isChosen = (choice) => texts.includes(choice.text);
  const wrong = choices.filter((choice) => isChosen(choice) && !choice.right);
  const missed = choices.filter((choice) => !isChosen(choice) && choice.right);
  if (wrong.length || missed.length) {
    const notes = [
      ...wrong.map(labelled("✗ Does not belong:")),
      ...missed.map(labelled("+ Missed:")),
    ];
    const counts = `${wrong.length} chosen too many, ${missed.length} missed`;
    return { right: false, verdict: `Not quite: ${counts}.`, notes };
  }
  const notes = choices.filter((choice) => choice.right).map(labelled());
  const others = choices.filter((choice) => !choice.right).map(labelled());
  return { right: true, verdict: "Right, all of them.", notes, others };
}

function labelled(tag) {
  return ({ text, why }) => ({ label: tag ? `${tag} ${text}` : text, why });
}

const GRADE = { number: gradeNumber, single: gradeSingle, multiple: gradeMultiple };

function noteBlock({ label, why }) {
  const heading = label ? [h("div", { class: "label" }, ...inline(label))] : [];
  return h("div", { class: "note" }, ...heading, ...prose(why));
}

function explanation({ problem, right, verdict, notes = [], others = [] }) {
  const head = problem ?? `${right ? "✓" : "✗"} ${verdict}`;
  const blocks = [h("div", { class: "verdict" }, head), ...notes.map(noteBlock)];
  if (others.length) {
    const summary = h("summary", {}, "Why not another answer?");
    blocks.push(h("details", {}, summary, ...others.map(noteBlock)));
  }
  return blocks;
}

function numberField() {
  // type="number" would drop "1,792" without a word before it can be read or explained.
  const input = h("input", { type: "text", inputmode: "decimal", name: "answer" });
  return h("label", { class: "number" }, "Your number", input);
}

function choiceField({ kind, choice: choices }) {
  const type = kind === "single" ? "radio" : "checkbox";
  const labels = choices.map(({ text }) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type, name: "answer", value: text }),
      h("span", {}, ...inline(text)),
    ),
  );
  return h("div", { class: "choices" }, ...labels);
}

function markChoices(form, { kind, choice: choices }) {
  form.querySelectorAll(".choice").forEach((label, index) => {
    const { right } = choices[index];
    if (label.control.checked) label.dataset.mark = right ? "right" : "wrong";
    else if (right && kind === "multiple") label.dataset.mark = "missed";
  });
}

function restore(form, answer) {
  for (const input of form.querySelectorAll("[name=answer]")) {
    if (input.type === "text") input.value = answer[0] ?? "";
    else input.checked = answer.includes(input.value);
  }
}

function questionForm(chapter, question, onResult) {
  const key = `convbook-quiz/${chapter}/${question.id}`;
  const legend = h("legend", {}, ...prose(question.text));
  if (question.kind === "multiple") {
    legend.append(h("span", { class: "paragraph quiet" }, "Choose all that apply."));
  }
  const field = question.kind === "number" ? numberField() : choiceField(question);
  const again = h("button", { type: "reset" }, "Try again");
  const feedback = h("div", { class: "feedback", "aria-live": "polite" });
  const form = h(
    "form",
    { class: "question", autocomplete: "off" },
    h("fieldset", {}, legend, field),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Check"), again),
    feedback,
  );
  const answer = () => new FormData(form).getAll("answer");

  function clear() {
    feedback.replaceChildren();
    again.hidden = true;
    delete form.dataset.result;
    for (const label of form.querySelectorAll("[data-mark]")) delete label.dataset.mark;
    onResult();
  }

  function forget() {
    memory.remove(key);
    clear();
  }

  function check() {
    clear();
    const result = GRADE[question.kind](question, answer());
    feedback.append(...explanation(result));
    form.dataset.result = result.problem ? "problem" : result.right ? "right" : "wrong";
    again.hidden = Boolean(result.problem);
    if (!result.problem) {
      memory.write(key, answer());
      markChoices(form, question);
    }
    onResult();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  form.addEventListener("input", forget);
  form.addEventListener("reset", forget);
  again.addEventListener("click", () => form.querySelector("input").focus());

  clear();
  restore(form, memory.read(key));
  if (answer().some(Boolean)) check();
  return form;
}

function render({ model, el }) {
  const { chapter, questions } = model.get("state");
  const score = h("span", { class: "score" });
  const startOver = h("button", { type: "button" }, "Start over");
  const forms = [];

  function showScore() {
    const right = forms.filter((form) => form.dataset.result === "right").length;
    score.textContent = `${right} of ${questions.length} answered right`;
  }

  for (const question of questions) forms.push(questionForm(chapter, question, showScore));
  showScore();
  startOver.addEventListener("click", () => {
    for (const form of forms) form.reset();
    forms[0].querySelector("input").focus();
  });
  const tally = h("div", { class: "tally" }, score, startOver);
  const quiz = h("div", { class: "convbook convbook-quiz" }, ...forms);
  if (questions.length > 1) quiz.append(tally);
  // A notebook would take the arrow keys, Enter and letters for commands of its own.
  quiz.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
  el.append(quiz);
}

export default { render };
