"""`pgverify`, and `python -m pgverify`: the command line, from its first import to its last word open to Ctrl-C."""

from __future__ import annotations

import sys

from pgverify.interruption import INTERRUPTED, end, ignore_interrupts, leave, leave_when_interrupted


def main() -> None:
    """Run the command line; Ctrl-C is one sentence and exit code 130 at any time."""
    try:
        leave_when_interrupted()
        from pgverify.cli import main as command_line

        command_line()
    except KeyboardInterrupt:  # before the first of these lines
        leave()
    except SystemExit as left:
        ignore_interrupts()  # the answer is told
        if left.code == INTERRUPTED:
            end()
        sys.exit(left.code)


if __name__ == "__main__":
    main()
