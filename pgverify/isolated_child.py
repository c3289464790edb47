"""The process in which somebody's function runs: it judges, writes its answer to a file, and may end at any time."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pgverify.checking.isolation.between_processes import ANSWER, NOTE, REQUEST
from pgverify.checking.isolation.named_function import load_function
from pgverify.checking.isolation.noted_function import NotedFunction
from pgverify.checking.isolation.whereabouts import Doing, Notebook
from pgverify.errors import InvalidInput, one_sentence, shortened
from pgverify.guarded_process import end_with_parent

LONGEST_REASON = 300
"""Characters of somebody else's exception that are told."""

LATER = 10.0
"""Seconds by which a call may outlast the limit of a program, which comes first: it knows what the program said last.
To end a program takes seconds on a machine that others use."""


def main(name: str) -> None:
    """Answer the request in a folder, and leave; what the function left running does not keep us.

    Parameters
    ----------
    name : str
        The folder that `supervise` made.
    """
    end_with_parent()
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent: here, whoever raises it means it
    owner, folder = os.getpid(), Path(name)
    notebook = Notebook(folder / NOTE)
    notebook.doing(Doing.STARTING)
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    sys.argv[:] = ["pgverify"]
    write = json.dumps  # as it is before anybody may replace it
    try:
        answer = {"report": judged(request, notebook)}
    except InvalidInput as error:
        answer = {"refused": str(error), "error": type(error).__name__}
    except BaseException as error:
        answer = {"broken": shortened(one_sentence(error), LONGEST_REASON)}
    if os.getpid() != owner:
        os._exit(1)  # a copy of us that the function forked
    try:
        with (folder / ANSWER).open("w", encoding="utf-8") as file:
            file.write(write(answer))
    except BaseException:  # no more files, no more memory: the parent says that there is no answer
        os._exit(1)
    notebook.doing(Doing.DONE)


def judged(request: Mapping[str, Any], notebook: Notebook | None = None) -> str:
    """Return the report that a request asks for, as JSON.

    Parameters
    ----------
    request : mapping
        "implementation" MODULE:FUNCTION, "command" PROGRAM, or "pickled" in base64; "options" of `pgverify.check`, of
        them "design" as its numbers, or "pickled_options" in base64.
    notebook : Notebook, optional
        Where every call is written down: in a process of its own.

    Raises
    ------
    InvalidInput
        When the call is wrong, or the import fails.
    """
    # NumPy and the oracle first: what they take is not the implementation's.
    import pgverify.checking as checking

    options = {**request["options"], **_unpickled(request.get("pickled_options"))}
    design = request.get("design")
    if design is not None:
        options["design"] = _design(design)
    with _given(request, notebook, options) as function:
        if notebook is not None:
            notebook.doing(Doing.JUDGING)
            function = _noted(function, options, notebook)
        return checking.check(function, **options).to_json()


def _noted(function: Callable[..., Any], options: dict[str, Any], notebook: Notebook) -> NotedFunction:
    """Return the function with a note of every call, which knows the problems that it will meet by name."""
    from pgverify.checking.given_problems import suite_of
    from pgverify.suites import get
    from pgverify.suites.exploration import explored_problem

    problems, count = options.get("problems"), options.get("explore", 24)
    if problems is not None:
        options["problems"] = suite = suite_of(problems)
        return NotedFunction(function, notebook, suite)

    def beyond() -> Iterator[tuple[str, Any]]:
        for index in range(count if isinstance(count, int) else 0):
            explored = explored_problem(index)
            yield explored.name, explored.problem

    return NotedFunction(function, notebook, get(options.get("suite", "standard")), beyond())


def _given(
    request: Mapping[str, Any], notebook: Notebook | None, options: dict[str, Any]
) -> AbstractContextManager[Callable[..., Any]]:
    """Return the function, or the program, which ends when the context is left."""
    command = request.get("command")
    if command is not None:
        from pgverify.adapters.process import from_command

        limit = float(options["time_limit"])
        options["time_limit"] = limit + LATER
        return from_command(command, kind=options["kind"], time_limit=limit)
    name, pickled = str(request.get("implementation")), request.get("pickled")
    if notebook is None:
        return nullcontext(load_function(name))
    notebook.doing(Doing.IMPORTING)
    try:
        return nullcontext(pickle.loads(base64.b64decode(pickled)) if pickled else load_function(name))
    except InvalidInput:
        raise
    except BaseException as reason:  # KeyboardInterrupt included: Ctrl-C does not come here
        told = shortened(one_sentence(reason), LONGEST_REASON)
        raise InvalidInput(f"implementation cannot be had in a process of its own: {told}") from None


def _unpickled(options: str | None) -> dict[str, Any]:
    if options is None:
        return {}
    try:
        return dict(pickle.loads(base64.b64decode(options)))
    except BaseException as reason:
        told = shortened(one_sentence(reason), LONGEST_REASON)
        raise InvalidInput(f"an argument cannot be had in a process of its own: {told}") from None


def _design(numbers: Mapping[str, Any]) -> Any:
    from pgverify.checking.design import Grouped, Independent

    if "sizes" in numbers:
        return Independent(tuple(numbers["sizes"]))
    return Grouped(numbers["size"], numbers["prompts"])
