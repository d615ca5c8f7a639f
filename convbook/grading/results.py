"""What grading gives: the marks of an exercise, of a notebook, and of a student."""

from dataclasses import asdict, dataclass, field

GRADED, TAMPERED, UNREADABLE, EMPTY = "graded", "tampered", "unreadable", "empty"
WRONG_LAB, FAILED = "wrong lab", "failed"


@dataclass(frozen=True)
class ExerciseResult:
    """Points of one exercise; ``messages`` say what failed, hidden tests without their text.

    ``answer`` is the submitted source, ``seconds`` the wall time of the answer and its tests,
    ``tests`` the points that each test gave.
    """

    number: str
    name: str
    points: int
    of: int
    messages: tuple[str, ...] = ()
    answer: str = ""
    seconds: float = 0.0
    tests: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The marks of one notebook.

    ``status`` is ``graded``; ``tampered``: graded, and a person must look; or why there are no
    points: ``unreadable``, ``empty``, ``wrong lab``, or ``failed``, where the grader itself did.
    ``reason`` is a sentence that students may read. ``flags`` say what was seen; those of hidden
    tests can give them away. ``seconds`` and ``cpu`` (core-seconds) are what the cells took.
    """

    status: str
    reason: str
    points: int
    of: int
    exercises: tuple[ExerciseResult, ...] = ()
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu: float = 0.0

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Result":
        exercises = [
            ExerciseResult(**e | {"messages": tuple(e["messages"])}) for e in values["exercises"]
        ]
        return cls(**values | {"exercises": tuple(exercises), "flags": tuple(values["flags"])})


@dataclass(frozen=True)
class Row:
    """A student's line in the gradebook: whose file was marked, with what result.

    ``notes`` are sentences on the hand-in itself, such as that it came late. ``twins`` handed in
    the same file, to the last byte; their names are for teachers only.
    """

    student: str
    file: str
    result: Result
    notes: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and one on the twins; not for a student's page."""
        if not self.twins:
            return self.notes
        named = ", ".join(self.twins[:5]) + (" …" if len(self.twins) > 5 else "")
        return (*self.notes, f"the same file, to the last byte, as that of {named}")
