"""Names of students as names of files, and as ids: safe, readable, and no two the same."""

import hashlib
import re
import unicodedata
from collections import Counter

LENGTH = 50  # characters kept of a name; a file name has room for 255 bytes
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # by Windows
ENDED = re.compile(r"-[0-9a-f]{8}$")  # as if it had its digits already


def slugs(names: list[str]) -> dict[str, str]:
    """Each name and what to call its file, without a suffix.

    A name that is safe stays as it is. Any other one ends in digits of its SHA-256, so that it
    is the same in every run, whoever else is in the class. So do names that differ in case only.
    """
    safe = {name: shortened(name) for name in names}
    folded = Counter(text.casefold() for text in safe.values())
    stay = {n for n, text in safe.items() if text == n and folded[text.casefold()] == 1}
    return {
        name: text if name in stay and not ENDED.search(name) else f"{text}-{digest(name)}"
        for name, text in safe.items()
    }


def shortened(name: str) -> str:
    """A name's letters and digits of any script, with what stands between them made harmless."""
    kept = "".join(c if is_safe(c) else "-" for c in unicodedata.normalize("NFC", name))
    text = re.sub(r"[-.]{2,}", "-", kept)[:LENGTH].strip(" .@-")
    return "student" if not text or RESERVED.fullmatch(text) else text


def is_safe(character: str) -> bool:
    return character in " ._@-" or unicodedata.category(character)[0] in "LMN"


def digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
