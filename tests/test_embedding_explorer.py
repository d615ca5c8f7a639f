"""The embedding explorer: its lookups and its steps are Keras' own."""

import re

import numpy as np
import pytest
from explorers import cells, follow, number, problem

from convbook.widgets import embedding
from convbook.widgets.embedding import TABLE

SHARED = embedding
TARGET = [1, 0, 1, 0, 1]
RATE = 0.3
HISTORY = [[0, 1, 0], [3, 1, 3], [3, 3, 3], [2], [3, 1, 3], [3, 1, 3]]
LINK = "h=0.1.0-3.1.3-3.3.3-2-3.1.3x2"


def matrix(page, name):
    shown = cells(page, name)
    height, width = np.max(list(shown), axis=0) + 1
    return np.array([shown[cell] for cell in sorted(shown)]).reshape(height, width)


def paragraph(page, which):
    return page.locator(".cb-body .cb-sum").nth(which).text_content().replace("−", "-")


def explained(page):
    return paragraph(page, 0)


def told(page):
    return paragraph(page, 1)


def half_squares(target, output):
    import keras

    return keras.ops.sum(keras.ops.square(output - target)) / 2


def keras_tables(keras, optimizer, history, table=TABLE, target=TARGET):
    """The table before and after the last step, and the losses there, with its IDs."""
    table = np.array(table, "float32")
    model = keras.Sequential([keras.Input((), dtype="int32"), keras.layers.Embedding(*table.shape)])
    model.set_weights([table])
    model.compile(optimizer, half_squares, run_eagerly=True)
    for ids in history:
        before = model.get_weights()[0]
        model.train_on_batch(np.array(ids), np.tile(np.array(target, "float32"), (len(ids), 1)))
    after = model.get_weights()[0]
    losses = [((t[history[-1]] - target) ** 2).sum() / 2 for t in (before, after)]
    return before, after, losses


def test_lookup_product_and_counts(page, keras):
    follow(page, "#embedding?i=1.0.3.3")
    ids = [1, 0, 3, 3]
    layer = keras.layers.Embedding(input_dim=4, output_dim=5)
    layer.build()
    layer.set_weights([np.array(TABLE, "float32")])
    output = matrix(page, "output")
    np.testing.assert_allclose(output, np.array(layer(np.array(ids))), atol=1e-6)
    one_hot, table = matrix(page, "onehot"), matrix(page, "table")
    np.testing.assert_array_equal(one_hot, np.eye(4)[ids])
    np.testing.assert_array_equal(table, TABLE)
    np.testing.assert_allclose(one_hot @ table, output)
    note = page.locator(".cb-note").inner_text()
    zeros = 5 * np.count_nonzero(one_hot == 0)
    assert f"4·4·5 = {4 * 4 * 5} multiplications, {zeros} of them by 0" in note
    assert f"copies {output.size} numbers" in note
    code = page.locator("pre code").text_content()
    assert eval(code, vars(keras.layers)).get_config() | {"name": ""} == layer.get_config() | {
        "name": ""
    }


def test_product_and_gradient_are_written_out(page):
    follow(page, "#embedding?i=3.1.3")
    output, slope = matrix(page, "output"), matrix(page, "gradient")
    expected = np.zeros((4, 5))
    np.add.at(expected, [3, 1, 3], output - TARGET)
    np.testing.assert_allclose(slope, expected, atol=0.005)
    for place, row in [("output", 0), ("output", 1), ("onehot", 2), ("table", 3), ("gradient", 1)]:
        page.locator(f'[data-grid={place}] [data-cell="{row},2"]').hover()
        product, gradient = explained(page).split(". gradient")
        name, terms, result = product.split(" = ")
        position, column = map(int, re.findall(r"\d+", name))
        assert column == (0 if place == "onehot" else 2)
        assert eval(terms.replace("·", "*")) == float(result) == output[position, column]
        assert len(re.findall(r"\b0·", terms)) == 3
        where, terms, result = gradient.split(" = ")
        used, _ = map(int, re.findall(r"\d+", where))
        assert eval(terms.replace("·", "*")) == pytest.approx(float(result), abs=1e-9)
        assert float(result) == pytest.approx(expected[used, column], abs=1e-9)
    page.locator('[data-grid=table] [data-cell="2,4"]').hover()
    assert explained(page) == ("Row 2 is not looked up. gradient[2, 4] = 0·(0.81 - 1) = 0")
    page.locator('[data-grid=target] [data-cell="0,3"]').hover()
    assert explained(page).startswith("output[0, 3] = ")


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_steps_are_keras_steps(page, keras, name):
    optimizer = {
        "sgd": keras.optimizers.SGD(RATE),
        "momentum": keras.optimizers.SGD(RATE, momentum=0.9),
        "adam": keras.optimizers.Adam(RATE),
    }[name]
    before, after, losses = keras_tables(keras, optimizer, HISTORY)
    follow(page, f"#embedding?o={name}&r={RATE}&{LINK}&i=3.1.3")
    assert problem(page) == ""
    np.testing.assert_allclose(matrix(page, "table"), after, atol=0.00501)
    np.testing.assert_allclose(matrix(page, "moved"), after - before, atol=0.00501)
    for row in range(4):  # the sum has more digits than the cells
        page.locator(f'[data-grid=table] [data-cell="{row},1"]').hover()
        w = re.search(r"uses|·\(([-\d.]+) - ", explained(page))[1]
        assert float(w) == pytest.approx(after[row, 1], abs=0.0001)
    label = {"sgd": "SGD", "momentum": "SGD, momentum 0.9", "adam": "Adam"}[name]
    assert told(page).startswith(f"Step 6, all replayed with {label}, learning_rate {RATE}. ")
    shown = re.search(r"IDs 3, 1, 3: loss ([\d.]+) → ([\d.]+)\.", told(page)).groups()
    np.testing.assert_allclose([*map(float, shown)], losses, atol=0.0002)
    has_moved = (before != after).any(axis=1)
    moved, still = re.search(r"moved: ([\d, ]+); not by a bit: (.+?)\.", told(page)).groups()
    assert [*map(int, moved.split(", "))] == list(np.flatnonzero(has_moved))
    assert still == (", ".join(map(str, np.flatnonzero(~has_moved))) or "none")
    assert "Row 3 adds up 2 gradients." in told(page)
    remembered = set(re.findall(r"Row (\d) was not used", told(page)))
    assert remembered == (set() if name == "sgd" else {"0", "2"})
    assert ("squares one by one" in told(page)) == (name == "adam")


def test_adam_adds_up_squares_as_said(page, keras):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the sentence is on TensorFlow")
    for ids, further in [([3], 1), ([3, 3], 2**0.5), ([3, 3, 3, 3], 2)]:
        _, after, _ = keras_tables(keras, keras.optimizers.Adam(0.5), [ids])
        step = np.array(TABLE)[3] - after[3]
        np.testing.assert_allclose(abs(step), 0.5 * further, rtol=1e-3)
        text = ".".join(map(str, ids))
        follow(page, f"#embedding?o=adam&h={text}")
        np.testing.assert_allclose(matrix(page, "table"), after, atol=0.00501)


def test_rows_never_used_stay(page, keras):
    for name in ("sgd", "momentum", "adam"):
        follow(page, f"#embedding?o={name}&h=3.1.3x30")
        moved = matrix(page, "table") != np.array(TABLE)
        assert list(moved.any(axis=1)) == [False, True, False, True]
        assert "not by a bit: 0, 2" in told(page)


def test_a_row_used_twice_reaches_the_target_in_one_step(open_page):
    page = open_page(embedding())
    start = matrix(page, "table")
    page.get_by_role("button", name="Take a step").focus()
    page.keyboard.press("Enter")
    after = matrix(page, "table")
    np.testing.assert_array_equal(after[3], TARGET)
    np.testing.assert_allclose(after[1], (start[1] + TARGET) / 2, atol=0.00501)
    np.testing.assert_array_equal(after[[0, 2]], start[[0, 2]])
    page.get_by_role("button", name="10 steps").click()
    assert told(page).startswith("Step 11, all replayed with SGD, learning_rate 0.5. IDs 3, 1, 3")
    page.wait_for_function("location.hash === '#embedding?h=3.1.3x11'")
    page.get_by_label("IDs").fill("2")
    page.get_by_role("button", name="Take a step").click()
    assert "Rows moved: 2; not by a bit: 0, 1, 3." in told(page)
    page.wait_for_function("location.hash === '#embedding?i=2&h=3.1.3x11-2'")
    again = open_page(embedding(), link="#embedding?i=2&h=3.1.3x11-2")
    np.testing.assert_array_equal(matrix(again, "table"), matrix(page, "table"))
    assert told(again) == told(page)
    page.get_by_role("button", name="Undo the steps").click()
    np.testing.assert_array_equal(matrix(page, "table"), TABLE)
    assert told(page).startswith("The loss is half the squared distance")


def test_table_target_and_ids_are_edited_from_the_keyboard(open_page):
    page = open_page(embedding())
    page.get_by_role("button", name="Append ID 2").focus()
    page.keyboard.press("Enter")
    assert page.get_by_label("IDs").input_value() == "3, 1, 3, 2"
    page.keyboard.press("Enter")  # the button has kept the focus
    assert matrix(page, "onehot").shape == (5, 4)
    page.get_by_role("button", name="Take a step").click()
    moved = matrix(page, "table")
    page.locator("[data-grid=table] [tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("-7")
    page.keyboard.press("Tab")
    table = matrix(page, "table")
    assert table[1, 0] == -7
    assert np.count_nonzero(abs(table - moved) > 0.0101) == 1
    assert told(page).startswith("The loss is")
    page.locator("[data-grid=target] [tabindex='0']").focus()
    page.keyboard.type("-7")
    assert matrix(page, "gradient")[1, 0] == 0
    page.wait_for_function("location.hash.includes('t=-7_0_1_0_1')")
    again = open_page(embedding(), link=page.evaluate("location.hash"))
    for name in ("onehot", "table", "output", "target", "gradient"):
        np.testing.assert_array_equal(matrix(again, name), matrix(page, name))
    page.get_by_role("button", name="Reset").click()
    np.testing.assert_array_equal(matrix(page, "table"), TABLE)


def test_sizes_change_under_a_chosen_cell(open_page):
    page = open_page(embedding())
    page.locator('[data-grid=table] [data-cell="2,4"] input').click()
    page.get_by_label("IDs").fill("0, 0")
    assert explained(page).startswith("Row 2 is not looked up")
    for name, size in [("input_dim", "2"), ("output_dim", "3"), ("output_dim", "8")]:
        page.get_by_role("spinbutton", name=name).fill(size)
    page.get_by_role("spinbutton", name="input_dim").fill("8")
    table = matrix(page, "table")
    assert table.shape == (8, 8)
    np.testing.assert_array_equal(table[:4, :5], TABLE)
    new = np.concatenate([table[4:].ravel(), table[:4, 5:].ravel()])
    assert 0 <= new.min() < new.max() <= 1
    assert np.unique(new).size > 30  # of 44
    again = open_page(embedding(), link="#embedding?V=8&D=8")
    np.testing.assert_array_equal(matrix(again, "table"), table)
    assert page.get_by_role("button", name="Append ID").count() == 8
    page.get_by_role("spinbutton", name="output_dim").fill("1")
    page.get_by_role("spinbutton", name="input_dim").fill("1")
    page.get_by_role("button", name="10 steps").click()
    assert matrix(page, "table").shape == (1, 1)
    assert "NaN" not in page.locator("main").inner_html()


AWAY = "The table has run away: at this rate each step overshoots. Lower learning_rate or undo."


def test_steps_stop_before_the_table_runs_away(open_page):
    page = open_page(embedding())
    undo = page.get_by_role("button", name="Undo the steps")
    assert undo.get_attribute("aria-disabled") == "true"
    page.get_by_label("IDs").fill("3, 3, 3, 3, 3, 3, 3, 3")
    page.get_by_role("spinbutton", name="learning_rate").fill("2")
    page.get_by_role("button", name="10 steps").focus()
    page.keyboard.press("Enter")
    assert problem(page) == ""
    assert page.get_by_role("button", name="10 steps").evaluate("(n) => n.matches(':focus')")
    assert told(page).startswith("Step 2, ")  # off by 0.86, then 15 times that, then 225 times
    assert told(page).endswith(AWAY)
    table = matrix(page, "table")
    np.testing.assert_allclose(table[3], (np.array(TABLE)[3] - TARGET) * 225 + TARGET, rtol=1e-4)
    undo.focus()
    page.keyboard.press("Enter")
    np.testing.assert_array_equal(matrix(page, "table"), TABLE)
    assert AWAY not in told(page)
    assert undo.evaluate("(node) => node === document.activeElement")
    assert undo.get_attribute("aria-disabled") == "true"
    for link in ("r=2&h=3.3.3x100", "r=2&i=3&t=-999&w=999&h=3.3.3.3.3.3.3.3"):
        follow(page, f"#embedding?{link}")
        assert problem(page) == ""
        assert told(page).endswith(AWAY)
        assert abs(matrix(page, "table")).max() <= 1000
        assert undo.get_attribute("aria-disabled") == "false"
    follow(page, "#embedding?r=0&h=0x1e99")
    assert told(page).startswith("Step 1000, ")
    page.get_by_role("button", name="10 steps").click()
    assert told(page).startswith("Step 1000, ")


def test_huge_numbers_are_limited(open_page):
    page = open_page(embedding())
    for name in ("table", "target"):
        page.locator(f'[data-grid={name}] [data-cell="0,0"] input').focus()
        page.keyboard.type("1234567")
        assert problem(page) == ""
        page.keyboard.press("Tab")
        assert matrix(page, name)[0, 0] == 1000
    page.locator('[data-grid=table] [data-cell="0,0"] input').focus()
    page.keyboard.type("-1e99")
    page.keyboard.press("Tab")
    assert matrix(page, "table")[0, 0] == -1000
    follow(page, "#embedding?w=1e99_1")
    assert problem(page) == ""
    assert matrix(page, "table")[0, 0] == 1000


def test_small_changes_are_not_shown_as_0(page):
    follow(page, "#embedding?r=0.001&i=3.1.3&h=3.1.3")
    moved, after = matrix(page, "moved"), np.array(TABLE)
    expected = np.zeros_like(after)
    np.add.at(expected, [3, 1, 3], -0.001 * (after - TARGET)[[3, 1, 3]])
    assert (abs(expected) < 0.005).all()
    np.testing.assert_allclose(moved, expected, rtol=0.35)  # one digit
    assert (moved[[1, 3]] != 0).all()
    assert not moved[[0, 2]].any()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("i=4", "refuses it: “indices[0] = 4 is not in [0, 4)”"),
        ("i=0.7", "refuses it: “indices[1] = 7 is not in [0, 4)”"),
        ("i=-1", "ID −1 has no row: the table has 0 to 3. Keras on a CPU counts it from the end"),
        ("i=", "“” is no list of 1 to 8 whole numbers"),
        ("i=1.x", "is no list of 1 to 8 whole numbers"),
        ("i=0x1", "is no list of 1 to 8 whole numbers"),
        ("i=0.0.0.0.0.0.0.0.0", "9 IDs are too many: at most 8"),
        ("r=-1", "learning_rate cannot be −1"),
        ("w=1_a", "it needs numbers"),
        ("o=adagrad", "optimizer cannot be “adagrad”"),
    ],
)
def test_bad_links_are_explained(page, link, words):
    follow(page, f"#embedding?{link}")
    assert words in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert problem(page) == ""
    assert told(page).startswith("The loss is")


def test_keras_treats_odd_ids_as_said(keras):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the sentences are on TensorFlow")
    layer = keras.layers.Embedding(4, 5)
    layer.build()
    np.testing.assert_array_equal(layer(np.array([-1])), layer(np.array([3])))
    with pytest.raises(Exception, match=re.escape("indices[1] = 7 is not in [0, 4)")):
        layer(np.array([0, 7]))


def test_typed_ids_are_kept_and_explained(open_page):
    page = open_page(embedding())
    ids = page.get_by_label("IDs")
    ids.fill("3, oops")
    assert "“3, oops” is no list" in problem(page)
    assert ids.input_value() == "3, oops"
    ids.fill("3; 2")
    assert problem(page) == ""
    np.testing.assert_array_equal(matrix(page, "onehot"), np.eye(4)[[3, 2]])
    status = page.locator("[role=status]")
    for text in ("1.5", "0x1", "1e1", "3, 1.5", "+1", ""):
        ids.fill(text)
        assert "is no list of 1 to 8 whole numbers" in problem(page)
        assert ids.get_attribute("aria-invalid") == "true"
        assert status.text_content() == problem(page)
    ids.fill("0 1 2 3 0 1 2 3 0")
    assert problem(page) == "9 IDs are too many: at most 8."
    ids.fill("0 1 2 3 0 1 2")
    assert problem(page) == status.text_content() == ""
    assert ids.get_attribute("aria-invalid") == "false"
    append = page.get_by_role("button", name="Append ID 2")
    assert append.get_attribute("aria-disabled") == "false"
    append.focus()
    page.keyboard.press("Enter")
    assert append.get_attribute("aria-disabled") == "true"
    page.keyboard.press("Enter")
    assert problem(page) == ""
    assert ids.input_value() == "0, 1, 2, 3, 0, 1, 2, 2"
    ids.fill("9")
    assert ids.get_attribute("aria-invalid") == "true"
    assert "is not in [0, 4)" in problem(page)
    page.get_by_role("button", name="Reset").click()
    assert ids.input_value() == "3, 1, 3"


@pytest.mark.parametrize(
    "arguments",
    [
        {"ids": ()},
        {"ids": (4,)},
        {"ids": (0.5,)},
        {"table": ()},
        {"table": ((1, 2), (3,))},
        {"table": ((1, "a"),)},
        {"target": (1, 2)},
        {"learning_rate": 3},
        {"optimizer": "adagrad"},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must"):
        embedding(**arguments)


def test_given_numbers_are_shown(open_page):
    page = open_page(embedding(ids=np.array([1, 0]), table=[[1, -2], [0.5, 3]], target=(2, 2)))
    np.testing.assert_array_equal(matrix(page, "output"), [[0.5, 3], [1, -2]])
    assert number(page.locator('[data-grid=gradient] [data-cell="0,1"]').text_content()) == -4
