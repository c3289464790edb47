"""Which number each claim of the study causality rests on, and how to make it wrong."""

from __future__ import annotations

CONTROLS = {
    "closed-form": ({"part": "law", "problem": "bandit"}, "total_error", lambda x: x + 1e-8),
    "cubic": ({"part": "law", "problem": "garnet-small", "horizon": 64}, "total", lambda x: 2.0 * x),
    "ratio-three": ({"part": "law", "problem": "two-state-chain", "horizon": 64}, "ratio", lambda x: 1.3 * x),
    "four": ({"part": "law", "problem": "centred bandit", "horizon": 64}, "two_arms", lambda x: x - 1e-6),
    "any-factor": ({"part": "law", "problem": "centred bandit", "horizon": 64}, "first_pays", lambda x: x - 1e-6),
    "centred": ({"part": "law", "problem": "centred bandit", "horizon": 64}, "ratio", lambda x: 1.2 * x),
    "discounted": (
        {"part": "law", "problem": "discounted bandit", "horizon": 64},
        "ratio",
        lambda x: 1.2 * x,
    ),
    "nothing-gained": ({"part": "law", "problem": "FrozenLake"}, "ratio", lambda x: x + 1e-8),
    "past-is-noise": ({"part": "past"}, "past_mean", lambda x: x + 1e-8),
    "past-has-no-signal": ({"part": "past"}, "p_zero", lambda x: 0 * x),
    "intervals": ({"part": "sampled", "estimator": "ratio"}, "exact", lambda x: 1.5 * x),
    "gain-seen": ({"part": "sampled", "estimator": "ratio"}, "low", lambda x: 0 * x + 0.9),
}
