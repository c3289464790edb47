"""A process that outlives code that is not ours: it starts the command anew below itself, and says how that ended.

A study is imported, decides and draws in the process of the command. C's `exit(0)` there would end the command with 0
and not a word, whatever guard Python has: only another process can tell.
"""

from __future__ import annotations

import contextlib
import os
import sys

from pgverify.guarded_process import FOLDER, LEFT, VARIABLE
from pgverify.interruption import INTERRUPTED, WATCHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import subprocess
else:
    import _signal as signal

WORSE = 1
MOST_READ = 1 << 20
EVERY, LONGEST_END = 1.0, 5
"""Seconds between two looks at what was told, and so many of them until a process that has left is ended."""
BEFORE = "before the answer was complete"
OF_THE_SYSTEM = 0x80
"""Code of a signal that came from the terminal (SI_KERNEL): the process below has heard it, too."""

START = "import sys; sys.path[:] = {path!r}; from pgverify.__main__ import main; main()"
"""The process finds pgverify where we did, and nothing before it."""


def runs_foreign_code(typed: list[str]) -> bool:
    """Return whether what was typed runs code of others in the process of the command."""
    if {"-h", "--help"}.intersection(typed):
        return False
    if typed[:1] == ["report"]:
        return "--trust" in typed
    if typed[:1] == ["variance"]:
        return any(word.startswith("--env") for word in typed)
    return typed[:2] in (["study", "run"], ["study", "list"])


def guard(typed: list[str]) -> None:
    """Run the command in a process of its own and leave as it did; where it did not leave by itself, say so.

    Nothing is done where signals cannot be waited for, or a guardian is there already.
    """
    if not hasattr(signal, "sigwaitinfo") or VARIABLE in os.environ:
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    below = _started(typed, writing)
    os.close(writing)
    told = Told(reading)
    pressed = _wait(below, told)
    if told.left is not None:
        os._exit(told.left)
    if pressed:
        os._exit(INTERRUPTED)
    _say(f"{f'while {told.doing}, ' if told.doing else ''}the process ended {_how(below.returncode)}, {BEFORE}")
    if told.folder:  # the pages, of what is known
        _wait(_started(["report", told.folder], None))
    os._exit(WORSE)


class Told:
    """What the process below has written so far.

    Attributes
    ----------
    doing : str
        The code of others that it runs, or ran last; empty where it runs none.
    folder : str
        Of its results, empty where there are none yet.
    left : int or None
        The exit code with which it left by itself.
    """

    def __init__(self, reading: int) -> None:
        self._reading, self._rest = reading, b""
        self.doing, self.folder = "", ""
        self.left: int | None = None

    def read(self) -> None:
        """Take in what has been written since."""
        try:
            *lines, self._rest = (self._rest + os.read(self._reading, MOST_READ)).split(b"\n")
        except BlockingIOError:  # nothing, and others that it started have the pipe open still
            return
        for line in (line.decode(errors="replace") for line in lines):
            if line.startswith(FOLDER):
                self.folder = line.removeprefix(FOLDER)
            elif line.startswith(LEFT):
                code = line.removeprefix(LEFT)
                self.left = int(code) if code.isdecimal() else WORSE
            else:
                self.doing = line


def _started(typed: list[str], writing: int | None) -> subprocess.Popen[bytes]:
    """Start a command with the signals blocked that we wait for: it lets them in as soon as it can answer them."""
    import subprocess

    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    argv = [sys.executable, *subprocess._args_from_interpreter_flags(), "-P", "-c", START.format(path=sys.path)]  # type: ignore[attr-defined]
    environment = {**os.environ, VARIABLE: "" if writing is None else str(writing)}
    return subprocess.Popen([*argv, *typed], env=environment, pass_fds=() if writing is None else (writing,))


def _wait(below: subprocess.Popen[bytes], told: Told | None = None) -> bool:
    """Wait for the end of a process; return whether somebody wanted to end it.

    One that has left is not waited for long: threads that code of others began may never end.
    """
    pressed, rounds = False, 0
    while below.poll() is None:
        heard = signal.sigtimedwait(WATCHED, EVERY)
        if told is not None:
            told.read()
            if told.left is not None and heard is None:
                rounds += 1
                if rounds > LONGEST_END:
                    below.kill()
        if heard is None or heard.si_signo == signal.SIGCHLD:
            continue
        pressed = True
        if heard.si_code != OF_THE_SYSTEM:  # meant for us alone
            below.send_signal(heard.si_signo)
    if told is not None:
        told.read()
    return pressed


def _how(code: int) -> str:
    return f"with exit code {code}" if code >= 0 else f"by signal {-code}"


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        os.write(2, f"pgverify: {sentence}\n".encode())
