"""The explorer of schedules, in a real browser: its rates are those of the code that it gives."""

import re

import keras
import numpy as np
import pytest
from explorers import follow, number, problem

from convbook.widgets import schedules

SHARED = schedules
SETTINGS = {
    "power": ["", "lr=0.5&pd=30", "c=0.5", "c=2&pd=7&T=90", "lr=1"],
    "exponential": ["", "ed=37&er=0.5", "er=1&lr=1"],
    "piecewise": ["", "a=1&b=2", "a=17&b=300&f=2.5&lr=1"],
    "one_cycle": ["", "up=1&down=399", "up=100&down=50&div=25&T=151&lr=1"],
    "cosine": ["", "w=0", "w=13&lr=1&T=77"],
    "warm_up": ["", "w=0", "w=7&lr=1"],
}


def code(page):
    return page.locator("pre code").text_content()


def table(page, label):
    rows = page.locator(f"[aria-label={label}] tbody tr").all()
    return [row.locator("th, td").all_text_contents() for row in rows]


def rate_at(page, step):
    """The rate that is shown at a step of the first schedule, moved to with the slider."""
    page.get_by_role("slider", name="step", exact=True).fill(str(step))
    words = page.locator(".cb-sum").text_content()
    assert words.startswith(f"At step {step}: ")
    return number(re.search(r"[\d.e−-]+(?=[;.]( |$)|\.$)", words)[0])


def run(text):
    """What the copied code defines."""
    names = {"keras": keras}
    exec(text, names)
    return names


def value_of(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def drawn(page):
    """The first curve, read back from the chart's points: fractions of the axes."""
    points = page.locator(".cb-rates polyline").first.get_attribute("points").split()
    return np.array([[float(n) for n in point.split(",")] for point in points])


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_copied_code_gives_the_rates(page, kind):
    for settings in SETTINGS[kind]:
        follow(page, f"#schedules?s={kind}&v=none&{settings}")
        assert problem(page) == ""
        optimizer = run(code(page))["optimizer"]
        schedule = optimizer._learning_rate
        steps = int(page.get_by_role("spinbutton", name="steps", exact=True).input_value())
        if kind == "cosine":  # Keras takes one step at a time
            rates = np.array([value_of(schedule(step)) for step in range(steps)])
        else:
            rates = keras.ops.convert_to_numpy(schedule(np.arange(steps, dtype="float32")))
        for step in {0, 1, 2, 6, 7, 16, 17, 76, 89, 99, 100, 150, 160, 199, 200, 299, 300, 399}:
            if step < steps:
                np.testing.assert_allclose(rate_at(page, step), rates[step], 6e-5, atol=2e-8)
        name, *numbers = table(page, "Rates")[0]
        expected = [rates[0], rates.max(), rates[-1], rates.mean()]
        np.testing.assert_allclose([number(n) for n in numbers], expected, rtol=5e-5, atol=2e-8)
        heights = 210 - 202 * rates / (rates.max() * 1.05)
        np.testing.assert_allclose(drawn(page)[:, 1], heights, atol=0.1)
        assert table(page, "Rates") == [[name, *numbers]]


def test_the_chapters_schedules_are_the_first_ones(page):
    """Chapter 07 writes them as functions of the step."""
    expected = {
        "power": lambda step: 0.3 / (1 + step / 100),
        "exponential": lambda step: 0.3 * 0.1 ** (step / 200),
        "piecewise": lambda step: 0.3 if step < 200 else 0.03 if step < 300 else 0.003,
        "one_cycle": lambda step: np.interp(step, [0, 160, 360, 400], [0.03, 0.3, 0.03, 0.003]),
        "warm_up": lambda step: 0.3 * min(1, (step + 1) / 100),
    }
    for kind, function in expected.items():
        follow(page, f"#schedules?s={kind}&v=none")
        for step in (0, 99, 100, 199, 200, 299, 300, 399):
            np.testing.assert_allclose(rate_at(page, step), function(step), rtol=6e-5)


@pytest.mark.parametrize("settings", ["", "p=1", "p=5&g=0.1&ripple=0.3&seed=7", "e=50&p=1", "p=20"])
def test_performance_lowers_the_rate_as_keras_does(page, settings):
    follow(page, f"#schedules?s=performance&v=none&{settings}")
    made = run(code(page))
    plateau, optimizer = made["plateau"], made["optimizer"]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    plateau.set_model(model)
    plateau.on_train_begin()
    epochs = table(page, "Epochs")
    assert len(epochs) == (8 if "e=50" in settings else 40)
    for index, (epoch, rate, loss, best, waited) in enumerate(epochs):
        assert epoch == str(index + 1)
        theirs = value_of(optimizer.learning_rate)
        np.testing.assert_allclose(number(rate), theirs, rtol=6e-5)
        plateau.on_epoch_end(index, {"val_loss": float(loss)})
        assert plateau.best == float(best)
        lowered = value_of(optimizer.learning_rate) < theirs
        assert int(waited) == (plateau.patience if lowered else plateau.wait)
    length = 400 // len(epochs)
    for index in (0, 3, len(epochs) - 1):
        for step in (index * length, index * length + length - 1):
            np.testing.assert_allclose(rate_at(page, step), number(epochs[index][1]), rtol=1e-9)


def test_the_hints_answer(page):
    def mean(kind):
        follow(page, f"#schedules?s={kind}&v=none")
        return number(table(page, "Rates")[0][-1])

    means = {kind: mean(kind) for kind in ("power", "exponential", "piecewise", "one_cycle")}
    assert max(means, key=means.get) == "piecewise"

    def best(patience):
        follow(page, f"#schedules?s=performance&v=none&p={patience}")
        return float(
            re.search(r"Best val_loss: ([\d.]+),", page.locator(".cb-body").inner_text())[1]
        )

    assert best(5) < best(1)
    assert best(5) < best(20)
    for settings, words in (("p=5", r"with \d+ rates\."), ("p=20&T=50", r"with 1 rate\.")):
        follow(page, f"#schedules?s=performance&v=none&{settings}")
        assert re.search(words, page.locator(".cb-body").inner_text())


def test_two_are_compared(page):
    follow(page, "#schedules?s=power&v=one_cycle&n=160")
    assert [row[0] for row in table(page, "Rates")] == ["power", "1cycle"]
    assert page.locator(".cb-sum").text_content() == "At step 160: power 0.11538; 1cycle 0.3."
    assert page.locator(".cb-rates .cb-legend span").all_inner_texts() == ["power", "1cycle"]
    assert page.locator(".cb-rates polyline").count() == 3
    assert "exponential: decay_rate" not in page.locator(".cb-controls").inner_text()
    follow(page, "#schedules?s=power&v=power")
    assert len(table(page, "Rates")) == 1


def test_logarithmic_axis(page):
    follow(page, "#schedules?s=exponential&v=none&log=1")
    points = drawn(page)
    np.testing.assert_allclose(np.diff(points[:, 1], 2), 0, atol=0.21)  # a straight line
    ticks = page.locator(".cb-rates text").all_text_contents()
    assert {"0.001", "0.01", "0.1", "1"} <= set(ticks)
    for link in ("s=cosine&v=warm_up&log=1", "s=exponential&er=0.01&ed=1&log=1&v=none"):
        follow(page, f"#schedules?{link}")
        assert problem(page) == ""
        assert "NaN" not in page.content().split("<script>")[0]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("s=piecewise&a=300&b=200", ["second drop, at step 200", "after the first, at 300"]),
        ("s=one_cycle&up=300&down=200", ["300 steps up", "more steps than 400"]),
        ("s=cosine&w=400", ["warm-up of 400", "more steps than 400"]),
        ("lr=0", ["learning_rate cannot be 0", "from 0.001 to 1"]),
        ("p=0.5", ["patience cannot be 0.5", "whole number"]),
        ("T=many", ["steps is empty or no number"]),
        ("s=best", ["schedule cannot be “best”", "power, exponential"]),
        ("n=abc", ["In the link, n", "whole number from 0"]),
    ],
    ids=str,
)
def test_illegal_settings_are_explained(page, link, words):
    follow(page, f"#schedules?{link}")
    for word in words:
        assert word in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""
    assert page.locator(".cb-sum").is_visible()


def test_controls_and_links(open_page):
    page = open_page(schedules())
    page.get_by_role("combobox", name="schedule", exact=True).select_option("piecewise constant")
    page.get_by_role("spinbutton", name="first drop at step").fill("50")
    page.get_by_role("slider", name="step", exact=True).focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator(".cb-sum").text_content().startswith("At step 3: piecewise constant 0.3;")
    assert "boundaries=[49, 299]" in code(page)
    page.get_by_role("button", name="Copy code").click()
    assert page.evaluate("window.copied") == code(page)
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("window.copied").split("#")[1]
    assert link == "schedules?s=piecewise&a=50&n=3"
    shown = page.locator(".cb-rates").inner_html(), page.locator("pre").inner_text()
    again = open_page(schedules(), link=f"#{link}")
    assert (again.locator(".cb-rates").inner_html(), again.locator("pre").inner_text()) == shown
    again.get_by_role("button", name="Reset").click()
    assert (
        again.locator(".cb-sum").text_content() == "At step 100: power 0.15; exponential 0.094868."
    )
    again.get_by_role("spinbutton", name="steps", exact=True).fill("50")
    assert again.locator(".cb-sum").text_content().startswith("At step 49: ")


def test_arguments_are_checked():
    for arguments in ({"schedule": "none"}, {"steps": 9}, {"learning_rate": 2}, {"compare": "x"}):
        with pytest.raises(ValueError, match="must be"):
            schedules(**arguments)
    assert schedules(steps=10).state["b"] == 7
