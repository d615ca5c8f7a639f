"""``convbook grade``: the command line of the grader."""

import json
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from convbook import environment

FOLDER = click.Path(file_okay=False, path_type=Path)


def seconds(text: str) -> float:
    """A number of seconds above 0, from the command line."""
    try:
        if 0 < float(text) < float("inf"):
            return float(text)
    except ValueError:
        pass
    raise click.BadParameter(f"{text!r} is not a number of seconds above 0")


@click.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--lab", metavar="NAME", help="Which lab it is, such as 02_convolution.")
@click.option("--out", type=FOLDER, help="Where the results go; ./grades for a class.")
@click.option("--private", type=FOLDER, help="Grade against your own masters, in DIR/solutions.")
@click.option(
    "--to-nbgrader",
    "gradebook",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an nbgrader gradebook, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all results as JSON.")
@click.option("--regrade", is_flag=True, help="Run again what is marked already.")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="How many run at once; one a core."
)
@click.option("--scheduler", metavar="ADDRESS", help="A Dask cluster's: tcp://host:8786.")
@click.option(
    "--cell-timeout", type=seconds, metavar="S", default=60, help="Seconds for each cell (60)."
)
@click.option(
    "--timeout", type=seconds, metavar="S", default=600, help="Seconds for a notebook (600)."
)
@click.option(
    "--memory", type=click.IntRange(512), metavar="N", default=4096, help="MB for each (4096)."
)
@click.option(
    "--max-size", type=click.IntRange(1), metavar="N", default=50, help="MB of a file (50)."
)
@click.option(
    "--trust-submissions", "trust", is_flag=True, help="No sandbox: they run with all your rights."
)
def grade(submissions, lab, out, private, gradebook, as_json, **how):
    """Mark a class or one notebook.

    SUBMISSIONS is a folder or a zip with a file or a folder for each student, or one notebook. Each
    runs in a sandbox of its own. A class gets grades.csv, a page for each student and one for
    the class; one notebook's marks are printed. After an interrupt the same command goes on where
    it stopped.
    """
    from convbook.grading import cohort, sandbox
    from convbook.grading import submissions as reader
    from convbook.grading.spec import MasterError, load
    from convbook.notebooks import NotebookError

    try:
        found = reader.find(submissions)
        alone = submissions.is_file() and not zipfile.is_zipfile(submissions)
        spec = load(master(lab or (submissions.stem if alone else ""), private))
        if not how["trust"] and not how["scheduler"]:
            sandbox.check()
        limits = sandbox.Limits(how["cell_timeout"], how["timeout"], how["memory"] << 20)
        options = cohort.Options(
            limits,
            how["workers"] or 0,
            how["scheduler"] or "",
            how["trust"],
            how["regrade"],
            how["max_size"] * 1_000_000,
        )
        rows = marked(spec, found, options, None if alone and not out else out or Path("grades"))
    except (
        reader.SubmissionError,
        sandbox.SandboxError,
        cohort.ClusterError,
        MasterError,
        NotebookError,
    ) as error:
        raise click.ClickException(str(error)) from error
    if gradebook:
        write_gradebook(gradebook, spec, rows)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=True, indent=1))
    elif alone:
        print_marks(spec, rows[0])
    if any(row.result.status == "failed" for row in rows):
        raise click.ClickException("the grader itself failed on some: run the same command again")


def master(name: str, private: Path | None) -> Path:
    """The path of the master that a lab's name, or a notebook's that begins with it, means."""
    folder = (private or environment.ROOT) / "solutions"
    known = {path.stem: path for path in sorted(folder.glob("[0-9]*.ipynb"))}
    if private:  # there the source will do: nothing of it is published
        known |= {path.stem: path for path in sorted(folder.glob("[0-9]*.py"))}
    if not known:
        raise click.ClickException(f"there is no lab's master in {folder}")
    found = [known[lab] for lab in known if name.startswith(lab)]
    if not found:
        said = f"there is no lab {name}" if name else "say which lab this is with --lab"
        raise click.ClickException(f"{said}: one of {', '.join(known)}")
    return found[0]


def marked(spec, found: list, options, out: Path | None) -> list:
    """Grade with a progress bar, and write the reports where they are wanted."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from convbook.grading import cohort, report
    from convbook.grading.store import Store

    console = Console(stderr=True)
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn()]
    columns += [MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn()]
    columns += [TextColumn("left"), TimeRemainingColumn()]
    with tempfile.TemporaryDirectory() as temporary, Progress(*columns, console=console) as bar:
        store = Store(
            (out or Path(temporary)) / "results", spec, options.limits, trust=options.trust
        )
        task = bar.add_task("starting Keras …", total=None, rate="")

        def progress(done: int, total: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            rate = f"{60 * speed:.0f} a minute" if speed else ""
            bar.update(task, description="marking", completed=done, total=total, rate=rate)

        try:
            rows = cohort.grade(spec, found, store, options, progress)
        except KeyboardInterrupt:
            bar.stop()
            console.print("Stopped. What is marked is kept: the same command goes on from there.")
            sys.exit(130)
        bar.update(task, description="marked", total=len(rows), completed=len(rows), rate="")
    if out:
        report.write(out, spec, rows)
        summary(console, rows, out)
    return rows


def summary(console, rows: list, out: Path) -> None:
    """Say how many of each status there are, and where to look next."""
    counts = Counter(row.result.status for row in rows)
    console.print(", ".join(f"{count} {status}" for status, count in counts.most_common()))
    console.print(f"{out / 'grades.csv'}, {out / 'class.html'}, {out / 'feedback'}", soft_wrap=True)


def write_gradebook(path: Path, spec, rows: list) -> None:
    from convbook.grading import gradebook

    try:
        gradebook.write(path, spec, rows)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def print_marks(spec, row) -> None:
    """One notebook's marks, and below each exercise what failed."""
    if not row.result.exercises:
        raise click.ClickException(row.result.reason)
    for exercise in row.result.exercises:
        click.echo(f"{exercise.number:5} {exercise.name:24} {exercise.points:3} / {exercise.of}")
        for message in exercise.messages:
            click.echo("    " + message.replace("\n", "\n    "))
    for sentence in filter(None, (row.result.reason, *row.remarks)):
        click.echo(sentence)
    click.echo(f"{spec.lab}: {row.result.points} / {row.result.of} points")
