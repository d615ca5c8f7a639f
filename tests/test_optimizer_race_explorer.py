"""The optimizer race, in a real browser: each step is that of Keras' own optimizer."""

import math
import re

import keras
import numpy as np
import pytest
from explorers import follow, normal, number, problem, uniform

from convbook.widgets import optimizer_race

SHARED = optimizer_race
NAMES = ["SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam", "AdaMax", "Nadam"]
MINIMA = {
    "bowl": [(0, 0)],
    "rosenbrock": [(1, 1)],
    "saddle": [(0, 10**0.5), (0, -(10**0.5))],
    "himmelblau": [
        (3, 2),
        (-2.805118, 3.131313),
        (-3.779310, -3.283186),
        (3.584428, -1.848127),
    ],
    "cliff": [(-1, 0)],
}
STARTS = {"rosenbrock": (-1.5, 2), "saddle": (-4, 0), "himmelblau": (-0.5, -1), "cliff": (4, 2)}


def loss(surface, w, turn=0):
    x, y = w
    if surface == "bowl":
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        return ((c * x + s * y) ** 2 + 100 * (-s * x + c * y) ** 2) / 2
    return {
        "rosenbrock": (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        "saddle": x**2 / 2 + (y**2 - 10) ** 2 / 40,
        "himmelblau": (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        "cliff": ((x + 1) ** 2 + y**2) / 20 + 3 / (1 + math.exp(min(700, -12 * (x - 1)))),
    }[surface]


def gradient(surface, w, turn):
    """By small changes, to about ten digits."""
    found, small = [], 1e-3
    for direction in np.eye(2):
        by = small * direction
        near, far = (
            (loss(surface, w + k * by, turn) - loss(surface, w - k * by, turn)) / (2 * k * small)
            for k in (1, 2)
        )
        half = (loss(surface, w + by / 2, turn) - loss(surface, w - by / 2, turn)) / small
        found.append((64 * half - 20 * near + far) / 45)
    return np.array(found)


def keras_path(call, surface, turn, start, steps, noise=0, seed=0):
    """The places of Keras' optimizer, from the copied call."""
    optimizer = eval(call, vars(keras.optimizers))
    variable = keras.Variable(np.array(start), dtype="float64")
    path, ripple = [np.array(start)], normal(uniform(seed))
    for _ in range(steps):
        g = gradient(surface, path[-1], turn) + noise * np.array([next(ripple), next(ripple)])
        optimizer.apply([keras.ops.convert_to_tensor(g, "float64")], [variable])
        path.append(keras.ops.convert_to_numpy(variable).copy())
    return np.array(path)


def rows(page):
    """The table's texts, by the optimizer's name."""
    found = page.locator(".cb-table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map("
        "(cell, i) => i === 1 ? cell.firstChild.value : cell.textContent))"
    )
    return {row[0][1:]: row[1:] for row in found}


def go_to(page, step):
    page.get_by_role("slider", name="Step of the race").fill(str(step))


def place(row):
    return [number(part) for part in row[3].removesuffix(", off the map").split(", ")]


def shown_paths(page, steps):
    """The places of all optimizers at the steps, as the table holds them, with all digits."""
    found = page.evaluate(
        """(steps) => steps.map((step) => {
            const timeline = document.querySelector(".cb-timeline input");
            timeline.value = step;
            timeline.oninput();
            return [...document.querySelectorAll(".cb-table tbody tr")]
                .map((row) => row.cells[4].firstChild.value);
        })""",
        list(steps),
    )
    return [[[float(w) for w in text.split(",")] for text in texts] for texts in found]


def calls(page):
    return page.locator("pre code").text_content().split("\n")


# ---- The numbers ----


@pytest.mark.parametrize(
    ("surface", "settings"),
    [
        ("bowl", {}),
        (
            "bowl",
            {
                **{"turn": 45, "mo": 0.8, "rho": 0.99, "b1": 0.5, "b2": 0.9},
                "rates": "0.0158,0.005,0.005,1,0.03,0.1,0.1,0.1",
            },
        ),
        ("bowl", {"turn": 30, "noise": 5, "seed": 7}),
        ("rosenbrock", {"rates": "0.001,0.0005,0.0005,0.3,0.01,0.05,0.05,0.05"}),
        ("saddle", {"at": "saddle,-4,0.01", "rates": "0.1,0.01,0.01,0.5,0.05,0.1,0.1,0.1"}),
        ("himmelblau", {"rates": "0.005,0.001,0.001,0.3,0.01,0.05,0.05,0.05"}),
        ("cliff", {"rates": "0.5,0.1,0.1,0.3,0.05,0.1,0.1,0.1"}),
    ],
    ids=str,
)
def test_each_step_is_that_of_keras(page, surface, settings):
    query = "&".join(f"{key}={value}" for key, value in settings.items())
    follow(page, f"#race?s={surface}&{query}")
    assert problem(page) == ""
    steps = range(51)
    shown = shown_paths(page, steps)
    turn, noise, seed = (settings.get(name, 0) for name in ("turn", "noise", "seed"))
    start = STARTS.get(surface)
    if surface == "bowl":
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        start = -4 * c - s, -4 * s + c
    if "at" in settings:
        start = [float(w) for w in settings["at"].split(",")[1:]]
    assert list(rows(page)) == NAMES
    for i, call in enumerate(calls(page)):
        mine = np.array([places[i] for places in shown])
        theirs = keras_path(call, surface, turn, start, 50, noise, seed)
        size = abs(theirs).max()
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5 * size, err_msg=call)
        row = rows(page)[NAMES[i]]
        expected = loss(surface, theirs[-1], turn)
        np.testing.assert_allclose(number(row[1]), expected, rtol=2e-2, atol=1e-6)
        np.testing.assert_allclose(place(row), mine[-1], atol=0.00051)
        nearest = min(math.dist(theirs[-1], m) for m in MINIMA[surface])
        np.testing.assert_allclose(number(row[2]), nearest, rtol=2e-3, atol=1e-4)


def test_calls_and_defaults_are_keras(page):
    follow(page, "#race?mo=0.5&rho=0.8&b1=0.7&b2=0.99")
    page.get_by_role("button", name="Keras' default rates").click()
    made = [eval(call, vars(keras.optimizers)).get_config() for call in calls(page)]
    classes = ["SGD"] * 3 + ["Adagrad", "RMSprop", "Adam", "Adamax", "Nadam"]
    for config, name in zip(made, classes, strict=True):
        default = getattr(keras.optimizers, name)().get_config()
        assert math.isclose(config["learning_rate"], default["learning_rate"], rel_tol=1e-6)
    assert [config.get("momentum") for config in made[:3]] == [0, 0.5, 0.5]
    assert [config["nesterov"] for config in made[:3]] == [False, False, True]
    assert made[4]["rho"] == 0.8
    assert all((config["beta_1"], config["beta_2"]) == (0.7, 0.99) for config in made[5:])


def test_chapters_best_rates_are_found_again(page):
    follow(page, "#race")
    first = {name: row[0] for name, row in rows(page).items()}
    page.get_by_role("button", name="Keras' default rates").click()
    assert rows(page)["Adam"][0] == "0.001"
    page.get_by_role("button", name="Best of 41 rates for each").click()
    assert {name: row[0] for name, row in rows(page).items()} == first
    straight = {name: row[4] for name, row in rows(page).items()}
    assert straight["AdaGrad"] == "from step 5"
    follow(page, "#race?turn=45")
    page.get_by_role("button", name="Best of 41 rates for each").click()
    turned = {name: row[4] for name, row in rows(page).items()}
    assert turned["AdaGrad"] == "never"
    for name in ("momentum", "Nesterov"):
        assert turned[name] == straight[name] != "never"
    assert rows(page)["SGD"][0] == first["SGD"]


def test_settled_says_from_where_the_loss_stays_small(page):
    follow(page, "#race?steps=100")
    row, losses = rows(page)["momentum"], []
    for step in range(101):
        go_to(page, step)
        losses.append(number(rows(page)["momentum"][1]))
    last = max(step for step, value in enumerate(losses) if value >= 1e-4 * losses[0])
    assert row[4] == f"from step {last + 1}"


# ---- What is said and drawn ----


def test_divergence_is_said(page):
    follow(page, "#race?rates=0.05,0.01,-0.01,5,0.01,0.01,0.01,0.01")
    sgd = rows(page)["SGD"]
    assert sgd[1].startswith("diverged at step ")
    assert sgd[2:] == ["", "", ""]
    assert rows(page)["Nesterov"][1:] == ["", "", "", ""]
    words = page.locator(".cb-sum").text_content()
    assert words.startswith("After step 200 of 200: AdaGrad has the lowest loss, ")
    assert words.endswith(" Diverged: SGD.")
    step = int(sgd[1].split()[-1])
    go_to(page, step - 1)
    before = rows(page)["SGD"]
    assert before[3].endswith("off the map")
    assert "Diverged" not in page.locator(".cb-sum").text_content()
    assert all("NaN" not in text for row in rows(page).values() for text in row)


def test_saddle_holds_who_starts_on_its_ridge(page):
    """Chapter 07: none of the eight leaves; with a little noise all do. Keys keep to the ridge."""

    def heights():
        return [y for _, y in shown_paths(page, [200])[0]]

    follow(page, "#race")
    page.get_by_role("combobox", name="surface").select_option("a saddle between two minima")
    assert page.locator(".cb-start").get_attribute("aria-label").startswith("Start: −4, 0.")
    assert heights() == [0] * 8
    page.locator(".cb-start").focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".cb-start").get_attribute("aria-label").startswith("Start: −3.9, 0.")
    page.get_by_role("button", name="Best of 41 rates").click()
    assert heights() == [0] * 8
    page.get_by_role("spinbutton", name="noise in the gradients").fill("0.1")
    page.get_by_role("button", name="Best of 41 rates").click()
    assert all(abs(abs(y) - 10**0.5) < 0.1 for y in heights())
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("combobox", name="surface").select_option("a saddle between two minima")
    page.get_by_role("spinbutton", name="noise in the gradients").fill("0.1")
    assert all(abs(y) > 0.2 for y in heights())  # with the bowl's rates SGD is on its way


def test_table_is_short(page):
    follow(page, "#race?turn=30")
    for row in rows(page).values():
        for text in row[1:3]:
            assert len(re.sub(r"e.*|[^0-9]", "", text).lstrip("0")) <= 4
        assert all(len(part.partition(".")[2]) <= 3 for part in row[3].split(", "))


def pixels(page):
    return page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return Array.from(data.data).reduce((sum, v, i) => (sum * 31 + v * (i % 97)) % 1e9, 7);
        }"""
    )


def test_map_shows_the_paths_and_the_theme(page):
    follow(page, "#race")
    whole = pixels(page)
    go_to(page, 3)
    part = pixels(page)
    assert part != whole
    go_to(page, 200)
    assert pixels(page) == whole
    page.get_by_role("checkbox", name="AdaGrad").uncheck()
    assert pixels(page) != whole
    page.get_by_role("checkbox", name="AdaGrad").check()
    assert pixels(page) == whole
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)
    assert pixels(page) != whole
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_timeout(50)
    assert pixels(page) == whole
    follow(page, "#race?s=cliff")
    assert "a plateau with a cliff" in page.locator("canvas").get_attribute("aria-label")


# ---- Controls ----


def test_start_is_moved_by_keys_click_and_drag(open_page):
    page = open_page(optimizer_race())
    start = page.locator(".cb-start")
    assert start.get_attribute("aria-label") == "Start: −4, 1. The arrow keys move it."
    start.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert start.get_attribute("aria-label").startswith("Start: −3.9, 0.9.")
    page.keyboard.press("Enter")
    assert start.get_attribute("aria-label").startswith("Start: −3.9, 0.9.")
    go_to(page, 0)
    assert all(place(row) == [-3.9, 0.9] for row in rows(page).values())
    box = page.locator("canvas").bounding_box()
    page.locator("canvas").click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.25})
    x, y = place(rows(page)["SGD"])
    assert abs(x - 2.5) < 0.05
    assert abs(y - 2.5) < 0.05
    assert (round(x, 2), round(y, 2)) == (x, y)
    start.hover()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9, steps=3)
    page.mouse.up()
    x, y = place(rows(page)["SGD"])
    assert abs(x) < 0.05
    assert abs(y + 4) < 0.05
    page.mouse.move(box["x"], box["y"])
    assert place(rows(page)["SGD"]) == [x, y]
    start.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    assert place(rows(page)["SGD"])[0] == 5  # it stays on the map
    page.get_by_role("combobox", name="surface").select_option("a saddle between two minima")
    assert place(rows(page)["SGD"]) == [-4, 0]
    page.get_by_role("button", name="Reset").click()
    assert start.get_attribute("aria-label").startswith("Start: −4, 1.")


def test_rates_switches_and_links(open_page):
    page = open_page(optimizer_race())
    rate = page.get_by_role("textbox", name="Adam: learning_rate", exact=True)
    rate.fill("0.5")
    for wrong in ("", "abc", "0", "-1", "1e9"):
        rate.fill(wrong)
        assert rate.input_value() == wrong
        assert rate.get_attribute("aria-invalid") == "true"
        assert "Adam(0.5, beta_1=0.9, beta_2=0.999)" in calls(page)
        said = page.locator(".cb-wrong").inner_text()
        assert "Adam: give learning_rate a number above 0" in said
        assert said.endswith("it keeps 0.5.")
        assert page.locator("canvas").is_visible()
    rate.blur()
    assert rate.input_value() == "0.5"
    assert rate.get_attribute("aria-invalid") == "false"
    assert page.locator(".cb-wrong").inner_text() == ""
    page.get_by_role("checkbox", name="SGD").uncheck()
    page.get_by_role("checkbox", name="momentum").focus()
    page.keyboard.press("Space")
    assert len(calls(page)) == 6
    assert page.locator(".cb-legend span").all_inner_texts() == [
        f"{mark} {name}" for mark, name in zip("▲◆▼✚★⬟", NAMES[2:], strict=True)
    ]
    assert page.locator("text.cb-mark", has_text="✚").count() == 5
    assert page.locator("text.cb-mark", has_text="●").count() == 0
    assert page.locator(".cb-legend .cb-series-2").count() == 1  # colours stay with the names
    page.get_by_role("spinbutton", name="steps").fill("50")
    page.locator("canvas").click(position={"x": 50, "y": 60})
    go_to(page, 20)
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("window.copied").split("#")[1]
    shown, way = rows(page), pixels(page)
    again = open_page(optimizer_race(), link=f"#{link}")
    assert rows(again) == shown
    assert pixels(again) == way
    assert again.get_by_role("slider", name="Step of the race").input_value() == "20"


def test_all_off(page):
    follow(page, "#race")
    for box in page.locator(".cb-table input[type=checkbox]").all():
        box.uncheck()
    assert page.locator(".cb-sum").text_content() == "All are off. Switch one on in the table."
    page.get_by_role("checkbox", name="AdaGrad").check()
    assert "AdaGrad has the lowest loss" in page.locator(".cb-sum").text_content()


def test_playing(open_page):
    page = open_page(optimizer_race(), clock=True)
    timeline = page.get_by_role("slider", name="Step of the race")
    page.clock.run_for(3000)
    assert timeline.input_value() == "200"  # nothing moves by itself
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(520)
    page.get_by_role("button", name="Pause").click()
    step = timeline.input_value()
    assert 10 <= int(step) < 200  # 20 steps a second
    page.clock.run_for(3000)
    assert timeline.input_value() == step
    assert page.locator(".cb-sum").text_content().startswith(f"After step {step} of 200: ")
    assert page.locator("[role=status]").text_content() == page.locator(".cb-sum").text_content()
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Reset").click()
    page.clock.run_for(3000)
    assert timeline.input_value() == "200"
    page.get_by_role("button", name="Step back").click()
    assert timeline.input_value() == "199"


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("rates=1,2", ["In the link, rates", "8 numbers"]),
        ("rates=1,2,3,4,5,6,7,x", ["8 numbers"]),
        ("at=bowl,9,9", ["start 9, 9 is off the map"]),
        ("at=bowl,9", ["In the link, at", "2 numbers"]),
        ("n=x", ["In the link, n", "1 numbers"]),
        ("turn=100", ["turned by (degrees) cannot be 100", "from 0 to 90"]),
        ("s=moon", ["surface cannot be “moon”"]),
        ("b2=1", ["beta_2 cannot be 1"]),
    ],
    ids=str,
)
def test_illegal_settings_are_explained(page, link, words):
    follow(page, f"#race?{link}")
    for word in words:
        assert word in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""
    assert page.locator("canvas").is_visible()


def test_arguments_are_checked():
    for arguments in ({"surface": "moon"}, {"steps": 9}, {"turn": 91}, {"noise": -1}):
        with pytest.raises(ValueError, match="must be"):
            optimizer_race(**arguments)
