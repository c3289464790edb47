"""mushroom-rl: its advantages on a dataset as its core collects it, and the gradients of REINFORCE and GPOMDP.

A dataset is a list of (state, action, reward, next state, absorbing, last). The critic is a function of the state, and
is shown V(s_t) and V(s_{t+1}); where an episode ended it says what belongs to nothing. The gradients are those that
`fit` hands to the optimiser, with a policy whose `diff_log` is the exact score.
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


def weights(
    name: str, cut: int | None = None, apart: bool = False, ends_said: bool = True
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `apart`: every piece of an episode is a dataset of its own."""

    def function(batch: Trajectories) -> Any:
        from mushroom_rl.utils import value_functions

        steps = batch.steps(cut=cut)
        reached = np.where(steps.terminated, steps.reset_values, steps.next_values)
        first = np.flatnonzero(steps.episode_start)[1:] if apart else []
        found = []
        for piece in np.split(np.arange(len(steps)), first):
            ends = steps.terminated[piece] & ends_said
            last = steps.terminated[piece] | steps.truncated[piece]
            arrays = (steps.values[piece], reached[piece], steps.rewards[piece], ends, last)
            # An episode of one step goes before: a dataset of one step loses its axis in np.squeeze.
            values, after, rewards, absorbing, last = (np.append(1, array).astype(array.dtype) for array in arrays)
            data = [lambda shown: shown, values, after, rewards, absorbing]
            compute = getattr(value_functions, name)
            if name == "compute_gae":
                _, advantages = compute(*data, last, batch.discount, 0.9)
            else:
                data[1:3] = values[:, None], after[:, None]
                _, advantages = compute(*data, batch.discount)
            found.append(np.ravel(advantages)[1:])
        return steps.padded(np.concatenate(found))

    return function


def judged(name: str, *names: str, **how: Any) -> Callable[[], Report]:
    chosen = problems(*names) if names else few()
    return lambda: asked(weights(name, **how), kind="weights", target="discount_dropped", problems=chosen)


def searched(name: str, baseline: bool = True, undiscounted: bool = False) -> Any:
    """Return the estimator of the gradient that REINFORCE or GPOMDP hands to its optimiser.

    Without `baseline` it is 0, and every episode is a dataset of its own, twice in it, for one is refused.
    """

    def function(batch: Trajectories) -> Any:
        fit = fitted(name, batch, baseline, undiscounted)
        rows = range(len(batch.lengths))
        return fit(list(rows)) if baseline else np.array([fit([row, row]) for row in rows])

    return function


def fitted(name: str, batch: Trajectories, baseline: bool, undiscounted: bool) -> Callable[[list[int]], Any]:
    """Return what `fit` makes of the trajectories in these rows of a batch."""
    score = batch.policy.score()  # [S, A, d]
    weights_size = score.shape[-1]
    policy = SimpleNamespace(
        diff_log=lambda state, action: score[state, action],
        weights_size=weights_size,
        get_weights=lambda: np.zeros(weights_size),
        set_weights=lambda _: None,
    )
    info = SimpleNamespace(gamma=1.0 if undiscounted else batch.discount)

    def fit(rows: list[int]) -> Any:
        from mushroom_rl.algorithms.policy_search import policy_gradient

        found: list[Any] = []
        agent = getattr(policy_gradient, name)(info, policy, lambda _, gradient: found.append(gradient))
        # The state, the action and the reward are read, and whether an episode has ended.
        dataset = [
            (
                batch.states[row, t],
                batch.actions[row, t],
                batch.rewards[row, t],
                None,
                False,
                t == batch.lengths[row] - 1,
            )
            for row in rows
            for t in range(batch.lengths[row])
        ]
        if not baseline:  # the numerator of the baseline, of the whole episodes or of each step
            own = agent._compute_gradient

            def compute_gradient(returns: Any) -> Any:
                agent.baseline_num = [0.0 * np.array(part) for part in agent.baseline_num]
                return own(returns)

            agent._compute_gradient = compute_gradient
        agent.fit(dataset)
        return found[0]

    return fit


def search(name: str, *names: str, **how: Any) -> Callable[[], Report]:
    return lambda: asked(searched(name, **how), problems=problems(*names))


def loss_of(name: str, whole: bool = False, powers: bool = True) -> Any:
    """Return the estimator of the loss of A2C or TRPO; `whole`: times T, so that it is no mean over steps."""

    def update(logits: Any, batch: Any) -> None:
        import torch
        from mushroom_rl.algorithms.actor_critic import A2C, TRPO

        flat, actions = logits[batch.mask], batch.actions[batch.mask]
        advantages = weighted(batch, powers)[batch.mask]
        if whole:
            advantages = advantages * times_steps(batch)
        chosen = torch.log_softmax(flat, dim=-1).gather(-1, actions[:, None])
        policy = SimpleNamespace(
            use_cuda=False, log_prob_t=lambda *_: chosen, entropy_t=lambda _: torch.zeros(()), parameters=list
        )
        agent = SimpleNamespace(policy=policy, _entropy_coeff=lambda: 0.0, _ent_coeff=lambda: 0.0)
        empty = np.zeros(len(actions))
        if name == "A2C":
            loss = A2C._loss(agent, empty, empty, advantages[:, None].numpy())
        else:  # what TRPO maximises
            old = batch.log_probs[batch.mask][:, None]
            loss = -TRPO._compute_loss(agent, empty, actions, advantages[:, None], old)
        loss.backward()

    return left_behind(update)


def stepped(name: str, *names: str, **how: Any) -> Callable[[], Report]:
    return lambda: asked(loss_of(name, **how), problems=problems(*names))


GAE, GAE_CUT = "compute_gae, λ = 0.9", "compute_gae, λ = 0.9, cut episodes"
ROLLOUT = "compute_advantage_montecarlo"
MONTE_CARLO = "compute_advantage_montecarlo, episodes that end"
MONTE_CARLO_CUT = "compute_advantage_montecarlo, cut episodes"
ONE_STEP = "compute_advantage"
ONE_STEP_CLAIM = "“The value function is estimated using bootstrapping” (utils/value_functions.py)"
CLAIM = "“Function to compute Generalized Advantage Estimation (GAE)” (utils/value_functions.py)"
MONTE_CARLO_CLAIM = (
    "“The value function is estimated using rollouts (monte carlo estimation)” (utils/value_functions.py)"
)
PPO_LOOP = "PPO.fit and TRPO.fit, on the dataset of n_steps_per_fit steps or n_episodes_per_fit episodes"
A2C_LOOP = "A2C.fit, on the dataset of n_steps_per_fit steps, in which episodes follow each other"
FIT = "Core.learn(n_episodes_per_fit): fit(dataset), as examples/lqr_pg.py does"
LOSS = {"A2C": "A2C._loss", "TRPO": "TRPO._compute_loss"}

SURVEY = Survey(
    "mushroom-rl",
    (
        "mushroom-rl==1.10.2",
        "torch==2.13.0",
        "joblib==1.6.0",
        "narwhals==2.29.0",
        "opencv-python-headless==5.0.0.93",
        "pygame==2.6.1",
        "scikit-learn==1.9.1",
        "tqdm==4.70.1",
    ),
    (
        "mushroom_rl.utils.value_functions",
        "mushroom_rl.algorithms.policy_search",
        "mushroom_rl.algorithms.actor_critic",
    ),
    (
        SurveyRow(GAE, CLAIM, PPO_LOOP, judged("compute_gae"), Outcome.CORRECT),
        SurveyRow(GAE_CUT, CLAIM, PPO_LOOP, judged("compute_gae", cut=2), Outcome.CORRECT),
        *(
            SurveyRow(
                f"{of}, absorbing not said",
                CLAIM,
                "not so",
                judged("compute_gae", "early-stop", "coin-door", ends_said=False, cut=cut),
                Outcome.BIASED,
                Role.PLANTED,
                of,
            )
            for of, cut in ((GAE, None), (GAE_CUT, 2))
        ),
        SurveyRow(MONTE_CARLO, MONTE_CARLO_CLAIM, A2C_LOOP, judged(ROLLOUT), Outcome.CORRECT),
        SurveyRow(
            "compute_advantage_montecarlo, absorbing not said",
            MONTE_CARLO_CLAIM,
            "not so",
            judged(ROLLOUT, "early-stop", ends_said=False),
            Outcome.BIASED,
            Role.PLANTED,
            MONTE_CARLO,
        ),
        SurveyRow(
            MONTE_CARLO_CUT,
            MONTE_CARLO_CLAIM,
            A2C_LOOP,
            judged(ROLLOUT, "early-stop", "coin-door", "random-end", cut=2),
            Outcome.BIASED,
            remark="`last` is no argument: after an episode that reached the horizon of the environment, and is not "
            "absorbed, the return of the next episode is added",
        ),
        SurveyRow(
            "compute_advantage_montecarlo, cut episodes, each a dataset of its own",
            MONTE_CARLO_CLAIM,
            "called once for every episode, as its documentation of a rollout has it",
            judged(ROLLOUT, "early-stop", "coin-door", "random-end", cut=2, apart=True),
            Outcome.CORRECT,
            Role.RIGHT,
            MONTE_CARLO_CUT,
        ),
        SurveyRow(ONE_STEP, ONE_STEP_CLAIM, "beside the two that fit calls", judged(ONE_STEP, cut=2), Outcome.CORRECT),
        SurveyRow(
            "REINFORCE.fit",
            "“REINFORCE algorithm” (policy_search/policy_gradient/reinforce.py)",
            FIT,
            search("REINFORCE", "early-stop"),
            Outcome.BIASED,
            remark="as is usual, the baseline is a ratio of means over the same episodes: a bias that goes to 0",
        ),
        SurveyRow(
            "REINFORCE.fit, the baseline taken out",
            "“REINFORCE algorithm” (policy_search/policy_gradient/reinforce.py)",
            "mended",
            search("REINFORCE", "early-stop", baseline=False),
            Outcome.CORRECT,
            Role.RIGHT,
            "REINFORCE.fit",
        ),
        SurveyRow(
            "GPOMDP.fit",
            "“GPOMDP algorithm” (policy_search/policy_gradient/gpomdp.py)",
            FIT,
            search("GPOMDP", "early-stop"),
            Outcome.BIASED,
            remark="as is usual, the baselines are ratios of means over the same episodes: a bias that goes to 0",
        ),
        SurveyRow(
            "GPOMDP.fit, the baselines taken out",
            "“GPOMDP algorithm” (policy_search/policy_gradient/gpomdp.py)",
            "mended",
            search("GPOMDP", "early-stop", baseline=False),
            Outcome.CORRECT,
            Role.RIGHT,
            "GPOMDP.fit",
        ),
        SurveyRow(
            "GPOMDP.fit, the baselines taken out, γ = 1",
            "the same",
            "not so",
            search("GPOMDP", "delayed-reward", baseline=False, undiscounted=True),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            "GPOMDP.fit",
        ),
        *(
            SurveyRow(
                function,
                f"the loss of {name} (actor_critic/deep_actor_critic/{name.lower()}.py)",
                f"{name}.fit, on all steps of the dataset",
                stepped(name, "coin", "delayed-reward"),
                Outcome.SCALED,
                remark="a mean over the steps of the dataset: 1/T",
            )
            for name, function in LOSS.items()
        ),
        *(
            SurveyRow(
                f"{function}, without γ^t",
                "the policy gradient",
                "not so",
                stepped(name, "delayed-reward", powers=False, whole=True),
                Outcome.OTHER_TARGET,
                Role.PLANTED,
                function,
            )
            for name, function in LOSS.items()
        ),
    ),
    "compute_advantage_montecarlo takes the dataset for one rollout",
    complete=True,  # it asks for torch 2.5.1 and NumPy 1
)
