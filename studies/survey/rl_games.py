"""rl-games: `play_steps` whole, on a stand-in for the agent that replays a batch, and its actor losses.

The stand-in has what `A2CBase.play_steps` reads of an agent: an environment that gives back the steps of the batch one
after another, a critic whose values are known, and a buffer. Advantages are returns less values, as `prepare_dataset`
has them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems


def nothing(*_: Any, **__: Any) -> None:
    """Keep no statistics."""


class Agent(SimpleNamespace):
    """What `play_steps` reads of an agent with one environment, which has stored nothing yet."""

    def discount_values(self, *values: Any) -> Any:
        """Return the advantages, by the library's own recursion."""
        from rl_games.common.a2c_common import A2CBase

        return A2CBase.discount_values(self, *values)


def agent(steps: Any, discount: float, bootstrap: bool, added: Any, early: bool) -> Agent:
    """Return an agent that will see the steps; `added`: the values that its critic has while it acts."""
    import torch

    count = len(steps)
    stored = {name: torch.zeros(count, 1, 1, dtype=torch.float64) for name in ("values", "rewards")}
    stored["dones"] = torch.zeros(count, 1, dtype=torch.uint8)
    ends = torch.tensor(steps.terminated | steps.truncated, dtype=torch.uint8)[:, None]
    rewards, values = (torch.tensor(array)[:, None, None] for array in (steps.rewards, added))
    clock = iter(range(count))
    now = [0]

    def acts(_: Any) -> dict[str, Any]:
        now[0] = next(clock)
        return {"values": values[now[0]], "actions": None}

    def env_step(_: Any) -> Any:
        t = now[0]
        done = ends[(t + 1) % count] if early else ends[t]
        return {"obs": None}, rewards[t].clone(), done, {"time_outs": torch.tensor(steps.truncated[t : t + 1])}

    def update_data(name: str, n: int, value: Any) -> None:
        if name in stored:
            stored[name][n] = value

    made = Agent(
        update_list=["values"],
        horizon_length=count,
        use_action_masks=False,
        has_central_value=False,
        value_bootstrap=bootstrap,
        gamma=discount,
        tau=0.9,
        num_agents=1,
        batch_size=count,
        obs={"obs": None},
        dones=torch.ones(1, dtype=torch.uint8),
        tensor_list=["values"],
        get_action_values=acts,
        env_step=env_step,
        rewards_shaper=lambda reward: reward.clone(),
        cast_obs=lambda array: array,
        get_values=lambda _: torch.tensor(steps.reset_values[-1:])[:, None],
        algo_observer=SimpleNamespace(process_infos=nothing),
        experience_buffer=SimpleNamespace(
            update_data=update_data, tensor_dict=stored, get_transformed_list=lambda *_: {}
        ),
    )
    for name in ("game_rewards", "game_shaped_rewards", "game_lengths"):
        setattr(made, name, SimpleNamespace(update=nothing))
    for name in ("current_rewards", "current_shaped_rewards", "current_lengths"):
        width = (1,) if name == "current_lengths" else (1, 1)
        setattr(made, name, torch.zeros(*width, dtype=torch.float64))
    return made


def weights(
    *, cut: int | None, bootstrap: bool = True, state: str = "its own", early: bool = False
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages.

    `state`: whose value a time-out adds, "its own" as the library does it, or the one "reached". `early`: ends are said
    one step too soon.
    """

    def function(batch: Trajectories) -> Any:
        from rl_games.common.a2c_common import A2CBase

        steps = batch.steps(cut=cut)
        own = agent(steps, batch.discount, bootstrap, steps.values, early)
        if state == "reached":
            add = own.env_step

            def env_step(action: Any) -> Any:
                observation, reward, done, infos = add(action)
                t = len(seen)
                seen.append(t)
                missing = batch.discount * (steps.next_values - steps.values)[t] * bool(steps.truncated[t])
                return observation, reward + missing, done, infos

            seen: list[int] = []
            own.env_step = env_step
        played = A2CBase.play_steps(own)
        return steps.padded(played["returns"][:, 0].numpy() - steps.values)

    return function


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


def loss_of(name: str, mean: bool = True, ppo: bool = True, powers: bool = True) -> Any:
    """Return the estimator of an actor loss on the steps of a batch; without `mean` their sum by trajectories."""
    import torch
    from rl_games.algos_torch import torch_ext
    from rl_games.common import common_losses

    def loss_fn(logits: Any, batch: Any) -> Any:
        factor = batch.discount ** torch.arange(batch.rewards.shape[1])
        to_go = (batch.rewards * factor).flip(1).cumsum(1).flip(1)
        advantage = to_go[batch.mask] if powers else (to_go / factor)[batch.mask]
        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
        new, old = -chosen[batch.mask], -batch.log_probs[batch.mask]
        if name == "decoupled_actor_loss":
            each = common_losses.decoupled_actor_loss(old, new, old, advantage, 0.2)
        else:
            each = getattr(common_losses, name)(old, new, advantage, ppo, 0.2)
        (average,), _ = torch_ext.apply_masks([each[:, None]], None)
        return average if mean else average * len(each) / len(logits)

    return pgv.adapters.torch.from_loss(loss_fn)


def of_loss(name: str, names: tuple[str, ...] = (), **how: bool) -> Callable[[], Report]:
    return lambda: asked(loss_of(name, **how), problems=problems(*names) if names else few())


WHOLE, CUT = "A2CBase.play_steps, λ = 0.9, episodes that end", "A2CBase.play_steps, episodes cut by a time-out"
OFF = "A2CBase.play_steps, episodes cut, value_bootstrap=False"
LOSS, SUMMED = "actor_loss, a mean over the steps of a minibatch", "actor_loss, summed over the steps of a trajectory"
LOOP = "A2CAgent.train_epoch calls it, and prepare_dataset takes returns less values"
CLAIM = "tau is “Lambda for GAE”, value_bootstrap “Bootstraping value when episode is finished” (README)"
ACTOR = "calc_gradients: (old neglogp, neglogp, advantages, ppo, e_clip) of a minibatch, then the mean of apply_masks"
PPO = "“Computes the actor loss for PPO” (common/common_losses.py)"


def _summed(name: str, claim: str, words: str = "", **how: bool) -> SurveyRow:
    function = f"{name}{words}, summed over the steps of a trajectory"
    called = f"{ACTOR}; here times the steps of a trajectory"
    return SurveyRow(function, claim, called, of_loss(name, mean=False, **how), Outcome.CORRECT)


REQUIRES = (
    "rl-games==1.6.5",
    "torch==2.13.0",
    "gymnasium==1.4.0",
    "tensorboardX==2.6.5",
    "protobuf==7.36.2",
)

SURVEY = Survey(
    "rl-games",
    REQUIRES,
    ("rl_games.common.a2c_common", "rl_games.common.common_losses"),
    (
        SurveyRow(WHOLE, CLAIM, LOOP, judged(cut=None), Outcome.CORRECT),
        SurveyRow(
            "A2CBase.play_steps, ends said one step early",
            CLAIM,
            "not so",
            judged(cut=None, early=True),
            Outcome.BIASED,
            Role.PLANTED,
            WHOLE,
        ),
        SurveyRow(
            CUT,
            CLAIM,
            f"{LOOP}; infos of the environment have time_outs",
            judged(cut=2),
            Outcome.BIASED,
            remark="a time-out adds γV of the state it acted in, not of the one reached",
        ),
        SurveyRow(
            "A2CBase.play_steps, a time-out adds γV of the state reached",
            CLAIM,
            "mended",
            judged(cut=2, state="reached"),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
        SurveyRow(
            LOSS,
            PPO,
            ACTOR,
            of_loss("actor_loss", ("early-stop",)),
            Outcome.BIASED,
            remark="a mean over the steps of a minibatch, whose number the actions decide: the usual choice",
        ),
        SurveyRow(
            "actor_loss, summed, for the mean",
            PPO,
            "mended: times the steps of a trajectory",
            of_loss("actor_loss", ("early-stop",), mean=False),
            Outcome.CORRECT,
            Role.RIGHT,
            LOSS,
        ),
        _summed("actor_loss", PPO),
        SurveyRow(
            "actor_loss, without γ^t",
            PPO,
            "not so",
            of_loss("actor_loss", mean=False, powers=False),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            SUMMED,
        ),
        _summed(
            "actor_loss",
            "“advantage”, times −log π where “is_ppo” is false (common/common_losses.py)",
            ", ppo=False",
            ppo=False,
        ),
        _summed("smoothed_actor_loss", "“Computes the smoothed actor loss for PPO” (common/common_losses.py)"),
        _summed("decoupled_actor_loss", "“the decoupled actor loss with clipping” (common/common_losses.py)"),
    ),
    "dones are stored before the step, and those after the last one are kept apart",
    complete=True,  # it asks for psutil < 6
)
