"""Mark a class: map ``grade_one`` over many submissions with Dask; one collector keeps results."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from convbook.grading.grade import grade_one
from convbook.grading.results import FAILED, UNREADABLE, Result, Row
from convbook.grading.sandbox import Limits
from convbook.grading.spec import Spec
from convbook.grading.store import Store
from convbook.grading.submissions import MAX_BYTES, Submission, SubmissionError
from convbook.grading.worker import Worker

AHEAD = 3  # submissions sent to the workers for each that they can run at once
CONNECT = 20  # seconds to reach a scheduler

of_thread = threading.local()  # a Dask worker's thread keeps its warm process here


class ClusterError(Exception):
    """The cluster cannot be reached, or was lost; the message says what to do."""


@dataclass(frozen=True)
class Options:
    """How to grade: see ``convbook grade --help``. ``workers`` 0 means one a core."""

    limits: Limits = field(default_factory=Limits)
    workers: int = 0
    scheduler: str = ""
    trust: bool = False
    regrade: bool = False
    max_bytes: int = MAX_BYTES


def grade(
    spec: Spec,
    submissions: list[Submission],
    store: Store,
    options: Options,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Row]:
    """Mark all submissions; what is in the store already is not run again.

    ``progress(done, total)`` is called after each that had to be run. Results are kept as they
    come, so that an interrupt loses only those that are running.

    Raises
    ------
    ClusterError : see there. OSError : a result could not be written.
    """
    found, keys, waiting = {}, {}, {}
    for submission in submissions:
        try:
            data = submission.bytes(options.max_bytes)
        except SubmissionError as error:
            found[submission.student] = Result(UNREADABLE, str(error), 0, spec.points)
            continue
        key = keys[submission.student] = store.key(data)
        if options.regrade or store.get(key) is None:
            waiting[key] = submission
    for done, (key, result) in enumerate(run(spec, waiting, options), start=1):
        if result.status == FAILED:  # not kept: the next run tries again
            found |= {student: result for student in keys if keys[student] == key}
        else:
            store.put(key, result)
        progress(done, len(waiting))
    for student, key in keys.items():
        found.setdefault(student, store.get(key))
    return [row(submission, found, keys) for submission in submissions]


def row(submission: Submission, found: dict[str, Result], keys: dict[str, str]) -> Row:
    """A student's row; those who handed in the same bytes are twins."""
    key = keys.get(submission.student)
    twins = tuple(s for s in keys if keys[s] == key and s != submission.student)
    result = found[submission.student]
    return Row(submission.student, submission.file.path, result, submission.notes, twins)


def run(
    spec: Spec, waiting: dict[str, Submission], options: Options
) -> Iterator[tuple[str, Result]]:
    """Grade on a cluster, in no order: pairs of key and result, each key once.

    Only a few submissions a worker are held in memory at any time.
    """
    if not waiting:
        return
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # workers that end are no news
    with client(options, len(waiting)) as connected, loss_named():
        workers = sum(connected.nthreads().values())
        if not workers:
            raise ClusterError(f"the scheduler at {options.scheduler} has no workers yet")
        threads = 1 if options.scheduler else max(1, (os.cpu_count() or 1) // workers)
        suspects = {}
        for key, result in graded(connected, spec, waiting, options, threads, AHEAD * workers):
            if result:
                yield key, result
            else:
                suspects[key] = waiting[key]
        ended = Result(FAILED, "the grader failed: its worker process ended", 0, spec.points)
        # Dask blames all that a lost worker had; alone, a submission has no neighbour to pay for
        for key, result in graded(connected, spec, suspects, options, threads, 1):
            yield key, result or ended


def graded(
    connected,
    spec: Spec,
    waiting: dict[str, Submission],
    options: Options,
    threads: int,
    at_once: int,
) -> Iterator[tuple[str, Result | None]]:
    """Grade, ``at_once`` at any time: pairs of key and result, None if its workers ended."""
    from distributed import as_completed

    left, keys, pending = list(waiting.items())[::-1], {}, as_completed(loop=connected.loop)
    while left or keys:
        while left and len(keys) < at_once:
            key, submission = left.pop()
            try:
                data = submission.bytes(options.max_bytes)
            except SubmissionError as error:  # it was there a moment ago
                yield key, Result(FAILED, str(error), 0, spec.points)
                continue
            task = connected.submit(
                mark, spec, data, options.limits, options.trust, threads, pure=False
            )
            keys[task.key] = key
            pending.add(task)
        if keys:
            task = next(pending)
            yield keys.pop(task.key), outcome(task, spec)
            task.release()


def outcome(task, spec: Spec) -> Result | None:
    """A finished task's result, None if its workers ended; raises what a lost scheduler does."""
    from distributed import KilledWorker

    try:
        return task.result()
    except Exception as error:
        if task.status != "error":  # the task may be well: its result could not be fetched
            raise
        if isinstance(error, KilledWorker):
            return None
        return Result(FAILED, f"the grader failed: {error}", 0, spec.points)


@contextlib.contextmanager
def loss_named():
    """Whatever Dask raises of a lost scheduler is a ``ClusterError``."""
    from distributed import CancelledError
    from distributed.client import ClosedClientError

    try:
        yield
    except (OSError, CancelledError, ClosedClientError) as error:
        raise ClusterError(
            "the scheduler was lost. What is marked is kept: run the same command again"
        ) from error


def mark(spec: Spec, data: bytes, limits: Limits, trust: bool, threads: int) -> Result:
    """The task: ``grade_one`` with the warm process of this worker's thread."""
    worker = getattr(of_thread, "worker", None)
    if worker is None or (worker.trust, worker.threads) != (trust, threads):
        if worker:
            worker.close()
        worker = of_thread.worker = Worker(trust, threads)
    result = grade_one(spec, data, worker, limits)
    if result.status == FAILED:  # once more, with a new process: the machine may have been short
        worker.close()
        result = grade_one(spec, data, worker, limits)
    return result


@contextlib.contextmanager
def client(options: Options, submissions: int):
    """A Dask client: of the scheduler that was named, else of a cluster of this machine's own."""
    import dask
    from distributed import Client, LocalCluster

    if options.scheduler:
        try:
            connected = Client(options.scheduler, timeout=CONNECT, set_as_default=False)
        except Exception as error:  # what Dask raises depends on the address and the version
            raise ClusterError(
                f"no Dask scheduler answers at {options.scheduler}: {error}"
            ) from error
        with connected:
            yield connected
        return
    workers = min(options.workers or os.cpu_count() or 1, submissions)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),  # ``run`` tries again
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as connected,
    ):
        yield connected
