"""Which parts of a loss its target asks for: these are no fault."""

from __future__ import annotations

from pgverify.language.losses.other_clips import clip_name
from pgverify.targets import (
    Entropy,
    GroupStd,
    LengthNormalised,
    PolicyGradient,
    SequenceKL,
    StateKL,
    Surrogate,
)
from pgverify.targets.target import Target, TargetSum

ALWAYS = ("leave-one-out", "own-mean", "raw", "sequence-sum", "own-tokens", "no-ratio")


def claimed_parts(target: Target) -> tuple[str, ...]:
    """Return the names of the parts that are as they should be."""
    terms = [term.target for term in target.terms] if isinstance(target, TargetSum) else [target]
    names = list(ALWAYS)
    for one in terms:
        if isinstance(one, Surrogate):
            names.append(clip_name(one))
        if isinstance(one, LengthNormalised):
            names += ["length-per-trajectory", "gspo"]
        if isinstance(one, GroupStd):
            names += ["group-std", "group-std-population"]
        if isinstance(one, StateKL):
            names += ["kl-k2-as-loss"] if one.direction == "reverse" else ["kl-k3-as-loss"]
        if isinstance(one, SequenceKL):
            names.append("kl-in-reward")
        if isinstance(one, Entropy):
            names.append("entropy-bonus")
        if isinstance(one, PolicyGradient):
            names.append("sequence-ratio")
    return tuple(names)
