"""A program that runs beside us: one line to it, one line back, a time limit, and an end that is sure to come."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence
from typing import IO, Any

from pgverify.errors import InvalidInput
from pgverify.validation import shortened

GRACE = 0.5
"""Seconds a program has to end by itself once its standard input has ended, before it is killed."""

LONGEST_ANSWER = 1 << 28
"""Bytes of one answer: a program that writes on without a line's end must not fill the memory."""

LONGEST_TAIL = 4096
"""Bytes of its standard error that are kept: the last line is all that is told."""

CHUNK = 1 << 16
"""Bytes read at a time: what a pipe holds."""

GUARD = 'read -r line; kill -s KILL -- "-$0"'
"""Kills a process group when its standard input ends: when we are gone, however we went."""


class CannotStart(InvalidInput):
    """The command is not one that can be run."""


class ProgramFault(RuntimeError):
    """The program did not do what the protocol asks for; the message says what it did instead."""


class ProgramEnded(ProgramFault):
    """The program ended, or closed its standard output, before it had answered."""


class NoAnswer(ProgramFault, TimeoutError):
    """The time limit passed without a whole answer."""


class MalformedAnswer(ProgramFault):
    """The program wrote something that is not the answer to the request."""


class ReportedError(ProgramFault):
    """The program answered that it cannot do what was asked."""


class Program:
    """A running program with its three pipes; it is killed with all its children when this object goes.

    Everything happens in the caller's thread, without signals: requests are written and both outputs are read as they
    become ready, so that a program which floods its standard error, or never reads, blocks nobody.

    Parameters
    ----------
    argv : sequence of str
    folder : str
        The working directory.

    Raises
    ------
    CannotStart
    """

    def __init__(self, argv: Sequence[str], folder: str) -> None:
        self.owner = os.getpid()
        self._child, guard = _start(argv, folder)
        self._input, self._output, self._errors = (pipe.fileno() for pipe in _pipes(self._child))
        os.set_blocking(self._input, False)
        self._selector = selectors.PollSelector()
        for pipe in (self._output, self._errors):
            self._selector.register(pipe, selectors.EVENT_READ)
        self._tail = b""
        self._ended = False
        self._end = weakref.finalize(self, _end, self._child, guard, self.owner)

    def exchange(self, line: bytes, seconds: float) -> bytes:
        """Send one line and return the line that comes back. After a fault the program is of no more use.

        Raises
        ------
        NoAnswer, ProgramEnded, MalformedAnswer
        """
        deadline = time.monotonic() + seconds
        unsent, complete = memoryview(line), False
        answer = bytearray()
        while unsent or not complete:
            if self._ended:
                raise ProgramEnded(self._how_it_ended())
            unsent = self._send(unsent)
            left = deadline - time.monotonic()
            if left <= 0.0:
                raise NoAnswer(f"it gave no answer within {seconds:g} s; it must flush its output after each line")
            fresh = self._listen(left)
            answer += fresh
            complete = complete or b"\n" in fresh
            if len(answer) > LONGEST_ANSWER:
                raise MalformedAnswer(f"its answer is longer than {LONGEST_ANSWER} bytes")
        first, _, rest = answer.partition(b"\n")
        if rest:
            begun = shortened(first.decode(errors="replace").strip())
            raise MalformedAnswer(f"it wrote more than one line for a request, beginning with {begun!r}")
        return bytes(first)

    def close(self) -> None:
        """End the program: its standard input ends, and what still runs after the grace is killed."""
        self._end()

    def kill(self) -> str:
        """End the program at once, and return the last line of its standard error."""
        _kill(self._child)
        until = time.monotonic() + GRACE
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            while self._errors in self._selector.get_map() and time.monotonic() < until:
                self._listen(until - time.monotonic())
        self._end()
        lines = self._tail.decode(errors="replace").split("\n")
        return next((text.strip() for text in reversed(lines) if text.strip()), "")

    def _send(self, unsent: memoryview) -> memoryview:
        """Write as much as the program takes now, and return the rest."""
        if unsent:
            try:
                unsent = unsent[os.write(self._input, unsent) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:  # it no longer reads; whether it ended is seen where it is read
                unsent = unsent[:0]
        waiting = self._input in self._selector.get_map()
        if unsent and not waiting:
            self._selector.register(self._input, selectors.EVENT_WRITE)
        elif waiting and not unsent:
            self._selector.unregister(self._input)
        return unsent

    def _listen(self, seconds: float) -> bytes:
        """Wait for something to happen, and return what came on standard output."""
        fresh = b""
        for key, _ in self._selector.select(seconds):
            if key.fd == self._input:
                continue
            chunk = os.read(key.fd, CHUNK)
            if not chunk:
                self._selector.unregister(key.fd)
            if key.fd == self._output:
                fresh, self._ended = chunk, not chunk
            else:
                self._tail = (self._tail + chunk)[-LONGEST_TAIL:]
        return fresh

    def _how_it_ended(self) -> str:
        try:
            code = self._child.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "it closed its standard output before it answered"
        if code < 0:
            return f"it was ended by signal {-code} ({signal.strsignal(-code)}) before it answered"
        hint = "; it must go on reading requests until its standard input ends" if code == 0 else ""
        return f"it ended with exit code {code} before it answered{hint}"


def _start(argv: Sequence[str], folder: str) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Start a program in a process group of its own, and the guard of that group."""
    if os.name != "posix":
        raise CannotStart("programs are run on POSIX systems only; use WSL on Windows")
    piped: Any = {"stdin": subprocess.PIPE, "bufsize": 0, "start_new_session": True}
    try:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, **piped)
    except (OSError, ValueError) as reason:  # ValueError: a null byte
        why = getattr(reason, "strerror", None) or str(reason)
        raise CannotStart(
            f"argv is {list(argv)!r}, cannot be started ({why}), must be a program on the PATH or "
            "a path such as ./program, followed by its arguments"
        ) from None
    null = subprocess.DEVNULL
    try:
        guard = subprocess.Popen(["/bin/sh", "-c", GUARD, str(child.pid)], stdout=null, stderr=null, **piped)
    except OSError as reason:
        _kill(child)
        raise CannotStart(f"argv is {list(argv)!r}, cannot be guarded ({reason}), must find /bin/sh") from None
    return child, guard


def _end(child: subprocess.Popen[bytes], guard: subprocess.Popen[bytes], owner: int) -> None:
    """End a program and its guard; in a forked copy of its owner, only let go of it."""
    first, *rest = _pipes(child)
    first.close()
    if os.getpid() == owner:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
        _kill(child)
        guard.kill()
        for process in (guard, child):
            process.wait()
    else:
        child.returncode = guard.returncode = 0  # not ours to wait for
    for pipe in (*rest, *_pipes(guard)):
        pipe.close()


def _pipes(process: subprocess.Popen[bytes]) -> list[IO[bytes]]:
    return [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # gone already
        os.killpg(child.pid, signal.SIGKILL)
