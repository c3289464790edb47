"""An entry of the catalogue that is a loss of a language model: groups of completions in, one number out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgverify.bugs.bug import Effect
from pgverify.bugs.losses.complex_step import ByComplexStep
from pgverify.kinds import known_arguments


@known_arguments
@dataclass(frozen=True)
class LossBug:
    """A fault seen in a public loss for language models, or an innocent that was accused of one.

    What a `Bug` is for contributions of trajectories, this is for `pgv.check_lm`.

    Attributes
    ----------
    number : int
        Its row in the catalogue.
    slug : str
        Its public name.
    effect : Effect
    cause : str
        One sentence: what goes wrong.
    cure : str
        One sentence: what is right.
    source : tuple of str
        Where it was seen ("owner/repository#number", or a paper).
    loss : batch -> number
        The faulty (or innocent) loss, minimised: as somebody would write it, in NumPy.
    correct_loss : batch -> number
        What it should have been: it estimates the target.
    target : str
        What it claims to estimate, as `pgv.check_lm` takes it.
    sampler : "same", "old" or "rollout"
        Who drew the completions: where its ratios are 1 a fault of the ratio does not show.
    group_size, prompts : int
        Of the smallest batches on which it shows.
    known_as : str
        The name under which it is diagnosed where that is another one; "" for its own slug.
    note : str
        Where the effect is another one, and what is derived of it.
    """

    number: int
    slug: str
    effect: Effect
    cause: str
    cure: str
    source: tuple[str, ...]
    loss: Callable[[Any], Any]
    correct_loss: Callable[[Any], Any]
    target: str = "policy_gradient"
    sampler: str = "same"
    group_size: int = 3
    prompts: int = 1
    known_as: str = ""
    note: str = ""

    @property
    def implementation(self) -> ByComplexStep:
        """The loss with its derivatives, for `pgv.check_lm(…, framework="numpy")`."""
        return ByComplexStep(self.loss)

    @property
    def correct(self) -> ByComplexStep:
        """The right one, likewise."""
        return ByComplexStep(self.correct_loss)

    @property
    def batch_size(self) -> int:
        """Completions of the smallest batch on which it shows."""
        return self.group_size * self.prompts

    @property
    def diagnosis(self) -> str | None:
        """The name that the oracle is to give; None where nothing is wrong."""
        wrong = self.effect not in (Effect.INNOCENT, Effect.NOISIER, Effect.INVALID_COMPARISON)
        return (self.known_as or self.slug) if wrong else None
