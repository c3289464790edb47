"""Further faults of `examples/ppo.py`, and ways to write it that are odd and right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from planted_faults import ADVANTAGE, DELTA, LINE, TOTAL, TWO

Edits = tuple[tuple[str, str], ...]

CLIPPED = "clipped = ratio > 1 + CLIP if adv > 0 else ratio < 1 - CLIP"
HALVES = "for minibatch in (slice(0, half), slice(half, STEPS)):"
ENTROPY = "            logs = np.log(pi[s])\n            gradient[s] -= ENTROPY * pi[s] * (logs - pi[s] @ logs)"
FOUND = "found[t] = total"
RATIO = "ratio = pi[s, a] / old_p"
RETURNED = "return gradient.ravel() / states.size"
WEIGHT = "weight = 0.0 if clipped else ratio * adv"

FURTHER: Mapping[str, tuple[Edits, str | None]] = MappingProxyType(
    {
        "advantages of the other environment": (
            ((LINE, TWO), (ADVANTAGE, "    advantage = advantage[:, ::-1]\n" + ADVANTAGE)),
            "advantage-of-another-environment",
        ),
        "the flags of the last row for all": ((("alive = 1.0 - dones[t]", "alive = 1.0 - dones[-1]"),), None),
        "entropy of the acting policy": (((ENTROPY, ENTROPY.replace("pi[", "old[")),), None),
        "value loss into the actor": (((WEIGHT, f"{WEIGHT}\n            gradient[s, a] += 0.1 * adv**2"),), None),
        "minibatches overlap": (((HALVES, HALVES.replace("(0, half)", "(0, half + 1)")),), None),
        "a step between the minibatches": (((HALVES, HALVES.replace("(half, S", "(half + 1, S")),), None),
        "ratio detached": (((WEIGHT, "weight = 0.0 if clipped else adv"),), "ratio-detached"),
        "ratio upside down": (((RATIO, "ratio = old_p / pi[s, a]"),), "ratio-inverted"),
        "ratio squared": (((RATIO, "ratio = (pi[s, a] / old_p) ** 2"),), "ratio-squared"),
        "clip above only": (((CLIPPED, "clipped = adv > 0 and ratio > 1 + CLIP"),), "clip-above-only"),
        "clip below only": (((CLIPPED, "clipped = adv <= 0 and ratio < 1 - CLIP"),), "clip-below-only"),
        "no minimum": (((CLIPPED, "clipped = ratio > 1 + CLIP or ratio < 1 - CLIP"),), "clip-whatever-the-sign"),
        "discount twice in the bootstrap": (((DELTA, f"gamma * {DELTA}"),), "discount-twice-in-bootstrap"),
        "lambda left out": (((TOTAL, "gamma * alive * total"),), "lambda-missing"),
        "probabilities of after a step": (
            (("pi = softmax(logits)\n        for", "pi = softmax(logits + 0.1 * gradient)\n        for"),),
            None,
        ),
        "a learning rate of one minibatch": (
            ((WEIGHT, f"{WEIGHT}\n            weight *= 2.0 if minibatch.start else 1.0"),),
            None,
        ),
        "the reward of the step before": (
            (("delta = rewards[t]", "delta = (rewards[t - 1] if t else 0.0)"),),
            "reward-one-late",
        ),
        "returns for advantages": (((FOUND, f"{FOUND} + values[states[t]]"),), None),
        "lambda left out, and downhill": (
            ((TOTAL, "gamma * alive * total"), (RETURNED, f"return -{RETURNED[7:]}")),
            "lambda-missing + window-sign-reversed",
        ),
        "downhill": (((RETURNED, f"return -{RETURNED[7:]}"),), "window-sign-reversed"),
    }
)
"""What is written instead of what, and the name that the fault gets, if it has one."""

ODD: Mapping[str, Edits] = MappingProxyType(
    {
        "one batch": ((HALVES, "for minibatch in (slice(0, STEPS),):"),),
        "minibatches in another order": ((HALVES, "for minibatch in (slice(half, STEPS), slice(0, half)):"),),
        "logarithms": ((RATIO, "ratio = np.exp(np.log(pi[s, a]) - np.log(old_p))"),),
        "a minimum": (
            (WEIGHT, "weight = ratio * adv if ratio * adv <= np.clip(ratio, 1 - CLIP, 1 + CLIP) * adv else 0.0"),
        ),
        "a draw for nothing": (("    half = STEPS // 2\n", "    half = STEPS // 2\n    world.choose([0.25, 0.75])\n"),),
        "single precision": ((RETURNED, f"return np.float32({RETURNED[7:]})"),),
        "one of both minibatches, twice as strong": (
            (HALVES, "for minibatch in ((slice(0, half), slice(half, STEPS))[world.choose([0.5, 0.5])],):"),
            (RETURNED, f"return 2.0 * {RETURNED[7:]}"),
        ),
        "noise of mean zero": ((RETURNED, f"{RETURNED} + (1.0 - 2.0 * world.choose([0.5, 0.5]))"),),
    }
)
