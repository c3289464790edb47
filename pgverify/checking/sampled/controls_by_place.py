"""Controls made of the rows at some places of a batch: every second, the first of each group, all but a remainder."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

STRIDES = (2, 3, 4, 5)
"""Between rows i, i + k, i + 2k, … of which reward-to-go is added up."""


def controls_by_place(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: reward-to-go of the rows i ≡ r (mod k) of a batch, less their share of the mean.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    """
    count = rows.shape[1]
    index = np.arange(count)
    found = []
    for stride in STRIDES:
        for rest in range(stride - 1):  # the last follows from the others
            chosen = (index % stride == rest).astype(float)
            away = np.broadcast_to(chosen - chosen.mean(), rows.shape)
            found.append(controls.times(rows, away) @ controls.rows[0] / count)
    return np.stack(found, axis=1)
