"""The law of a rollout: where it starts, when it stops, and which discount its estimators must use."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Rollout:
    """How trajectories of a problem come about, read by the sampler and by the exact moments alike.

    Attributes
    ----------
    start : [S]
        Distribution of the first state.
    horizon : int or None
        Largest number of steps; None when only `survival` and terminal states end an episode.
    horizon_terminates : bool
        Whether reaching the horizon ends the episode (finite horizon) or merely cuts it (truncation).
    discount : float
        γ for the estimators: 1 where the random horizon already plays the part of the discount.
    survival : float
        Probability that the episode goes on after a step: 1, or γ for the random horizon.
    step_scale : float
        Factor on every step's contribution: 1, or 1/T for the average reward, which is a mean over steps.
    gain : float
        Average reward ρ that is taken off every reward in the differential return; 0 for the other objectives.
    values : [T+1, S] or [S]
        State values V(s) (differential values for the average reward), by time where they depend on it.
    """

    start: Float[Array, "S"]
    horizon: int | None
    horizon_terminates: bool
    discount: float
    survival: float
    step_scale: float
    gain: float
    values: Float[Array, "*time S"]
