"""The probabilities of the options of one draw, accepted whole or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidChoice, shown
from pgverify.validation import Array, real_array

OF_DOUBLE, OF_SINGLE, OF_HALF = 1e-9, 1e-4, 1e-2
"""How far from 1 a sum of probabilities may be: a softmax over thousands of options, in each precision."""


def option_probabilities(given: Any, place: str) -> Float[Array, "k"]:
    """Return the probabilities [k] of a draw in double precision, divided by their sum, which is 1 but for rounding.

    Parameters
    ----------
    given : [k]
        A list, an array, or what becomes one.
    place : str
        Where the draw is made, for messages.

    Raises
    ------
    InvalidChoice
        When there is no option, an entry is negative or not finite, or the sum is not 1.
    """
    half = False
    try:
        if type(given) is not np.ndarray or given.dtype != np.float64:  # as nearly all are
            half = str(getattr(given, "dtype", "")).rpartition(".")[2] in ("bfloat16", "float16")
        array = np.asarray(given.float() if half and hasattr(given, "detach") else given)
        if half:  # that of bfloat16 is none of NumPy's own
            array = array.astype(np.float32)
        if array.dtype.kind not in "fiub" or isinstance(given, np.ma.MaskedArray):
            array = real_array("probabilities", given, InvalidChoice)  # which knows what is no number
        double = array.astype(np.float64)
    except InvalidChoice as reason:
        raise InvalidChoice(f"{reason} (the draw at {place})") from None
    except Exception:
        raise InvalidChoice(
            f"probabilities of the draw at {place} is {shown(given)}, must be numbers [k]; detach() a tensor"
        ) from None
    if double.ndim != 1 or double.size == 0:
        raise InvalidChoice(
            f"probabilities of the draw at {place} has shape {double.shape}, must be real [k], k at least 1"
        )
    total = float(double.sum())
    if not (float(double.min()) >= 0.0 and total < np.inf):
        bad = ~np.isfinite(double) | (double < 0.0)
        index = int(np.argmax(bad))
        raise InvalidChoice(
            f"probabilities[{index}] of the draw at {place} is {double[index]:g}, must be a probability in [0, 1]"
        )
    single = array.dtype.kind == "f" and array.dtype.itemsize < 8
    if abs(total - 1.0) > (OF_HALF if half else OF_SINGLE if single else OF_DOUBLE):
        raise InvalidChoice(
            f"probabilities of the draw at {place} sum to {total:.12g}, must sum to 1; divide by the sum"
        )
    return np.asarray(double / total)
