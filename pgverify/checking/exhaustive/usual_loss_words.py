"""The loss of a training script in words, part by part."""

from __future__ import annotations

from pgverify.bugs.discounting import RETURN_UNDISCOUNTED
from pgverify.bugs.lengths import LENGTH_PER_BATCH, LENGTH_PER_TRAJECTORY
from pgverify.bugs.usual_losses import UsualLoss
from pgverify.bugs.whole_batch import LENGTH_OF_LONGEST
from pgverify.checking.exhaustive.identified import SAME

DIVIDED = {
    LENGTH_PER_TRAJECTORY.slug: "a mean over the steps of each episode",
    LENGTH_PER_BATCH.slug: "a mean over all steps of the batch",
    LENGTH_OF_LONGEST.slug: "divided by the longest episode of the batch",
}
"""How the sum is divided, by the entry that it is."""


def factor_words(factor: float) -> str:
    """Return what stands before "those of" a loss: "2 times ", or nothing for 1 and −1."""
    return "" if abs(abs(factor) - 1.0) <= SAME else f"{abs(factor):.6g} times "


def divided_words(divisor: str) -> str:
    """Return how a sum is divided, by the entry that it is."""
    return DIVIDED[divisor]


def loss_words(loss: UsualLoss, beta: float, clipped: bool) -> str:
    """Return what a loss is, part by part."""
    summed = "rewards summed without γ" if loss.target == RETURN_UNDISCOUNTED.slug else "returns"
    parts = [summed if loss.decay is None else f"GAE({loss.decay:g}) with the critic of the batch"]
    parts += ["standardised over all steps"] * (loss.freedom is not None)
    parts += [f"times a ratio{_clip(loss.clip)}"] * clipped
    parts += ["without γ^t"] * bool(loss.target)
    parts += [DIVIDED[loss.divisor]] if loss.divisor else []
    parts += [f"{'plus' if beta > 0.0 else 'less'} {abs(beta):.6g} times the entropy"] * bool(beta)
    return ", ".join(parts)


def _clip(clip: tuple[float, float] | None) -> str:
    return "" if clip is None else f" clipped to {1.0 - clip[0]:g} … {1.0 + clip[1]:g}"


def clause(cure: str) -> str:
    """Return a sentence as it stands inside another."""
    return cure[:1].lower() + cure[1:].removesuffix(".")
