"""Each part of the reference losses that is a fault shows, and is named, on every tree and in no other name."""

from __future__ import annotations

import pytest

import pgverify as pgv
from pgverify.language.losses import advantages, faulty_ratios, shares, tokens
from pgverify.language.losses.compositions import NO_RATIO
from pgverify.language.losses.parts import ComposedLoss

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times

RIGHT = (advantages.RIGHT[0], NO_RATIO, shares.RIGHT[0], tokens.RIGHT[0])


def with_part(kind, part):
    return ComposedLoss(*(*RIGHT[:kind], part, *RIGHT[kind + 1 :]))


ON_POLICY = {
    part.name: with_part(kind, part)
    for kind, parts in ((0, advantages.FAULTY), (2, shares.FAULTY), (3, tokens.FAULTY))
    for part in reversed(parts)
}
OFF_POLICY = {
    part.name: ComposedLoss(advantages.RIGHT[0], part, shares.RIGHT[0], tokens.RIGHT[0])
    for part in faulty_ratios.FAULTY
    if part.name != "ratio-to-rollout"
}
UNBIASED = ("baseline-of-next-group", "batch-mean-baseline")
"""What only adds noise, or a factor: another prompt's mean is independent of the own sample."""


def test_there_are_more_than_twenty() -> None:
    assert len(ON_POLICY) + len(OFF_POLICY) > 20


@pytest.mark.parametrize("slug", ON_POLICY)
def test_a_fault_is_named_on_policy(slug: str, as_loss) -> None:
    loss = as_loss(ON_POLICY[slug], 3)
    prompts = 2 if ON_POLICY[slug].coupled or slug.startswith("length-") else 1
    report = pgv.check_lm(loss, group_size=3, prompts=prompts, framework="numpy")
    if slug in UNBIASED:
        assert report.outcome in (pgv.Outcome.CORRECT, pgv.Outcome.SCALED)
    else:
        assert report.outcome in (pgv.Outcome.BIASED, pgv.Outcome.OTHER_TARGET)
        assert report.diagnosis == slug
        assert sum(not finding.holds for finding in report.findings) >= 2


@pytest.mark.parametrize("slug", OFF_POLICY)
def test_a_fault_is_named_off_policy(slug: str, as_loss) -> None:
    report = pgv.check_lm(
        as_loss(OFF_POLICY[slug], 3), group_size=3, prompts=1, sampler="old", target="surrogate", framework="numpy"
    )
    assert not report.outcome.good
    assert report.diagnosis == slug
    assert sum(not finding.holds for finding in report.findings) >= 2
