"""``make bench``: its table, its page, what it does when a peer is missing, and honest peers."""

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

from bench import __main__ as bench
from bench import _report, _stock, _table, _torch, build, suite, trainer
from convbook.environment import ROOT


def result(name):
    return json.loads((_report.RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def test_the_page_shows_what_is_stored():
    page = bench.PAGE.read_text(encoding="utf-8")
    assert bench.with_table(page) == page, "run python -m bench --table"


@pytest.mark.parametrize("name", bench.TABLE)
def test_every_result_says_how_it_came_about(name):
    sections = _table.sections([name])
    assert sections
    for section in sections:
        assert section.rows
        assert section.report["command"].startswith(("python -m bench.", "KERAS_BACKEND="))
        assert {"date", "device", "versions"} <= section.report.keys()
        for row in section.rows:
            low, high = (row.ratio.get(key, row.ratio["median"]) for key in ("min", "max"))
            assert 0 < low <= row.ratio["median"] <= high


def test_help_names_every_measurement(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in bench.KNOWN)
    assert set(bench.TABLE) <= set(bench.KNOWN)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """``bench.main`` with nothing measured: what it was told to run, and how each run ends."""
    ends, seen = {}, []

    def measure(name):
        seen.append(name)
        end = ends.get(name, "")
        if isinstance(end, str):
            return end
        raise end

    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench.MARKS[0]}\nold\n{bench.MARKS[1]}\nafter\n")
    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "PAGE", page)
    return seen, ends, page


def test_all_of_the_table_is_measured_and_put_on_the_page(runs, capsys):
    seen, _, page = runs
    assert bench.main([]) == 0
    assert seen == list(bench.TABLE)
    assert "nbgrader autograde" in capsys.readouterr().out
    text = page.read_text()
    assert "nbgrader autograde" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_what_has_no_peer_is_left_out_and_the_rest_goes_on(runs, capsys):
    seen, ends, page = runs
    ends["trainer"] = "no browser: install Chromium"
    stored = (_report.RESULTS / "trainer.json").read_bytes()
    assert bench.main(["trainer", "build"]) == 1
    assert seen == ["trainer", "build"]
    printed = capsys.readouterr()
    assert "Training in the browser" not in printed.out
    assert "Site: building" in printed.out
    assert "Left out, bench.trainer: no browser" in printed.err
    assert (_report.RESULTS / "trainer.json").read_bytes() == stored
    assert "Training in the browser" in page.read_text()  # the page shows what is stored


def test_an_interrupt_says_how_to_go_on(runs, capsys):
    seen, ends, page = runs
    ends |= {"training": "no network", "pages": KeyboardInterrupt()}
    assert bench.main([]) == 130
    assert seen[-1] == "pages"
    left = list(bench.TABLE)[list(bench.TABLE).index("pages") :]
    assert f"python -m bench training {' '.join(left)}\n" in capsys.readouterr().out
    assert "old" not in page.read_text()  # it shows what was measured before


def test_the_table_alone_measures_nothing(runs):
    seen, _, page = runs
    assert bench.main(["--table"]) == 0
    assert seen == []
    assert "old" not in page.read_text()


@pytest.mark.parametrize("arguments", [["speeed"], ["--table", "speed"]])
def test_what_cannot_be_meant_is_refused(arguments, runs):
    with pytest.raises(SystemExit) as end:
        bench.main(arguments)
    assert end.value.code == 2
    assert runs[0] == []


def test_a_measurement_that_breaks_says_why():
    assert "no_such_measurement" in bench.measure("no_such_measurement")


def test_an_interrupted_measurement_is_told_from_a_broken_one(tmp_path):
    code = "import runpy, sys\nfrom bench import _one\n"
    code += "def stop(*_, **__): raise KeyboardInterrupt\n"
    code += f"runpy.run_module = stop\nsys.argv = ['', 'speed', {str(tmp_path / 'reason')!r}]\n"
    done = subprocess.run([sys.executable, "-c", code + "_one.main()"], cwd=ROOT)
    assert done.returncode == bench.INTERRUPTED
    assert not (tmp_path / "reason").exists()


def test_a_ratio_shows_its_range_and_keeps_its_digits():
    assert _table.shown({"min": 0.5, "median": 1.0, "max": 131.27}) == "1.00 (0.500 to 131)"
    assert _table.shown({"min": 2, "median": 2, "max": 2}) == "2.00"
    assert _table.shown({"median": 0.0396}) == "0.0396"


def test_a_device_s_rows_stand_beside_those_of_another():
    report = result("training")
    other = json.loads(json.dumps(report["runs"][0])) | {"device": "another machine"}
    found = _table.training({"runs": [report["runs"][0], other]})
    assert [section.report["device"] for section in found][-1] == "another machine"


def test_spread_and_ratios():
    assert _report.spread([3.0, 1.0, 2.00004]) == {"min": 1.0, "median": 2.0, "max": 3.0}
    assert _report.ratios([4, 9], [2, 3]) == [2, 3]


def test_the_training_s_shares_follow_from_its_speeds():
    for run in result("training")["runs"]:
        assert run["rounds"] >= 3
        for row in run["rows"]:
            operations = 2 * 3 * row["forward_multiply_adds"]
            gflops = operations * row["images_per_second"]["Keras"]["median"] / 1e9
            assert row["gflops"]["median"] == pytest.approx(gflops, rel=2e-3)
            medians = {name: s["median"] for name, s in row["images_per_second"].items()}
            ours = medians.pop("Keras")
            assert len(medians) == 4
            assert medians[row["peer"]] == max(medians.values())
            found = row["times_the_speed_of_peer"]
            assert found["min"] <= ours / medians[row["peer"]] <= found["max"]


def test_parameters_and_multiply_adds_of_the_networks(keras):
    from bench import _course

    counts = {name: _course.build(name).count_params() for name in _course.SHAPES}
    assert counts["two-blocks"] == 564_426
    assert counts["lenet-5"] == 61_706
    lenet = [28 * 28 * 25 * 6, 10 * 10 * 25 * 6 * 16, 400 * 120, 120 * 84, 84 * 10]
    assert _course.multiply_adds(_course.build("lenet-5")) == sum(lenet)
    maps = {16: 32 * 32, 32: 16 * 16, 64: 8 * 8}
    residual = 32 * 32 * 9 * 3 * 16 + 64 * 10
    for inputs, filters in ((16, 16), (16, 32), (32, 64)):
        residual += maps[filters] * 9 * (inputs * filters + 5 * filters * filters)
        residual += maps[filters] * inputs * filters * (inputs != filters)
    assert _course.multiply_adds(_course.build("residual")) == residual
    for run in result("training")["runs"]:
        assert {row["network"]: row["parameters"] for row in run["rows"]} == counts


def test_weights_reach_pytorch_in_its_order_of_axes(keras):
    from bench import _course

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4, 5, 2)),
            layers.Conv2D(3, (2, 1)),
            layers.Flatten(),
            layers.Dense(6),
            layers.Dense(2),
        ]
    )
    x = np.random.default_rng(0).random((1, 4, 5, 2), dtype="float32")
    kernel, bias, first, first_bias, second, second_bias = _course.weights_for_torch(model)
    image = x[0].transpose(2, 0, 1)  # channels first, as PyTorch has it
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 1), axis=(1, 2))
    maps = np.einsum("chwij,fcij->fhw", windows, kernel) + bias[:, None, None]
    hidden = first @ maps.ravel() + first_bias
    expected = keras.ops.convert_to_numpy(model(x))[0]
    np.testing.assert_allclose(second @ hidden + second_bias, expected, atol=1e-5)


class OtherPeer:
    """PyTorch with a network that is not the same."""

    def __init__(self, **answer):
        self.answer = answer

    def ask(self, what, file, **request):
        assert np.load(file)["count"] == 10
        return self.answer


@pytest.mark.parametrize("parameters", [61_706, 61_707])
def test_a_peer_that_trains_another_network_is_refused(parameters, keras, tmp_path):
    from bench import training

    with pytest.raises(SystemExit, match="lenet-5"):
        training.check("lenet-5", OtherPeer(parameters=parameters, losses=[0.1, 0.1]), tmp_path)


def test_a_peer_answers_requests_until_it_ends(tmp_path, monkeypatch):
    script = tmp_path / "peer.py"
    script.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    if request['what'] == 'fail': sys.exit('no memory')\n"
        "    print(json.dumps(request['number'] + 1), flush=True)\n"
    )
    monkeypatch.setattr(_torch, "SCRIPT", script)
    with _torch.Peer(sys.executable) as peer:
        assert peer.ask("add", number=4) == 5
        with pytest.raises(SystemExit, match="see its message above"):
            peer.ask("fail")


def test_without_a_network_pytorch_s_absence_is_explained(tmp_path, monkeypatch):
    def no_network(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: no torch")

    monkeypatch.setattr(_torch, "CACHE", tmp_path)
    monkeypatch.setattr(_torch.venv, "create", lambda folder, **_: folder.mkdir())
    monkeypatch.setattr(_torch.subprocess, "run", no_network)
    with pytest.raises(SystemExit, match=r"\(ERROR: no torch\).*with a network, or name a Python"):
        _torch.python()
    assert list(tmp_path.iterdir()) == []


def test_the_browser_s_bench_runs_to_its_end(installed, monkeypatch, tmp_path, capsys):
    ours = {name: how for name, how in trainer.CONTENDERS.items() if "convbook" in name}
    monkeypatch.setattr(trainer, "CONTENDERS", ours | {"no such thing": (["none.js"], "")})
    monkeypatch.setattr(trainer, "PEERS", ["convbook, JavaScript"])
    monkeypatch.setattr(trainer, "npm", lambda packages: tmp_path)
    options = ["--rounds", "1", "--seconds", "0.2", "--out", str(tmp_path / "trainer.json")]
    monkeypatch.setattr(sys, "argv", ["trainer", *options])
    trainer.main()
    report = json.loads((tmp_path / "trainer.json").read_text(encoding="utf-8"))
    itself = report["rows"][1]["times_the_speed_of"]["convbook, JavaScript"]
    assert itself == {"min": 1, "median": 1, "max": 1}
    assert list(report["cannot_train"]) == ["no such thing"]
    assert "no such thing cannot train" in capsys.readouterr().out


def test_what_became_of_each_test_is_read_from_pytest(tmp_path):
    report = tmp_path / "report.xml"
    case = '<testcase classname="book.a" name="Cell 0"'
    report.write_text(
        f"<testsuites><testsuite>{case}/>{case}><failure/></testcase>"
        '<testcase classname="tests.b" name="c"><skipped/></testcase></testsuite></testsuites>'
    )
    assert suite.outcomes(report) == {
        "book.a::Cell 0": "passed",
        "book.a::Cell 0::2": "failure",
        "tests.b::c": "skipped",
    }


def test_a_part_of_the_suite_does_not_replace_the_whole(tmp_path):
    path = tmp_path / "suite.json"
    for part, value in ((suite.WHOLE, 1), ("a part", 2), ("a part", 3)):
        suite.save_beside_others(path, {"part": part, "value": value})
    rows = json.loads(path.read_text())["rows"]
    assert rows == [{"part": suite.WHOLE, "value": 1}, {"part": "a part", "value": 3}]


def test_the_stock_book_has_the_same_pages(tmp_path):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = _stock.prepare(tmp_path, contents)
    assert names == list(parse_toc_yaml(ROOT / "_toc.yml"))
    for name in names:
        [copy] = [p for p in tmp_path.glob(f"{name}.*") if p.suffix in (".ipynb", ".md")]
        assert copy.read_bytes() == (ROOT / copy.relative_to(tmp_path)).read_bytes()


def test_a_change_to_a_page_changes_a_sentence_and_no_more(tmp_path):
    page = tmp_path / "page.ipynb"
    before = json.loads((ROOT / build.CHANGED).read_text(encoding="utf-8"))
    page.write_text(json.dumps(before), encoding="utf-8")
    build.change(page, 3)
    after = json.loads(page.read_text(encoding="utf-8"))
    changed = [
        (a["source"], b["source"])
        for a, b in zip(before["cells"], after["cells"], strict=True)
        if a != b
    ]
    [(old, new)] = changed
    assert new == "".join(old) + "\n\nThis sentence has number 3."
