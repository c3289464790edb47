"""trl: the losses of `RLOOTrainer` and `GRPOTrainer`, called unbound on a stand-in for the trainer.

A trajectory is a completion and a step a token. What the trainer would ask its model for, the log-probabilities of the
tokens, comes from the logits; the advantages are ours, for trl computes its own in the midst of generating text.
`_compute_loss` is private: the version is pinned.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from thirdparty_loading import few, load, problems

import pgverify as pgv
from pgverify import Outcome

torch = load("torch")
trl = load("trl")
rloo_trainer = load("trl.trainer.rloo_trainer")
grpo_trainer = load("trl.trainer.grpo_trainer")

SOME = few()
FIXED = problems("coin", "delayed-reward")  # one and three steps: a law in T shows
STOPPING = problems("early-stop")  # lengths that the actions decide


def trainer(token_log_probs: Any, entropies: Any, most: int, loss_type: str) -> Any:
    """Return what `_compute_loss` reads of a trainer on one process, without KL penalty and without clipping in use."""

    def same(value: Any, **_: Any) -> Any:
        return value

    return SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (token_log_probs, entropies, None),
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(gather=same, gather_for_metrics=same, reduce=same, num_processes=1),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        _metrics=defaultdict(lambda: defaultdict(list)),
        epsilon_low=0.2,
        epsilon_high=0.2,
        aux_loss_enabled=False,
        beta=0.0,
        loss_type=loss_type,
        importance_sampling_level="token",
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        max_completion_length=most,
    )


def loss_of(which: Any, loss_type: str = "", whole: bool = False, powers: bool = True, most: int = 0) -> Any:
    """Return the estimator of a trainer's loss, with γ^t G_t as the advantage of a token (`whole`: R of the sequence).

    `most` is the length of the longest completion that the trainer allows; 0: T.
    """

    def loss_fn(logits: Any, batch: Any) -> Any:
        every = torch.log_softmax(logits, dim=-1)
        chosen = every.gather(-1, batch.actions[..., None])[..., 0]
        factor = batch.discount ** torch.arange(chosen.shape[1])
        paid = batch.rewards * factor
        to_go = paid.flip(1).cumsum(1).flip(1)
        mask = batch.mask.long()
        empty = torch.zeros(len(chosen), 0, dtype=torch.long)
        inputs = {
            "prompt_ids": empty,
            "prompt_mask": empty,
            "completion_ids": batch.actions,
            "completion_mask": mask,
            "advantages": paid.sum(1) if whole else to_go if powers else to_go / factor,
            "old_logps": batch.log_probs.sum(1),
            "old_per_token_logps": batch.log_probs,
            "num_items_in_batch": mask.sum(),
        }
        stand_in = trainer(chosen, -(every.exp() * every).sum(-1), most or chosen.shape[1], loss_type)
        return which._compute_loss(stand_in, None, inputs)

    return pgv.adapters.torch.from_loss(loss_fn)


def test_rloo_is_the_policy_gradient() -> None:
    # The mean over sequences of ratio · R, at ratio 1: E[R Σ_t ψ_t] = ∇J.
    report = pgv.check(loss_of(rloo_trainer.RLOOTrainer, whole=True), problems=SOME)
    assert report.outcome is Outcome.CORRECT


def test_dr_grpo_divides_by_the_longest_completion() -> None:
    report = pgv.check(loss_of(grpo_trainer.GRPOTrainer, "dr_grpo"), problems=FIXED)
    assert report.outcome is Outcome.SCALED
    assert "1/T" in report.explanation  # max_completion_length is T here


@pytest.mark.parametrize(
    ("loss_type", "diagnosis"),
    [
        ("grpo", "length-per-trajectory"),
        ("bnpo", "length-per-batch"),
        ("dapo", "length-per-batch"),  # num_items_in_batch counts the tokens of the generation batch
    ],
)
def test_dividing_by_lengths_is_biased(loss_type: str, diagnosis: str) -> None:
    report = pgv.check(loss_of(grpo_trainer.GRPOTrainer, loss_type), problems=STOPPING)
    assert report.outcome is Outcome.BIASED
    assert diagnosis in {match.slug for match in report.matches}


def test_control_advantages_without_the_factor() -> None:
    # With a longest completion of 1 nothing is divided by, and what is left of the target is the factor γ^t.
    right, wrong = (
        pgv.check(loss_of(grpo_trainer.GRPOTrainer, "dr_grpo", powers=powers, most=1), problems=SOME)
        for powers in (True, False)
    )
    assert right.outcome is Outcome.CORRECT
    assert wrong.outcome is Outcome.OTHER_TARGET
    assert "discount_dropped" in wrong.explanation
