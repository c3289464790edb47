"""machin: what `A2C.store_episode` makes of an episode, and the gradient that A2C and PPO leave behind.

Both are called on a stand-in for the agent. `store_episode` is given every piece of an episode alone, as the loop in
its examples does: a list of transitions. That loop ends one step after max_steps, so that the last transition of an
episode that was cut is not `terminal`, and holds the state reached. The critic says the value of the state that the
transition holds, and something that belongs to nothing where the episode ended.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems
from pgverify.survey.own_step import idle, left_behind, times_steps, weighted


def weights(
    lambda_: float, cut: int | None = None, mend: bool = False, unsaid: bool = False, joined: bool = False
) -> Any:
    """Return a function from batches to advantages.

    `mend`: what a cut lacks, γV(s_{t+1}), is in its last reward. `unsaid`: no transition is terminal. `joined`: the
    episodes are stored as if they were one.
    """

    def function(batch: Trajectories) -> Any:
        import torch
        from machin.frame.algorithms import A2C

        steps = batch.steps(cut=cut)
        reached = np.where(steps.terminated, steps.reset_values, steps.next_values)
        ends = steps.terminated & (not unsaid)
        added = batch.discount * steps.next_values * steps.truncated if mend else 0.0
        rewards = steps.rewards + added
        found: list[Any] = []
        agent = SimpleNamespace(
            gae_lambda=lambda_,
            discount=batch.discount,
            _criticize=lambda state: torch.tensor(state["value"]),
            replay_buffer=SimpleNamespace(append=lambda transition, **_: found.append(float(transition["gae"]))),
        )
        first = np.flatnonzero(steps.episode_start)
        for piece in np.split(np.arange(len(steps)), [] if joined else first[1:]):
            episode = [
                {
                    "state": {"value": steps.values[t]},
                    "next_state": {"value": reached[t]},
                    "action": {"action": steps.actions[t]},
                    "reward": float(rewards[t]),
                    "terminal": bool(ends[t]),
                }
                for t in piece
            ]
            A2C.store_episode(agent, episode)
        return steps.padded(np.array(found))

    return function


def judged(lambda_: float, **how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(lambda_, **how), kind="weights", target="discount_dropped", problems=few())


def update(name: str, normalise: bool = False, whole: bool = False, powers: bool = True) -> Any:
    """Return the estimator of A2C's or PPO's `update`, on all steps of a batch; `whole`: times T, a mean no more."""

    def step(logits: Any, batch: Any) -> None:
        import torch
        from machin.frame.algorithms import A2C, PPO

        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0][batch.mask]
        advantages = weighted(batch, powers)[batch.mask][:, None]
        if whole:
            advantages = advantages * times_steps(batch)
        # PPO asks a copy of the actor for the old probabilities; here both are the policy that acted.
        actor = SimpleNamespace(
            train=lambda: None, eval=lambda: None, zero_grad=lambda: None, parameters=lambda: [logits]
        )
        buffer = SimpleNamespace(sample_batch=lambda *_, **__: (len(chosen), ({}, {}, advantages)), clear=lambda: None)
        agent = SimpleNamespace(
            actor=Uncopied(vars(actor)),
            critic=actor,
            actor_optim=idle(),
            actor_update_times=1,
            critic_update_times=0,
            batch_size=-1,
            replay_buffer=buffer,
            normalize_advantage=normalise,
            entropy_weight=None,
            visualize=False,
            gradient_max=np.inf,
            surr_clip=0.2,
            _eval_act=lambda *_: (None, chosen),
            _backward=lambda loss: loss.backward(),
        )
        # There is no critic to update, and a mean over no updates of it is not what is asked for.
        agent.critic_update_times = NoTimes(0)
        {"A2C": A2C, "PPO": PPO}[name].update(agent)

    return left_behind(step)


class Uncopied(SimpleNamespace):
    """An actor that stays the one it is when it is copied."""

    def __init__(self, calls: dict[str, Any]) -> None:
        super().__init__(**calls)

    def __deepcopy__(self, _: Any) -> Uncopied:
        return self


class NoTimes(int):
    """No update of the critic, by whose number the mean of its losses is divided all the same."""

    def __rtruediv__(self, other: Any) -> float:
        return float(other)


def stepped(name: str, names: tuple[str, ...], **how: Any) -> Callable[[], Report]:
    return lambda: asked(update(name, **how), problems=problems(*names))


GAE, CUT = "A2C.store_episode, λ = 0.9", "A2C.store_episode, λ = 0.9, a cut episode"
ONE, ONE_CUT = "A2C.store_episode, λ = 1, as by default", "A2C.store_episode, λ = 1, a cut episode"
ZERO_CUT = "A2C.store_episode, λ = 0, a cut episode"
CLAIM = "“gae_lambda: λ used in generalized advantage estimation” (frame/algorithms/a2c.py)"
LOOP = "examples/framework_examples/a2c.py: store_episode(transitions) when an episode has ended"
LOOP_CUT = (
    "examples/framework_examples/a2c.py: its loop ends one step after max_steps, with terminal False of that step"
)
LOSS = "“Loss_a = −log_likelihood · advantage” (frame/algorithms/a2c.py)"
LOSS_LOOP = "update() samples transitions of all stored episodes, and takes the mean over them"
NORMALISED = "A2C.update, normalize_advantage=True, as by default"

SURVEY = Survey(
    "machin",
    ("machin==0.4.2", "torch==2.13.0", "moviepy==1.0.3"),
    ("machin.frame.algorithms",),
    (
        SurveyRow(GAE, CLAIM, LOOP, judged(0.9), Outcome.CORRECT),
        SurveyRow(
            CUT,
            CLAIM,
            LOOP_CUT,
            judged(0.9, cut=2),
            Outcome.BIASED,
            remark="the recursion starts with V = 0, although terminal is False of the last step: with λ = 0 the same "
            "episode goes on with V(next_state); what is asked for is “a full episode”",
        ),
        SurveyRow(
            "A2C.store_episode, λ = 0.9, γV of the state reached in the last reward",
            CLAIM,
            "mended",
            judged(0.9, cut=2, mend=True),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
        SurveyRow(
            ZERO_CUT,
            CLAIM,
            LOOP_CUT,
            judged(0.0, cut=2),
            Outcome.CORRECT,
            remark="next_state is read here, and bootstraps where the episode was cut",
        ),
        SurveyRow(
            "A2C.store_episode, λ = 0, ends not said",
            CLAIM,
            "not so",
            judged(0.0, cut=2, unsaid=True),
            Outcome.BIASED,
            Role.PLANTED,
            ZERO_CUT,
        ),
        SurveyRow(
            "A2C.store_episode, λ = 0.9, all episodes as one, no step terminal",
            CLAIM,
            "not so",
            judged(0.9, unsaid=True, joined=True),
            Outcome.BIASED,
            Role.PLANTED,
            GAE,
        ),
        SurveyRow(ONE, CLAIM, LOOP, judged(1.0), Outcome.CORRECT),
        SurveyRow(
            ONE_CUT,
            CLAIM,
            LOOP_CUT,
            judged(1.0, cut=2),
            Outcome.BIASED,
            remark="the sum of the rewards that were paid: the cut is taken for an end; “a full episode” is asked for",
        ),
        SurveyRow(
            "A2C.store_episode, λ = 1, γV of the state reached in the last reward",
            CLAIM,
            "mended",
            judged(1.0, cut=2, mend=True),
            Outcome.CORRECT,
            Role.RIGHT,
            ONE_CUT,
        ),
        *(
            SurveyRow(
                f"{name}.update, normalize_advantage=False",
                LOSS,
                LOSS_LOOP,
                stepped(name, ("coin", "delayed-reward")),
                Outcome.SCALED,
                remark="a mean over the steps of the batch: 1/T",
            )
            for name in ("A2C", "PPO")
        ),
        *(
            SurveyRow(
                f"{name}.update, without γ^t",
                LOSS,
                "not so",
                stepped(name, ("delayed-reward",), powers=False, whole=True),
                Outcome.OTHER_TARGET,
                Role.PLANTED,
                f"{name}.update, normalize_advantage=False",
            )
            for name in ("A2C", "PPO")
        ),
        SurveyRow(
            NORMALISED,
            "“normalize_advantage: Whether to normalize sampled advantage values in the batch” (a2c.py)",
            LOSS_LOOP,
            stepped("A2C", ("delayed-reward",), normalise=True),
            Outcome.BIASED,
            remark="divided by the deviation of its own batch; documented, and the default",
        ),
        SurveyRow(
            "A2C.update, not normalised, times T",
            LOSS,
            "mended",
            stepped("A2C", ("delayed-reward", "early-stop"), whole=True),
            Outcome.CORRECT,
            Role.RIGHT,
            NORMALISED,
        ),
    ),
    "next_state is read only with λ = 0, and terminal of the last step only where the episode goes on",
)
