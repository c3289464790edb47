"""Run-time checks that are written when a function is first called, and look at each value once.

jaxtyping's own decorator reads the signature of all 3,000 functions when they are defined, which took every worker six
seconds before its first test, and looks at the arguments twice in each call. Here beartype's check of arguments and
result is made at the first call, among the names that the module has by then; what remains of jaxtyping is that a
letter of a shape stands for one number within a call. The same values are refused.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import AbstractArray, TypeCheckError, config, jaxtyped

# The tower (an int is a float, a float is a complex) is what type checkers mean by `float`, and NumPy by ArrayLike.
CONFIGURATION = BeartypeConf(is_pep484_tower=True)

ONE_CALL = jaxtyped("context")
"""Within it a letter of a shape stands for one number."""

FRAMES = "<@beartype at the first call>"
"""Where our frames say they are, so that whoever looks for the line of a caller passes them over, as beartype's own."""


def checked_from_the_first_call(definition: Any) -> Any:
    """Return a function whose annotations are checked, or a class whose constructor is, if it is a dataclass."""
    if not isinstance(definition, type):
        return _checked_function(definition)
    if dataclasses.is_dataclass(definition) and not hasattr(definition.__init__, "__wrapped__"):
        definition.__init__ = _checked_function(definition.__init__)  # type: ignore[misc]
    return definition


def _checked_function(function: FunctionType) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        return jaxtyped(function, typechecker=beartype(conf=CONFIGURATION))
    checked: Callable[..., Any] | None = None
    has_shapes = False

    def at_each_call(*arguments: Any, **keywords: Any) -> Any:
        nonlocal checked, has_shapes
        if config.jaxtyping_disable:
            return function(*arguments, **keywords)
        if checked is None:
            hints = _hints(function)
            has_shapes = any(map(_mentions_a_shape, hints.values()))
            checked = beartype(conf=CONFIGURATION)(_annotated(function, hints))
        try:
            if not has_shapes:
                return checked(*arguments, **keywords)
            with ONE_CALL:
                return checked(*arguments, **keywords)
        except BeartypeCallHintViolation as violation:
            raise TypeCheckError(str(violation)) from violation

    at_each_call.__code__ = at_each_call.__code__.replace(co_filename=FRAMES)
    return functools.wraps(function)(at_each_call)


def _hints(function: FunctionType) -> dict[str, Any]:
    """Return the annotations as types; `Any` where one has names that the module does not."""
    hints = {}
    for name, annotation in function.__annotations__.items():
        alone = FunctionType((lambda: None).__code__, function.__globals__)
        alone.__annotations__ = {name: annotation}
        try:
            hints.update(typing.get_type_hints(alone, include_extras=True))
        except Exception:  # as jaxtyping: whatever is wrong; tests/test_shape_annotations.py finds it
            hints[name] = Any
    return hints


def _mentions_a_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(map(_mentions_a_shape, hint if isinstance(hint, (list, tuple)) else typing.get_args(hint)))


def _annotated(function: FunctionType, hints: dict[str, Any]) -> FunctionType:
    """Return a copy of a function with other annotations."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    functools.update_wrapper(copy, function)
    del copy.__wrapped__
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, hints
    return copy
