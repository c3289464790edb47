"""`pgverify`, and `python -m pgverify`: the command line, from its first import to its last word open to Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

INTERRUPTED = 130


def _leave(*_: Any) -> None:
    """Say that nothing has been done yet, and leave at once: what is half imported cannot be trusted to."""
    os.write(2, b"pgverify: interrupted before it began\n")
    os._exit(INTERRUPTED)


def _interrupt(*_: Any) -> None:
    """Treat a request to end like Ctrl-C: what was started has to be ended too."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; Ctrl-C is one sentence and exit code 130 at any time."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not one who has it ignored, as nohup does
    if ours:
        signal.signal(signal.SIGINT, _leave)
    try:
        from pgverify.cli import main as command_line

        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, _interrupt)
        command_line()
    except KeyboardInterrupt:  # between two of these lines
        _leave()
    except SystemExit as left:
        if ours:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the answer is told: nothing that comes now changes it
        sys.exit(left.code)


if __name__ == "__main__":
    main()
