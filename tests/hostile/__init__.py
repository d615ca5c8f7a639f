"""A corpus of broken, unusual and hostile submissions, each with what must come out.

``BROKEN`` are files that are no proper notebooks, ``HONEST`` are right answers in unusual
notebooks, ``FOOLING`` attack the tests, ``ATTACKS`` the machine. All answer one small lab.
"""

from hostile.attacks import ATTACKS
from hostile.broken import BROKEN
from hostile.fooling import FOOLING
from hostile.honest import HONEST

__all__ = ["ATTACKS", "BROKEN", "FOOLING", "HONEST"]
