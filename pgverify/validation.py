"""Checks shared by every constructor: an array is accepted whole or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from pgverify.arrays import LARGEST, is_masked, real_numbers
from pgverify.arrays import Array as Array
from pgverify.arrays import refuse_non_finite as refuse_non_finite
from pgverify.errors import InvalidInput
from pgverify.errors import shortened as shortened
from pgverify.errors import shown as shown

ROW_SUM_TOLERANCE = 1e-12
"""Rows of probabilities must sum to one this closely: routes to the gradient are compared at 1e-10."""
LARGEST_INTEGER = 2**63 - 1
"""The largest integer an array can hold: of counts, sizes and seeds none is larger."""


def real_array(name: str, value: ArrayLike, error: type[InvalidInput], largest: float = LARGEST) -> Float[Array, "..."]:
    """Return `value` as a new read-only float64 array, every entry finite and at most `largest` in size."""
    return read_only(real_numbers(name, value, error, largest))


def parameter_array(name: str, value: ArrayLike, error: type[InvalidInput]) -> Inexact[Array, "..."]:
    """Return `value` as a new read-only float64 array, or complex128 where a complex step is being taken."""
    return read_only(real_numbers(name, value, error, may_be_complex=True))


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the same array, which can no longer be written to."""
    array.setflags(write=False)
    return array


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
        advice = "divide the row by its sum if it is only rounded"
        if len(index) == 2 and not rows[index].any():  # where an action leads, of a state nobody leaves
            advice = "the row is empty: a state at which episodes end leads to itself, with probability 1"
        raise error(
            f"{name}{bracket(index)} sums to {sums[index]:.15g}, must sum to 1 within {ROW_SUM_TOLERANCE:g}; {advice}"
        )


def require_integer(
    name: str,
    value: Any,
    minimum: int,
    error: type[InvalidInput],
    hint: str = "",
    largest: int | None = LARGEST_INTEGER,
) -> int:
    """Return `value` as an int, refusing fractions, booleans, and anything outside `minimum`..`largest`."""
    number = _scalar(value)
    if not _is(int, number) or number < minimum:
        raise error(f"{name} is {shown(value)}, must be an integer of at least {minimum}{hint}")
    if largest is not None and number > largest:
        raise error(f"{name} is {_large(number)}, must be an integer from {minimum} to {largest:,}{hint}")
    return int(number)


def require_number(
    name: str,
    value: Any,
    low: float,
    high: float,
    error: type[InvalidInput],
    allowed: str | None = None,
) -> float:
    """Return `value` as a float inside [low, high]; NaN never passes."""
    number = _scalar(value)
    wanted = allowed or f"a number in [{low:g}, {high:g}]"
    if not (_is(int, number) or _is(float, number)):
        raise error(f"{name} is {shown(value)}, must be {wanted}")
    try:
        as_float = float(number)
    except OverflowError:
        raise error(f"{name} is {_large(number)}, must be {wanted}") from None
    if not low <= as_float <= high:
        raise error(f"{name} is {shown(value)}, must be {wanted}")
    return as_float


def require_flag(name: str, value: Any, error: type[InvalidInput]) -> bool:
    """Return `value` as a bool: "no", 0 and an empty list are no way to say False."""
    flag = _scalar(value)
    if not isinstance(flag, bool | np.bool_):
        raise error(f"{name} is {shown(value)}, must be True or False")
    return bool(flag)


def require_text(name: str, value: Any, error: type[InvalidInput], meaning: str) -> str:
    """Return `value` if it is a string; `meaning` says which strings are meant, as in "a name of the zoo"."""
    if not isinstance(value, str):
        raise error(f"{name} is {shown(value)} of type {type(value).__name__}, must be {meaning}")
    return str(value)


def settle(instance: object, **validated: Any) -> None:
    """Set fields of a frozen dataclass to what was made of them: values are used as they were validated.

    A horizon of `np.int8` would otherwise overflow in a product, and a discount of `np.float16` round every power.
    """
    for name, value in validated.items():
        object.__setattr__(instance, name, value)


def _is(kind: type[int | float], value: Any) -> bool:
    """Return whether a value is an integer, or a float, of Python or NumPy; to NumPy time spans are integers, too."""
    if isinstance(value, bool | np.bool_ | np.timedelta64):
        return False
    return isinstance(value, (int, np.integer) if kind is int else (float, np.floating))


def _scalar(value: Any) -> Any:
    """Return the entry of an array without axes; anything else as it is."""
    plain = isinstance(value, np.ndarray) and value.ndim == 0 and not is_masked(value)
    return value[()] if plain else value


def _large(number: Any) -> str:
    """Return a large integer as it prints, or by the number of its bits where that would fill lines."""
    bits = int(number).bit_length()
    return str(int(number)) if bits <= 128 else f"an integer of {bits} bits"


def first_index(where: np.ndarray | np.bool_) -> tuple[int, ...]:
    """Return the index of the first true entry."""
    return tuple(int(i) for i in np.argwhere(where)[0]) if where.ndim else ()


def bracket(index: tuple[int, ...]) -> str:
    """Spell an index as it would be typed."""
    return f"[{', '.join(map(str, index))}]" if index else ""
