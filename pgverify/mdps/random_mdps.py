"""Garnet: random problems of a given size, as many as wanted."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidInput
from pgverify.kinds import accepts
from pgverify.mdp import TabularMDP
from pgverify.mdps.named_mdp import Entry
from pgverify.validation import Array, require_integer, require_number


@accepts()
def garnet(states: int, actions: int, branching: int, seed: int, reward_noise: float = 0.0) -> TabularMDP:
    """Return a random problem without structure: Garnet(S, A, b, σ).

    For every (s, a): b distinct next states drawn uniformly; their probabilities are the gaps that b - 1
    sorted uniform numbers leave in [0, 1]; the mean reward is standard normal and does not depend on the next
    state. The start is uniform; no state is terminal.

    Guaranteed: the same arguments give the same problem; every row has exactly b listed transitions. Not
    guaranteed: that the chain is unichain, which small b can break.

    Parameters
    ----------
    states, actions : int
        S and A, at least 1.
    branching : int
        b, from 1 to S.
    seed : int
        At least 0; the only source of randomness.
    reward_noise : float
        σ, standard deviation of independent normal noise on each reward, in units of reward.

    Raises
    ------
    InvalidInput
        Naming the argument, the value and what is allowed.

    Source: Bhatnagar, Sutton, Ghavamzadeh & Lee (2009), Natural actor-critic algorithms, Automatica 45(11).
    """
    S = require_integer("states", states, 1, InvalidInput)
    A = require_integer("actions", actions, 1, InvalidInput)
    b = require_integer("branching", branching, 1, InvalidInput)
    if b > S:
        raise InvalidInput(f"branching is {branching}, must be at most states = {states}")
    noise = require_number(
        "reward_noise", reward_noise, 0.0, np.finfo(float).max, InvalidInput, "a finite number of at least 0"
    )
    rng = np.random.default_rng(require_integer("seed", seed, 0, InvalidInput))
    # Sorting uniforms draws without replacement for all (s, a) at once, from the plainest stream numpy has.
    followers = np.argsort(rng.random((S, A, S)), axis=-1)[:, :, :b]
    transition = np.zeros((S, A, S))
    np.put_along_axis(transition, followers, _gaps(rng.random((S, A, b - 1))), axis=-1)
    reward = np.zeros((S, A, S))
    mean = rng.standard_normal((S, A, 1))
    np.put_along_axis(reward, followers, np.broadcast_to(mean, followers.shape), axis=-1)
    return TabularMDP(np.full(S, 1.0 / S), transition, reward, reward_noise=np.where(transition > 0, noise, 0.0))


def _gaps(cuts: Float[Array, "S A c"]) -> Float[Array, "S A b"]:
    """Return the lengths into which `cuts` divide [0, 1]."""
    return np.diff(np.sort(cuts, axis=-1), axis=-1, prepend=0.0, append=1.0)


SOURCE = "Bhatnagar, Sutton, Ghavamzadeh & Lee (2009), Natural actor-critic algorithms, Automatica 45(11)"

GARNET_SMALL = Entry(
    name="garnet-small",
    build=partial(garnet, 5, 2, 3, 0),
    source=SOURCE,
    description=("Garnet(5, 2, 3) with seed 0: five states, two actions, three next states each, no noise, no end."),
)

GARNET_MEDIUM = Entry(
    name="garnet-medium",
    build=partial(garnet, 30, 4, 2, 0, reward_noise=0.1),
    source=SOURCE,
    description=(
        "Garnet(30, 4, 2, 0.1), the size of the paper's smaller experiment, with seed 0: thirty states, four "
        "actions, two next states each, reward noise 0.1, no end."
    ),
)
