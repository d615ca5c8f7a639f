"""The measurements of ``bench/``: what they measure is what the course teaches."""

import nbformat
import pytest

from bench import grading
from bench.claims import NAMES, ROOT, digest, kinds_of_data, span, summary
from bench.networks import DATA, network
from convbook import data


def test_the_networks_are_those_of_the_slides():
    counts = {name: network(name).count_params() for name in DATA}
    assert counts["conv64-dense32"] == 1_845_354
    assert counts["conv64-pool-dense32"] == 462_954
    assert counts["two-blocks"] == 564_426
    assert counts["fashion"] == 1_413_834
    assert counts["softmax"] == 7_850
    for row in data.results("networks")["rows"]:
        assert row["parameters"] == counts[row["network"]]


@pytest.mark.parametrize("name", NAMES)
def test_claims_held_for_five_seeds_on_both_kinds_of_data(name):
    notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    claims = {line[2:] for line in printed.splitlines() if line.startswith("✓ ")}
    measured = data.results("claims")["notebooks"][f"book/{name}.py"]
    kinds = [kind for kind in measured if kind != "code"]
    assert kinds == kinds_of_data((ROOT / "book" / f"{name}.py").read_text(encoding="utf-8"))
    for kind in kinds:
        found = measured[kind]
        assert found["runs"] >= 5
        assert not found["errors"]
        assert set(found["held"]) == claims, f"run python -m bench.claims {name}"
        assert set(found["held"].values()) == {found["runs"]}


@pytest.mark.parametrize("name", NAMES)
def test_labs_are_solved_for_five_seeds_on_both_kinds_of_data(name):
    measured = data.results("claims")["notebooks"][f"solutions/{name}.py"]
    for kind in kinds_of_data((ROOT / "solutions" / f"{name}.py").read_text(encoding="utf-8")):
        assert measured[kind]["runs"] >= 5
        assert not measured[kind]["errors"]


def test_the_page_on_grading_shows_what_was_measured():
    text = grading.PAGE.read_text(encoding="utf-8")
    measured = grading.shown(data.results("grading"))
    assert f"{grading.MARKS[0]}\n{measured}\n{grading.MARKS[1]}" in text


def test_a_claim_that_fails_for_one_seed_is_counted():
    runs = [(["✓ a", "✗ a", "✓ b", "loss ≈ 0.50"], None), (["✓ a", "loss ≈ 1e-3"], "Boom: no")]
    found = summary(runs)
    assert found["held"] == {"a": 1, "b": 1}
    assert found["errors"] == ["Boom: no"]
    assert found["values"] == {"loss": "1e-3 to 0.50"}


def test_real_data_are_those_that_can_be_had():
    assert kinds_of_data("x = 1") == ["no data set"]
    assert kinds_of_data('data.load("cifar10", train=5)') == ["real", "stand-in"]
    assert kinds_of_data('data.load("faces"); data.load("whales")') == ["stand-in"]


def test_a_value_s_range_and_a_code_s_digest():
    assert span(["3", "−1.5", "2,000 steps"]) == "−1.5 to 2,000"
    assert span(["real data", "a stand-in"]) == "a stand-in | real data"
    assert digest("x = 1  # one") == digest("x = 1") != digest("x = 2")
