"""Run-time checks that are written when a function is first called: most of them are never needed by one worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

# The tower (an int is a float, a float is a complex) is what type checkers mean by `float`, and NumPy by ArrayLike.
CONFIGURATION = BeartypeConf(is_pep484_tower=True)


def checked_from_the_first_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its annotations checked by beartype, which writes the check at the first call.

    Writing the checks of all 3,000 functions took every worker eight seconds before its first test.
    """
    checked: list[Callable[..., Any]] = []

    def at_each_call(*arguments: Any, **keywords: Any) -> Any:
        if not checked:
            checked.append(beartype(conf=CONFIGURATION)(function))
        return checked[0](*arguments, **keywords)

    return at_each_call
