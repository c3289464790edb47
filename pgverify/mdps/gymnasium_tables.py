"""Import the transition table of a Gymnasium environment."""

from __future__ import annotations

from collections import defaultdict
from operator import index
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidInput, InvalidMDP, UnknownName, WrongKind
from pgverify.kinds import accepts, described
from pgverify.mdp import TabularMDP
from pgverify.validation import Array, real_array, require_shape

TableEntry = tuple[int, int, float, int, float, bool]
"""State, action, probability, next state, reward, terminated."""


@accepts()
def from_gymnasium(env_id: Any, **kwargs: Any) -> TabularMDP:
    """Return the MDP that a Gymnasium environment publishes as its table `P`.

    `P[s][a]` lists outcomes (probability, next state, reward, terminated); the start is
    `initial_state_distrib`.

    Ends. A state becomes terminal when the start cannot be there, at least one possible outcome enters it
    with `terminated`, and none enters it without: its own rows can never be used, and are replaced
    (FrozenLake's holes and goal, CliffWalking's goal). If any outcome with `terminated` enters another state,
    one absorbing terminal state, numbered S, is added, and all such outcomes lead there with their reward
    (Taxi).

    Several outcomes with the same next state add their probabilities. If their rewards differ, `reward` is
    their weighted mean and `reward_noise` their standard deviation (the slippery CliffWalking): J, its
    gradient, and the covariance of every estimator linear in the rewards stay exact; only the shape of the
    noise, normal instead of discrete, is not the environment's.

    Step limits are wrappers, not part of the table, and are left out: give the problem a horizon instead.

    Parameters
    ----------
    env_id : str, or an environment
        As for `gymnasium.make`, for example "FrozenLake-v1"; or an environment, which is left open; or any object
        with `P` and `initial_state_distrib`.
    **kwargs
        Passed to `gymnasium.make`, for example `is_slippery=False`.

    Raises
    ------
    InvalidInput
        Gymnasium is not installed, or refuses the arguments.
    UnknownName
        Gymnasium knows no such environment.
    InvalidMDP
        The environment has no table, no start distribution, or a table that does not describe it.
    """
    if not isinstance(env_id, str):
        return _from_object(env_id, kwargs)
    try:
        import gymnasium
    except ImportError:
        raise InvalidInput(
            "from_gymnasium needs Gymnasium, which is not installed: pip install pgverify[gymnasium]"
        ) from None
    try:
        env = gymnasium.make(env_id, **kwargs)
    except gymnasium.error.UnregisteredEnv as reason:
        raise UnknownName(
            f"unknown Gymnasium environment {env_id!r}: {reason} Yours is MODULE:ID, where MODULE registers it"
        ) from None
    except Exception as reason:  # whatever the environment's constructor objects to
        raise InvalidInput(f"Gymnasium cannot make {env_id!r} with {kwargs!r}: {reason}") from None
    try:
        return _from_env(env_id, env.unwrapped)
    finally:
        env.close()


def _from_object(env: Any, kwargs: dict[str, Any]) -> TabularMDP:
    """Read the table of an environment that somebody made: Gymnasium itself is not needed."""
    if isinstance(env, type) or not (hasattr(env, "P") or (hasattr(env, "unwrapped") and hasattr(env, "step"))):
        raise WrongKind(
            f"env_id is {described(env)}, must be the name of a Gymnasium environment, an environment, or anything "
            "with its table P and its initial_state_distrib; of a class give an instance, or register it "
            "(gymnasium.register) and give its name"
        )
    if kwargs:
        raise InvalidInput(
            f"{', '.join(kwargs)} cannot be passed to an environment that is made already, leave them out"
        )
    spec = getattr(env, "spec", None)
    inner = getattr(env, "unwrapped", env)
    return _from_env(str(getattr(spec, "id", None) or type(inner).__name__), inner)


def _from_env(env_id: str, env: Any) -> TabularMDP:
    """Read the table of an unwrapped environment."""
    table = getattr(env, "P", None)
    if table is None:
        raise InvalidMDP(
            f"{env_id} has no transition table P, must have one, as FrozenLake, CliffWalking and Taxi do: "
            "P[state][action] = [(probability, next state, reward, terminated), …], and initial_state_distrib [S]; "
            "where its model is not known, pgv.VarianceReport.from_batches reads stored rollouts"
        )
    if getattr(env, "fickle_passenger", False):
        raise InvalidMDP(
            f"{env_id} has fickle_passenger=True, must be False: the passenger's change of mind is not in the table P"
        )
    start = getattr(env, "initial_state_distrib", None)
    if start is None:
        raise InvalidMDP(
            f"{env_id} has a table P but no initial_state_distrib, must have both: [S], the probability "
            "of each state to be the first"
        )
    try:
        states, actions = len(table), len(table[0])
        outcomes = [
            (s, a, float(probability), index(following), float(reward), bool(terminated))
            for s in range(states)
            for a in range(actions)
            for probability, following, reward, terminated in table[s][a]
        ]
        ragged = next((s for s in range(states) if len(table[s]) != actions), None)
    except (TypeError, ValueError, KeyError, IndexError) as reason:
        raise InvalidMDP(
            f"the table P of {env_id} cannot be read, P[s][a] must list (probability, next state, reward, "
            f"terminated) for states and actions numbered from 0 ({type(reason).__name__}: {reason})"
        ) from None
    if ragged is not None:
        raise InvalidMDP(f"P[{ragged}] of {env_id} has {len(table[ragged])} actions, must have {actions}, as P[0]")
    for s, a, probability, following, _, _ in outcomes:
        if not 0.0 <= probability <= 1.0:
            raise InvalidMDP(f"P[{s}][{a}] of {env_id} has probability {probability:.6g}, must lie in [0, 1]")
        if not 0 <= following < states:
            raise InvalidMDP(f"P[{s}][{a}] of {env_id} leads to {following}, must lie in 0..{states - 1}")
    try:
        begin = real_array("initial_state_distrib", start, InvalidMDP)
        require_shape("initial_state_distrib", begin, (states,), "[S]", InvalidMDP)
        return _from_outcomes(begin, states, actions, outcomes)
    except InvalidMDP as reason:
        raise InvalidMDP(f"the table P of {env_id} is not an MDP: {reason}") from None


def _from_outcomes(begin: Float[Array, "S"], states: int, actions: int, outcomes: list[TableEntry]) -> TabularMDP:
    """Make terminated outcomes enter terminal states, merge equal next states, and fill the tables."""
    possible = [outcome for outcome in outcomes if outcome[2] != 0.0]
    entered = {following for _, _, _, following, _, terminated in possible if terminated}
    passed = {following for _, _, _, following, _, terminated in possible if not terminated}
    ends = entered - passed - set(np.flatnonzero(begin).tolist())
    size = states + bool(entered - ends)
    merged: dict[tuple[int, int, int], list[tuple[float, float]]] = defaultdict(list)
    for s, a, probability, following, reward, terminated in possible:
        if s not in ends:
            target = states if terminated and following not in ends else following
            merged[s, a, target].append((probability, reward))
    transition, mean, noise = np.zeros((3, size, actions, size))
    for where, listed in merged.items():
        transition[where] = sum(probability for probability, _ in listed)
        mean[where], noise[where] = _moments(listed)
    terminal = np.zeros(size, dtype=bool)
    terminal[[*ends, *range(states, size)]] = True
    transition[terminal, :, terminal] = 1.0
    return TabularMDP(np.pad(begin, (0, size - states)), transition, mean, terminal, noise)


def _moments(listed: list[tuple[float, float]]) -> tuple[float, float]:
    """Return mean and standard deviation of a reward given as (probability, reward) pairs."""
    probabilities, rewards = np.array(listed).T
    if (rewards == rewards[0]).all():
        return float(rewards[0]), 0.0
    weights = probabilities / probabilities.sum()
    mean = float(weights @ rewards)
    return mean, float(np.sqrt(weights @ (rewards - mean) ** 2))
