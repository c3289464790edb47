"""Functions that do their worst; the tests hand each to the command line, none is ever called in the tests' process.

Each file `hostile_*` beside this one has those of one kind, and says of each how it is judged.
"""

from __future__ import annotations

import hostile_crowds
import hostile_ends
import hostile_hangs
import hostile_memory
import hostile_output
import hostile_surroundings

FILES = (hostile_crowds, hostile_ends, hostile_hangs, hostile_memory, hostile_output, hostile_surroundings)


def _of(kind: str) -> dict[str, str]:
    """Return the functions of a kind by name, with the files that hold them."""
    return {function.__name__: str(file.__file__) for file in FILES for function in getattr(file, kind, ())}


ENDS = _of("ENDS")
"""After which the process is gone: INVALID, by the input."""

HANGS = _of("HANGS")
"""Which do not return: INVALID for the time, or what the flood of their output did."""

EATS = _of("EATS")
"""Which grow: INVALID for the memory, or the time, whichever comes first."""

OTHERS = _of("OTHERS")
"""Which fail in other ways, or would get away with twice the gradient: anything but good."""
