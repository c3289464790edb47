"""Checks shared by every constructor: an array is accepted whole or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from pgverify.errors import InvalidInput
from pgverify.errors import shortened as shortened

Array = np.ndarray
ROW_SUM_TOLERANCE = 1e-12
"""Rows of probabilities must sum to one this closely: routes to the gradient are compared at 1e-10."""


def real_array(name: str, value: ArrayLike, error: type[InvalidInput]) -> Float[Array, "..."]:
    """Return `value` as a new read-only float64 array, every entry finite."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise error(f"{name} must be an array of real numbers, found {shown(value)} ({reason})") from None
    refuse_non_finite(name, array, error)
    array.setflags(write=False)
    return array


def parameter_array(name: str, value: ArrayLike, error: type[InvalidInput]) -> Inexact[Array, "..."]:
    """Return `value` as a new read-only float64 array, or complex128 where a complex step is being taken."""
    try:
        array = np.array(value)
    except ValueError as reason:
        raise error(f"{name} must be an array of numbers, found {shown(value)} ({reason})") from None
    if not np.iscomplexobj(array):
        return real_array(name, value, error)
    refuse_non_finite(name, array, error)
    array.setflags(write=False)
    return array


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the same array, which can no longer be written to."""
    array.setflags(write=False)
    return array


def refuse_non_finite(name: str, array: Inexact[Array, "..."], error: type[InvalidInput]) -> None:
    """Refuse NaN and infinity, naming the first entry that has one."""
    bad = ~np.isfinite(array)
    if bad.any():
        index = first_index(bad)
        raise error(f"{name}{bracket(index)} is {array[index]}, every entry must be finite")


def require_shape(
    name: str, array: np.ndarray, shape: tuple[int, ...], meaning: str, error: type[InvalidInput]
) -> None:
    """Refuse an array whose shape is not `shape`; `meaning` spells the axes, as in "[S, A]"."""
    if array.shape != shape:
        raise error(f"{name} has shape {array.shape}, must be {meaning} = {shape}")


def require_probability_rows(name: str, rows: Float[Array, "... K"], error: type[InvalidInput]) -> None:
    """Refuse rows with a negative entry or a sum that is not one."""
    negative = rows < 0
    if negative.any():
        index = first_index(negative)
        raise error(f"{name}{bracket(index)} is {rows[index]:.6g}, a probability must lie in [0, 1]")
    sums = rows.sum(axis=-1)
    wrong = np.abs(sums - 1.0) > ROW_SUM_TOLERANCE
    if wrong.any():
        index = first_index(wrong)
        raise error(
            f"{name}{bracket(index)} sums to {sums[index]:.15g}, must sum to 1 within {ROW_SUM_TOLERANCE:g}; "
            "divide the row by its sum if it is only rounded"
        )


def require_integer(name: str, value: Any, minimum: int, error: type[InvalidInput], hint: str = "") -> int:
    """Return `value` as an int, refusing fractions, booleans and anything below `minimum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < minimum:
        raise error(f"{name} is {value!r}, must be an integer of at least {minimum}{hint}")
    return int(value)


def require_number(
    name: str,
    value: Any,
    low: float,
    high: float,
    error: type[InvalidInput],
    allowed: str | None = None,
) -> float:
    """Return `value` as a float inside [low, high]; NaN never passes."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if isinstance(value, np.floating | np.integer):
        value = value.item()  # a bound may be beyond the range of its precision
    if not number or not low <= value <= high:
        raise error(f"{name} is {value!r}, must be {allowed or f'a number in [{low:g}, {high:g}]'}")
    return float(value)


def first_index(where: np.ndarray | np.bool_) -> tuple[int, ...]:
    """Return the index of the first true entry."""
    return tuple(int(i) for i in np.argwhere(where)[0]) if where.ndim else ()


def bracket(index: tuple[int, ...]) -> str:
    """Spell an index as it would be typed."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def shown(value: object, most: int = 60) -> str:
    """Return a value as it prints, on one line of at most `most` characters."""
    return shortened(" ".join(repr(value).split()), most)
