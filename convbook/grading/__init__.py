"""Mark a lab: ``grade_one(spec, data, worker)`` scores the bytes of one notebook."""

from convbook.grading.grade import ExerciseResult, Result, grade_one
from convbook.grading.spec import MasterError, Spec, load
from convbook.grading.worker import Limits, Worker

__all__ = [
    "ExerciseResult",
    "Limits",
    "MasterError",
    "Result",
    "Spec",
    "Worker",
    "grade_one",
    "load",
]
