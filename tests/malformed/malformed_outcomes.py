"""What became of a malformed call: nothing to complain of, or one line that says what is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from malformed_calls import Call
from malformed_values import EITHER, REFUSED, Malformed

from pgverify import Problem, TabularMDP, Trajectories
from pgverify.errors import InvalidFile, InvalidInput, UnknownName, shown
from pgverify.policies.protocol import is_policy
from pgverify.rollout import Rollout
from pgverify.trajectories import ARRAYS

LONGEST_SENTENCE = 500


def outcome_of(call: Call, argument: str, malformed: Malformed) -> str:
    """Return what is wrong with the outcome of a call with one malformed argument; empty where nothing is."""
    try:
        result = call.function(**{**call.arguments, argument: malformed.value})
    except InvalidInput as refusal:
        if isinstance(malformed.worth, type(REFUSED)):
            return complaint(refusal, argument)
        return f"refused what is right: {refusal}"
    except BaseException as raised:
        return f"raised {type(raised).__name__}: {str(raised)[:150]}"
    if malformed.worth is REFUSED:
        return f"accepted, with {shown(result, 80)}"
    found = plain(result)
    if malformed.worth is EITHER:
        return "" if is_number(found, call.unbounded) else f"not a number: {str(found)[:150]}"
    expected = plain(call.function(**{**call.arguments, argument: malformed.worth}))
    return "" if same(found, expected) else f"not the clean result: {str(found)[:100]} is not {str(expected)[:100]}"


def complaint(refusal: InvalidInput, argument: str) -> str:
    """Return what is wrong with a refusal: it must be one line of bounded length that names the argument.

    A name that is not known is named itself, and so is a file; where shapes do not fit, either may be wrong.
    """
    sentence = str(refusal)
    if "\n" in sentence or not 10 < len(sentence) <= LONGEST_SENTENCE:
        return f"refused in no sentence: {sentence[:150]!r}"
    named = argument in sentence or isinstance(refusal, UnknownName | InvalidFile) or "shape" in sentence
    return "" if named else f"does not name {argument}: {sentence[:150]}"


def plain(result: Any) -> Any:
    """Return a result as nested tuples of numbers, text and arrays."""
    match result:
        case None | bool() | int() | float() | complex() | str() | bytes() | np.generic():
            return (type(result).__name__, result)
        case np.ndarray():
            return result.astype(float) if result.dtype == object else result
        case pd.DataFrame():
            return tuple(plain(result[name].to_numpy()) for name in result.columns if result[name].dtype.kind in "fi")
        case Trajectories():
            return tuple(getattr(result, name) for name in ARRAYS)
        case Problem():
            return plain(result.policy), repr(result.objective), plain(result.mdp)
        case Rollout():
            return result.horizon, result.start, result.discount, plain(result.acting)
        case TabularMDP():
            return result.start, result.paid, result.noise, result.successors.weight, result.successors.successor
        case list() | tuple():
            return tuple(map(plain, result))
        case Mapping():
            return tuple((key, plain(value)) for key, value in result.items())
    if is_policy(result):
        return result.parameters
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return tuple(plain(getattr(result, given.name)) for given in dataclasses.fields(result))
    return type(result).__name__


def is_number(found: Any, unbounded: bool = False) -> bool:
    """Return whether no number of a result is NaN, nor, unless infinity is an answer, infinite."""
    if isinstance(found, tuple):
        return all(is_number(part, unbounded) for part in found)
    if not (isinstance(found, float) or (isinstance(found, np.ndarray) and found.dtype.kind in "fc")):
        return True
    return bool(~np.isnan(found).any() if unbounded else np.isfinite(found).all())


def same(found: Any, expected: Any) -> bool:
    """Return whether two results have the same types, shapes and bits."""
    if isinstance(found, tuple) and isinstance(expected, tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, np.ndarray) and isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()
    return type(found) is type(expected) and (found == expected or found is expected)
