"""`pgverify`, and `python -m pgverify`: the command line, from its first import to its last word open to Ctrl-C."""

from __future__ import annotations

import os
import sys

from pgverify.guarded_process import GUARDIAN, LEFT, VARIABLE, end_with_parent
from pgverify.interruption import INTERRUPTED, end, ignore_interrupts, leave, leave_when_interrupted

PATIENT = (["check"], ["report"], ["variance"], ["study", "run"])
"""Commands that show what they do, once what shows it has been imported."""


def main() -> None:
    """Run the command line; Ctrl-C is one sentence and exit code 130 at any time."""
    try:
        leave_when_interrupted()
        if VARIABLE in os.environ:
            end_with_parent()
        _tell_at_once()
        from pgverify.guardian import guard, runs_foreign_code

        if runs_foreign_code(sys.argv[1:]):
            guard(sys.argv[1:])
        from pgverify.cli import main as command_line

        command_line()
    except KeyboardInterrupt:  # before the first of these lines
        leave()
    except SystemExit as left:
        ignore_interrupts()  # the answer is told
        GUARDIAN.tell(f"{LEFT}{left.code}")
        if left.code == INTERRUPTED:
            end()
        sys.exit(left.code)


def _tell_at_once() -> None:
    """Say on a terminal that a command has begun; what comes next is written over it."""
    typed = sys.argv[1:]
    patient = any(typed[: len(command)] == command for command in PATIENT) and not {"-h", "--help"}.intersection(typed)
    if patient and sys.stderr is not None and sys.stderr.isatty():
        os.write(2, "pgverify: starting …\r".encode())


if __name__ == "__main__":
    main()
