"""From a problem as it was typed, MDP, policy and objective, to the parts of a `Problem`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pgverify import mdps
from pgverify.errors import InvalidFile, InvalidObjective, InvalidPolicy
from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Objective
from pgverify.regular_files import text_of, unique_fields
from pgverify.validation import require_shape


def load_mdp(name_or_file: str) -> TabularMDP:
    """Return the problem of a file when it is one, or ends in .json; else of the zoo."""
    if name_or_file.endswith(".json") or Path(name_or_file).is_file():
        return mdps.load(name_or_file)
    return mdps.get(name_or_file)


def load_policy(path: Path | None, mdp: TabularMDP) -> SoftmaxPolicy:
    """Return the softmax policy whose logits [S, A] a JSON file holds; without a file, the uniform one.

    Raises
    ------
    InvalidFile
        When the file is missing, not JSON, or without "logits".
    InvalidPolicy
        When the logits are not [S, A] of the MDP.
    """
    shape = (mdp.num_states, mdp.num_actions)
    if path is None:
        return SoftmaxPolicy(np.zeros(shape))
    try:
        content = json.loads(text_of(path), object_pairs_hook=unique_fields)
    except (OSError, ValueError, RecursionError) as reason:
        raise InvalidFile(f'{path} cannot be read ({reason}), must be JSON with "logits" [S, A]') from None
    if not isinstance(content, dict) or "logits" not in content:
        raise InvalidFile(f'{path} has no "logits", must be JSON like {{"logits": [[0.0, 0.0], ...]}}')
    policy = SoftmaxPolicy(content["logits"])
    require_shape("logits", policy.logits, shape, "[S, A]", InvalidPolicy)
    return policy


def objective_of(horizon: int | None, discount: float | None, average: bool) -> Objective:
    """Return the objective that the options name.

    Raises
    ------
    InvalidObjective
        When they name none, or two.
    """
    if average and (horizon is not None or discount is not None):
        raise InvalidObjective("--average takes neither --horizon nor --discount")
    if average:
        return AverageReward()
    if horizon is not None:
        return FiniteHorizon(horizon, 1.0 if discount is None else discount)
    if discount is not None:
        return Discounted(discount)
    raise InvalidObjective("no objective is given: give --horizon T, --discount G, both, or --average")
