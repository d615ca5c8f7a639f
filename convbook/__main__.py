"""The command line: ``convbook book | serve | lab | notebooks | labs | grade``."""

import argparse
import json
import os
import sys
from pathlib import Path

from convbook import environment


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except KeyboardInterrupt:
        print("\nStopped. Nothing is half written.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"convbook: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="convbook", description="Build, verify and grade the course."
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    add = commands.add_parser("book", help="build the site into _build/html")
    add.set_defaults(command=book)

    add = commands.add_parser("serve", help="serve the built site on this machine")
    add.add_argument("--port", type=int, default=8000, help="the first port to try (8000)")
    add.set_defaults(command=serve)

    add = commands.add_parser("lab", help="open JupyterLab on the labs")
    add.add_argument("options", nargs="*", help="for JupyterLab itself, such as -- --no-browser")
    add.set_defaults(command=lab)

    add = commands.add_parser("notebooks", help="run the sources that changed, store their outputs")
    add.add_argument("numbers", nargs="*", metavar="NN", help="only these, such as 02 or errata")
    add.add_argument("--check", action="store_true", help="run nothing; fail if any is stale")
    add.add_argument("--force", action="store_true", help="run those that did not change, too")
    add.add_argument(
        "--stand-in", action="store_true", help="store outputs made from stand-in data"
    )
    add.set_defaults(command=notebooks)

    add = commands.add_parser("labs", help="release solutions/ to labs/, without the solutions")
    add.add_argument("numbers", nargs="*", metavar="NN", help="only these, such as 02")
    add.add_argument("--check", action="store_true", help="write nothing; fail if a lab differs")
    add.add_argument("--spec", type=Path, metavar="DIR", help="write the grading specs here, too")
    add.set_defaults(command=labs)

    add = commands.add_parser("grade", help="mark one notebook, which runs as you, unprotected")
    add.add_argument("file", type=Path, help="the notebook to mark")
    add.add_argument("--lab", help="which lab it is, such as 02_convolution (from its file name)")
    add.add_argument("--cell-timeout", type=seconds, default=60, help="seconds for each cell (60)")
    add.add_argument("--timeout", type=seconds, default=600, help="seconds in all (600)")
    add.set_defaults(command=grade)
    return top


def seconds(text: str) -> float:
    """A number of seconds above 0, from the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def book(_) -> None:
    from convbook import site

    site.build()


def serve(arguments) -> None:
    from convbook import site

    site.serve(arguments.port)


def lab(arguments) -> None:
    env = os.environ | environment.folders() | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    places = [f"--ServerApp.root_dir={environment.ROOT}", "--LabApp.default_url=/lab/tree/labs"]
    command = [sys.executable, "-m", "jupyterlab", *places, *arguments.options]
    os.execve(sys.executable, command, env)


def notebooks(arguments) -> int:
    from convbook.address import copies, repository, rewritten
    from convbook.notebooks import NotebookError, find, write

    here = repository()
    for path in copies():
        text = path.read_text(encoding="utf-8")
        if (new := rewritten(text, here)) != text:
            if arguments.check:
                return fail(f"{path.name} holds another address than _config.yml")
            write(path, new)
            print(f"{path.name}: address rewritten to {here}")
    found = find("book", arguments.numbers) + find("solutions", arguments.numbers)
    if not found:
        return fail(f"there is no notebook numbered {', '.join(arguments.numbers)}")
    stale = 0
    for notebook in found:
        reasons = notebook.changes()
        stale += bool(reasons)
        if not reasons and not arguments.force:
            print(f"{notebook.name}: up to date")
            continue
        print(f"{notebook.name}: {'; '.join(reasons) or 'run again as asked'}", flush=True)
        if arguments.check:
            continue
        try:
            changed = notebook.execute(stand_in=arguments.stand_in)
        except NotebookError as error:
            return fail(f"{error}\n\nThe stored notebook is left as it was.")
        print(f"{notebook.name}: {'stored' if changed else 'the same outputs, left as it was'}")
    if arguments.check and stale:
        return fail("stale notebooks: run `convbook notebooks`")
    return 0


def labs(arguments) -> int:
    from convbook.grading import MasterError, load
    from convbook.notebooks import NotebookError, write
    from convbook.release import labs as released

    try:
        found = released(arguments.numbers)
    except (MasterError, NotebookError) as error:
        return fail(f"{error}\nNothing was released.")
    if not found:
        return fail(f"there is no lab numbered {', '.join(arguments.numbers)}")
    differ = 0
    for path, text in found.items():
        same = path.exists() and path.read_text(encoding="utf-8") == text
        differ += not same
        print(f"labs/{path.name}: {'up to date' if same else 'differs from its master'}")
        if not same and not arguments.check:
            path.parent.mkdir(exist_ok=True)
            write(path, text)
            print(f"labs/{path.name}: released")
        if arguments.spec:
            arguments.spec.mkdir(parents=True, exist_ok=True)
            spec = load(environment.ROOT / "solutions" / path.name)
            write(
                arguments.spec / f"{path.stem}.json",
                json.dumps(spec.to_dict(), ensure_ascii=False, indent=1) + "\n",
            )
    if arguments.check and differ:
        return fail("labs differ from their masters: run `convbook labs`")
    return 0


def grade(arguments) -> int:
    from convbook.grading import Limits, Worker, grade_one, load

    masters = environment.ROOT / "solutions"
    known = sorted(path.stem for path in masters.glob("[0-9]*.ipynb"))
    name = arguments.lab or next((n for n in known if arguments.file.stem.startswith(n)), None)
    if name not in known:
        return fail(f"say which lab this is with --lab: one of {', '.join(known)}")
    data = arguments.file.read_bytes()
    print("starting Keras …", file=sys.stderr)
    with Worker() as worker:
        limits = Limits(arguments.cell_timeout, arguments.timeout)
        result = grade_one(load(masters / f"{name}.ipynb"), data, worker, limits)
    if result.status != "graded":
        return fail(result.reason)
    for exercise in result.exercises:
        print(f"{exercise.number:5} {exercise.name:24} {exercise.points:3} / {exercise.of}")
        for message in exercise.messages:
            print("    " + message.replace("\n", "\n    "))
    print(f"{name}: {result.points} / {result.of} points")
    return 0


def fail(message: str) -> int:
    print(f"convbook: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
