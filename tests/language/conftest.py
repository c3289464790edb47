"""Losses in NumPy that return their derivatives: the tests of this room need no framework."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.language.losses.loss_rows import LossRows


def rows_of(batch, group_size):
    tables = (batch.log_probs, batch.old_log_probs, batch.ref_log_probs, batch.rollout_log_probs, batch.entropies)
    return LossRows(
        *(np.asarray(x)[None] for x in tables),
        np.asarray(batch.mask, bool)[None],
        np.asarray(batch.rewards)[None],
        group_size,
    )


@pytest.fixture
def as_loss():
    """Return how a composed reference loss becomes one that `check_lm` can call."""

    def made(composed, group_size=4):
        def loss(batch):
            weights = composed.weights(rows_of(batch, group_size))[0]
            return -float((weights * batch.log_probs).sum()), -weights

        return loss

    return made
