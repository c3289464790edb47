# ruff: noqa: E501
"""Faults planted in `examples/ppo.py`, each by an edit of its text, as a mistake is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ppo.py"

DELTA = "gamma * values[following] * alive - values[states[t]]"
TOTAL = "gamma * LAMBDA * alive * total"
STATES = "states[e] = env.reset()[0] if terminated else following"
TWO = "STEPS, ENVIRONMENTS, EPOCHS, LAMBDA, CLIP, ENTROPY = 2, 2,"
LINE = "STEPS, ENVIRONMENTS, EPOCHS, LAMBDA, CLIP, ENTROPY = 3, 1,"
ADVANTAGE = "    logits = np.asarray(problem.policy.logits)  #"

PLANTED: Mapping[str, tuple[tuple[tuple[str, str], ...], str]] = MappingProxyType(
    {
        "bootstrap missing at the cut": (((DELTA, f"(t < STEPS - 1) * {DELTA}"),), "bootstrap-missing"),
        "done off by one": (
            (("alive = 1.0 - dones[t]", "alive = 1.0 - (dones[t - 1] if t else 0.0 * dones[t])"),),
            "done-off-by-one",
        ),
        "stale log-probs": ((("ratio = pi[s, a] / old_p", "ratio = pi[s, a] / pi[s, a]"),), "stale-log-probs"),
        "ratio missing": ((("weight = 0.0 if clipped else ratio * adv", "weight = adv"),), "ratio-missing"),
        "reset step trained on": (
            (
                (
                    "            following, reward, terminated, _, _ = env.step(action)\n",
                    "            if over[e]:\n                following, reward, terminated = env.reset()[0], 0.0, False\n            else:\n                following, reward, terminated, _, _ = env.step(action)\n            over[e] = terminated\n",
                ),
                (STATES, "states[e] = following"),
                ("    rows = []\n", "    rows, over = [], [False] * len(envs)\n"),
                ("acting=acting, clip=CLIP", "acting=acting, clip=CLIP, resets_take_a_step=True"),
            ),
            "reset-step-trained-on",
        ),
        "normalised across environments": (
            (
                (LINE, TWO),
                (
                    ADVANTAGE,
                    "    advantage = (advantage - advantage.mean(axis=1, keepdims=True)) / (advantage.std(axis=1, keepdims=True) + 1e-8)\n"
                    + ADVANTAGE,
                ),
            ),
            "normalised-across-environments",
        ),
        "reward clipped": ((("delta = rewards[t]", "delta = np.clip(rewards[t], -1.0, 1.0)"),), "reward-clipped"),
        "discount twice": (
            ((f"rewards[t] + {DELTA}", f"rewards[t] + gamma * {DELTA}"), (TOTAL, f"gamma * {TOTAL}")),
            "discount-twice",
        ),
        "entropy sign": ((("gradient[s] -= ENTROPY", "gradient[s] += ENTROPY"),), "entropy-sign"),
        "GAE across episodes": (((TOTAL, "gamma * LAMBDA * total"),), "gae-across-episodes"),
        "wrong value at the reset": (((DELTA, "gamma * values[following] - values[states[t]]"),), "value-at-reset"),
        "minibatch dropped": (
            (("for minibatch in (slice(0, half), slice(half, STEPS)):", "for minibatch in (slice(half, STEPS),):"),),
            "first-half-dropped",
        ),
    }
)
"""What is written instead of what, and the name that the fault should get."""


def planted(edits: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return the names of the example after some edits, each of which must change it."""
    source = EXAMPLE.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    names: dict[str, Any] = {"__name__": "planted"}
    exec(compile(source, "planted.py", "exec"), names)
    return names
