"""A single-file PPO with tables, as a pattern: its own loop, judged whole by `pgv.check(update, kind="agent")`.

    python examples/ppo.py

What the loop needs for it: its environments come from `world`, its actions are drawn by `world.choose`, and `update`
returns the direction in which the parameters of the policy would go.
"""

from __future__ import annotations

import numpy as np

import pgverify as pgv

STEPS, ENVIRONMENTS, EPOCHS, LAMBDA, CLIP, ENTROPY = 3, 1, 1, 0.9, 0.2, 0.05


def softmax(logits):
    """Return π, row by row."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def critic(problem):
    """Return V [S] of an agent that has learned a little: far from right, as an agent's critic is."""
    return 0.4 * np.cos(1.0 + np.arange(problem.mdp.num_states))


def acting(problem):
    """Return the policy that collects, before earlier epochs: far enough away for both sides of the clip to be met."""
    logits = np.asarray(problem.policy.logits)
    return pgv.SoftmaxPolicy(logits + 0.7 * np.sin(1.0 + np.arange(logits.size)).reshape(logits.shape))


def collect(world, pi, envs):
    """Step all environments, autoreset in the same step."""
    rows = []
    states = [env.reset()[0] for env in envs]
    for _ in range(STEPS):
        row = []
        for e, env in enumerate(envs):
            state = states[e]
            action = world.choose(pi[state])
            following, reward, terminated, _, _ = env.step(action)
            row.append((state, action, reward, terminated, pi[state, action]))
            states[e] = env.reset()[0] if terminated else following
        rows.append(row)
    columns = [np.array([[step[i] for step in row] for row in rows]) for i in range(5)]  # each [T, E]
    return columns, np.array(states)


def advantages(states, rewards, dones, last, values, gamma):
    """Return Â_t = δ_t + γ λ (1 − done_t) Â_{t+1}."""
    found, total = np.zeros(rewards.shape), np.zeros(rewards.shape[1])
    for t in reversed(range(STEPS)):
        following = last if t == STEPS - 1 else states[t + 1]
        alive = 1.0 - dones[t]
        delta = rewards[t] + gamma * values[following] * alive - values[states[t]]
        total = delta + gamma * LAMBDA * alive * total
        found[t] = total
    return found


def update(world):
    """Return the ascent direction of the policy's logits: that of one epoch, over two minibatches."""
    problem = world.problem
    gamma = problem.objective.discount
    old = softmax(np.asarray(acting(problem).logits))
    envs = [world.env] + [world.another_env() for _ in range(ENVIRONMENTS - 1)]
    (states, actions, rewards, dones, old_probs), last = collect(world, old, envs)
    advantage = advantages(states, rewards, dones, last, critic(problem), gamma)
    logits = np.asarray(problem.policy.logits)  # the parameters that are updated, away from those that acted
    gradient = np.zeros_like(logits)
    half = STEPS // 2
    for minibatch in (slice(0, half), slice(half, STEPS)):
        pi = softmax(logits)
        for s, a, adv, old_p in zip(
            states[minibatch].ravel(),
            actions[minibatch].ravel(),
            advantage[minibatch].ravel(),
            old_probs[minibatch].ravel(),
            strict=True,
        ):
            ratio = pi[s, a] / old_p
            clipped = ratio > 1 + CLIP if adv > 0 else ratio < 1 - CLIP
            weight = 0.0 if clipped else ratio * adv
            gradient[s, a] += weight
            gradient[s] -= weight * pi[s]
            logs = np.log(pi[s])
            gradient[s] -= ENTROPY * pi[s] * (logs - pi[s] @ logs)
    return gradient.ravel() / states.size


update.policy = lambda world: world.problem.policy
update.window = pgv.agents.Window(
    STEPS, trace_decay=LAMBDA, critic=critic, environments=ENVIRONMENTS, entropy=ENTROPY, acting=acting, clip=CLIP
)


if __name__ == "__main__":
    tables = [entry for entry in pgv.suites.get("standard") if isinstance(entry.problem.policy, pgv.SoftmaxPolicy)]
    print(pgv.check(update, kind="agent", problems=[e for e in tables if e.problem.mdp.num_states <= 3]))
