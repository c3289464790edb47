"""trl: the losses of `RLOOTrainer` and `GRPOTrainer`, called unbound on a stand-in for the trainer.

A trajectory is a completion and a step a token. What the trainer would ask its model for, the log-probabilities of the
tokens, comes from the logits; the advantages are ours, for trl computes its own in the midst of generating text.
`_compute_loss` is private: the version is pinned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pgverify as pgv
from pgverify import Outcome
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems

SOFT = {"sapo_temperature_pos": 1.0, "sapo_temperature_neg": 1.05} | {
    "vespo_k_pos": 2.0,
    "vespo_lambda_pos": 3.0,
    "vespo_k_neg": 3.0,
    "vespo_lambda_neg": 2.0,
}
"""The defaults of GRPOConfig."""


def trainer(token_log_probs: Any, entropies: Any, most: int, loss_type: str) -> Any:
    """Return what `_compute_loss` reads of a trainer on one process, without KL penalty and without clipping in use."""
    from trl.trainer.grpo_trainer import GRPOTrainer

    def same(value: Any, **_: Any) -> Any:
        return value

    return SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (token_log_probs, entropies, None),
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(gather=same, gather_for_metrics=same, reduce=same, num_processes=1),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1, **SOFT),
        get_gamma_weights=GRPOTrainer.get_gamma_weights,
        _metrics=defaultdict(lambda: defaultdict(list)),
        epsilon_low=0.2,
        epsilon_high=5.0 if loss_type == "cispo" else 0.2,  # there the largest ratio itself
        aux_loss_enabled=False,
        beta=0.0,
        loss_type=loss_type,
        importance_sampling_level="sequence" if loss_type == "luspo" else "token",
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        max_completion_length=most,
    )


def loss_of(which: str, loss_type: str = "", whole: bool = False, powers: bool = True, most: int = 0) -> Any:
    """Return the estimator of a trainer's loss, with γ^t G_t as the advantage of a token (`whole`: R of the sequence).

    `most` is the length of the longest completion that the trainer allows; 0: T.
    """
    import torch
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_trainer import RLOOTrainer

    trainers = {"RLOO": RLOOTrainer, "GRPO": GRPOTrainer}

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
        return trainers[which]._compute_loss(stand_in, None, inputs)

    return pgv.adapters.torch.from_loss(loss_fn)


def judged(which: str, loss_type: str = "", names: tuple[str, ...] = (), **how: Any) -> Callable[[], Report]:
    return lambda: asked(loss_of(which, loss_type, **how), problems=problems(*names) if names else few())


LOOP = "GRPOTrainer.compute_loss hands it a batch of completions, with one advantage a completion"
DR, RLOO = "GRPOTrainer._compute_loss, dr_grpo", "RLOOTrainer._compute_loss"
OWN = "“grpo … aggregates token-level losses by normalizing over sequence length” (grpo_config.py)"
BATCH = "“normalization is performed over the local batch” / “in the global accumulated batch” (grpo_config.py)"
OTHERS = {
    "cispo": "“Clips the importance sampling weights instead of the advantage scaled importance weights”",
    "sapo": "“Soft Adaptive Policy Optimization loss”",
    "vespo": "“asymmetric Gamma weighting function applied directly to sequence-level importance weights”",
}


def whole_agent(trainer: str, **settings: Any) -> Callable[[], Report]:
    """Return the question whether a step of a trainer, generation included, follows the gradient."""

    def judge() -> Report:
        from pgverify.adapters import trl

        update = trl.update(trainer, **settings)
        return asked(update, kind="agent", problems=update.problems[:1])

    return judge


def _mended(of: str) -> SurveyRow:
    return SurveyRow(
        f"dr_grpo with a longest completion of 1, for {of}",
        "the policy gradient",
        "mended: divided by a constant, which is 1",
        judged("GRPO", "dr_grpo", most=1),
        Outcome.CORRECT,
        Role.RIGHT,
        f"GRPOTrainer._compute_loss, {of}",
    )


STEP = "train: generation, rewards and one step as they are, on a tiny transformer, every draw dictated"

SURVEY = Survey(
    "trl",
    ("trl==1.16.0", "torch==2.13.0"),
    ("trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer"),
    (
        SurveyRow(
            RLOO,
            "REINFORCE leave-one-out: a mean over sequences of ratio · advantage",
            "RLOOTrainer.compute_loss, one advantage a completion",
            judged("RLOO", whole=True),
            Outcome.CORRECT,
        ),
        SurveyRow(
            DR,
            "“normalizing with a global constant” (grpo_config.py)",
            LOOP,
            judged("GRPO", "dr_grpo", ("coin", "delayed-reward")),
            Outcome.SCALED,
            remark="divided by the longest completion allowed, a constant, as documented",
        ),
        *(
            SurveyRow(
                f"GRPOTrainer._compute_loss, {loss_type}",
                claim,
                LOOP,
                judged("GRPO", loss_type, ("early-stop",)),
                Outcome.BIASED,
                remark=f"{why}, which the actions decide; documented",
            )
            for loss_type, claim, why in (
                ("grpo", OWN, "each sequence is divided by its own length"),
                ("bnpo", BATCH, "divided by the tokens of the batch"),
                ("dapo", BATCH, "divided by the tokens of the batch"),
                ("cispo", f"{OTHERS['cispo']} (grpo_config.py)", "divided by the tokens of the batch"),
                ("sapo", f"{OTHERS['sapo']} (grpo_config.py)", "each sequence is divided by its own length"),
                ("vespo", f"{OTHERS['vespo']} (grpo_config.py)", "divided by the tokens of the batch"),
            )
        ),
        *(_mended(loss_type) for loss_type in ("grpo", "bnpo", "dapo", *OTHERS)),
        SurveyRow(
            "GRPOTrainer._compute_loss, luspo, on-policy",
            "“A sequence-level loss that scales each sequence's loss by its length” (grpo_config.py)",
            f"{LOOP}; importance_sampling_level is “sequence”",
            judged("GRPO", "luspo", whole=True),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "dr_grpo without γ^t",
            "the policy gradient",
            "not so",
            judged("GRPO", "dr_grpo", most=1, powers=False),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            DR,
        ),
        SurveyRow(
            "RLOOTrainer, a step, the whole agent",
            "“Trainer for the Reinforce Leave One Out (RLOO) method” (trainer/rloo_trainer.py)",
            STEP,
            whole_agent("RLOO"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            'GRPOTrainer, loss_type="dr_grpo", scale_rewards="none", a step, the whole agent',
            "“Trainer for the Group Relative Policy Optimization (GRPO) method” (trainer/grpo_trainer.py)",
            STEP,
            whole_agent("GRPO", loss_type="dr_grpo", scale_rewards="none"),
            Outcome.SCALED,
            remark="the mean of the group includes one's own reward, and the loss is divided by max_completion_length",
        ),
    ),
    "_compute_loss reads a dozen settings of the trainer, and its name is private",
)
