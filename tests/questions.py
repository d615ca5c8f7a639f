"""What the quizzes state, for the tests that compute their answers."""

from convbook.widgets.quiz import load


def question(chapter: str, name: str) -> dict:
    return next(item for item in load(chapter) if item["id"] == name)


def stated_numbers(chapter: str) -> dict[str, float]:
    """The answer of every question that asks for a number, by its id."""
    return {q["id"]: q["answer"] for q in load(chapter) if q["kind"] == "number"}


def choices(chapter: str, name: str) -> list[str]:
    return [choice["text"] for choice in question(chapter, name)["choice"]]


def right_choices(chapter: str, name: str) -> list[str]:
    return [c["text"] for c in question(chapter, name)["choice"] if c.get("right")]
