"""What is planted: one place of one file, and who must notice."""

from typing import NamedTuple


class Fault(NamedTuple):
    name: str
    breaks: str  # the promise
    file: str
    text: str  # what stands there, exactly once
    instead: str
    tests: tuple  # "unit/NAME", or a file or case of tests/system, browser
    # That have it; the others are as they were. None: all that could.
    programs: tuple = None
