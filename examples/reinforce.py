"""REINFORCE in plain Python, as a program that speaks docs/protocol.md: the shortest one there is to read.

Kinds gradient, weights and sampler. With --bug drop-discount or --bug shift it is wrong on purpose.
"""

import json
import random
import sys

BUG = sys.argv[2] if sys.argv[1:2] == ["--bug"] else ""


def step_weights(rewards, length, discount):
    """Return γ^t G_t for each step, and 0 on padding."""
    weights = [0.0] * len(rewards)
    future = 0.0  # G_{t+1}
    for t in reversed(range(length)):
        total = rewards[t] + discount * future
        weights[t] = discount * future if BUG == "shift" else total
        future = total
    if BUG == "drop-discount":
        return weights
    return [discount**t * weight for t, weight in enumerate(weights)]


def row(score, states, actions, weights, length):
    """Return Σ_t w_t ∇ log π(a_t|s_t)."""
    parts = [[weights[t] * x for x in score[states[t]][actions[t]]] for t in range(length)]
    return [sum(column) for column in zip(*parts, strict=True)] if parts else [0.0] * len(score[0][0])


def episode(request, rng):
    """Draw one trajectory of the problem, and return its contribution."""

    def draw(chances):
        return rng.choices(range(len(chances)), chances)[0]

    state, states, actions, rewards = draw(request["start"]), [], [], []
    while len(states) < request["horizon"] and not request["terminal"][state]:
        action = draw(request["probabilities"][state])
        after = draw(request["transition"][state][action])
        noise = rng.gauss(0.0, request["reward_noise"][state][action][after])
        states.append(state)
        actions.append(action)
        rewards.append(request["reward"][state][action][after] + noise)
        state = after
    weights = step_weights(rewards, len(rewards), request["discount"])
    return row(request["score"], states, actions, weights, len(rewards))


def answer(request):
    """Return the value that is asked for."""
    if request["kind"] == "sampler":
        rng = random.Random(request["seed"])
        return [episode(request, rng) for _ in range(request["num_trajectories"])]
    batch = list(zip(*(request[name] for name in ("states", "actions", "rewards", "lengths")), strict=True))
    weights = [step_weights(rewards, length, request["discount"]) for _, _, rewards, length in batch]
    if request["kind"] == "weights":
        return weights
    return [
        row(request["score"], states, actions, weights[i], length)
        for i, (states, actions, _, length) in enumerate(batch)
    ]


for line in sys.stdin:
    request = json.loads(line)
    value = answer(request)
    print(json.dumps({"version": 1, "id": request["id"], "value": value}), flush=True)
