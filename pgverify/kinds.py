"""What an argument must be before anything is done with it, said once where a function is defined.

    @accepts(problem=PROBLEM)
    def gradient(problem: Problem) -> ...

refuses whatever is no `Problem` in one sentence, and arguments that `gradient` does not have. Numbers and arrays are
checked where their ranges and shapes are known, in `validation`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ParamSpec, TypeVar

from pgverify.errors import (
    InvalidInput,
    UnknownAttribute,
    WrongArguments,
    WrongKind,
    nearest,
    one_sentence,
    shortened,
    shown,
)
from pgverify.suggestions import suggested, suggests_names
from pgverify.validation import require_flag

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def offers(value: object, protocol: type) -> bool:
    """Return whether a value has everything that a protocol names, whichever way it answers.

    From Python 3.12 on `isinstance` looks past `__getattr__`: what hands everything on to another object would be a
    policy under one Python, and none under the next.
    """
    rooms = [base for base in protocol.__mro__ if base.__module__.startswith("pgverify")]
    names = {name for room in rooms for name in (*vars(room), *getattr(room, "__annotations__", ()))}
    return all(hasattr(value, name) for name in names if not name.startswith("_"))


@dataclass(frozen=True)
class Requirement:
    """What an argument must be, and what to do where it is something else.

    Attributes
    ----------
    fits : value -> bool
    expected : str
        What is expected, as in "a Problem".
    advice : str
        How to make one.
    optional : bool
        Whether None will do.
    error : class of the exception
    """

    fits: Callable[[Any], bool]
    expected: str
    advice: str = ""
    optional: bool = False
    error: type[InvalidInput] = WrongKind

    def require(self, name: str, value: Any) -> None:
        """Refuse a value that does not fit."""
        if not (self.fits(value) or (self.optional and value is None)):
            advice = f"; {self.advice}" if self.advice else ""
            raise self.error(f"{name} is {described(value)}, must be {self.expected}{advice}")

    @property
    def or_none(self) -> Requirement:
        """The same kind, or None."""
        return replace(self, optional=True)


def instance_of(*classes: type, expected: str, advice: str = "", error: type[InvalidInput] = WrongKind) -> Requirement:
    """Return the kind of what is an instance of one of some classes; a class itself is none of its instances."""
    return Requirement(
        lambda value: isinstance(value, classes) and not isinstance(value, type), expected, advice, error=error
    )


FUNCTION = Requirement(lambda value: callable(value) and not isinstance(value, type), "a function")
PATH = instance_of(str, PathLike, expected="the path of a file, a string or a pathlib.Path")


def made_by(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], error: type[InvalidInput]) -> Any:
    """Return what a function of somebody else makes; whatever it raises is said of it, by the argument's name."""
    try:
        return function(*arguments)
    except Exception as reason:
        raise error(f"{name} raised {shortened(one_sentence(reason), 200)}, must make what is asked for") from None


@dataclass(frozen=True)
class _Flag(Requirement):
    def require(self, name: str, value: Any) -> None:
        require_flag(name, value, self.error)


FLAG = _Flag(lambda value: isinstance(value, bool), "True or False", error=InvalidInput)


def described(value: object) -> str:
    """Return what a value is, for a message: it as it prints where that is short, and its type."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str | int | float | complex | bytes):
        return shown(value)
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeio" else "a"
    return f"{article} {kind} ({shown(value, 40)})"


def accepts(**kinds: Requirement) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a function whose arguments, by name, must be of some kinds; defaults always fit.

    Arguments that the function does not have, or lacks, are refused as `WrongArguments`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        order = list(parameters)
        any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        known = {*order}
        checked = [(order.index(name), name, kind) for name, kind in kinds.items()]

        @functools.wraps(function)
        def checked_call(*given: P.args, **named: P.kwargs) -> R:
            if named and not any_name and not named.keys() <= known:
                refuse_unknown(function.__name__, order, named)
            for place, name, kind in checked:
                if place < len(given):
                    if not kind.fits(given[place]):
                        kind.require(name, given[place])
                elif name in named:
                    kind.require(name, named[name])
            try:
                return function(*given, **named)
            except TypeError as reason:
                refuse_arguments(function, function.__name__, given, named, reason)
                raise

        return checked_call

    return decorate


def known_arguments(cls: C) -> C:
    """Refuse, as `WrongArguments`, what a class is made with and does not take: a class decorator, outermost.

    Attributes that its instances lack are refused with the nearest ones, too.
    """
    made: Callable[..., None] = cls.__init__  # type: ignore[misc]

    @functools.wraps(made)
    def init(self: Any, *given: Any, **named: Any) -> None:
        try:
            made(self, *given, **named)
        except TypeError as reason:
            refuse_arguments(made, cls.__name__, (self, *given), named, reason)
            raise

    cls.__init__ = init  # type: ignore[misc]
    return suggests_names(cls)


def refuse_arguments(
    function: Callable[..., Any], name: str, given: tuple[Any, ...], named: dict[str, Any], reason: TypeError
) -> None:
    """Raise `WrongArguments` if a call failed because its arguments are not those of the function."""
    if isinstance(reason, InvalidInput):
        return
    signature = inspect.signature(function)
    try:
        signature.bind(*given, **named)
        return
    except TypeError as mismatch:
        said = str(mismatch)
    known = [known for known in signature.parameters if known != "self"]
    if not named.keys() <= {*known}:
        refuse_unknown(name, known, named)
    raise WrongArguments(f"{name}: {said}; {_taken(name, known)}") from None


def refuse_unknown(name: str, known: list[str], named: Iterable[str]) -> None:
    """Raise `WrongArguments` with the nearest to the first of the given names that is not known."""
    unknown = next(key for key in named if key not in known)
    near = nearest(unknown, known)
    meant = f"; did you mean {' or '.join(near)}?" if near else ","
    raise WrongArguments(f"{name} has no argument {unknown!r}{meant} {_taken(name, known)}") from None


def _taken(name: str, known: list[str]) -> str:
    return f"{name} takes {', '.join(known)}" if known else f"{name} takes no argument"


class SuggestsNames:
    """Attributes that an object does not have are refused with the nearest that it has."""

    def __getattr__(self, name: str) -> Any:
        return suggested(self, name)


def suggesting(module: str, names: Iterable[str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module that suggests the nearest of its public names."""

    def missing(name: str) -> Any:
        raise UnknownAttribute(f"module {module!r}", name, lambda: names)

    return missing
