"""The one way in for arrays: what can be read as real numbers is, everything else is refused in one sentence.

NumPy itself reads strings as numbers, drops imaginary parts, looks under masks, makes NaN of None and 0 or 1 of truth
values, each without a word. Whatever a caller hands over passes here first, and is a plain array of its own afterwards.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.errors import InvalidInput, shown

Array = np.ndarray

FLOAT = np.dtype(np.float64)
"""There is one object of it: arrays of doubles, which come by thousands, are known by identity."""

LARGEST = 1e100
"""Entries beyond it are refused: their squares, which variances are made of, come near the end of the range."""

KINDS = {
    "b": "truth values",
    "c": "complex numbers",
    "m": "time spans (timedelta64)",
    "M": "dates (datetime64)",
    "S": "bytes",
    "T": "strings",
    "U": "strings",
    "V": "records of several fields",
    "O": "objects",
}
"""What is no real number, by the letter that NumPy has for it."""

CURES = {
    "b": "; .astype(float) makes 0 and 1 of them",
    "c": "; .real takes their real parts",
    "m": "; divide by np.timedelta64(1, 's') for seconds",
}
"""What can be done, where something can."""


def is_masked(value: Any) -> TypeGuard[np.ma.MaskedArray]:
    """Return whether a value is a masked array; nobody has one who has not imported numpy.ma, which takes a while."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def as_array(name: str, value: Any, error: type[InvalidInput]) -> np.ndarray:
    """Return `value` as a plain array of whatever dtype it has, refusing what hides some of its entries.

    Parameters
    ----------
    name : str
        The argument, as the message names it.
    value : anything
    error : class of the exception
    """
    if type(value) is np.ndarray:
        return value
    if isinstance(value, bytearray) or (isinstance(value, memoryview) and value.format in ("b", "B", "c")):
        raise error(f"{name} is {shown(value)}, raw bytes, must be an array of real numbers; np.frombuffer reads them")
    if is_masked(value):
        if np.ma.getmaskarray(value).any():
            raise error(f"{name} is a masked array with masked entries, must have none; .filled(value) fills them in")
        return np.asarray(value.data)
    try:
        return np.asarray(value)
    except Exception as reason:  # ragged lists, a tensor that still has a gradient, an __array__ of somebody's own
        said = " ".join(str(reason).split())
        raise error(f"{name} must be an array of real numbers, found {shown(value)} ({said[:120]})") from None


def real_numbers(
    name: str, value: Any, error: type[InvalidInput], largest: float = LARGEST, may_be_complex: bool = False
) -> Inexact[Array, "..."]:
    """Return `value` as a new float64 array, every entry finite and at most `largest` in size.

    Parameters
    ----------
    name : str
    value : anything
        Numbers of any precision and byte order: nested lists, arrays, what offers itself as an array.
    error : class of the exception
    largest : float
        In absolute value.
    may_be_complex : bool
        Whether complex numbers are let through, as complex128: where derivatives are taken by complex step.
    """
    if type(value) is np.ndarray and value.dtype is FLOAT:  # nothing to convert
        copied: Float[Array, "..."] = value.copy()
        if not _within(copied, largest):
            _refuse_large(name, copied, largest, error)
        return copied
    array = as_array(name, value, error)
    kind = array.dtype.kind
    if kind == "O":
        numbers = _from_objects(name, array, value, error)
    elif kind in "fiu" or (kind == "c" and may_be_complex):
        with np.errstate(over="ignore"):  # a long double beyond the range is infinite, and refused as that
            numbers = np.array(array, dtype=np.complex128 if kind == "c" else np.float64, order="C")
    else:
        found = f"{shown(value)} ({KINDS.get(kind, array.dtype)})"
        raise error(f"{name} must be an array of real numbers, found {found}{CURES.get(kind, '')}")
    if kind == "c" or not _within(numbers, largest):
        _refuse_large(name, numbers, largest, error)
    return numbers


def integers(name: str, value: Any, error: type[InvalidInput]) -> Integer[Array, "..."]:
    """Return `value` as an array of 64-bit integers, the same object where it is one; fractions are refused."""
    array = as_array(name, value, error)
    if array.dtype.kind in "iu":
        if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
            raise error(f"{name} holds {array.max()}, must hold integers below 2^63")
        return array.astype(np.int64, copy=False)
    if array.size == 0 and array.dtype.kind == "f":  # an empty list is one of floats to NumPy
        return array.astype(np.int64)
    found = KINDS.get(array.dtype.kind, "fractions" if array.dtype.kind == "f" else str(array.dtype))
    raise error(f"{name} holds {found}, must hold integers; .astype(int) makes them")


def truths(name: str, value: Any, error: type[InvalidInput]) -> Bool[Array, "..."]:
    """Return `value` as an array of truth values, the same object where it is one."""
    array = as_array(name, value, error)
    if array.dtype.kind == "b":
        return array
    found = "numbers" if array.dtype.kind in "fiu" else KINDS.get(array.dtype.kind, str(array.dtype))
    raise error(f"{name} has dtype {array.dtype}, must hold booleans, not {found}; .astype(bool) makes them")


def weights_as_given(name: str, value: Any, error: type[InvalidInput]) -> Inexact[Array, "..."]:
    """Return weights for a sum over scores, as float64 or complex128: the same object where it is one.

    Complex weights are let through: the sum is linear in them, and its imaginary part is kept. Whether entries are
    finite is for the caller to see: what stands on padding need not be.
    """
    array = as_array(name, value, error)
    if array.dtype == np.float64:
        return array
    if array.dtype.kind in "fc":
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)
    return real_numbers(name, value, error)


def refuse_non_finite(name: str, array: Inexact[Array, "..."], error: type[InvalidInput]) -> None:
    """Refuse NaN and infinity, naming the first entry that has one."""
    if np.count_nonzero(np.isfinite(array)) != array.size:  # half the time of `all` where arrays are small
        _refuse_large(name, array, np.inf, error)


def _from_objects(name: str, array: np.ndarray, value: Any, error: type[InvalidInput]) -> Float[Array, "..."]:
    """Return Python's own numbers, which NumPy keeps as objects, as float64."""
    from numbers import Real

    numbers = np.empty(array.shape)
    only: Any = array[()] if array.ndim == 0 else 0.0
    if not isinstance(only, Real):
        raise error(f"{name} must be an array of real numbers, found {shown(value)} of type {type(value).__name__}")
    for index in np.ndindex(array.shape):
        entry: Any = array[index]
        spelled = f"{name}[{', '.join(map(str, index))}]" if index else name
        # A decimal.Decimal is registered as no real number, but has a value all the same.
        if isinstance(entry, bool | np.bool_) or not (isinstance(entry, Real) or type(entry).__name__ == "Decimal"):
            raise error(f"{spelled} is {shown(entry)} of type {type(entry).__name__}, must be a real number")
        try:
            numbers[index] = float(entry)
        except (OverflowError, ValueError):
            raise error(f"{spelled} is an integer beyond the largest float, 1.8e308, must be a real number") from None
    return numbers


def _within(array: Float[Array, "..."], largest: float) -> bool:
    # Small arrays of parameters come by thousands: one product settles most of them. NaN and infinity fail it. Of all
    # products of NumPy it is this one that never warns of an overflow: switching warnings off takes longer than it.
    return largest < 1e150 and bool(np.vdot(array, array) <= largest * largest)


def _refuse_large(name: str, array: Inexact[Array, "..."], largest: float, error: type[InvalidInput]) -> None:
    """Refuse NaN, infinity, and what is too large, naming the first entry that has one."""
    with np.errstate(over="ignore", invalid="ignore"):
        bad = ~(np.abs(array) <= largest) | ~np.isfinite(array)
        if np.iscomplexobj(array):
            bad |= ~np.isfinite(array.imag) | ~np.isfinite(array.real)
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0]) if bad.ndim else ()
    spelled = f"[{', '.join(map(str, index))}]" if index else ""
    if np.isfinite(array[index]):
        raise error(
            f"{name}{spelled} is {array[index]:.6g}, must be at most {largest:g} in size: squares would overflow"
        )
    raise error(f"{name}{spelled} is {array[index]}, every entry must be finite")
