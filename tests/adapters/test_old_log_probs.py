"""A PPO loss as people write it, in PyTorch: the ratio to the policy that acted comes with the batch."""

from __future__ import annotations

from typing import Any

import pytest

import pgverify as pgv

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")
pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def ppo(worse: Any = torch.minimum, before: bool = True) -> Any:
    """Return −mean_i Σ_t γ^t min(ρ_t A_t, clip(ρ_t, .8, 1.2) A_t), A_t = G_t − V(s_t)."""

    def loss_fn(logits: Any, batch: Any) -> Any:
        new = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
        old = batch.old_log_probs if before else new.detach()
        factor = batch.discount ** torch.arange(new.shape[1])
        to_go = (batch.rewards * factor).flip(1).cumsum(1).flip(1) / factor
        advantage = to_go - batch.values[:, :-1]
        ratio = (new - old).exp()
        least = worse(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        return -(factor * least * batch.mask).sum(1).mean()

    return pgv.adapters.torch.from_loss(loss_fn)


def verdict(loss: Any) -> pgv.Report:
    return pgv.check(loss, suite="off-policy", target=pgv.targets.Surrogate(clip=0.2), explore=0)


def test_the_loss_follows_its_surrogate() -> None:
    assert verdict(ppo()).outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize(
    ("loss", "slug"), [(ppo(worse=torch.maximum), "ppo-max-for-min"), (ppo(before=False), "old-logp-recomputed")]
)
def test_faults_of_the_ratio_are_found(loss: Any, slug: str) -> None:
    """Negative controls: at ratio 1, which the second one has everywhere, neither would show."""
    report = verdict(loss)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug)
