"""rejax: `PPO.calculate_gae` and `PPO.update_actor`, on the steps of one environment.

Arrays are filled up to a power of two with steps that have ended and pay nothing, so that few shapes are compiled. For
the actor the log-probability of each step is a parameter of its own: what the update hands to the optimiser is minus
the weight of that step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


@cache
def compiled() -> Callable[..., Any]:
    """Return (rewards, values, dones, last value, γ) → advantages, all [T, 1], compiled once a shape."""
    import jax
    from rejax.algos.ppo import PPO, Trajectory

    def gae(rewards: Any, values: Any, dones: Any, last: Any, gamma: Any) -> Any:
        settings = SimpleNamespace(gamma=gamma, gae_lambda=0.9)
        steps = Trajectory(obs=values, action=values, log_prob=values, reward=rewards, value=values, done=dones)
        return PPO.calculate_gae(settings, steps, last)[0]

    return jax.jit(gae)


def filled(array: Any, value: float = 0.0) -> Any:
    """Return numbers of N steps as a column with a power of two rows."""
    size = 1 << max(len(array) - 1, 1).bit_length()
    return np.concatenate([array, np.full(size - len(array), value)])[:, None].astype(np.float64)


def weights(*, cut: int | None, added: bool = False, early: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages.

    `added`: γV of the state reached is added to the reward where an episode is cut. `early`: ends are said one step too
    soon.
    """

    def function(batch: Trajectories) -> Any:
        import jax

        steps = batch.steps(cut=cut)
        done = steps.terminated | steps.truncated
        done = np.roll(done, -1) if early else done
        rewards = steps.rewards + batch.discount * steps.next_values * steps.truncated * added
        last = np.where(done[-1:], 0.0, steps.reset_values[-1:])
        with jax.enable_x64(True):
            columns = (filled(rewards), filled(steps.values), filled(done, 1.0))
            found = compiled()(*columns, last, batch.discount)
        return steps.padded(np.asarray(found)[: len(steps), 0])

    return function


class Actor:
    """An actor whose parameters are the log-probabilities of the steps."""

    def apply(self, parameters: Any, *_: Any, **__: Any) -> Any:
        """Return them, and no entropy."""
        return parameters, 0.0 * parameters


@cache
def actor_update() -> Callable[..., Any]:
    """Return (log-probabilities, advantages) → what `update_actor` hands to its optimiser, compiled once a shape."""
    import jax
    from rejax.algos.ppo import PPO, AdvantageMinibatch, Trajectory

    def update(log_probs: Any, advantages: Any) -> Any:
        found: list[Any] = []
        taken = Trajectory(**dict.fromkeys(("obs", "action", "log_prob", "reward", "value", "done"), log_probs))
        optimiser = SimpleNamespace(params=log_probs, apply_gradients=lambda grads: found.append(grads))
        state = SimpleNamespace(actor_ts=optimiser, replace=lambda **_: None)
        settings = SimpleNamespace(actor=Actor(), clip_eps=0.2, ent_coef=0.0)
        PPO.update_actor(settings, state, AdvantageMinibatch(taken, advantages, advantages))
        return found[0]

    return jax.jit(update)


def updated(undone: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to the weights of `update_actor` in the first epoch.

    With `undone` its normalisation of the advantages and its mean over steps are undone: it is affine in them.
    """

    def function(batch: Trajectories) -> Any:
        import jax

        steps = batch.steps()
        rewards = batch.rewards * batch.discount_powers
        to_go = (np.flip(np.cumsum(np.flip(rewards, 1), 1), 1) / batch.discount_powers)[steps.rows, steps.times]
        with jax.enable_x64(True):
            found = -np.asarray(actor_update()(steps.log_probs, to_go))
        if not undone:
            return steps.padded(found * len(batch.lengths))
        return steps.padded(found * len(steps) * (to_go.std() + 1e-8) + to_go.mean())

    return function


def judged(function: Callable[[Trajectories], Any]) -> Callable[[], Report]:
    return lambda: asked(function, kind="weights", target="discount_dropped", problems=few())


WHOLE, CUT = "PPO.calculate_gae, λ = 0.9, episodes that end", "PPO.calculate_gae, episodes that are cut"
ACTOR = "PPO.update_actor, first epoch, one minibatch"
LOOP = "PPO.train_iteration: on the steps of collect_trajectories, with the value of the last observation"
STEP = "PPO.train_iteration: update on each minibatch of shuffle_and_split"
CLAIM = "“calculate_gae”, with “gae_lambda” (algos/ppo.py)"
DONE = "“done” of gymnax: step resets at the end of an episode and at max_steps_in_episode alike"

SURVEY = Survey(
    "rejax",
    ("rejax==0.1.3", "jax==0.10.2"),
    ("jax", "rejax.algos.ppo"),
    (
        SurveyRow(WHOLE, CLAIM, LOOP, judged(weights(cut=None)), Outcome.CORRECT),
        SurveyRow(
            "PPO.calculate_gae, done one step early",
            CLAIM,
            "not so",
            judged(weights(cut=None, early=True)),
            Outcome.BIASED,
            Role.PLANTED,
            WHOLE,
        ),
        SurveyRow(
            CUT,
            CLAIM,
            f"{LOOP}; {DONE}",
            judged(weights(cut=2)),
            Outcome.BIASED,
            remark="a cut is taken for an end, for gymnax says done of both: no bootstrap",
        ),
        SurveyRow(
            "PPO.calculate_gae, γV of the state reached in the reward of a cut",
            CLAIM,
            "mended",
            judged(weights(cut=2, added=True)),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
        SurveyRow(
            ACTOR,
            CLAIM,
            STEP,
            judged(updated()),
            Outcome.BIASED,
            remark="advantages are normalised in the minibatch, and averaged over its steps: the usual choice",
        ),
        SurveyRow(
            "PPO.update_actor, its normalisation and its mean undone",
            CLAIM,
            "mended",
            judged(updated(undone=True)),
            Outcome.CORRECT,
            Role.RIGHT,
            ACTOR,
        ),
    ),
    "one flag for two kinds of end",
)
