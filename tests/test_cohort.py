"""A class on a Dask cluster: nothing lost, nothing graded twice, whatever is interrupted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin
from test_grading import free, master, solution

from convbook.grading import cohort, submissions
from convbook.grading.cohort import ClusterError, Options
from convbook.grading.sandbox import Limits
from convbook.grading.spec import from_notebook
from convbook.grading.store import Store

pytestmark = pytest.mark.usefixtures("walls")
OPTIONS = Options(Limits(cell=20, total=60), workers=2)


@pytest.fixture(scope="module")
def spec():
    return from_notebook(master(), "01_test")


def write_class(folder: Path, spec, count: int, wait: float = 0.0) -> list:
    """Submissions that differ in a comment; every third gets nothing for exercise 1.2."""
    for number in range(count):
        cells = [free(f"# {number}\nimport time\ntime.sleep({wait})"), *solution(spec)]
        if number % 3 == 0:
            cells[-1] = free("# Exercise 1.2 · root (1 point)\nroot = 5")
        notebook = nbformat.v4.new_notebook(cells=cells)
        (folder / f"s{number:02}.ipynb").write_text(nbformat.writes(notebook))
    return submissions.find(folder)


def expected(count: int) -> list:
    return [(f"s{number:02}", 3 + (number % 3 > 0)) for number in range(count)]


def marks(rows) -> list:
    return [(row.student, row.result.points) for row in rows]


def test_a_class_is_marked_once_and_kept(spec, tmp_path, monkeypatch):
    write_class(tmp_path, spec, 4)
    (tmp_path / "copy.ipynb").write_bytes((tmp_path / "s01.ipynb").read_bytes())
    (tmp_path / "essay.pdf").write_text("%PDF")
    (tmp_path / "torn.ipynb").write_text('{"cells": [')
    found = submissions.find(tmp_path)
    store, seen = Store(tmp_path / "results", spec, OPTIONS.limits, trust=False), []
    rows = cohort.grade(spec, found, store, OPTIONS, lambda *counts: seen.append(counts))
    assert marks(rows) == [("copy", 4), ("essay", 0), *expected(4), ("torn", 0)]
    assert seen == [(n, 5) for n in range(1, 6)]  # the copy and the essay need no run
    status = {row.student: (row.result.status, row.result.reason) for row in rows}
    assert status["essay"] == ("unreadable", "essay.pdf is not a notebook: hand in the .ipynb file")
    assert status["torn"][0] == "unreadable"
    assert (rows[0].twins, rows[2].twins, rows[3].twins) == (("s01",), (), ("copy",))
    assert rows[0].remarks == ("the same file, to the last byte, as that of s01",)

    monkeypatch.setattr(cohort, "client", None)  # whoever runs something now, fails
    assert cohort.grade(spec, found, store, OPTIONS) == rows
    with pytest.raises(TypeError):
        cohort.grade(spec, found, store, Options(OPTIONS.limits, regrade=True))
    other = Store(tmp_path / "results", spec, Limits(cell=1), trust=False)
    with pytest.raises(TypeError):
        cohort.grade(spec, found, other, OPTIONS)
    store.path(store.key(found[2].bytes())).write_text("{torn")
    with pytest.raises(TypeError):
        cohort.grade(spec, found, store, OPTIONS)


def test_an_interrupt_loses_only_what_was_running(spec, tmp_path):
    found = write_class(tmp_path, spec, 6)
    store, first, second = Store(tmp_path / "results", spec, OPTIONS.limits, False), [], []

    def stop(done, total):
        first.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cohort.grade(spec, found, store, OPTIONS, stop)
    kept = [s for s in found if store.get(store.key(s.bytes()))]
    assert len(kept) == 2
    rows = cohort.grade(spec, found, store, OPTIONS, lambda *counts: second.append(counts))
    assert marks(rows) == expected(6)
    assert second == [(n, 4) for n in range(1, 5)]


def test_a_full_disk_stops_the_run_and_keeps_what_was_written(spec, tmp_path, monkeypatch):
    found = write_class(tmp_path, spec, 3)
    store, put = Store(tmp_path / "results", spec, OPTIONS.limits, False), Store.put

    def full(self, key, result):
        if list(self.folder.glob("*.json")):
            raise OSError(28, "No space left on device", str(self.path(key)))
        put(self, key, result)

    monkeypatch.setattr(Store, "put", full)
    with pytest.raises(OSError, match="No space left"):
        cohort.grade(spec, found, store, OPTIONS)
    monkeypatch.undo()
    seen = []
    rows = cohort.grade(spec, found, store, OPTIONS, lambda *counts: seen.append(counts))
    assert marks(rows) == expected(3)
    assert len(seen) == 2


def dies(spec, data, limits, trust, threads):
    """In place of ``cohort.mark``: ends the worker itself at one submission, others waiting."""
    if b"# 1\\n" in data:
        time.sleep(1)
        os._exit(1)
    return original(spec, data, limits, trust, threads)


original = cohort.mark


def test_a_submission_that_ends_its_worker_each_time_fails_alone(spec, tmp_path, monkeypatch):
    found = write_class(tmp_path, spec, 3)
    monkeypatch.setattr(cohort, "mark", dies)
    store = Store(tmp_path / "results", spec, OPTIONS.limits, False)
    rows = cohort.grade(spec, found, store, Options(OPTIONS.limits, workers=1))
    assert marks(rows) == [("s00", 3), ("s01", 0), ("s02", 4)]
    assert rows[1].result.status == "failed"
    assert rows[1].result.reason == "the grader failed: its worker process ended"
    assert store.get(store.key(found[1].bytes())) is None  # so that the next run tries again


# ---- a cluster of separate processes, started by hand ----


class Ends(SchedulerPlugin):
    """Counts how often each task came to its end, on the scheduler."""

    name = "ends"

    def __init__(self):
        self.ends = Counter()

    def transition(self, key, start, finish, *args, **kwargs):
        if (start, finish) == ("processing", "memory"):
            self.ends[key] += 1


def address_in(place: Path, scheduler: subprocess.Popen) -> str:
    """The address in a scheduler's file, once it is written to its end."""
    while True:
        assert scheduler.poll() is None, "the scheduler did not start"
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(place.read_text())["address"]
        time.sleep(0.1)


@pytest.fixture
def hand_made(tmp_path):
    """A scheduler and three workers as an instructor starts them; their processes."""
    place = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}  # for ``Ends``
    started = []
    try:
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        command = [*dask, "scheduler", *options, "--scheduler-file", place]
        started.append(subprocess.Popen(command, **quiet))
        address = address_in(place, *started)
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
        options += ["--local-directory", str(tmp_path / "dask")]
        for number in range(3):
            command = [*dask, "worker", address, "--name", f"w{number}", *options]
            started.append(subprocess.Popen(command, **quiet))
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(3, timeout=300)
        yield address, started
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_worker_killed_in_the_middle_loses_nothing(spec, tmp_path, hand_made):
    address, (_, first, *_) = hand_made
    folder = tmp_path / "class"
    folder.mkdir()
    found = write_class(folder, spec, 12, wait=0.3)
    store, seen = Store(tmp_path / "results", spec, OPTIONS.limits, False), []

    def kill(done, total):
        seen.append(done)
        if done == 4:
            first.send_signal(signal.SIGKILL)

    with Client(address, set_as_default=False) as client:
        client.register_plugin(Ends())
        rows = cohort.grade(spec, found, store, Options(OPTIONS.limits, scheduler=address), kill)
        ends = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.plugins["ends"].ends)
    assert first.wait(10) == -signal.SIGKILL
    assert marks(rows) == expected(12)
    assert seen == list(range(1, 13))
    assert len(ends) == 12
    assert sum(ends.values()) <= 13  # only one that ended on the killed worker, not yet collected


@pytest.mark.parametrize("holding", [False, True], ids=["at once", "with a result on its way"])
def test_a_scheduler_that_is_lost_is_named_and_the_next_run_goes_on(
    spec, tmp_path, hand_made, holding
):
    address, (scheduler, *_) = hand_made
    folder = tmp_path / "class"
    folder.mkdir()
    found = write_class(folder, spec, 6, wait=0.3)
    store, seen = Store(tmp_path / "results", spec, OPTIONS.limits, False), []

    def kill(done, total):
        if done == 2 and holding:
            time.sleep(3)  # more results are ready; the next is asked for and does not come
            scheduler.send_signal(signal.SIGSTOP)
            threading.Timer(1, scheduler.kill).start()
        elif done == 2:
            scheduler.kill()

    with pytest.raises(ClusterError, match="run the same command again"):
        cohort.grade(spec, found, store, Options(OPTIONS.limits, scheduler=address), kill)
    rows = cohort.grade(spec, found, store, OPTIONS, lambda *counts: seen.append(counts))
    assert marks(rows) == expected(6)
    assert len(seen) <= 4


def test_no_scheduler_is_said_to_be_none(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(cohort, "CONNECT", 1)
    found = write_class(tmp_path, spec, 1)
    store = Store(tmp_path / "results", spec, OPTIONS.limits, False)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
            cohort.grade(spec, found, store, Options(scheduler=address))


def test_a_scheduler_without_workers_is_named(spec, tmp_path):
    found = write_class(tmp_path, spec, 1)
    store = Store(tmp_path / "results", spec, OPTIONS.limits, False)
    empty = LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address=None)
    with empty, pytest.raises(ClusterError, match=r"tcp://.* has no workers yet"):
        cohort.grade(spec, found, store, Options(scheduler=empty.scheduler_address))
