"""The reports of a class: the table for a spreadsheet, each student's page, the page on all."""

import csv
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from marks import SPEC, exercise, row, solved

from convbook.grading import report
from convbook.grading.hints import hints
from convbook.grading.results import EMPTY, FAILED, GRADED, TAMPERED, UNREADABLE, WRONG_LAB
from convbook.grading.slugs import LENGTH, slugs
from convbook.grading.summary import distribution, summarize

ATTACK = "<script>document.title = 'owned'</script>"
NAMES = [
    "Ada Lovelace",
    "ada lovelace",
    "Jürgen Müller",
    "नमस्ते",
    "../../etc/passwd",
    "..",
    "",
    " ",
    "a/b",
    "a-b-c14cddc0",
    "a/../b",
    "a\\b",
    "a b\n",
    "CON",
    "nul.txt",
    "not UTF-8 \udcff",
    "not UTF-8 \udcfe",
    "\ud800",
    "\x00\x1b[31m",
    "\u202egpj",
    "100% & #1?",
    "quote \" and ' both",
    "=HYPERLINK(1)",
    "x" * 300,
    "x" * 301,
    "é" * 300,
    ATTACK,
]


class Page(HTMLParser):
    """What of a page is looked at: its tags, headings, links, and the text that is shown."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.parts, self.styled = [], [], [], False
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("href", "src")]

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.parts.append(data)


def table(out):
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def feedback(out, given):
    """The page of one student, who alone is in the class."""
    report.write(out, SPEC, [given])
    [path] = (out / "feedback").iterdir()
    return Page(path)


# ---- grades.csv ----


def test_the_table_has_a_column_for_each_exercise(tmp_path):
    some = row("Zoë", exercise("1.1", 1, 0), exercise("1.2", 1), notes=["late", "twice"])
    none = row("Bob", status=UNREADABLE, reason="no notebook", file="b.pdf", notes=["late"])
    report.write(tmp_path, SPEC, [none, some])
    bob, zoe = table(tmp_path)
    assert zoe == {
        "student": "Zoë",
        "file": "lab.ipynb",
        "1.1 double": "1",
        "1.2 root": "1",
        "total": "2",
        "of": "4",
        "status": "graded",
        "reason": "late; twice",
    }
    assert [bob[key] for key in ("1.1 double", "1.2 root", "total", "of")] == ["0", "0", "0", "4"]
    assert (bob["status"], bob["reason"]) == ("unreadable", "no notebook; late")


def test_the_table_begins_with_the_mark_that_excel_needs(tmp_path):
    report.write(tmp_path, SPEC, [])
    text = (tmp_path / "grades.csv").read_bytes()
    assert text.startswith(b'\xef\xbb\xbf"student","file","1.1 double"')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝"])
def test_no_cell_is_a_formula(start, tmp_path):
    text = f"{start}cmd()"
    report.write(tmp_path, SPEC, [solved(text, file=text, reason=text)])
    [line] = table(tmp_path)
    for cell in (line["student"], line["file"], line["reason"]):
        assert cell.startswith("'")
        assert cell.endswith("cmd()")


def test_a_name_with_semicolons_does_not_begin_a_cell_elsewhere(tmp_path):
    report.write(tmp_path, SPEC, [solved("a;=cmd()")])
    assert '"a;=cmd()"' in (tmp_path / "grades.csv").read_text(encoding="utf-8")


# ---- names ----


def test_every_name_gets_a_page_of_its_own_that_the_class_page_links(tmp_path):
    report.write(tmp_path, SPEC, [solved(name) for name in NAMES])
    pages = {path.name for path in (tmp_path / "feedback").iterdir()}
    assert len({name.casefold() for name in pages}) == len(NAMES)
    assert {path.name for path in tmp_path.iterdir()} == {"feedback", "class.html", "grades.csv"}
    links = [link for link in Page(tmp_path / "class.html").links if link[0] != "#"]
    assert all(link.isascii() and " " not in link for link in links)
    linked = {unquote(link) for link in links}
    assert linked == {f"feedback/{name}" for name in pages}
    assert len((tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()) == len(NAMES) + 1


def test_safe_names_stay_and_others_are_the_same_in_every_class():
    assert slugs(["Ada Lovelace", "e.noether@uni.de", "नमस्ते"]) == {
        "Ada Lovelace": "Ada Lovelace",
        "e.noether@uni.de": "e.noether@uni.de",
        "नमस्ते": "नमस्ते",
    }
    everyone = slugs(NAMES)
    assert slugs(["a/b"])["a/b"] == everyone["a/b"]
    assert everyone["a/b"].startswith("a-b-")
    assert everyone["a/../b"].startswith("a-b-")
    assert everyone["../../etc/passwd"].startswith("etc-passwd-")
    assert all(len(slug) <= LENGTH + 9 for slug in everyone.values())


# ---- a student's page ----


def test_a_page_shows_points_messages_hints_and_the_answer(tmp_path):
    messages = ["the answer cell fails: NameError: name 'y' is not defined", "one\ntwo"]
    answer = "def double(x):\n    return 2 * y"
    shown = feedback(
        tmp_path,
        row("Ada", exercise("1.1", 1, 0, messages=messages, answer=answer), exercise("1.2", 1)),
    )
    assert "2 of 4 points" in shown.text
    assert "1 of 3 points" in shown.text
    assert "1 of 1 point " in shown.text
    assert messages[0] in shown.text
    assert "Restart the kernel" in shown.text
    assert "All tests pass." in shown.text
    [source] = (tmp_path / "feedback").iterdir()
    assert '<pre class="message">one\ntwo</pre>' in source.read_text(encoding="utf-8")
    assert '<span class="k">return</span>' in source.read_text(encoding="utf-8")


def test_hidden_tests_are_shown_as_titles_only(tmp_path):
    message = "not passed: Hidden tests: other numbers"
    shown = feedback(
        tmp_path, row("Ada", exercise("1.1", 1, 0, messages=[message]), exercise("1.2", 1))
    )
    assert f"{message} Hint: Your answer passes the tests that you see." in shown.text
    assert "assert double" not in shown.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (TAMPERED, "Your teacher decides."),
        (UNREADABLE, "save it as .ipynb"),
        (EMPTY, "Save your notebook after"),
        (WRONG_LAB, "Hand in your notebook of 01_test."),
        (FAILED, "This is not your fault."),
    ],
)
def test_a_status_is_explained_with_what_to_do(status, words, tmp_path):
    shown = feedback(tmp_path, row("Ada", status=status, reason="the reason", notes=["late"]))
    assert "the reason late" in shown.text
    assert words in shown.text


def test_nothing_is_said_of_a_plain_status(tmp_path):
    assert "Please note" not in feedback(tmp_path, solved("Ada")).text
    noted = feedback(tmp_path, solved("Ada", reason="an older release"))
    assert "Please note an older release" in noted.text


def test_a_student_does_not_read_the_names_of_others(tmp_path):
    twin = replace(solved("Ada", notes=["late"]), twins=("Grace",))
    report.write(tmp_path, SPEC, [twin])
    page = Page(tmp_path / "feedback" / "Ada.html").text
    assert "late" in page
    assert "Grace" not in page
    words = "late the same file, to the last byte, as that of Grace"
    assert words in Page(tmp_path / "class.html").text
    assert "as that of Grace" in (tmp_path / "grades.csv").read_text(encoding="utf-8")


def test_what_was_seen_in_a_hidden_test_is_for_the_class_page_only(tmp_path):
    flags = ("double-hidden: returns a value of class secret_42, which defines __eq__",)
    report.write(tmp_path, SPEC, [row("Ada", status=TAMPERED, reason="look at this", flags=flags)])
    assert "secret_42" in Page(tmp_path / "class.html").text
    assert "secret_42" not in Page(tmp_path / "feedback" / "Ada.html").text


def test_what_a_student_wrote_is_text(tmp_path):
    attacked = exercise("1.1", 0, 0, messages=[ATTACK, f"{ATTACK}\n"], answer=f"'{ATTACK}'")
    rest = exercise("1.2", 1)
    attack = row(
        ATTACK, attacked, rest, status=TAMPERED, reason=ATTACK, notes=[ATTACK], file=ATTACK
    )
    page = feedback(tmp_path, attack)
    for shown in (page, Page(tmp_path / "class.html")):
        assert "script" not in shown.tags
        assert shown.text.count(ATTACK) >= 5


def test_hints_are_given_once_for_each_kind():
    messages = ("NameError: name 'a' is not defined", "NameError: name 'b' is not defined")
    (_, first), (_, second) = hints(messages)
    assert "Restart the kernel" in first
    assert second == ""


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("not answered yet", "NotImplementedError"),
        ("the answer cell is missing", "# Exercise …"),
        ("NameError: name 'x' is not defined", "Restart the kernel"),
        ("the given cell 'train' fails: NameError: name 'x' is not defined", "Restart the kernel"),
        ("the answer cell fails: SyntaxError: '(' was never closed", "cannot read this cell"),
        ("MemoryError", "too much memory"),
        ("the answer cell fails: stopped: it used more than 4096 MB of memory", "too much memory"),
        ("stopped after 60 seconds", "takes too long"),
        ("stopped: out of time", "takes too long"),
        ("the answer cell fails: this cell ended Python", "Take out exit()"),
        ("not run: an earlier cell ended Python, or used up the time", "First mend the cell"),
        ("RecursionError: maximum recursion depth exceeded", "calls itself"),
        ("ModuleNotFoundError: No module named 'torch'", "Use only packages"),
        ("FileNotFoundError: [Errno 2] No such file: 'cat.png'", "without your own files"),
        ("PermissionError: a notebook that is marked must not do this: it …", "no answer needs it"),
        ("EOFError: EOF when reading a line", "Take out input()"),
    ],
)
def test_a_message_has_its_hint(message, words):
    [(_, hint)] = hints((message,))
    assert words in hint


def test_a_message_that_explains_itself_has_none():
    [(_, hint)] = hints(("the shape must be (3, 3), not (2, 2)",))
    assert hint == ""
    (_, first), (_, second) = hints(("twice 1 is 2", "not passed: Hidden tests: other numbers"))
    assert first == second == ""


# ---- the class ----


def a_class():
    """Three marked students and three without points; 1.1 is harder than 1.2."""
    return [
        solved("Ada"),
        row(
            "Bob",
            exercise("1.1", 0, 0, messages=["twice 1 is 2", "rare"], seconds=4),
            exercise("1.2", 1, seconds=2),
            status=TAMPERED,
            reason="replaces abs",
        ),
        row("Cem", exercise("1.1", 1, 0, messages=["twice 1 is 2"]), exercise("1.2", 0)),
        row("Dot", status=UNREADABLE, reason="a PDF"),
        row("Eve", status=FAILED, reason="disk full"),
        row("Fay", status=EMPTY, reason="no code"),
    ]


def test_the_summary_counts_and_sorts():
    found = summarize(SPEC, a_class())
    assert found.statuses == [
        (GRADED, 2),
        (EMPTY, 1),
        (UNREADABLE, 1),
        (FAILED, 1),
        (TAMPERED, 1),
    ]
    assert [r.student for r in found.to_look_at] == ["Bob", "Eve", "Dot", "Fay"]
    assert [(c.label, c.count) for c in found.columns] == [
        ("0", 0),
        ("1", 2),
        ("2", 0),
        ("3", 0),
        ("4", 1),
    ]
    assert found.middle == 1
    hard, easy = found.exercises
    assert (hard.exercise.number, easy.exercise.number) == ("1.1", "1.2")
    assert (hard.mean, hard.full) == pytest.approx((4 / 9, 1 / 3))
    assert hard.messages == [("twice 1 is 2", 2), ("rare", 1)]
    assert (hard.times.median, hard.times.longest) == (0.5, 4)
    assert (found.times.median, found.times.longest) == (1, 6)
    assert found.slowest[0].student == "Bob"


def test_the_class_page_says_what_the_summary_holds(tmp_path):
    report.write(tmp_path, SPEC, a_class())
    text = Page(tmp_path / "class.html").text
    for words in (
        "students 6",
        "graded 2",
        "tampered 1",
        "Bob tampered replaces abs",
        "3 notebooks marked. The median is 1 of 4 points.",
        "1.1 double 44 %",
        "44 % of the points; 33 % of the students have all 3",
        "2 students twice 1 is 2",
        "1.1 double 0.5 s 4.0 s",
        "Bob 6.0 s",
        "Cem 1 graded",
    ):
        assert words in text
    assert text.index("1.1 double") < text.index("1.2 root")


def test_a_reason_or_a_note_brings_a_graded_student_to_the_list():
    rows = [solved("Ada"), solved("Bob", notes=["late"]), solved("Cem", reason="older release")]
    assert [r.student for r in summarize(SPEC, rows).to_look_at] == ["Bob", "Cem"]


@pytest.mark.parametrize(
    ("of", "labels"),
    [
        (2, ["0", "1", "2"]),
        (10, [str(n) for n in range(11)]),
        (25, ["0–2", "3–5", "6–8", "9–11", "12–14", "15–17", "18–20", "21–23", "24–25"]),
        (30, [*(f"{n}–{n + 2}" for n in range(0, 30, 3)), "30"]),
    ],
)
def test_a_distribution_counts_everyone_once(of, labels):
    columns = distribution(list(range(of + 1)), of)
    assert [column.label for column in columns] == labels
    assert sum(column.count for column in columns) == of + 1
    assert max(column.share for column in columns) == 1


@pytest.mark.parametrize("count", [0, 1, 2000])
def test_a_class_of_any_size(count, tmp_path):
    rows = [solved(f"Student {number:04}") for number in range(count)]
    report.write(tmp_path, SPEC, rows)
    page = Page(tmp_path / "class.html")
    assert f"students {count}" in page.text
    assert len([link for link in page.links if "feedback/" in link]) == count + min(count, 5)
    assert len(list((tmp_path / "feedback").iterdir())) == len(table(tmp_path)) == count
    marked = f"{count} notebook{'' if count == 1 else 's'} marked. The median is 4 of 4 points."
    assert (marked if count else "No notebook was marked.") in page.text


def test_a_class_in_which_nobody_was_marked(tmp_path):
    report.write(tmp_path, SPEC, [row("Ada", status=EMPTY, reason="no code")])
    text = Page(tmp_path / "class.html").text
    assert "Ada empty no code" in text
    assert "No notebook was marked." in text


def test_a_second_run_replaces_the_first(tmp_path):
    report.write(tmp_path, SPEC, [row("Ada", status=FAILED, reason="disk full")])
    report.write(tmp_path, SPEC, [solved("Ada")])
    for path in (tmp_path / "feedback" / "Ada.html", tmp_path / "class.html"):
        assert "disk full" not in Page(path).text
    [line] = table(tmp_path)
    assert line["total"] == "4"


# ---- in a browser ----


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("grades")
    code = "# a comment\nclass A:\n    @property\n    def f(self):\n        return 'text', 1.5\n"
    long = "x" * 200
    ada = row(
        "Ada",
        exercise("1.1", 0, 0, messages=["not answered yet", f"{long}\n{long}"], answer=code + long),
        exercise("1.2", 1, answer="root = 4"),
        status=TAMPERED,
        reason="replaces abs",
        notes=["late"],
    )
    report.write(out, SPEC, [ada, *a_class()[1:], row("z" * 300, status=WRONG_LAB, reason=long)])
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["class.html", "feedback/Ada.html"])
def test_a_page_is_accessible_and_asks_nobody(name, scheme, written, browser):
    context = browser.new_context(color_scheme=scheme)
    page, problems, asked = context.new_page(), [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((written / name).as_uri())
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    assert dark == (scheme == "dark")
    for details in page.locator("details:not([open]) > summary").all():
        details.press("Enter")
    assert page.locator("details:not([open])").count() == 0
    for width in (1000, 375):
        page.set_viewport_size({"width": width, "height": 900})
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{overflow} px too wide at {width} px"
        violations = Axe().run(page, {}, {"preload": False}).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []
    assert problems == []
    assert asked == [(written / name).as_uri()]
    context.close()


def test_paper_shows_every_answer(written, browser):
    page = browser.new_page()
    page.goto((written / "feedback" / "Ada.html").as_uri())
    folded = page.locator("details:not([open]) pre")
    assert folded.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})") is False
    page.emulate_media(media="print")
    assert folded.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})") is True
    page.close()
