"""A check in a process of its own, and what is said where that process did not answer."""

from __future__ import annotations

import base64
import inspect
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pgverify.errors as errors
from pgverify.checking.isolation.between_processes import MARK
from pgverify.checking.isolation.limits import Limits
from pgverify.checking.isolation.supervisor import Ending, Listener, supervise
from pgverify.checking.isolation.whereabouts import Doing
from pgverify.checking.verdict.next_steps import after_a_failed_call
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.errors import InvalidInput, UnknownName, one_sentence, shortened


def check_in_process(
    request: Mapping[str, Any], limits: Limits, listener: Listener | None = None, alone: bool = False
) -> Report:
    """Return the report on what a request names; what did not survive its own check is INVALID.

    Parameters
    ----------
    request : mapping
        As `pgverify.isolated_child.judged` reads it.
    limits, listener, alone
        As in `supervise`.

    Raises
    ------
    InvalidInput
        When the call is wrong, or what it names cannot be imported.
    """
    ending = supervise(request, limits, listener, alone)
    options = request["options"]
    if ending.answer is None:
        return _not_survived(ending, options)
    if "refused" in ending.answer:
        kind = getattr(errors, str(ending.answer.get("error")), InvalidInput)
        raise kind(ending.answer["refused"])
    if "report" in ending.answer:
        try:
            return Report.from_json(ending.answer["report"])
        except InvalidInput as reason:
            return _not_survived(Ending(None, f"spoiled its report ({reason})", ending.where), options)
    said = shortened(str(ending.answer.get("broken")), 200)
    return _not_survived(Ending(None, f"broke the check itself ({said})", ending.where), options)


def check_isolated(implementation: Callable[..., Any], options: dict[str, Any], limits: Limits) -> Report:
    """Return the report on a function, called in a process of its own, in which it is found by name or unpickled.

    Parameters
    ----------
    implementation : any callable
    options : dict
        Those of `pgverify.check`.
    limits : Limits

    Raises
    ------
    InvalidInput
        When it can be found neither way, or this is such a process already.
    """
    if MARK in os.environ:
        raise InvalidInput(
            "isolate is True in a process that was started for it, must be asked for by one process alone: put the "
            'call under if __name__ == "__main__", for the file is imported again to find the function'
        )
    plain = {
        name: options.pop(name) for name in ("kind", "target", "time_limit", "total_time_limit", "explore", "suite")
    }
    pickled = _pickled("an argument", {name: value for name, value in options.items() if value is not None})
    request = {"options": plain, "pickled_options": pickled}
    name = _name_of(implementation)
    if name:
        try:
            return check_in_process({**request, "implementation": name}, limits)
        except UnknownName as reason:
            raise InvalidInput(
                f"implementation is {name}, which is not found when that is imported anew ({reason}), must be defined "
                "at the top of a module or file, outside of any condition"
            ) from None
    return check_in_process({**request, "pickled": _pickled("implementation", implementation)}, limits)


def _name_of(function: Callable[..., Any]) -> str:
    """Return MODULE:FUNCTION by which a function is found again, empty if it is not."""
    module = sys.modules.get(getattr(function, "__module__", "") or "")
    path = getattr(function, "__qualname__", "")
    if module is None or not path or "<" in path or inspect.ismethod(function):
        return ""
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    file = getattr(module, "__file__", None)
    if found is not function or (module.__name__ == "__main__" and file is None):
        return ""
    return f"{Path(str(file)).resolve() if module.__name__ == '__main__' else module.__name__}:{path}"


def _pickled(what: str, value: object) -> str:
    try:
        return base64.b64encode(pickle.dumps(value)).decode()
    except Exception as reason:
        told = shortened(one_sentence(reason), 200)
        raise InvalidInput(
            f"{what} cannot be taken to a process of its own ({told}), must be found by its name or pickled: define "
            "it at the top of a module, or leave isolate out"
        ) from None


def _not_survived(ending: Ending, options: Mapping[str, Any]) -> Report:
    where, sampled = ending.where, options["kind"] == "sampler"
    if where.doing is Doing.CALLING:
        place, on = f"on problem {where.problem} it ", f" on {where.given}"
    elif where.calls:
        place, on = "it ", f" after the call on {where.given} of problem {where.problem}"
    else:
        place, on = "it ", " while it was imported" if where.doing is Doing.IMPORTING else " before its first call"
    on = "" if where.doing is Doing.IMPORTING and "imported" in ending.happened else on
    return Report(
        Outcome.INVALID,
        f"{place}{ending.happened}{on}",
        "sampled" if sampled else "exhaustive",
        options["target"],
        "one failing input is enough",
        next_step=after_a_failed_call(ending.happened) if where.calls else "import it alone",
    )
