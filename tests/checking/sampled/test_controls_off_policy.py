"""Controls of sampled batches have the means that they are said to have, whoever acts.

Without the weights of the trajectories a self-normalised estimator was called biased, at a false-alarm rate of 1e-6: it
was the controls whose mean was not what it was taken for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.families import FAMILIES

PROBLEMS = {entry.name: entry.problem for suite in ("standard", "off-policy") for entry in pgv.suites.get(suite)}


def errors_of_means(controls: Controls, chance: np.ndarray) -> list[float]:
    """Return how far the means over all pairs of trajectories are from what is said of them."""
    count = len(chance)
    rows = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.outer(chance, chance).ravel()
    usual = np.einsum("m,mkd->kd", weight, controls.on(rows, None)) - controls.means
    others = [np.einsum("m,mkd->kd", weight, family(controls, rows, None)) for family in FAMILIES]
    return [float(np.abs(each).max()) for each in (usual, *others)]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", ["bandit", "early-stop", "lent-bandit", "ends-sooner"])
def test_means_over_all_pairs(name: str) -> None:
    batch, chance = every_trajectory(PROBLEMS[name])
    assert max(errors_of_means(Controls.of(batch, chance), chance)) <= 1e-13


@pytest.mark.usefixtures("unchecked_shapes")
def test_without_weights_they_have_not() -> None:
    """Negative control: the same list, taken for π's own."""
    batch, chance = every_trajectory(PROBLEMS["lent-bandit"])
    own = replace(batch, rollout=replace(batch.rollout, acting=batch.policy))
    usual, *others = errors_of_means(Controls.of(own, chance), chance)
    by_law = [error for family, error in zip(FAMILIES, others, strict=True) if family.__name__ != "controls_by_place"]
    assert min(usual, *by_law) > 0.1
    by_place = next(
        error for family, error in zip(FAMILIES, others, strict=True) if family.__name__ == "controls_by_place"
    )
    assert by_place <= 1e-13  # some rows beside the others: whoever acted, they are alike
