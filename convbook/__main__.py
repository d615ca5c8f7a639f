"""The command line: ``convbook book | serve | lab | notebooks | labs | grade``."""

import json
import os
import sys
from pathlib import Path

from convbook import environment

try:
    import click
except ImportError:
    sys.exit("convbook: the command needs more packages: pip install 'convbook[build,grade]'")

from convbook.grading.command import grade


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    try:
        return commands.main(argv, prog_name="convbook", standalone_mode=False) or 0
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return fail(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        print("\nStopped. Nothing is half written.", file=sys.stderr)
        return 130
    except OSError as error:
        return fail(f"{error.strerror}: {error.filename}")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convbook")
def commands():
    """Build, verify and grade the course."""


@commands.command()
def book():
    """Build the site into _build/html."""
    from convbook import site

    site.build()


@commands.command()
@click.option("--port", default=8000, help="The first port to try (8000).")
def serve(port):
    """Serve the built site on this machine."""
    from convbook import site

    site.serve(port)


@commands.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(options):
    """Open JupyterLab on the labs.

    OPTIONS are JupyterLab's own, such as --no-browser.
    """
    env = os.environ | environment.folders() | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    places = [f"--ServerApp.root_dir={environment.ROOT}", "--LabApp.default_url=/lab/tree/labs"]
    command = [sys.executable, "-m", "jupyterlab", *places, *options]
    os.execve(sys.executable, command, env)


@commands.command()
@click.argument("numbers", nargs=-1, metavar="[NN]...")
@click.option("--check", is_flag=True, help="Run nothing; fail if any is stale.")
@click.option("--force", is_flag=True, help="Run those that did not change, too.")
@click.option("--stand-in", is_flag=True, help="Store outputs made from stand-in data.")
def notebooks(numbers, check, force, stand_in):
    """Run the sources that changed.

    Their outputs are stored beside them. With numbers NN only those are looked at.
    """
    from convbook.address import copies, repository, rewritten
    from convbook.notebooks import NotebookError, find, write

    here = repository()
    for path in copies():
        text = path.read_text(encoding="utf-8")
        if (new := rewritten(text, here)) != text:
            if check:
                return fail(f"{path.name} holds another address than _config.yml")
            write(path, new)
            print(f"{path.name}: address rewritten to {here}")
    found = find("book", numbers) + find("solutions", numbers)
    if not found:
        return fail(f"there is no notebook numbered {', '.join(numbers)}")
    stale = 0
    for notebook in found:
        reasons = notebook.changes()
        stale += bool(reasons)
        if not reasons and not force:
            print(f"{notebook.name}: up to date")
            continue
        print(f"{notebook.name}: {'; '.join(reasons) or 'run again as asked'}", flush=True)
        if check:
            continue
        try:
            changed = notebook.execute(stand_in=stand_in)
        except NotebookError as error:
            return fail(f"{error}\n\nThe stored notebook is left as it was.")
        print(f"{notebook.name}: {'stored' if changed else 'the same outputs, left as it was'}")
    if check and stale:
        return fail("stale notebooks: run `convbook notebooks`")
    return 0


@commands.command()
@click.argument("numbers", nargs=-1, metavar="[NN]...")
@click.option("--check", is_flag=True, help="Write nothing; fail if a lab differs.")
@click.option(
    "--spec",
    "specs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the grading specs here, too.",
)
@click.option(
    "--private",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Release your own masters, in DIR/solutions, to DIR/labs.",
)
def labs(numbers, check, specs, private):
    """Release the masters to labs/, without their solutions."""
    from convbook.grading.spec import MasterError, load
    from convbook.notebooks import NotebookError, write
    from convbook.release import labs as released
    from convbook.release import prove, source

    root = private or environment.ROOT
    if private and environment.ROOT in [private.resolve(), *private.resolve().parents]:
        return fail("choose a folder outside the repository: what lies in it may be published")
    try:
        found = released(numbers, root)
        if private:
            prove(found, root)
    except (MasterError, NotebookError) as error:
        return fail(f"{error}\nNothing was released.")
    if not found:
        return fail(f"there is no lab numbered {', '.join(numbers)}")
    differ = 0
    for path, text in found.items():
        same = path.exists() and path.read_text(encoding="utf-8") == text
        differ += not same
        print(f"labs/{path.name}: {'up to date' if same else 'differs from its master'}")
        if not same and not check:
            path.parent.mkdir(exist_ok=True)
            write(path, text)
            print(f"labs/{path.name}: released")
        if specs:
            specs.mkdir(parents=True, exist_ok=True)
            spec = load(source(path, root))
            text = json.dumps(spec.to_dict(), ensure_ascii=False, indent=1)
            write(specs / f"{path.stem}.json", text + "\n")
    if check and differ:
        return fail("labs differ from their masters: run `convbook labs`")
    return 0


def fail(message: str) -> int:
    print(f"convbook: {message}", file=sys.stderr)
    return 1


commands.add_command(grade)

if __name__ == "__main__":
    sys.exit(main())
