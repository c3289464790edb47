"""The quick answer about an array is jaxtyping's own, and so is what is remembered of its letters."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytest
from jaxtyping import Bool, Float, Inexact, Int64, Integer, Shaped
from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo
from quick_shapes import _axes, fits, thorough

SHAPES = ("n", "n T", "n n", "2 n", "2", "", "_ n", "...", "n ...", "*rows n", "2 *rows", "*rows", "#n T", "n n+1", "T n")
ARRAYS: list[Any] = [
    *(np.zeros(shape) for shape in ((), (2,), (3,), (2, 2), (2, 3), (3, 2), (1, 2), (2, 3, 2), (0,))),
    np.zeros(2, np.int64), np.zeros(2, np.int32), np.zeros(2, bool), np.zeros(2, np.float32), np.zeros(2, complex),
    np.zeros(2, np.longdouble), np.zeros(2, ">f8"), np.zeros(2, object), np.zeros(2, [("a", "f8")]), np.array("a"),
    np.ma.zeros(2), 2.0, None, [1.0, 2.0],
]  # fmt: skip


def _asked(way: Callable[[Any, Any], bool], asked: tuple[tuple[Any, Any], ...]) -> tuple[list[Any], Any]:
    """Return the answers within one call, and what the letters stand for in the end."""
    push_shape_memo({})
    try:
        answers: list[Any] = []
        for annotation, value in asked:
            try:
                answers.append(way(annotation, value))
            except Exception as raised:  # a sum of letters that stand for nothing yet
                answers.append(type(raised))
        return answers, get_shape_memo()[:2]
    finally:
        pop_shape_memo()


@pytest.mark.parametrize("kind", [Float, Inexact, Integer, Int64, Bool, Shaped])
def test_any_array_is_answered_as_by_jaxtyping(kind: Any) -> None:
    for shape, value in itertools.product(SHAPES, ARRAYS):
        asked = ((kind[np.ndarray, shape], value),)
        assert _asked(fits, asked) == _asked(thorough, asked), (kind, shape, repr(value))


def test_what_was_met_before_counts_in_either_way() -> None:
    """Two arrays in one call, one after the other, each by either way: the second is refused where a letter clashes."""
    arrays = [np.zeros(shape) for shape in ((2,), (3,), (2, 3), (3, 3), (1, 3), (2, 2, 3))]
    pairs = itertools.product([(Float[np.ndarray, shape], value) for shape in SHAPES for value in arrays], repeat=2)
    for number, pair in enumerate(pairs):
        if number % 7:
            continue
        expected = _asked(thorough, pair)
        assert _asked(fits, pair) == expected, pair
        assert _asked(lambda a, v, first=pair[0][0]: (fits if a is first else thorough)(a, v), pair) == expected, pair


def test_most_annotations_are_read() -> None:
    """A negative control: what jaxtyping would have to answer itself is what is not read."""
    read = [shape for shape in SHAPES if _axes(Float[np.ndarray, shape]) is not None]
    assert read == [shape for shape in SHAPES if shape not in ("#n T", "n n+1")]


def test_these_tests_are_answered_by_it() -> None:
    assert type(Float[np.ndarray, "n"]).__instancecheck__ is fits


def test_protocols_tell_instances_of_one_class_apart() -> None:
    """What is kept is the names that a protocol asks for, not which class has them."""

    @runtime_checkable
    class HasSize(Protocol):
        size: int

    class Something:
        pass

    bare, sized = Something(), Something()
    sized.size = 1  # type: ignore[attr-defined]
    assert [isinstance(one, HasSize) for one in (sized, bare, sized)] == [True, False, True]
