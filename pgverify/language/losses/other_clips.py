"""Token ratios with other clips than those that have a name of their own: the claim's, and what configurations have."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.language.losses.parts import LossPart
from pgverify.language.losses.ratios import PPO, pessimistic
from pgverify.targets import Surrogate
from pgverify.targets.target import Target, TargetSum

NAMED = {(0.2, 0.2, None): "ppo-clip", (0.2, 0.28, None): "clip-higher", (0.2, 0.2, 3.0): "dual-clip"}
"""By ε below, ε above and the dual clip: parts that are tried anyway."""

USUAL = (Surrogate(0.1), Surrogate(0.3))
"""Tried whatever is claimed."""

ClipBounds = tuple[float, float, float | None]


def clip_name(one: Surrogate) -> str:
    """Return the name of the part that a surrogate's ratio is."""
    if one.clip is None:
        return "token-ratio"
    low, high, dual = _key(one)
    if (low, high, dual) in NAMED:
        return NAMED[low, high, dual]
    bounds = f"{low:g}" if low == high else f"{low:g}-{high:g}"
    return f"ppo-clip-{bounds}" + ("" if dual is None else f"-dual-{dual:g}")


def other_clips(claimed: Target) -> tuple[LossPart, ...]:
    """Return the parts of clips that are not among those with names of their own, the claim's first."""
    terms = [term.target for term in claimed.terms] if isinstance(claimed, TargetSum) else [claimed]
    surrogates = [one for one in terms if isinstance(one, Surrogate)]
    return _parts([one for one in (*surrogates, *USUAL) if one.clip is not None])


def _parts(surrogates: Sequence[Surrogate]) -> tuple[LossPart, ...]:
    keys = dict.fromkeys(_key(one) for one in surrogates)
    found = []
    for low, high, dual in keys:
        if (low, high, dual) in NAMED:
            continue
        name = clip_name(Surrogate((low, high), dual=dual))
        words = f"token ratio clipped to {1 - low:g} … {1 + high:g}" + ("" if dual is None else f", dual clip {dual:g}")
        kept = pessimistic(1 - low, 1 + high, float("inf") if dual is None else dual)
        found.append(LossPart(name, words, kept, source=PPO))
    return tuple(found)


def _key(one: Surrogate) -> ClipBounds:
    if isinstance(one.clip, tuple):
        return float(one.clip[0]), float(one.clip[1]), one.dual
    each = float(one.clip or 0.0)
    return each, each, one.dual
