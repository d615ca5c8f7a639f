"""What to try next: a sentence of advice for each kind of message that has one."""

import re

PREFIX = re.compile(r"the (answer|given) cell .*?fails: ")
HIDDEN = "not passed: "
TRY_OTHERS = (
    "Your answer passes the tests that you see. Try it on other numbers: "
    "the hidden test's title says which."
)
ADVICE = [  # how a message begins → what to do
    ("not answered yet", "Put your answer in the place of raise NotImplementedError()."),
    (
        "the answer cell is missing",
        "The first line of your answer must be the lab's own comment, # Exercise … "
        "Copy it from the lab.",
    ),
    (
        "NameError",
        "A name is used before it exists. Restart the kernel and run all cells from the top: "
        "the name may come from a cell that you changed or deleted.",
    ),
    (
        "SyntaxError|IndentationError|TabError",
        "Python cannot read this cell. Look at the line before the one that is named, too: "
        "a bracket or a quote may be open.",
    ),
    (
        r"MemoryError|ResourceExhausted|stopped: it used more than",
        "This takes too much memory. Print the shapes of your arrays: one is too large.",
    ),
    (
        "stopped",
        "This takes too long. Look for a loop that does not end, "
        "and for a loop that NumPy can do at once.",
    ),
    (
        "this cell ended Python",
        "Take out exit(), quit() and the like. A function that calls itself without end can "
        "crash Python, too.",
    ),
    ("not run", "First mend the cell that ended Python or took too long. Then this one runs."),
    ("RecursionError", "A function calls itself without end. Let each call do a smaller part."),
    (
        "ModuleNotFoundError|ImportError",
        "Use only packages that the lab itself imports. Others are missing where it is marked.",
    ),
    (
        "PermissionError: a notebook that is marked must not",
        "Take out what the message names: no answer needs it.",
    ),
    (
        "FileNotFoundError|PermissionError|OSError|URLError|gaierror|ConnectionError",
        "Your notebook is marked without your own files and without a network. "
        "Use only the data that the lab loads.",
    ),
    ("EOFError|StdinNotImplementedError", "Take out input(): nobody is there to type."),
]


def hints(messages: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each message of an exercise with its hint; an empty one if there is none, or it was given."""
    given: set[str] = set()
    pairs = []
    for message in messages:
        hint = TRY_OTHERS if only_hidden(messages) else advice(message)
        pairs.append((message, "" if hint in given else hint))
        given.add(hint)
    return pairs


def only_hidden(messages: tuple[str, ...]) -> bool:
    return all(message.startswith(HIDDEN) for message in messages)


def advice(message: str) -> str:
    """The hint for one message, by how it begins; empty if it needs none."""
    error = PREFIX.sub("", message, count=1)
    return next((hint for start, hint in ADVICE if re.match(rf"({start})\b", error)), "")
