"""Write what teachers and students read: ``grades.csv``, a page a student, a page on the class."""

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from convbook import notebooks
from convbook.grading.hints import hints
from convbook.grading.results import Row
from convbook.grading.slugs import slugs
from convbook.grading.spec import Spec
from convbook.grading.summary import summarize
from convbook.grading.table import table


def write(out: Path, spec: Spec, rows: list[Row]) -> None:
    """Write ``grades.csv``, ``class.html`` and ``feedback/NAME.html`` into the folder ``out``.

    Each file is replaced in one step. Each student has one row; pages of students who have none
    here are left as they are.
    """
    pages = slugs([row.student for row in rows])
    templates = environment()
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    for row in rows:
        page = templates.get_template("feedback.html").render(spec=spec, row=row)
        notebooks.write(out / "feedback" / f"{pages[row.student]}.html", encodable(page))
    summary = summarize(spec, rows)
    page = templates.get_template("class.html").render(spec=spec, summary=summary, pages=pages)
    notebooks.write(out / "class.html", encodable(page))
    notebooks.write(out / "grades.csv", encodable(table(spec, rows)))


def environment() -> Environment:
    """The templates, with all that is put into them escaped."""
    templates = Environment(
        loader=PackageLoader("convbook.grading"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"hints": hints, "python": python, "seconds": seconds}
    return templates


@lru_cache(maxsize=4096)  # many students hand in the same: the lab as it came
def python(source: str) -> Markup:
    """Python code as HTML, with Pygments' short class names."""
    return Markup(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)))


def seconds(value: float) -> str:
    """A time to read: ``0.3 s``, ``12 s``, ``3 min 5 s``."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: names of files may have bytes that are none, shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
