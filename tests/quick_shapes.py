"""jaxtyping's answer to whether an array has the type and shape of an annotation, found in a tenth of its time.

Its own way reads the annotation anew for each array and copies what all letters stand for, which was a quarter of the
time of these tests. Here an annotation is read once, and a type of numbers is looked up once for each annotation. What
is seldom met, such as sums of letters, is left to jaxtyping; so is the memory of what the letters stand for, for both
ways may meet in one call.
"""

from __future__ import annotations

import typing
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import AbstractArray
from jaxtyping._storage import get_shape_memo

_ANNOTATIONS: Any = type(AbstractArray)
"""The class of annotations, whose `__instancecheck__` is the answer."""

thorough = _ANNOTATIONS.__instancecheck__
"""jaxtyping's own answer."""


def quicken() -> None:
    """Have annotations of arrays answer by `fits` from now on, and protocols know their own attributes."""
    _ANNOTATIONS.__instancecheck__ = fits
    for name in ("_get_protocol_attrs", "_is_callable_members_only"):
        if hasattr(typing, name):  # Python 3.11 looks for them in all bases at each check of an instance
            setattr(typing, name, cache(getattr(typing, name)))


def fits(annotation: Any, value: Any) -> bool:
    """Return whether a value is an array as annotated, and remember then what the letters of the shape stand for."""
    if type(value) is not np.ndarray or (known := _axes(annotation)) is None:
        return bool(thorough(annotation, value))
    if not _of_its_numbers(annotation, value.dtype):
        return False
    axes, starred = known
    shape = value.shape
    single, several, *_ = get_shape_memo()
    if starred is not None:
        after = starred + 1 + len(shape) - len(axes)
        if after < starred:
            return False
        shape = (*shape[:starred], shape[starred:after], *shape[after:])
    elif len(shape) != len(axes):
        return False
    met: dict[str, Any] = {}
    for axis, size in zip(axes, shape, strict=True):
        if type(axis) is int:
            if axis != size:
                return False
        elif axis[0] == "*":
            # What jaxtyping remembers of it is whether an axis of 1 may be stretched, which `_axes` leaves to it.
            if several.get(axis[1:], (False, size)) != (False, size):
                return bool(thorough(annotation, value))
        elif axis[0] != "_" and (single[axis] if axis in single else met.setdefault(axis, size)) != size:
            return False
    single.update(met)
    if starred is not None and axes[starred] != "_":
        several.setdefault(str(axes[starred])[1:], (False, shape[starred]))
    return True


@cache
def _axes(annotation: Any) -> tuple[tuple[int | str, ...], int | None] | None:
    """Return each axis as its number, its letter, `*letters` or `_` for any, and the place of what is several.

    None if an axis is something else, or the array not NumPy's.
    """
    if getattr(annotation, "array_type", None) is not np.ndarray:
        return None
    axes = annotation.dim_str.split()
    starred = [place for place, axis in enumerate(axes) if axis == "..." or axis[0] == "*"]
    names = [axis.removeprefix("*") for axis in axes if axis not in ("_", "...")]
    if len(starred) > 1 or not all(n.isdecimal() or (n.isidentifier() and n[0] != "_") for n in names):
        return None
    plain = tuple(int(axis) if axis.isdecimal() else axis.replace("...", "_") for axis in axes)
    return plain, (starred[0] if starred else None)


@cache
def _of_its_numbers(annotation: Any, numbers: np.dtype[Any]) -> bool:
    """Return whether jaxtyping takes numbers of this type for those of the annotation, whatever the shape."""
    return bool(thorough(annotation.dtype[np.ndarray, "..."], np.empty(0, numbers)))
