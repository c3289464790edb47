"""A table of malformed values: for every valid argument, what somebody might hand over instead of it.

Each comes with what it is worth: `REFUSED`, where nothing sensible can be meant; `EITHER`, where a sentence and a
finite answer are both right; or the clean value that it spells, whose result it must have, to the bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

HUGE = 10**400
NAN = float("nan")
INFINITE = float("inf")


class Worth(Enum):
    """What may become of a value that spells nothing clean."""

    REFUSED = "refused"
    EITHER = "either"


REFUSED, EITHER = Worth.REFUSED, Worth.EITHER


@dataclass(frozen=True, eq=False)
class Malformed:
    """A value, and what it is worth: `REFUSED`, `EITHER`, or the clean value that it spells."""

    label: str
    value: Any
    worth: Any


class Unprintable:
    """An object whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class FailingArray:
    """An object whose conversion raises, as that of a tensor with a gradient does."""

    shape = (2, 2)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@dataclass(frozen=True, eq=False)
class Labelled:
    """An array with names, as those of xarray: it offers itself to NumPy, and is none."""

    held: np.ndarray

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.held if dtype is None else self.held.astype(dtype)


class Renamed(np.ndarray):
    """A subclass of an array."""


RECORD = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])


def junk() -> Iterator[Malformed]:
    """Yield what is no number, no array, no name and none of our objects."""
    for label, value in {
        "object": object(),
        "class": dict,
        "bytes": b"0.5",
        "complex": 0.5 + 1j,
        "date": np.datetime64("2026-01-01"),
        "span": np.timedelta64(3, "s"),
        "dict": {"a": 1},
        "set": {1, 2},
        "generator": (x for x in [0.5, 0.5]),
        "record": RECORD,
        "ellipsis": ...,
        "not implemented": NotImplemented,
        "NA": pd.NA,
        "NaT": pd.NaT,
        "masked": np.ma.masked,
        "unprintable": Unprintable(),
        "failing array": FailingArray(),
        "slice": slice(None),
        "memory": memoryview(b"ab"),
        "exception": ValueError("x"),
        "range of text": np.array(["a", "b"]),
        "nested empty": [[]],
        "array of None": np.array([None, None]),
    }.items():
        yield Malformed(label, value, REFUSED)


def wrong_numbers() -> Iterator[Malformed]:
    """Yield numbers that are none, or beyond every range."""
    for label, value in {
        "nan": NAN,
        "float32 nan": np.float32(NAN),
        "decimal nan": Decimal("NaN"),
        "text": "0.5",
        "text array": np.array("0.5"),
        "10**400": HUGE,
        "-10**400": -HUGE,
        "complex number": np.complex64(1 + 1j),
        "complex 0-d": np.array(1 + 1j),
    }.items():
        yield Malformed(label, value, REFUSED)


def for_integer(valid: int) -> Iterator[Malformed]:
    """Yield what stands for an integer, or does not."""
    yield from junk()
    yield from wrong_numbers()
    for kind in (np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64):
        if 0 <= valid < 128:
            yield Malformed(kind.__name__, kind(valid), valid)
    yield Malformed("0-d", np.array(valid), valid)
    yield Malformed("big-endian 0-d", np.array(valid, dtype=">i4"), valid)
    for label, value in {"bool": True, "numpy bool": np.bool_(True), "fraction": valid + 0.5}.items():
        yield Malformed(label, value, REFUSED)
    for label, value in {
        "float": float(valid),
        "numpy float": np.float64(valid),
        "decimal": Decimal(valid),
        "Fraction": Fraction(valid),
        "infinite": INFINITE,
        "list": [valid],
        "array": np.array([valid]),
        "float array": np.array([float(valid)]),
        "negative": -5,
        "2**63": 2**63,
        "2**64": 2**64,
        "numpy negative": np.int8(-1),
    }.items():
        yield Malformed(label, value, EITHER)


def for_number(valid: float) -> Iterator[Malformed]:
    """Yield what stands for a number, or does not."""
    yield from junk()
    yield from wrong_numbers()
    for kind in (np.float16, np.float32, np.float64, np.longdouble):
        yield Malformed(kind.__name__, kind(valid), float(kind(valid)))
    yield Malformed("0-d", np.array(valid), valid)
    yield Malformed("big-endian 0-d", np.array(valid, dtype=">f8"), valid)
    yield Malformed("read-only 0-d", np.broadcast_to(np.float64(valid), ()), valid)
    for label, value in {"bool": True, "numpy bool": np.bool_(True), "list of text": ["a"]}.items():
        yield Malformed(label, value, REFUSED)
    for label, value in {
        "infinite": INFINITE,
        "minus infinite": -INFINITE,
        "list": [valid],
        "array": np.array([valid]),
        "decimal": Decimal(str(valid)),
        "Fraction": Fraction(valid),
        "huge": 1e308,
        "minus huge": -1e308,
        "tiny": 5e-324,
        "zero": 0.0,
        "minus zero": -0.0,
        "negative": -0.25,
        "two": 2,
    }.items():
        yield Malformed(label, value, EITHER)


def for_flag(valid: bool) -> Iterator[Malformed]:
    """Yield what stands for True or False, or does not."""
    yield from junk()
    yield Malformed("numpy bool", np.bool_(valid), valid)
    yield Malformed("0-d", np.array(valid), valid)
    for label, value in {
        "no": "no",
        "0": 0,
        "1": 1,
        "half": 0.5,
        "nan": NAN,
        "empty": [],
        "list": [True],
        "array": np.array([True, False]),
        "None": None,
        "numpy one": np.int64(1),
    }.items():
        yield Malformed(label, value, REFUSED)


def for_text(valid: str) -> Iterator[Malformed]:
    """Yield what is no name."""
    yield from junk()
    yield Malformed("bool", True, REFUSED)
    for label, value in {
        "3": 3,
        "half": 0.5,
        "nan": NAN,
        "list": [valid],
        "bytes of it": valid.encode(),
        "unknown": "no-such-name-anywhere",
        "empty": "",
        "surrogate": "\ud800",
        "null": "a\0b",
        "10**400": HUGE,
    }.items():
        yield Malformed(label, value, REFUSED)


def for_object() -> Iterator[Malformed]:
    """Yield what is none of our objects."""
    yield from junk()
    yield from wrong_numbers()
    for label, value in {"3": 3, "half": 0.5, "bool": True, "empty": [], "array": np.eye(2), "name": "V"}.items():
        yield Malformed(label, value, REFUSED)


def for_array(valid: np.ndarray) -> Iterator[Malformed]:
    """Yield what stands for an array of real numbers, or does not; entries must be exact in half precision."""
    yield from junk()
    yield from wrong_numbers()
    yield from same_array(valid)
    yield from spoilt_array(valid)
    for label, value in {
        "0-d": np.array(0.5),
        "number": 0.5,
        "one axis more": valid[None],
        "one axis less": valid[0],
        "one row more": np.concatenate([valid, valid[:1]]),
        "one row less": valid[:-1],
        "empty": valid[:0],
        "empty list": [],
        "all zero": np.zeros_like(valid),
        "negative": -valid,
        "ten times": 10.0 * valid,
        "truth values": valid != 0,
        "bool": True,
        "huge": np.full_like(valid, 1e300),
        "one huge": changed(valid, 1e308),
        "infinite number": INFINITE,
    }.items():
        yield Malformed(label, value, EITHER)


def for_truths(valid: np.ndarray) -> Iterator[Malformed]:
    """Yield what stands for an array of truth values, or does not."""
    yield from junk()
    yield from wrong_numbers()
    mask = np.arange(valid.size).reshape(valid.shape) == 0
    for label, value in {
        "list": valid.tolist(),
        "objectless series": pd.Series(valid),
        "labelled": Labelled(valid),
    }.items():
        yield Malformed(label, value, valid)
    for label, value in {
        "masked": np.ma.masked_array(valid, mask),
        "integers": valid.astype(int),
        "floats": valid.astype(float),
        "strings": valid.astype(str),
        "objects": valid.astype(object),
        "one row more": np.concatenate([valid, valid[:1]]),
        "one axis more": valid[None],
        "3": 3,
        "empty": [],
    }.items():
        yield Malformed(label, value, REFUSED)


def for_indices(valid: np.ndarray) -> Iterator[Malformed]:
    """Yield what stands for an array of integers, or does not."""
    yield from junk()
    yield from wrong_numbers()
    mask = np.arange(valid.size).reshape(valid.shape) == 0
    frozen = valid.copy()
    frozen.setflags(write=False)
    forms = {"list": valid.tolist(), "labelled": Labelled(valid), "read-only": frozen, "small": valid.astype(np.int8),
             "unsigned": valid.astype(np.uint64), "big-endian": valid.astype(">i2")}  # fmt: skip
    for label, value in forms.items():
        yield Malformed(label, value, valid)
    for label, value in {
        "masked": np.ma.masked_array(valid, mask),
        "floats": valid.astype(float),
        "strings": valid.astype(str),
        "truths": valid > 0,
        "spans": valid.astype("timedelta64[s]"),
        "beyond": valid + 99,
        "negative": valid - 99,
        "one axis more": valid[None],
        "one row more": np.concatenate([valid, valid[:1]]),
        "10**400": changed(valid.astype(object), HUGE),
        "3": 3,
        "empty": [],
    }.items():
        yield Malformed(label, value, REFUSED)


def same_array(valid: np.ndarray) -> Iterator[Malformed]:
    """Yield the same numbers, in every form in which libraries hand them over."""
    strided = np.repeat(valid, 2, axis=0)[::2]
    frozen = valid.copy()
    frozen.setflags(write=False)
    forms: dict[str, Any] = {
        "list": valid.tolist(),
        "tuple": tuple(map(tuple, valid.tolist())) if valid.ndim == 2 else tuple(valid.tolist()),
        "list of rows": list(valid),
        "float16": valid.astype(np.float16),
        "float32": valid.astype(np.float32),
        "long double": valid.astype(np.longdouble),
        "big-endian": valid.astype(">f8"),
        "big-endian float32": valid.astype(">f4"),
        "Fortran": np.asfortranarray(valid),
        "not contiguous": strided,
        "reversed": valid[::-1].copy()[::-1],
        "read-only": frozen,
        "masked without a mask": np.ma.masked_array(valid),
        "objects": valid.astype(object),
        "fractions": [Fraction(x) for x in valid.tolist()] if valid.ndim == 1 else valid.astype(object),
        "labelled": Labelled(valid),
        "subclass": valid.view(Renamed),
        "memory": memoryview(np.ascontiguousarray(valid)),
    }
    if valid.ndim == 1:
        forms["series"] = pd.Series(valid)
        forms["nullable series"] = pd.Series(valid, dtype="Float64")
    if valid.ndim == 2:
        forms["frame"] = pd.DataFrame(valid)
        with warnings.catch_warnings():  # NumPy would rather not have them any more
            warnings.simplefilter("ignore")
            forms["matrix"] = np.asmatrix(valid)
    if (valid == np.round(valid)).all():
        forms |= {"integers": valid.astype(int), "small integers": valid.astype(np.int8)}
    for label, value in forms.items():
        rounded = {"float16": np.float16, "float32": np.float32, "big-endian float32": np.float32}.get(label, float)
        yield Malformed(label, value, valid.astype(rounded).astype(float))


def spoilt_array(valid: np.ndarray) -> Iterator[Malformed]:
    """Yield arrays of the right shape that hold something else than real numbers."""
    mask = np.zeros(valid.shape, dtype=bool)
    mask.flat[0] = True
    ragged = valid.tolist()
    ragged[0] = [ragged[0], ragged[0]]
    for label, value in {
        "complex": valid + 1j,
        "masked": np.ma.masked_array(valid, mask),
        "all masked": np.ma.masked_all(valid.shape),
        "spans": valid.astype("timedelta64[s]"),
        "dates": valid.astype("datetime64[s]"),
        "strings": valid.astype(str),
        "bytes": valid.astype("S"),
        "records": np.zeros(valid.shape, dtype=[("a", float), ("b", float)]),
        "nan": changed(valid, NAN),
        "float16 nan": changed(valid.astype(np.float16), NAN),
        "infinite": changed(valid, INFINITE),
        "minus infinite": changed(valid, -INFINITE),
        "None": changed(valid.astype(object), None),
        "text among numbers": changed(valid.astype(object), "0.5"),
        "10**400": changed(valid.astype(object), HUGE),
        "complex object": changed(valid.astype(object), 1j),
        "truth among objects": changed(valid.astype(object), True),
        "decimal nan": changed(valid.astype(object), Decimal("NaN")),
        "ragged": ragged,
        "list of generators": [(x for x in [0.5])] * len(valid),
        "NA": changed(valid.astype(object), pd.NA),
    }.items():
        yield Malformed(label, value, REFUSED)


def changed(array: np.ndarray, value: Any) -> np.ndarray:
    """Return a copy with another first entry."""
    copy = array.copy()
    copy.flat[0] = value
    return copy
