"""The repository's address: given once, in ``_config.yml``, and copied to where readers need it."""

import re
from pathlib import Path

import yaml

from convbook import environment

ADDRESS = re.compile(
    r"(?:github\.com|google\.com/github)/(?P<path>[\w.-]+/[\w-]+)"
    r"|(?P<pages>[\w-]+\.github\.io/[\w-]+)"
)


def repository(root: Path = environment.ROOT) -> str:
    """``owner/name`` from the address in ``_config.yml``."""
    url = yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"]
    return url.removeprefix("https://github.com/").rstrip("/")


def copies(root: Path = environment.ROOT) -> list[Path]:
    """The files that hold a copy of the address: the README and the install cells' sources."""
    return [
        root / "README.md",
        *sorted(root.glob("book/*.py")),
        *sorted(root.glob("solutions/*.py")),
    ]


def rewritten(text: str, repository: str) -> str:
    """A text with every address of the repository, its Colab links and its site made this one."""
    owner, name = repository.split("/")

    def address(match: re.Match) -> str:
        if match["pages"]:
            return f"{owner}.github.io/{name}"
        return match[0].replace(match["path"], repository)

    return ADDRESS.sub(address, text)
