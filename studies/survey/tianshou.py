"""tianshou: returns and advantages on a replay buffer as its collector fills it, and the losses of three algorithms.

`obs` holds V(s_t) and `obs_next` V(s_{t+1}), and the critic hands out what it is shown: where the episode ended, the
value of the state stored next, which belongs to nothing. Losses are those of `_update_with_batch`, unbound, with the
policy's logits, an optimiser that only goes backwards, and γ^t G_t as advantage.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems
from pgverify.survey.own_step import left_behind, times_steps, weighted


def stored(batch: Trajectories, cut: int | None, ends_said: bool) -> Any:
    """Return the steps, a buffer that holds them, and the batch and indices that an update is given."""
    from tianshou.data import Batch, ReplayBuffer

    steps = batch.steps(cut=cut)
    buffer = ReplayBuffer(size=len(steps))
    reached = np.where(steps.terminated, steps.reset_values, steps.next_values)
    for t in range(len(steps)):
        buffer.add(
            Batch(
                obs=steps.values[t],
                obs_next=reached[t],
                act=int(steps.actions[t]),
                rew=float(steps.rewards[t]),
                terminated=bool(steps.terminated[t] and ends_said),
                truncated=bool(steps.truncated[t]),
                info={},
            )
        )
    part, indices = buffer.sample(0)
    return steps, buffer, part, indices


def weights(
    what: str, cut: int | None = None, standardised: bool = False, ends_said: bool = True, gamma: float | None = None
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to weights: "gae", "monte-carlo", "returns" or "n-step"."""

    def function(batch: Trajectories) -> Any:
        from tianshou.algorithm.algorithm_base import Algorithm, episode_mc_return_to_go
        from tianshou.algorithm.modelfree.reinforce import DiscountedReturnComputation

        discount = batch.discount if gamma is None else gamma
        if what == "monte-carlo":
            found = np.zeros(batch.rewards.shape)
            for row, length in enumerate(batch.lengths):
                found[row, :length] = episode_mc_return_to_go(batch.rewards[row, :length], discount)
            return found
        steps, buffer, part, indices = stored(batch, cut, ends_said)
        if what == "gae":
            found = Algorithm.compute_episodic_return(
                part, buffer, indices, np.asarray(part.obs_next), np.asarray(part.obs), discount, 0.9
            )[1]
        elif what == "n-step":
            reached = np.asarray(buffer.obs_next)[: len(steps)]
            found = _n_step(Algorithm, buffer, part, indices, reached, discount)
        else:
            compute = DiscountedReturnComputation(discount, standardised)
            compute.ret_rms.mean = 1.0 if standardised else 0.0  # as after earlier batches, whose mean return was 1
            found = compute.add_discounted_returns(part, buffer, indices).returns
        return steps.padded(np.asarray(found))

    return function


def _n_step(algorithm: Any, buffer: Any, part: Any, indices: Any, reached: Any, discount: float) -> Any:
    import torch

    def target(_: Any, at: Any) -> Any:
        return torch.tensor(reached[at])[:, None]

    returns = algorithm.compute_nstep_return(part, buffer, indices, target, discount, 2).returns
    return returns[:, 0].numpy() - np.asarray(part.obs)


def judged(what: str, *names: str, **how: Any) -> Callable[[], Report]:
    chosen = problems(*names) if names else few()
    return lambda: asked(weights(what, **how), kind="weights", target="discount_dropped", problems=chosen)


def loss_of(name: str, whole: bool = False, powers: bool = True, normalise: bool = False) -> Any:
    """Return the estimator of the update of "Reinforce", "A2C" or "PPO"; `whole`: times T, so that it is no mean."""

    def update(logits: Any, batch: Any) -> None:
        import torch
        from tianshou.algorithm.modelfree import a2c, ppo, reinforce
        from tianshou.data import Batch

        algorithms = {"Reinforce": reinforce.Reinforce, "A2C": a2c.A2C, "PPO": ppo.PPO}
        flat = logits[batch.mask]
        actions = batch.actions[batch.mask]
        advantages = weighted(batch, powers)[batch.mask]
        if whole:
            advantages = advantages * times_steps(batch)
        data = Batch(
            obs=np.zeros(len(actions)),
            act=actions,
            adv=advantages,
            returns=advantages,
            v_s=torch.zeros(len(actions)),
            logp_old=batch.log_probs[batch.mask],
        )
        agent = SimpleNamespace(
            policy=lambda part: Batch(dist=torch.distributions.Categorical(logits=flat), act=part.act),
            critic=lambda _: torch.zeros(len(actions)),
            optim=SimpleNamespace(step=lambda loss: loss.backward()),
            vf_coef=0.5,
            ent_coef=0.0,
            advantage_normalization=normalise,
            recompute_adv=False,
            eps_clip=0.2,
            dual_clip=None,
            value_clip=False,
            _eps=1e-8,
        )
        # One batch, whole and in its order: it is shuffled by split() elsewhere, and its policy's logits are at hand.
        data.split = lambda *_, **__: [data]
        algorithms[name]._update_with_batch(agent, data, None, 1)

    return left_behind(update)


def stepped(name: str, names: tuple[str, ...], **how: Any) -> Callable[[], Report]:
    return lambda: asked(loss_of(name, **how), problems=problems(*names))


CLAIM = "“Use Implementation of Generalized Advantage Estimator” (algorithm/algorithm_base.py)"
LOOP = "A2C and PPO call it in _preprocess_batch on a collected batch, with the critic's values of obs and obs_next"
GAE, CUT = "Algorithm.compute_episodic_return, λ = 0.9", "Algorithm.compute_episodic_return, λ = 0.9, cut episodes"
RETURNS = "DiscountedReturnComputation.add_discounted_returns"
RETURNS_CLAIM = "“Compute the discounted returns (Monte Carlo estimates) for each transition” (modelfree/reinforce.py)"
STANDARD = "DiscountedReturnComputation, return_standardization=True"
N_STEP = "Algorithm.compute_nstep_return, n = 2, less V"
LOSSES = {
    "Reinforce": "“Implementation of the REINFORCE (a.k.a. vanilla policy gradient) algorithm” (reinforce.py)",
    "A2C": "“Implementation of (synchronous) Advantage Actor-Critic” (modelfree/a2c.py)",
    "PPO": "“Implementation of Proximal Policy Optimization” (modelfree/ppo.py)",
}
LOSS_LOOP = "OnPolicyAlgorithm.update hands it the batch that was collected: a mean over its steps"
FRAMES = "Reinforce._update_with_batch, episodes of random length"

SURVEY = Survey(
    "tianshou",
    ("tianshou==2.0.1", "torch==2.13.0"),
    ("tianshou.algorithm", "tianshou.data"),
    (
        SurveyRow(GAE, CLAIM, LOOP, judged("gae"), Outcome.CORRECT),
        SurveyRow(CUT, CLAIM, LOOP, judged("gae", cut=2), Outcome.CORRECT),
        SurveyRow(
            "Algorithm.compute_episodic_return, ends not said",
            CLAIM,
            "not so",
            judged("gae", "early-stop", "coin-door", ends_said=False),
            Outcome.BIASED,
            Role.PLANTED,
            CUT,
        ),
        SurveyRow(
            "Algorithm.compute_episodic_return, γ = 0.5",
            CLAIM,
            "not so",
            judged("gae", gamma=0.5),
            Outcome.BIASED,
            Role.PLANTED,
            GAE,
        ),
        SurveyRow(
            "episode_mc_return_to_go",
            "“Calculates discounted monte-carlo returns to go from rewards of a single episode” (algorithm_base.py)",
            "of one episode, from its reset to its end",
            judged("monte-carlo"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "episode_mc_return_to_go, γ = 1",
            "the same",
            "not so",
            judged("monte-carlo", gamma=1.0),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            "episode_mc_return_to_go",
        ),
        SurveyRow(
            RETURNS,
            RETURNS_CLAIM,
            "Reinforce._preprocess_batch, on a collected batch",
            judged("returns"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            f"{RETURNS}, cut episodes",
            RETURNS_CLAIM,
            "Reinforce._preprocess_batch, on a collected batch",
            judged("returns", cut=2),
            Outcome.BIASED,
            remark="a cut episode has no value to go on from: it is taken for an end, as there is no critic",
        ),
        SurveyRow(
            "Algorithm.compute_episodic_return, λ = 0.9, the same cut episodes with a critic",
            CLAIM,
            LOOP,
            judged("gae", cut=2),
            Outcome.CORRECT,
            Role.RIGHT,
            f"{RETURNS}, cut episodes",
        ),
        SurveyRow(
            STANDARD,
            "“subtracting the running mean and dividing by the running standard deviation”",
            "Reinforce._preprocess_batch, when an earlier batch had a mean return of 1",
            judged("returns", standardised=True),
            Outcome.CORRECT,
            remark="the mean and deviation of earlier batches: a baseline and a factor",
        ),
        SurveyRow(N_STEP, "“n-step return” (algorithm_base.py)", "on a buffer", judged("n-step"), Outcome.CORRECT),
        SurveyRow(
            f"{N_STEP}, cut episodes",
            "the same",
            "on a buffer",
            judged("n-step", cut=2),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "Algorithm.compute_nstep_return, ends not said",
            "the same",
            "not so",
            judged("n-step", "early-stop", "coin-door", ends_said=False),
            Outcome.BIASED,
            Role.PLANTED,
            f"{N_STEP}, cut episodes",
        ),
        *(
            SurveyRow(
                f"{name}._update_with_batch",
                claim,
                LOSS_LOOP,
                stepped(name, ("coin", "delayed-reward")),
                Outcome.SCALED,
                remark="a mean over the steps of the batch: 1/T",
            )
            for name, claim in LOSSES.items()
        ),
        *(
            SurveyRow(
                f"{name}._update_with_batch, without γ^t",
                claim,
                "not so",
                stepped(name, ("delayed-reward",), powers=False, whole=True),
                Outcome.OTHER_TARGET,
                Role.PLANTED,
                f"{name}._update_with_batch",
            )
            for name, claim in LOSSES.items()
        ),
        SurveyRow(
            FRAMES,
            LOSSES["Reinforce"],
            LOSS_LOOP,
            stepped("Reinforce", ("early-stop",)),
            Outcome.BIASED,
            remark="the number of steps in a batch depends on the actions; the mean is the usual choice",
        ),
        SurveyRow(
            "Reinforce._update_with_batch, times T",
            LOSSES["Reinforce"],
            "mended",
            stepped("Reinforce", ("early-stop", "delayed-reward"), whole=True),
            Outcome.CORRECT,
            Role.RIGHT,
            FRAMES,
        ),
    ),
    "what an episode goes on with at a cut is obs_next, which the buffer has to hold",
)
