"""The quiz: its data file, its answers, and the page a learner sees."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from explorers import page_of

from convbook.widgets import quiz
from convbook.widgets.explorer import HERE
from convbook.widgets.quiz import Quiz, load, parse

SAMPLE = """
[[question]]
id = "one"
kind = "single"
text = "Which is `<b>`?"
[[question.choice]]
text = "first"
why = "The first is wrong."
[[question.choice]]
text = "second"
right = true
why = "The second is right."

[[question]]
id = "many"
kind = "multiple"
text = "Which are even?"
[[question.choice]]
text = "two"
right = true
why = "Two is even."
[[question.choice]]
text = "three"
why = "Three is odd."
[[question.choice]]
text = "four"
right = true
why = "Four is even."

[[question]]
id = "much"
kind = "number"
text = "How much is it?"
answer = 1_792
tolerance = 0.5
why = "So it is."
hint = "Count again."
[[question.choice]]
value = 1_728
why = "The biases are missing."
"""


# The data file


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "single"', 'kind = "guess"', "question one: kind is 'guess'; it must be one of"),
        ('kind = "single"\n', "", "question one: kind is None"),
        ("right = true", "right = false", "question one: no choice is right"),
        (
            '"The first is wrong."',
            '"It is right."\nright = true',
            "question one: 2 choices are right",
        ),
        ('why = "The first is wrong."\n', "", "question one: choice 1: missing: why"),
        ('why = "So it is."\n', "", "question much: missing: why"),
        ('hint = "Count again."\n', "", "question much: missing: hint"),
        ('"The first is wrong."', '" "', "question one: choice 1: why is empty"),
        ('id = "one"\n', "", "question number 1: missing: id"),
        ('id = "many"', 'id = "one"', "question one: another question has this id"),
        ("right = true", "rigth = true", "question one: choice 2: unknown field 'rigth'"),
        ("right = true", "right = 1", "question one: choice 2: right must be a bool"),
        ('"second"', '"first"', "question one: two choices have the same text"),
        ("`<b>`", "`<b>", "question one: text has a backtick without its partner"),
        ("answer = 1_792", 'answer = "1792"', "question much: answer must be a number"),
        ("answer = 1_792", "answer = nan", "question much: answer must be a number"),
        ("tolerance = 0.5", "tolerance = -1", "question much: tolerance must not be negative"),
        ("tolerance = 0.5", "tolerance = 64", "question much: 1728 is the answer, or a choice"),
        (
            "[[question]]",
            'title = "x"\n[[question]]',
            "it must hold [[question]] tables and nothing else",
        ),
        ("[[question]]", "[[question]", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(old, new, message):
    assert old in SAMPLE
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        parse(SAMPLE.replace(old, new, 1), "sample.toml")
    assert str(error.value).startswith("sample.toml")
    assert message in str(error.value)


def test_a_single_choice_has_at_least_two_choices():
    start, end = SAMPLE.index("[[question.choice]]"), SAMPLE.index('[[question.choice]]\ntext = "s')
    with pytest.raises(ValueError, match="fewer than two choices"):
        parse(SAMPLE[:start] + SAMPLE[end:], "sample.toml")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(LookupError, match=r"no quiz for chapter '99'; there are: .*02"):
        quiz("99")
    with pytest.raises(LookupError, match=r"no question 'nope'; it has dense-parameters, .*shift"):
        quiz("02", "shift", "nope")


def test_a_quiz_shows_the_questions_asked_for_in_that_order():
    chosen = quiz("02", "shift", "by-hand", "shift")
    assert [question["id"] for question in chosen.state["questions"]] == ["shift", "by-hand"]
    assert quiz("02").state == {"chapter": "02", "questions": load("02")}


@pytest.mark.parametrize("path", sorted((HERE / "quizzes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_chapter_is_valid(path):
    assert len(load(path.stem)) >= 5


# The page


def sample():
    return Quiz(state={"chapter": "sample", "questions": parse(SAMPLE, "sample.toml")})


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors


def show(page, *quizzes, **options):
    body = page_of(quizzes or [sample()], **options)
    page.route(
        "http://quiz.test/", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    page.goto("http://quiz.test/")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def feedback(page, number):
    return page.locator(".feedback").nth(number).inner_text()


def score(page):
    return page.locator(".score").first.inner_text()


def test_single_choice_by_keyboard(page):
    show(page)
    assert score(page) == "0 of 3 answered right"
    press(page, "Tab", "Space", "Enter")
    assert feedback(page, 0) == "✗ Not right.\nThe first is wrong."
    assert page.locator(".choice").nth(0).get_attribute("data-mark") == "wrong"
    assert page.locator("[data-mark]").count() == 1  # the right one is not given away
    press(page, "ArrowDown")
    assert feedback(page, 0) == ""
    press(page, "Enter")
    assert feedback(page, 0).startswith("✓ Right.\nThe second is right.\n")
    assert score(page) == "1 of 3 answered right"
    press(page, "Tab", "Tab", "Tab", "Enter")  # past the two buttons: "Why not another answer?"
    assert "The first is wrong." in feedback(page, 0)
    press(page, "Shift+Tab", "Enter")
    assert score(page) == "0 of 3 answered right"
    assert page.evaluate("document.activeElement.value") == "first"
    assert page.locator(":checked").count() == 0


def test_multiple_choice_by_keyboard(page):
    show(page)
    page.get_by_label("two", exact=True).focus()
    press(page, "Space", "Tab", "Space", "Enter")
    text = feedback(page, 1)
    assert text.startswith("✗ Not quite: 1 chosen too many, 1 missed.")
    assert "Does not belong: three\nThree is odd." in text
    assert "Missed: four\nFour is even." in text
    assert "Two is even." not in text
    marks = page.locator(".choice[data-mark]").evaluate_all("all => all.map((l) => l.dataset.mark)")
    assert marks == ["right", "wrong", "missed"]
    press(page, "Space", "Tab", "Space", "Enter")
    assert feedback(page, 1).startswith("✓ Right, all of them.\ntwo\nTwo is even.\nfour\n")
    assert score(page) == "1 of 3 answered right"


def test_number_by_keyboard(page):
    show(page)
    page.get_by_label("Your number").focus()
    for typed, expected in {
        "1728": "✗ 1,728 is not right.\nThe biases are missing.",
        "12": "✗ 12 is not right.\nCount again.",
        "1.792": "✗ 1.792 is not right.\nThe answer is a whole number; the point in yours "
        "begins decimals.\nCount again.",
        "1792.5": "✓ 1,792.5 is right.\nSo it is.\nWhy not another answer?",
        "1792": "✓ 1,792 is right.\nSo it is.\nWhy not another answer?",
    }.items():
        press(page, "Control+a")
        page.keyboard.type(typed)
        press(page, "Enter")
        assert feedback(page, 2) == expected
    assert score(page) == "1 of 3 answered right"


def answer_number(page, typed):
    page.get_by_label("Your number").fill(typed)
    page.get_by_role("button", name="Check").nth(2).click()
    return feedback(page, 2)


def test_numbers_are_read(page):
    show(page)
    for typed, read in {
        "3,146,752": "3,146,752",
        "3146752": "3,146,752",
        "3 146\u202f752": "3,146,752",
        "3_146_752": "3,146,752",
        "3'146'752": "3,146,752",
        " 1,793.50 ": "1,793.5",
        "3e6": "3,000,000",
        "-0.5": "-0.5",
        "−.5": "-0.5",
        "+7.": "7",
        "007": "7",
    }.items():
        assert answer_number(page, typed).startswith(f"✗ {read} is not right."), typed


def test_other_numbers_are_refused_with_a_reason(page):
    show(page)
    for typed, reason in {
        "": "Write a number first.",
        "3,5": "Commas only separate thousands",
        "0,125": "Commas only separate thousands",
        "3146,752": "Commas only separate thousands",
        "1,792,5": "Commas only separate thousands",
        "3,146 752": "Commas only separate thousands",
        "3.146,5": "Commas only separate thousands",
        "3.146.752": "A point begins the decimals",
        ".": "Write digits only",
        "1e999": "Write digits only",
        "0x10": "Write digits only",
        "Infinity": "Write digits only",
        "7×7": "Write digits only",
        "28 parameters": "Write digits only",
    }.items():
        text = answer_number(page, typed)
        assert reason in text, typed
        assert text.startswith(f"“{typed}” cannot be read" if typed else reason)
        assert page.locator("[data-result=problem]").count() == 1
        assert page.evaluate("localStorage.length") == 0


def test_nothing_chosen_is_no_answer(page):
    show(page)
    for number in (0, 1):
        page.get_by_role("button", name="Check").nth(number).click()
    assert feedback(page, 0) == "Choose an answer first."
    assert feedback(page, 1) == "Choose at least one answer first."
    assert page.get_by_role("button", name="Try again").count() == 0


def answer_all(page):
    page.get_by_label("second").check()
    page.get_by_label("two", exact=True).check()
    page.get_by_label("Your number").fill("1,792")
    for button in page.get_by_role("button", name="Check").all():
        button.click()


def test_answers_are_remembered(page):
    show(page)
    answer_all(page)
    before = [feedback(page, number) for number in range(3)]
    page.reload()
    assert [feedback(page, number) for number in range(3)] == before
    assert page.get_by_label("Your number").input_value() == "1,792"
    assert score(page) == "2 of 3 answered right"
    page.get_by_role("button", name="Try again").nth(1).click()
    page.reload()
    assert feedback(page, 1) == ""
    assert score(page) == "2 of 3 answered right"
    page.get_by_role("button", name="Start over").click()
    assert score(page) == "0 of 3 answered right"
    page.reload()
    assert score(page) == "0 of 3 answered right"
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("stored", ["no JSON", "null", "{}", '["a choice that was reworded"]'])
def test_a_memory_that_fits_no_longer_is_ignored(page, stored):
    show(page)
    page.evaluate("value => localStorage.setItem('convbook-quiz/sample/one', value)", stored)
    page.reload()
    assert feedback(page, 0) == ""


def test_without_local_storage(page):
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw Error('denied') } })"
    )
    show(page)
    answer_all(page)
    assert score(page) == "2 of 3 answered right"
    page.get_by_role("button", name="Start over").click()
    assert score(page) == "0 of 3 answered right"


def test_two_copies_do_not_disturb_each_other(page):
    show(page, sample(), sample())
    page.get_by_label("first").nth(0).check()
    page.get_by_label("second").nth(1).check()
    assert page.get_by_label("first").nth(0).is_checked()
    page.get_by_role("button", name="Check").nth(3).click()
    assert feedback(page, 0) == ""
    assert feedback(page, 3).startswith("✓ Right.")
    assert page.locator(".score").all_inner_texts() == [
        "0 of 3 answered right",
        "1 of 3 answered right",
    ]
    assert page.locator(".convbook [id]").count() == 0


def test_keys_do_not_reach_the_notebook(page):
    """JupyterLab listens on the document: an arrow key would leave for the next cell."""
    show(page)
    page.evaluate("document.addEventListener('keydown', (e) => (document.title += e.key))")
    page.get_by_label("first").focus()
    press(page, "ArrowDown", "Enter", "Control+s")
    assert page.title() == "TestControls"  # what is pressed with Control stays the notebook's
    assert feedback(page, 0).startswith("✓ Right.")


def test_a_question_alone_has_no_score(page):
    show(page, quiz("02", "shift"))
    assert page.locator("form").count() == 1
    assert page.locator(".score").count() == 0


def test_texts_are_never_read_as_html(page):
    attack = "<img src=x onerror=document.title=1> & `<i>code</i>`"
    show(
        page, Quiz(state={"chapter": "x", "questions": parse(SAMPLE.replace("first", attack), "x")})
    )
    page.locator("[name=answer]").first.check()
    page.get_by_role("button", name="Check").first.click()
    assert page.locator("main img, main i").count() == 0
    assert page.locator(".feedback code").inner_text() == "<i>code</i>"
    assert "<img src=x onerror=document.title=1> &" in feedback(page, 0)


@pytest.mark.parametrize("path", sorted((HERE / "quizzes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_choice_of_every_chapter_is_explained(page, path):
    """Each choice alone, and each common wrong number, brings its own explanation."""
    show(page, quiz(path.stem))
    for item, form in zip(load(path.stem), page.locator("form").all(), strict=True):
        for number, choice in enumerate(item.get("choice", [])):
            if item["kind"] == "number":
                form.get_by_label("Your number").fill(str(choice["value"]))
            else:
                form.locator("input").nth(number).check()
            form.get_by_role("button", name="Check").click()
            wanted = [c for c in item.get("choice", []) if c.get("right")]
            right = wanted == [choice]  # of several right ones, one alone is not the answer
            assert form.get_attribute("data-result") == ("right" if right else "wrong")
            if item["kind"] != "multiple" or not choice.get("right"):
                note = form.locator(".feedback > .note").first.inner_text()
                assert plain(choice["why"]) in plain(note)
            form.get_by_role("button", name="Try again").click()


def plain(text):
    return " ".join(text.replace("`", "").split())


def half_answered(page):
    """The chapter's quiz with one answer of each kind right, and one wrong."""
    show_answers = {"why-30": (2,), "shift": (0,), "what-is-learned": (0, 2)}
    show_answers |= {"what-changes-parameters": (0, 1), "output-size": "5", "by-hand": "2"}
    show_answers["one-by-one"] = "8,3"
    for item, form in zip(load("02"), page.locator("form").all(), strict=True):
        answer = show_answers.get(item["id"])
        if isinstance(answer, str):
            form.get_by_label("Your number").fill(answer)
        elif answer:
            for number in answer:
                form.locator("input").nth(number).check()
        if answer:
            form.get_by_role("button", name="Check").click()
    for summary in page.locator("summary").all():
        summary.click()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [1280, 375])
def test_accessible_and_never_too_wide(page, theme, size):
    page.set_viewport_size({"width": size, "height": 800})
    show(page, quiz("02"), theme=theme)
    half_answered(page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= size
