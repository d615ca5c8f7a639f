"""The ladder of chapter 10: its rungs, its images on the device, its clock, its file."""

import dataclasses
import json
import sys
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

from bench import capstone
from bench.capstone import RUNGS, Looks, Rung, Settings, Size, network, plan, rung
from convbook import data

TINY = Size(images=256, test=100, epochs=2, width=0.125, batch_size=128)
SMALL = Size(images=500, epochs=4, batch_size=128)
TOP = list(RUNGS)[-1]


@pytest.fixture(scope="module")
def images():
    """The stand-in, under a name that the command takes for real."""
    made = data.load("cifar10", train=TINY.images, test=TINY.test)
    return dataclasses.replace(made, source="real data, for a test")


@pytest.fixture
def policy(keras):
    yield
    keras.config.set_dtype_policy("float32")


def test_each_rung_changes_one_thing():
    settings = [asdict(rung(name)) for name in RUNGS]
    assert rung("chapter 03") == Settings()
    for below, above in pairwise(settings):
        assert sum(below[key] != above[key] for key in below) == 1
    with pytest.raises(ValueError, match="no rung named 'x'; there are: chapter 03"):
        rung("x")


@pytest.mark.parametrize("name", RUNGS)
def test_the_networks_turn_images_into_ten_scores(keras, name):
    net = network(rung(name))
    assert net.output_shape == (None, 10)
    assert np.isfinite(keras.ops.convert_to_numpy(net(np.zeros((2, 32, 32, 3), "float32")))).all()


def test_what_the_networks_cost():
    assert network(Settings()).count_params() == 564_426
    top, below = network(rung(TOP)), network(rung("label smoothing"))
    channels = [24, 64, 64, 256, 256, 256, 256]
    kernels = sum(9 * a * b for a, b in pairwise(channels))
    norms = 3 * sum(channels[1:])  # β and two moving averages
    assert top.count_params() == (12 + 1) * 24 + kernels + norms + 256 * 10 == 1_973_944
    assert below.count_params() == 12 * 24 + 3 * 24 + kernels + norms + 256 * 10
    maps = [layer.output.shape[1:] for layer in top.layers if layer.name.startswith("conv2d")]
    assert maps == [
        *[(31, 31, 64), (15, 15, 64), (15, 15, 256), (7, 7, 256), (7, 7, 256), (3, 3, 256)]
    ]


def test_a_look_is_a_slice_of_the_framed_image(keras):
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 256, (5, 32, 32, 3)) / 255).astype("float32")
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    table = np.column_stack([rng.integers(0, high, 40) for high in (5, 2, 5, 5)]).astype("int32")
    seen = keras.ops.convert_to_numpy(Looks(images)(table))
    for image, (number, flip, row, column) in zip(seen, table, strict=True):
        expected = framed[number, row : row + 32, column : column + 32]
        np.testing.assert_allclose(image, expected[:, ::-1] if flip else expected, atol=1e-6)


@pytest.mark.parametrize("name", ["label smoothing", "random flips", "alternating flips", TOP])
def test_the_plan_keeps_its_budget(name):
    settings = rung(name)
    table = plan(settings, SMALL, seed=1)
    passes = table.reshape(4, 3 * 128, 4)
    assert table.dtype == "int32"
    assert len(table) == SMALL.steps(settings) * 128
    assert all(len(np.unique(part[:, 0])) == 3 * 128 for part in passes)
    assert (passes[0] != passes[1]).any()
    assert np.array_equal(table, plan(settings, SMALL, seed=1))
    assert (table != plan(settings, SMALL, seed=2)).any()
    assert set(np.unique(table[:, 2:])) == (set(range(5)) if settings.shift else {2})
    assert set(np.unique(table[:, 1])) == ({0} if settings.flip == "never" else {0, 1})


def test_alternating_flips_show_both_sides_in_any_two_passes():
    flips = np.full((4, 500), -1)
    table = plan(rung("alternating flips"), SMALL, seed=0).reshape(4, -1, 4)
    for row, part in zip(flips, table, strict=True):
        row[part[:, 0]] = part[:, 1]
    for one, two in pairwise(flips):
        both = (one >= 0) & (two >= 0)
        assert (one != two)[both].all()
    assert 0.4 < flips[0][flips[0] >= 0].mean() < 0.6


def test_the_whitening_layer_whitens(keras, images):
    kernel, bias = capstone.whitening_filters(images.x_train)
    layer = keras.layers.Conv2D(24, 2)
    layer.build((None, 32, 32, 3))
    layer.set_weights([kernel, bias])
    answers = keras.ops.convert_to_numpy(layer(images.x_train)).reshape(-1, 24).astype("float64")
    covariance = np.cov(answers[:, :12].T)
    np.testing.assert_allclose(answers.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
    assert covariance.max() < 1.001
    assert (np.diag(covariance)[-6:] > 0.9).all()
    np.testing.assert_allclose(answers[:, 12:], -answers[:, :12], atol=1e-4)
    assert not network(rung("whitening")).get_layer("whitening").trainable


def test_the_schedule_peaks_at_a_quarter_and_ends_at_nothing():
    rates = np.array([float(capstone.OneCycle(2.0, 400)(step)) for step in range(401)])
    assert rates.argmax() == 100
    np.testing.assert_allclose([rates[0], rates[100], rates[400]], [0.4, 2.0, 0.0], atol=1e-5)
    assert abs(rates.mean() - 2 * 0.525) < 0.01


def test_muon_makes_the_updates_of_convolutions_orthogonal(keras):
    rng = np.random.default_rng(0)
    kernel = keras.Variable(np.zeros((3, 3, 8, 16), "float32"))
    dense = keras.Variable(np.zeros((5, 4), "float32"))
    optimizer = capstone.Muon(0.1, weight_decay=None, adam_weight_decay=None)
    gradients = [rng.normal(size=v.shape).astype("float32") for v in (kernel, dense)]
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], [kernel, dense])
    update = -keras.ops.convert_to_numpy(kernel).reshape(72, 16)
    values = np.linalg.svd(update, compute_uv=False)
    assert values.max() < 2 * values.min()
    assert (update * gradients[0].reshape(72, 16)).sum() > 0  # downhill
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(dense), -0.1 * np.sign(gradients[1]), 1e-3
    )


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("name", ["chapter 03", TOP])
def test_a_training_starts_afresh_and_keeps_its_budget(images, name):
    case = Rung(rung(name), TINY, images)
    one, other, again = (case.train(seed) for seed in (0, 1, 0))
    assert one["images_seen"] == one["steps"] * TINY.batch(rung(name)) == 2 * 256
    assert one["loss"] == pytest.approx(again["loss"], abs=2e-3)
    assert one["loss"] != pytest.approx(other["loss"], abs=1e-6)
    assert min(one["seconds"], one["test_seconds"], one["warm_up_seconds"]) > 0
    assert case.scores().shape == (100, 10)


@pytest.mark.usefixtures("policy")
def test_a_second_run_goes_on_and_leaves_other_rows_alone(images, tmp_path, monkeypatch, capsys):
    out = tmp_path / "capstone.json"
    sizes = {"images": 256, "test": 100, "epochs": 1, "width": 0.125, "batch-size": 128}
    options = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    monkeypatch.setattr(data, "load", lambda *_, **__: images)

    def run(seeds):
        more = ["--rungs", "deeper", "--out", str(out), "--seeds"]
        monkeypatch.setattr(sys, "argv", ["x", *options, *more, str(seeds)])
        capstone.main()
        return json.loads(out.read_text())["rows"]

    [first] = run(1)
    other = first | {"device": "another GPU"}
    stale = first | {"settings": first["settings"] | {"activation": "tanh"}, "seed": 5}
    out.write_text(json.dumps({"rows": [first, other, stale]}))
    rows = run(2)
    assert first in rows
    assert other in rows
    assert stale not in rows
    assert len(rows) == 3
    monkeypatch.setattr(capstone, "Rung", None)  # nothing is left to train
    assert run(2) == rows
    assert "deeper" in capsys.readouterr().out


def test_what_is_held_out_is_printed_and_not_written(images, tmp_path, monkeypatch, capsys):
    out = tmp_path / "capstone.json"
    options = {"images": 300, "hold-out": 100, "epochs": 1, "batch-size": 128, "seeds": 1}
    words = [word for name, size in options.items() for word in (f"--{name}", str(size))]
    more = ["--width", "0.125", "--rungs", "larger batches", "--out", str(out)]
    monkeypatch.setattr(data, "load", lambda *_, **__: images)
    monkeypatch.setattr(sys, "argv", ["x", *words, *more])
    capstone.main()
    assert "larger batches" in capsys.readouterr().out
    assert not out.exists()


def test_a_stand_in_is_refused(images, monkeypatch):
    made = dataclasses.replace(images, source="stand-in made here")
    monkeypatch.setattr(data, "load", lambda *_, **__: made)
    monkeypatch.setattr(sys, "argv", ["x", "--images", "256", "--batch-size", "128"])
    with pytest.raises(SystemExit, match="no real CIFAR-10 here"):
        capstone.main()


def test_what_is_held_out_is_not_trained_on(images):
    found = capstone.held_out(images, 56)
    assert len(found.x_train) == 200
    assert np.array_equal(found.x_test, images.x_train[200:])
    assert np.array_equal(found.y_test, images.y_train[200:])


def test_the_stored_rows_are_of_this_ladder():
    for row in data.results("capstone")["rows"]:
        assert row["settings"] == asdict(rung(row["rung"]))
        size = Size(*(row[field.name] for field in dataclasses.fields(Size)))
        assert row["steps"] == size.steps(rung(row["rung"]))
        assert row["images_seen"] == row["steps"] * size.batch(rung(row["rung"]))
