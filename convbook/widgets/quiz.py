"""The quiz: questions that explain every answer, read from ``quizzes/<chapter>.toml``.

The file holds one ``[[question]]`` after another. Each has an ``id``, a ``kind``, a ``text``, and
``[[question.choice]]`` tables below it:

- ``single``: choices with ``text`` and ``why``; exactly one has ``right = true``;
- ``multiple``: the same, with one or more right choices;
- ``number``: an ``answer``, a ``tolerance`` (0 if absent), ``why`` it is right, a ``hint`` for any
  wrong number; its choices are the common wrong numbers, each with ``value`` and ``why``.

Texts are plain, with `` `code` `` between backticks; an empty line begins a paragraph.
"""

import math
import tomllib

from convbook.widgets.explorer import HERE, Explorer

REQUIRED = {
    "single": {"id": str, "kind": str, "text": str, "choice": list},
    "multiple": {"id": str, "kind": str, "text": str, "choice": list},
    "number": {"id": str, "kind": str, "text": str, "answer": float, "why": str, "hint": str},
}
OPTIONAL = {"number": {"tolerance": float, "choice": list}}


class Quiz(Explorer):
    """The questions in ``state["questions"]``; answers are kept by the browser, not sent."""

    name = "quiz"


def quiz(chapter: str, *ids: str) -> Quiz:
    """Show the questions of a chapter: all of them, or those named, in the order named.

    Parameters
    ----------
    chapter : the name of a file in ``quizzes``, such as ``"02"``.
    *ids : the questions' ids; none means all.

    Raises
    ------
    LookupError : the chapter or an id is unknown; the message lists the known ones.
    ValueError : the chapter's file is not valid; the message says where and why.
    """
    questions = {question["id"]: question for question in load(chapter)}
    unknown = [name for name in ids if name not in questions]
    if unknown:
        raise LookupError(
            f"quiz {chapter!r} has no question {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(questions)}"
        )
    chosen = [questions[name] for name in dict.fromkeys(ids or questions)]
    return Quiz(state={"chapter": chapter, "questions": chosen})


def load(chapter: str) -> list[dict]:
    """All questions of a chapter, checked.

    Raises
    ------
    LookupError : there is no such chapter; the message lists the known ones.
    ValueError : the file is not valid; the message says where and why.
    """
    files = {path.stem: path for path in sorted((HERE / "quizzes").glob("*.toml"))}
    if chapter not in files:
        raise LookupError(f"no quiz for chapter {chapter!r}; there are: {', '.join(files)}")
    return parse(files[chapter].read_text(encoding="utf-8"), files[chapter].name)


def parse(source: str, name: str) -> list[dict]:
    """The questions in a TOML text; ``name`` says in errors which file it is.

    Raises
    ------
    ValueError : the text is not TOML, or a question breaks a rule of this module's docstring.
    """
    try:
        content = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}: not TOML: {error}") from error
    questions = content.get("question")
    tables = isinstance(questions, list) and all(isinstance(item, dict) for item in questions)
    if content.keys() != {"question"} or not tables:
        raise ValueError(f"{name}: it must hold [[question]] tables and nothing else")
    seen = set()
    for number, question in enumerate(questions, start=1):
        label = question.get("id", f"number {number}")
        try:
            _check(question)
        except ValueError as error:
            raise ValueError(f"{name}, question {label}: {error}") from None
        if label in seen:
            raise ValueError(f"{name}, question {label}: another question has this id")
        seen.add(label)
    return questions


def _check(question: dict) -> None:
    kind = question.get("kind")
    if not isinstance(kind, str) or kind not in REQUIRED:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(REQUIRED)}")
    _check_fields(question, REQUIRED[kind], OPTIONAL.get(kind, {}))
    for number, choice in enumerate(question.get("choice", []), start=1):
        try:
            if kind == "number":
                _check_fields(choice, {"value": float, "why": str}, {})
            else:
                _check_fields(choice, {"text": str, "why": str}, {"right": bool})
        except ValueError as error:
            raise ValueError(f"choice {number}: {error}") from None
    if kind == "number":
        _check_numbers(question)
    else:
        _check_choices(question)


def _check_fields(table: dict, required: dict, optional: dict) -> None:
    if not isinstance(table, dict):
        raise ValueError("not a table")
    missing = [field for field in required if field not in table]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    types = required | optional
    for field, value in table.items():
        if field not in types:
            raise ValueError(f"unknown field {field!r}; known: {', '.join(types)}")
        if types[field] is float:
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ValueError(f"{field} must be a number")
        elif not isinstance(value, types[field]):
            raise ValueError(f"{field} must be a {types[field].__name__}")
        if types[field] is str:
            if not value.strip():
                raise ValueError(f"{field} is empty")
            if value.count("`") % 2:
                raise ValueError(f"{field} has a backtick without its partner")


def _check_numbers(question: dict) -> None:
    tolerance = question.get("tolerance", 0)
    if tolerance < 0:
        raise ValueError("tolerance must not be negative")
    taken = [question["answer"]]
    for choice in question.get("choice", []):
        if any(abs(choice["value"] - value) <= tolerance for value in taken):
            raise ValueError(f"{choice['value']} is the answer, or a choice listed before")
        taken.append(choice["value"])


def _check_choices(question: dict) -> None:
    texts = [choice["text"] for choice in question["choice"]]
    if len(texts) < 2:
        raise ValueError("fewer than two choices")
    if len(set(texts)) < len(texts):
        raise ValueError("two choices have the same text")
    right = sum(choice.get("right", False) for choice in question["choice"])
    if right == 0:
        raise ValueError("no choice is right")
    if right > 1 and question["kind"] == "single":
        raise ValueError(f"{right} choices are right; a single choice has one")
