"""The zoo: every named problem, in one tuple."""

from __future__ import annotations

from typing import Literal, overload

from pgverify.continuous import ContinuousMDP
from pgverify.errors import unknown_name
from pgverify.kinds import accepts
from pgverify.mdp import TabularMDP
from pgverify.mdps.aliased import NOTA_THOMAS, SHORT_CORRIDOR
from pgverify.mdps.bandits import NOISY_BANDIT, THREE_ARMED_BANDIT
from pgverify.mdps.chains import (
    GAMBLERS_RUIN,
    KAKADE_TWO_STATE,
    RANDOM_WALK_5,
    RIVER_SWIM,
    TWO_STATE_CHAIN,
)
from pgverify.mdps.grids import CLIFF_WALKING, FROZEN_LAKE_4X4, FROZEN_LAKE_8X8, GRIDWORLD_4X3
from pgverify.mdps.named_mdp import Entry
from pgverify.mdps.random_mdps import GARNET_MEDIUM, GARNET_SMALL
from pgverify.mdps.real_actions import CONTINUOUS
from pgverify.mdps.stress import HEAVY_REWARD, NEAR_DETERMINISTIC, VARIABLE_LENGTH
from pgverify.mdps.taxi import TAXI

ENTRIES: tuple[Entry, ...] = (
    THREE_ARMED_BANDIT,
    NOISY_BANDIT,
    TWO_STATE_CHAIN,
    KAKADE_TWO_STATE,
    RIVER_SWIM,
    RANDOM_WALK_5,
    GAMBLERS_RUIN,
    SHORT_CORRIDOR,
    NOTA_THOMAS,
    GRIDWORLD_4X3,
    CLIFF_WALKING,
    FROZEN_LAKE_4X4,
    FROZEN_LAKE_8X8,
    TAXI,
    GARNET_SMALL,
    GARNET_MEDIUM,
    NEAR_DETERMINISTIC,
    HEAVY_REWARD,
    VARIABLE_LENGTH,
)
"""Simple problems first."""


def names() -> list[str]:
    """Return the names `get` and `entry` know, simple problems first."""
    return [known.name for known in ENTRIES]


@accepts()
def entry(name: str) -> Entry:
    """Return what is known about a named problem: builder, source, description, answers.

    Parameters
    ----------
    name : str
        One of `names()`.

    Raises
    ------
    UnknownName
        Listing the nearest known names.
    """
    for known in ENTRIES:
        if isinstance(name, str) and known.name == name:
            return known
    raise unknown_name("MDP", name, names(), "pgv.mdps.names() (`pgverify mdps`)")


@overload
def get(  # type: ignore[overload-overlap]
    name: Literal["sine-bandit", "push-pull", "plane-bandit", "clipped-bandit"],
) -> ContinuousMDP: ...
@overload
def get(name: str) -> TabularMDP: ...
@accepts()
def get(name: str) -> TabularMDP | ContinuousMDP:
    """Return a named problem of the zoo, built anew.

    Parameters
    ----------
    name : str
        One of `names()`, or of `continuous_names()`.

    Raises
    ------
    UnknownName
        Listing the nearest known names.
    """
    for known in CONTINUOUS:
        if isinstance(name, str) and known.name == name:
            return known.build()
    return entry(name).build()
