"""A window: the fixed number of steps that an agent collects before it updates, across the ends of episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgverify.errors import InvalidInput
from pgverify.kinds import known_arguments
from pgverify.validation import require_flag, require_integer, require_number, settle


@known_arguments
@dataclass(frozen=True)
class Window:
    """How an agent collects what it learns from: fixed numbers of steps, and advantages by its own critic.

    δ_t = r_t + γ n_t V(s_{t+1}) − V(s_t), Â_t = δ_t + γ λ n_t Â_{t+1}, Â = 0 after the window, n_t = 0 where the
    episode ends; the estimate is the mean of ψ_t Â_t over all steps. With `n_step` the sum is over n of the δ alone,
    Â_t = Σ_{k<n} (γ λ)^k δ_{t+k}: with λ = 1 these are n-step returns less V(s_t).

    Parameters
    ----------
    steps : int
        T ≥ 1, steps of each environment in a window.
    trace_decay : float
        λ in [0, 1].
    critic : problem -> [S], optional
        V, as the agent has it when it updates; zero when left out.
    environments : int
        Environments that are stepped at once.
    entropy : float
        β of the entropy that the loss adds at the states visited.
    truncates : bool
        Whether reaching the horizon is a time limit, with V bootstrapped there, and no end.
    acting : problem -> Policy, optional
        The policy that collects, θ_old, where the update is made at another θ, as in a second epoch: the estimate is
        then that of the ratio, the mean of ρ_t ψ_t Â_t, clipped as `clip` says.
    clip : float, optional
        ε: a step counts while ρ ≤ 1 + ε where Â > 0, and while ρ ≥ 1 − ε where Â < 0.
    resets_take_a_step : bool
        Whether the step after an end only resets (Gymnasium's NEXT_STEP): it is no step of an episode, and should not
        be learned from.
    n_step : int, optional
        n ≥ 1; all to the end of the window when left out.

    Raises
    ------
    InvalidInput
        When one of them is outside its range.
    """

    steps: int
    trace_decay: float = 1.0
    critic: Callable[[Any], Any] | None = None
    environments: int = 1
    entropy: float = 0.0
    truncates: bool = False
    acting: Callable[[Any], Any] | None = None
    clip: float | None = None
    resets_take_a_step: bool = False
    n_step: int | None = None

    def __post_init__(self) -> None:
        if self.critic is not None and not callable(self.critic):
            raise InvalidInput(
                f"critic is {self.critic!r}, must be a function of the problem that returns V [S], or None"
            )
        if self.acting is not None and not callable(self.acting):
            raise InvalidInput(
                f"acting is {self.acting!r}, must be a function of the problem that returns a Policy, or None"
            )
        if self.clip is not None:
            settle(self, clip=require_number("clip", self.clip, 0.0, 1e6, InvalidInput))
        if self.n_step is not None:
            settle(self, n_step=require_integer("n_step", self.n_step, 1, InvalidInput))
        settle(
            self,
            steps=require_integer("steps", self.steps, 1, InvalidInput),
            trace_decay=require_number("trace_decay", self.trace_decay, 0.0, 1.0, InvalidInput),
            environments=require_integer("environments", self.environments, 1, InvalidInput),
            entropy=require_number("entropy", self.entropy, -1e6, 1e6, InvalidInput),
            truncates=require_flag("truncates", self.truncates, InvalidInput),
            resets_take_a_step=require_flag("resets_take_a_step", self.resets_take_a_step, InvalidInput),
        )
