"""What long sums lose in single precision: returns and advantages of a library against exact sums of the same rewards.

    python float32_sums.py stable_baselines3 [STEPS]

Rewards and values are numbers of single precision from the start, so that only what is lost on the way counts; arrays
come in the precision in which the library's own buffer or batch holds them. One episode that ends, three laws:

    equal     rewards 0.1, γ = λ = 1, V = 0: the sum grows, and every addition rounds in the same direction
    random    rewards between 0 and 1, γ = λ = 1, V = 0
    offset    rewards within 1 of 1,000, γ = 0.99, λ = 0.95, V = 100,000: what is left is small

Printed is the largest error, as a part of the largest number that is right.
"""

import sys
from types import SimpleNamespace as Any

import numpy as np


def stable_baselines3(rewards, values, gamma, lam):
    import gymnasium
    from stable_baselines3.common.buffers import RolloutBuffer

    space = gymnasium.spaces.Discrete(1)
    buffer = RolloutBuffer(len(rewards), space, space, device="cpu", gae_lambda=lam, gamma=gamma)
    buffer.rewards[:, 0], buffer.values[:, 0] = rewards, values
    buffer.compute_returns_and_advantage(tensor(0 * values[:1]), dones=np.array([True]))
    return buffer.advantages[:, 0]


def torchrl(rewards, values, gamma, lam, name="generalized_advantage_estimate"):
    from torchrl.objectives.value import functional

    ends = column(at_end(rewards), bool)
    following = column(np.append(values[1:], 0))
    return getattr(functional, name)(gamma, lam, column(values), following, column(rewards), ends)[0][:, 0].numpy()


def torchrl_vec(rewards, values, gamma, lam):
    return torchrl(rewards, values, gamma, lam, "vec_generalized_advantage_estimate")


def torchrl_reward2go(rewards, values, gamma, _):
    from torchrl.objectives.value import functional

    if values.any():
        return None
    return functional.reward2go(column(rewards), column(at_end(rewards), bool), gamma)[:, 0].numpy()


def skrl(rewards, values, gamma, lam):
    from skrl.agents.torch.ppo.ppo import compute_gae

    ends = {"terminated": column(at_end(rewards), bool), "truncated": column(0 * rewards, bool)}
    given = {"rewards": column(rewards), "values": column(values), "last_values": column(values[:1])}
    return (compute_gae(**given, **ends, discount_factor=gamma, lambda_coefficient=lam)[0][:, 0]).numpy() - values


def agilerl(rewards, values, gamma, lam):
    from agilerl.components.rollout_buffer import RolloutBuffer

    # Its GAE reads done of the step after: there is none before the end of the one episode.
    tensors = {
        name: column(array) for name, array in {"rewards": rewards, "values": values, "dones": 0 * rewards}.items()
    }
    tensors |= {name: column(0 * rewards) for name in ("advantages", "returns")}
    settings = {"capacity": len(rewards), "pos": len(rewards), "full": True, "num_envs": 1}
    buffer = Any(buffer=tensors, use_gae=True, gamma=gamma, gae_lambda=lam, **settings)
    RolloutBuffer.compute_returns_and_advantages(buffer, [0.0], [True])
    return buffer.buffer["advantages"][:, 0].numpy()


def rsl_rl(rewards, values, gamma, lam):
    from rsl_rl.algorithms import PPO

    three = {name: column(array)[None].transpose(0, 1) for name, array in (("rewards", rewards), ("values", values))}
    storage = Any(num_transitions_per_env=len(rewards), dones=column(at_end(rewards))[:, None], **three)
    storage.returns = 0 * storage.values
    critic = type(
        "Critic",
        (),
        {"__call__": lambda *_: column(values[:1]), "get_hidden_state": lambda _: None, "reset": lambda *_: None},
    )()
    agent = Any(storage=storage, gamma=gamma, lam=lam, critic=critic, device="cpu", actor=critic)
    agent.normalize_advantage_per_mini_batch = True
    PPO.compute_returns(agent, None)
    return storage.advantages.flatten().numpy()


def brax(rewards, values, gamma, lam):
    import jax.numpy as jnp
    from brax.training.agents.ppo.losses import compute_gae

    given = [jnp.asarray(array)[:, None] for array in (0 * rewards, at_end(rewards), rewards, values)]
    targets, _ = compute_gae(*given, jnp.zeros(1), lam, gamma)
    return np.asarray(targets[:, 0]) - values


def rejax(rewards, values, gamma, lam):
    import jax.numpy as jnp
    from rejax.algos.ppo import PPO, Trajectory

    reward, value, done = (jnp.asarray(array)[:, None] for array in (rewards, values, at_end(rewards)))
    steps = Trajectory(obs=value, action=value, log_prob=value, reward=reward, value=value, done=done)
    return np.asarray(PPO.calculate_gae(Any(gamma=gamma, gae_lambda=lam), steps, jnp.zeros(1))[0][:, 0])


def rlax(rewards, values, gamma, lam):
    import jax.numpy as jnp
    import rlax

    discounts = jnp.asarray(gamma * (1 - at_end(rewards)))
    return np.asarray(
        rlax.truncated_generalized_advantage_estimation(rewards, discounts, lam, np.append(values, values[:1]))
    )


def ray(rewards, values, gamma, lam):
    from ray.rllib.evaluation.postprocessing import compute_advantages

    rollout = {"rewards": rewards, "vf_preds": values}
    return compute_advantages(rollout, 0.0, gamma, lam, use_gae=True)["advantages"]


def mushroom_rl(rewards, values, gamma, lam):
    from mushroom_rl.utils.value_functions import compute_gae

    end = at_end(rewards).astype(bool)
    after = np.append(values[1:], values[:1])
    return np.ravel(compute_gae(lambda shown: shown, values, after, rewards, end, end, gamma, lam)[1])


def verl(rewards, values, gamma, lam):
    import torch
    from verl.trainer.ppo.core_algos import compute_gae_advantage_return

    row = [column(array).T for array in (rewards, values)]
    returns = compute_gae_advantage_return(*row, torch.ones(1, len(rewards)), gamma, lam)[1]
    return returns[0].numpy() - values


def column(array, kind=np.float32):
    import torch

    return torch.from_numpy(np.ascontiguousarray(array, dtype=kind))[:, None]


def tensor(array):
    import torch

    return torch.from_numpy(array)


def at_end(rewards):
    return (np.arange(len(rewards)) == len(rewards) - 1).astype(np.float32)


def right(rewards, values, gamma, lam, kind=np.longdouble):
    value = np.append(values, 0).astype(kind)
    errors = rewards.astype(kind) + kind(gamma) * value[1:] - value[:-1]
    found, total = np.zeros(len(rewards), dtype=kind), kind(0)
    for t in range(len(rewards) - 1, -1, -1):
        found[t] = total = errors[t] + kind(gamma) * kind(lam) * total
    return found


def plain(rewards, values, gamma, lam):  # the recursion itself in single precision, for comparison
    return right(rewards, values, gamma, lam, np.float32)


def laws(steps):
    draw, zero = np.random.default_rng(0), np.zeros(steps, dtype=np.float32)
    yield "equal", np.full(steps, 0.1, dtype=np.float32), zero, 1.0, 1.0
    yield "random", draw.uniform(0, 1, steps).astype(np.float32), zero, 1.0, 1.0
    paid = draw.uniform(999, 1001, steps).astype(np.float32)
    paid[-1] += 99_000  # what the value says, at the end
    yield "offset", paid, zero + np.float32(1e5), 0.99, 0.95


if __name__ == "__main__":
    function, steps = globals()[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    for name, *given in laws(steps):
        expected, found = (
            right(*given),
            function(*(array.copy() if hasattr(array, "copy") else array for array in given)),
        )
        if found is not None:
            lost = float(np.abs(found - expected).max() / np.abs(expected).max())
            print(f"{sys.argv[1]}, {steps} steps, {name}: {lost:.1e} lost, in {np.asarray(found).dtype}", flush=True)
