"""The run-time checks of these tests refuse what annotations forbid: arguments, results, fields, letters that clash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from deferred_checks import checked_from_the_first_call
from import_hook import install
from jaxtyping import Float, TypeCheckError

Array = np.ndarray


@checked_from_the_first_call
def first(x: Float[Array, "n"], y: Float[Array, "n"], *more: Float[Array, "n"]) -> Float[Array, "n"]:
    return second(x) if len(more) == 0 else more[0][1:]


@checked_from_the_first_call
def second(x: Float[Array, "m"], times: int = 1) -> Float[Array, "m"]:
    return third(np.ones(x.size + 1))[1:] * times


@checked_from_the_first_call
def third(n: Float[Array, "n"]) -> Float[Array, "n"]:
    return n


@checked_from_the_first_call
def plain(count: int, call: Callable[[int], str] | None = None) -> str:
    return "a" * count if call is None else call(count)


@checked_from_the_first_call
def steps(x: Float[Array, "n"]) -> Iterator[float]:
    yield from x


@checked_from_the_first_call
@dataclass(frozen=True)
class Pair:
    left: Float[Array, "n"]
    right: Float[Array, "n"]


ONE, TWO = np.ones(1), np.ones(2)


def test_what_the_annotations_allow_is_left_alone() -> None:
    """A letter stands for one number within a call, and for another in the next, or in one from within it."""
    assert first(ONE, ONE).shape == (1,)
    assert first(TWO, y=TWO).shape == (2,)
    assert plain(2) == "aa"
    assert list(steps(TWO)) == [1.0, 1.0]
    assert Pair(TWO, right=TWO).left is TWO


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: first(ONE, TWO), "y"),
        (lambda: first(ONE, ONE, TWO), "more"),
        (lambda: first(TWO, TWO, TWO), "return"),
        (lambda: second(TWO, times="2"), "times"),
        (lambda: second(np.ones((2, 2))), "x"),
        (lambda: plain("2"), "count"),
        (lambda: plain(2, lambda count: count), "return"),
        (lambda: steps(np.ones((1, 1))), "x"),
        (lambda: Pair(ONE, TWO), "right"),
        (lambda: Pair(ONE, 1.0), "right"),
    ],
)
def test_what_they_forbid_is_refused(call: Callable[[], object], named: str) -> None:
    with pytest.raises(TypeCheckError, match=named):
        call()


def test_the_fixture_turns_them_off(unchecked_shapes: None) -> None:
    assert Pair(ONE, TWO).right is TWO


def test_the_hook_decorates_what_a_module_defines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions within functions and methods as well, and what stands before the first statement stays first."""
    (tmp_path / "written_for_the_hook.py").write_text(
        '"""A module."""\nfrom __future__ import annotations\nfrom functools import cache\n'
        "@cache\ndef outer(x: int):\n    def inner(y: str): return y\n    return inner\n"
        "class C:\n    @staticmethod\n    def f(x: int): return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.meta_path", list(__import__("sys").meta_path))
    install("written_for_the_hook")
    module = __import__("written_for_the_hook")
    assert module.__doc__ == "A module."
    assert module.outer(1)("a") == "a"
    for call in (lambda: module.outer("1"), lambda: module.outer(2)(1), lambda: module.C.f("1")):
        with pytest.raises(TypeCheckError):
            call()
