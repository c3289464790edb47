"""A program in any language as an implementation: started once, asked line by line."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from jaxtyping import Float

from pgverify.adapters.program import (
    CannotStart,
    MalformedAnswer,
    NoAnswer,
    Program,
    ProgramEnded,
    ProgramFault,
    ReportedError,
)
from pgverify.adapters.protocol import Requests, batch_fields, problem_fields, read_answer
from pgverify.errors import InvalidInput, unknown_name
from pgverify.estimators.protocol import KINDS
from pgverify.kinds import accepts, suggesting
from pgverify.problem import Problem
from pgverify.validation import Array, require_number, shortened, shown

__all__ = [
    "CannotStart",
    "ExternalProgram",
    "MalformedAnswer",
    "NoAnswer",
    "ProgramEnded",
    "ProgramFault",
    "ReportedError",
    "from_command",
]


@accepts()
def from_command(argv: str | Sequence[str], kind: str = "gradient", time_limit: float = 10.0) -> ExternalProgram:
    """Return a program as a function that `pgverify.check` takes as it is.

    The program reads one request a line from its standard input and writes one answer a line to its standard output,
    as docs/protocol.md says. It is started here, and again after a fault; it never outlives this process.

    Parameters
    ----------
    argv : str or sequence of str
        The program and its arguments; one string is split as a shell would.
    kind : "gradient", "weights" or "sampler"
        What is asked for, as in `pgverify.check`.
    time_limit : float
        Seconds for each answer; for the first one, the program's own start included.

    Raises
    ------
    InvalidInput
        When an argument is wrong.
    CannotStart
        When there is no such program, or it may not be run.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    time_limit = require_number("time_limit", time_limit, 1e-3, 1e6, InvalidInput)
    try:
        words = shlex.split(argv) if isinstance(argv, str) else list(argv)
    except (TypeError, ValueError) as reason:
        raise InvalidInput(f"argv is {shown(argv)}, is no list of words ({reason}); give one") from None
    if not words or not all(isinstance(word, str) for word in words):
        raise InvalidInput(f"argv is {shown(argv)}, must be a program and its arguments, each a string")
    return ExternalProgram(words, kind, time_limit)


class ExternalProgram:
    """An implementation that lives in a program of its own; call it, and `close` it or leave its `with` block.

    Made by `from_command`. A copy in another process, forked or pickled, starts a program of its own.
    """

    def __init__(self, argv: list[str], kind: str, time_limit: float) -> None:
        self._argv, self._kind, self._time_limit = argv, kind, time_limit
        self._folder = os.getcwd()  # noqa: PTH109 (a restart happens where the first start did)
        self._requests = Requests()
        self._lock = threading.Lock()
        self._closed = False
        self._idle: Program | None = Program(argv, self._folder)

    def __call__(self, *given: Any) -> Float[Array, "..."]:
        """Return the program's answer to (batch), or to (problem, num_trajectories, rng) of a sampler.

        Raises
        ------
        ProgramFault
            NoAnswer, ProgramEnded, MalformedAnswer or ReportedError; all but the last cost the program its life, and
            the next call starts another.
        CannotStart
            When it could not be started again.
        """
        if self._kind == "sampler":
            return self._ask(given[0], problem_fields(*given))
        return self._ask(given[0].problem, batch_fields(*given))

    def _ask(self, problem: Problem, fields: dict[str, Any]) -> Float[Array, "..."]:
        with self._lock:
            number, line = self._requests.write(self._kind, problem.policy, fields)
            # It is idle again only after a whole exchange: an interruption, wherever it strikes, cannot leave a
            # program in place that still owes an answer.
            program, self._idle = self._ready(), None
            try:
                value = read_answer(program.exchange(line, self._time_limit), number)
            except ReportedError:
                self._idle = program
                raise
            except ProgramFault as fault:
                last = program.kill()
                said = f"; the last line of its standard error is {shortened(last, 120)!r}" if last else ""
                raise type(fault)(f"{fault}{said}") from None
            except BaseException:
                program.kill()
                raise
            self._idle = program
            return value

    def _ready(self) -> Program:
        if self._closed:
            raise InvalidInput(f"{self!r} has been closed, must be open; make another with from_command")
        idle = self._idle
        return idle if idle is not None and idle.owner == os.getpid() else Program(self._argv, self._folder)

    def close(self) -> None:
        """End the program; further calls are refused."""
        with self._lock:
            self._closed = True
            if self._idle is not None:
                self._idle.close()
                self._idle = None

    def __enter__(self) -> ExternalProgram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return from_command, (self._argv, self._kind, self._time_limit)

    def __repr__(self) -> str:
        return f"from_command({self._argv!r}, kind={self._kind!r}, time_limit={self._time_limit:g})"


__getattr__ = suggesting(__name__, __all__)
