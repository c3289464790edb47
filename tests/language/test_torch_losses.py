"""check_lm on PyTorch and JAX losses: the five ratio faults, twenty innocent styles, time; needs torch."""

from __future__ import annotations

import time
from functools import partial

import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("unchecked_shapes")
G = 4


def own_mean(b):
    r = b.rewards.view(-1, G)
    return (r - r.mean(1, keepdim=True)).view(-1, 1)


def others(b):
    return own_mean(b) * G / (G - 1)


def mean_of_sums(x, b):
    return (x * b.mask).sum(1).mean()


def rloo(b):
    return -mean_of_sums(others(b) * b.log_probs, b)


def ratio(b):
    return torch.exp(b.log_probs - b.old_log_probs)


def ppo(b, low=0.8, high=1.2, choose=torch.min):
    return -mean_of_sums(choose(ratio(b) * others(b), ratio(b).clamp(low, high) * others(b)), b)


RATIO_FAULTS = {
    "ppo-max-for-min": lambda b: ppo(b, choose=torch.max),
    "clip-lower-only": lambda b: ppo(b, high=1e9),
    "clip-upper-only": lambda b: ppo(b, low=-1e9),
    "ratio-squared": lambda b: -mean_of_sums(ratio(b) ** 2 * others(b), b),
    "ratio-missing": rloo,
    "clip-range-not-around-one": lambda b: ppo(b, low=0.2),
}


@pytest.mark.parametrize("slug", RATIO_FAULTS)
def test_ratio_faults_are_told_apart(slug: str) -> None:
    loss = RATIO_FAULTS[slug]
    report = pgv.check_lm(loss, group_size=G, target="surrogate", sampler="old")
    assert not report.outcome.good
    assert report.diagnosis == slug


def packed(b):
    """One long row without padding, and the completion of each token."""
    flags = b.mask.bool()
    where = torch.repeat_interleave(torch.arange(len(b.rewards)), flags.sum(1))
    return -(others(b)[:, 0][where] * b.log_probs[flags]).sum() / len(b.rewards)


def micro_batches(b):
    total = 0.0
    for advantage, log_probs, mask in zip(others(b).chunk(4), b.log_probs.chunk(4), b.mask.chunk(4), strict=True):
        total = total - (advantage * log_probs * mask).sum(1).sum()
    return total / len(b.rewards)


def by_loop(b):
    total = torch.zeros((), dtype=b.log_probs.dtype)
    for i in range(len(b.rewards)):
        rest = torch.cat([b.rewards[b.group == b.group[i]]]).sum() - b.rewards[i]
        total = total - (b.rewards[i] - rest / (G - 1)) * b.log_probs[i][b.mask[i].bool()].sum()
    return total / len(b.rewards)


def in_place(b):
    weight = b.log_probs * 1.0
    weight.mul_(b.mask).mul_(others(b))
    return -weight.sum(1).mean()


def left_aligned(b):
    """Flip rows so that padding stands on the left, as some rollout engines return them."""
    return -((others(b) * b.log_probs.flip(1)) * b.mask.flip(1)).sum(1).mean()


def by_hand(b):
    """The log-probability as z − log Σ e^z of two made-up logits: that of the token, and what is left."""
    z = torch.stack([b.log_probs, torch.log1p(-torch.exp(b.log_probs))], -1) + 3.0
    top = z.max(-1, keepdim=True).values
    return (z - top - (z - top).exp().sum(-1, keepdim=True).log())[..., 0]


def packed_with_offsets(b):
    """One long row and the places where completions begin, as variable-length attention has them."""
    flags = b.mask.bool()
    ends = flags.sum(1).cumsum(0)
    total = torch.cat([torch.zeros(1).double(), b.log_probs[flags].cumsum(0)])
    sums = total[ends] - total[ends - flags.sum(1)]
    return -(others(b)[:, 0] * sums).mean()


def group_loss(b, g):
    own = b.group == g
    r = b.rewards[own]
    rest = (r.sum() - r) / (G - 1)
    return -((r - rest)[:, None] * b.log_probs[own] * b.mask[own]).sum(1).mean()


CORRECT_STYLES = {
    "plain": rloo,
    "no baseline": lambda b: -mean_of_sums(b.rewards[:, None] * b.log_probs, b),
    "on-policy ratio": lambda b: -mean_of_sums(torch.exp(b.log_probs - b.log_probs.detach()) * others(b), b),
    "old ratio": lambda b: -mean_of_sums(ratio(b) * others(b), b),
    "ppo": ppo,
    "ppo as max of losses": lambda b: mean_of_sums(
        torch.max(-others(b) * ratio(b), -others(b) * ratio(b).clamp(0.8, 1.2)), b
    ),
    "clip higher": lambda b: ppo(b, high=1.28),
    "cispo": lambda b: -mean_of_sums(ratio(b).clamp(max=1.28).detach() * others(b) * b.log_probs, b),
    "sequence ratio": lambda b: -(((b.log_probs - b.old_log_probs) * b.mask).sum(1).exp() * others(b)[:, 0]).mean(),
    "packed": packed,
    "micro-batches": micro_batches,
    "loop": by_loop,
    "in place": in_place,
    "flipped": left_aligned,
    "where": lambda b: -torch.where(b.mask, others(b) * b.log_probs, 0.0).sum(1).mean(),
    "masked_fill": lambda b: -(others(b) * b.log_probs).masked_fill(~b.mask, 0.0).sum(1).mean(),
    "1 − mask": lambda b: -(others(b) * b.log_probs * (1 - (1 - b.mask))).sum(1).mean(),
    "float32": lambda b: -(others(b).float() * b.log_probs.float() * b.mask).sum(1).mean(),
    "one-element loss": lambda b: rloo(b).reshape(1),
    "einsum": lambda b: -torch.einsum("b,bt,bt->", others(b)[:, 0], b.log_probs, b.mask.double()) / len(b.rewards),
    "sum over groups": lambda b: -(others(b) * b.log_probs * b.mask).sum(1).view(-1, G).mean(1).mean(),
    "masked fill of −1e9": lambda b: (
        -(others(b) * b.log_probs.masked_fill(~b.mask, -1e9).where(b.mask, torch.zeros(()).double())).sum(1).mean()
    ),
    "float16 mask": lambda b: -(others(b) * b.log_probs * b.mask.half()).sum(1).mean(),
    "log-softmax by hand": lambda b: -mean_of_sums(others(b) * by_hand(b), b),
    "packed with offsets": packed_with_offsets,
    "per group": lambda b: torch.stack([group_loss(b, g) for g in b.group.unique()]).mean(),
    "double where": lambda b: (
        -torch.where(b.mask, others(b) * torch.where(b.mask, b.log_probs, torch.zeros_like(b.log_probs)), 0.0)
        .sum(1)
        .mean()
    ),
    "cumulated": lambda b: -(others(b)[:, 0] * (b.log_probs * b.mask).cumsum(1)[:, -1]).mean(),
    "place by place": lambda b: sum(-(others(b) * b.log_probs * b.mask)[:, t].mean() for t in range(b.mask.shape[1])),
    "ε beside a length": lambda b: (
        -((others(b) * b.log_probs * b.mask).sum(1) / (b.mask.sum(1) + 1e-8) * b.mask.sum(1)).mean()
    ),
}


def test_bfloat16_is_judged_at_its_own_rounding() -> None:
    """Eight bits: every weight off by up to 2⁻⁹ of itself, which could hide a per cent; a length is still seen."""

    def loss(b):
        return -(others(b).bfloat16() * b.log_probs.bfloat16() * b.mask).sum(1).mean()

    report = pgv.check_lm(loss, group_size=G)
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)
    assert "no bias shows, but its rounding could hide" in report.explanation
    assert "bfloat16" in report.error_rate

    def by_length(b):
        return -((others(b).bfloat16() * b.log_probs.bfloat16() * b.mask).sum(1) / b.mask.sum(1)).mean()

    assert pgv.check_lm(by_length, group_size=G).outcome is pgv.Outcome.BIASED


def test_there_are_twenty() -> None:
    assert len(CORRECT_STYLES) >= 20


@pytest.mark.parametrize("style", CORRECT_STYLES)
def test_a_correct_style_is_not_accused(style: str) -> None:
    report = pgv.check_lm(CORRECT_STYLES[style], group_size=G)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)


def times_slower() -> float:
    """Return how many times slower than where the targets were set 2,000 small steps of torch are here; 1 at least."""
    begun = time.process_time()
    logits = torch.zeros(64, 5, dtype=torch.float64, requires_grad=True)
    for _ in range(2_000):
        ratios = torch.exp(logits - logits.detach())
        weights = ratios.detach()[:, :1].view(-1, G)
        loss = ((weights - weights.mean(1, keepdim=True)) / (weights.std(1, keepdim=True) + 1.0)).view(-1, 1) * ratios
        torch.autograd.grad(loss.sum(1).mean(), logits)
    return max(1.0, (time.process_time() - begun) / 0.3)


def test_time() -> None:
    """Processor seconds: the targets are 4 with G = 4 and two prompts, 8 with G = 8 and one, on a quick machine."""

    def grpo(b, size):
        r = b.rewards.view(-1, size)
        a = ((r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 1e-4)).view(-1, 1)
        return -((a * ratio(b) * b.mask).sum(1) / b.mask.sum(1)).mean()

    for size, prompts, limit in ((4, 2, 4.0), (8, 1, 8.0)):
        before = time.process_time()
        report = pgv.check_lm(partial(grpo, size=size), group_size=size, prompts=prompts)
        taken = time.process_time() - before
        assert taken < limit or taken < limit * times_slower()
        assert "group-std" in report.diagnosis
        assert "length-per-trajectory" in report.diagnosis


def test_jax_numpy_and_torch_agree() -> None:
    jax = pytest.importorskip("jax")

    def loss(b):
        r = b.rewards.reshape(-1, G)
        a = ((r - r.mean(1, keepdims=True)) / (r.std(1, keepdims=True) + 1e-4)).reshape(-1, 1)
        return -(jax.numpy.where(b.mask, a * b.log_probs, 0.0)).sum(1).mean()

    def twin(b):
        r = b.rewards.view(-1, G)
        a = ((r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True, correction=0) + 1e-4)).view(-1, 1)
        return -mean_of_sums(a * b.log_probs, b)

    first = pgv.check_lm(loss, group_size=G, framework="jax")
    second = pgv.check_lm(twin, group_size=G)
    for one, other in zip(first.findings, second.findings, strict=True):
        assert one.found == pytest.approx(other.found, rel=1e-9, abs=1e-12)
    assert first.diagnosis == second.diagnosis == "group-std-population"


def test_a_loss_that_differentiates_rewards_is_told_so() -> None:
    def loss(b):
        return torch.autograd.grad(b.rewards.sum(), b.rewards)[0].sum()

    report = pgv.check_lm(loss, group_size=G)
    assert report.outcome is pgv.Outcome.INVALID
    assert "only log_probs and entropies have gradients" in report.explanation


def test_a_loss_of_another_framework_is_told_so() -> None:
    report = pgv.check_lm(lambda b: b.log_probs.detach().numpy().sum(), group_size=G)
    assert report.outcome is pgv.Outcome.INVALID
    assert "framework=" in report.explanation


def compute_policy_loss(old_log_prob, log_prob, advantages, response_mask, cliprange=0.2, loss_agg_mode="token-mean"):
    """The signature of verl; sums over tokens, the mean over sequences."""
    r = torch.exp(log_prob - old_log_prob)
    losses = torch.max(-advantages * r, -advantages * r.clamp(1 - cliprange, 1 + cliprange)) * response_mask
    assert loss_agg_mode == "seq-mean-token-sum"
    return losses.sum(1).mean(), 0.0


def rloo_outcome_advantage(token_level_rewards, response_mask, index):
    """The signature of verl's advantage functions."""
    scores, found = token_level_rewards.sum(1), []
    for i, name in enumerate(index):
        same = [j for j, other in enumerate(index) if other == name and j != i]
        found.append(scores[i] - scores[same].mean())
    advantages = torch.stack(found)[:, None] * response_mask
    return advantages, advantages


def test_signatures_of_trainers() -> None:
    adapt = pgv.adapters.token_losses
    loss = adapt.from_policy_loss(compute_policy_loss, others, loss_agg_mode="seq-mean-token-sum")
    assert pgv.check_lm(loss, group_size=G, target="surrogate", sampler="old").outcome is pgv.Outcome.CORRECT
    assert pgv.check_lm(adapt.from_advantages(rloo_outcome_advantage), group_size=G).outcome is pgv.Outcome.CORRECT
    both = adapt.from_policy_loss(compute_policy_loss, rloo_outcome_advantage, loss_agg_mode="seq-mean-token-sum")
    assert pgv.check_lm(both, group_size=G, target="surrogate", sampler="old").outcome is pgv.Outcome.CORRECT
    with pytest.raises(InvalidInput, match="values"):
        adapt.from_advantages(lambda token_level_rewards, values: token_level_rewards + values)


def test_sixteen_completions_of_coupled_groups_are_sampled_with_a_stated_rate() -> None:
    def loss(b):
        r = b.rewards.view(-1, 16)
        a = (r - r.mean(1, keepdim=True)).view(-1, 1)
        return -(a * b.log_probs * b.mask).sum() / b.mask.sum()

    report = pgv.check_lm(loss, group_size=16)
    assert report.evidence == "sampled"
    assert "1e-06" in report.error_rate
    assert not report.outcome.good
