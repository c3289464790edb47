"""The oracle for losses of language-model training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.verdict.outcome import Outcome
from pgverify.errors import InvalidInput, UnknownAttribute, one_sentence, unknown_name
from pgverify.kinds import FUNCTION, accepts
from pgverify.language.built_in_problems import built_in_problems
from pgverify.language.completion_batch import CompletionBatch
from pgverify.language.frameworks.named import FRAMEWORKS
from pgverify.language.limited_loss import limited
from pgverify.language.loss_gradients import LossFailed
from pgverify.language.loss_report import LossReport
from pgverify.language.prepared_loss import prepared_loss
from pgverify.language.row_table import row_table
from pgverify.language.trials import LossDesign, coupling_on, fitting, trial
from pgverify.language.verdict_on_loss import verdict
from pgverify.targets.names import target_of
from pgverify.targets.target import Target
from pgverify.validation import require_integer, require_number

SAMPLERS = ("same", "old", "rollout")

MOST_PROMPTS = 6
"""Of a batch: the row of groups beside which a group is listed grows with them."""

MOST_COMPLETIONS = 128
"""G."""


@accepts(loss=FUNCTION)
def check_lm(
    loss: Callable[[Any], Any],
    group_size: int = 4,
    prompts: int = 2,
    target: str | Target = "policy_gradient",
    sampler: str = "same",
    framework: str = "torch",
    alpha: float = 1e-6,
    seed: int = 0,
    time_limit: float = 10.0,
) -> LossReport:
    """Tell what a loss for a language model estimates: GRPO, RLOO, DAPO, GSPO, and those of one's own.

        E_{prompts} E_{G completions each}[−∇_θ loss]   beside the target, exactly

    A batch has G completions of each of some prompts. Completions are few enough (two or three tokens, at most three of
    them) for every group that a prompt can have to be listed; where groups affect each other, every group beside every
    other. The features of the policy are shared by prompts and prefixes, so that nothing is right by accident.

    Parameters
    ----------
    loss : batch -> scalar
        Minimised. The batch is a `CompletionBatch`: log_probs [B, T] and entropies [B, T], differentiable;
        old_log_probs, ref_log_probs, rollout_log_probs [B, T]; mask [B, T]; rewards, group and prompt [B]. Groups are
        consecutive rows. A NumPy loss may return (loss, ∂loss/∂log_probs[, ∂loss/∂entropies]); alone, its value is
        differentiated by differences, detached factors included.
    group_size : int
        G.
    prompts : int
        Different prompts of a batch.
    target : str or Target
        "policy_gradient", "surrogate", "length_normalised", "group_std", "sequence_kl", "state_kl", "entropy", sums of
        them such as "policy_gradient + state_kl(0.1)", or an object of `pgv.targets`.
    sampler : "same", "old" or "rollout"
        Who drew the completions: π_θ; the π_old of the ratio, at several distances from θ; or a third policy, while
        π_old = π_θ.
    framework : "torch", "jax" or "numpy"
    alpha : float
        Total false-alarm probability of what is sampled, where there are too many batches to list.
    seed : int
        Of what is tried on some batches only.
    time_limit : float
        Seconds for one call of the loss.

    Raises
    ------
    InvalidInput
        When the call itself is wrong, or the framework is not installed. What the loss does is the verdict's.
    """
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        raise unknown_name("sampler", sampler, SAMPLERS)
    if not isinstance(framework, str) or framework not in FRAMEWORKS:
        raise unknown_name("framework", framework, FRAMEWORKS)
    group_size = require_integer("group_size", group_size, 1, InvalidInput, " completion", largest=MOST_COMPLETIONS)
    prompts = require_integer("prompts", prompts, 1, InvalidInput, " prompt", largest=MOST_PROMPTS)
    alpha = require_number("alpha", alpha, 1e-300, 0.5, InvalidInput)
    seed = require_integer("seed", seed, 0, InvalidInput)
    time_limit = require_number("time_limit", time_limit, 1e-3, 1e6, InvalidInput)
    claim = target_of(target)
    design = LossDesign(group_size, prompts, sampler)
    problems = built_in_problems(prompts, sampler)
    claim.vector(problems[0], group_size)  # refuses what makes no sense for groups of this size
    first = np.repeat(np.arange(prompts) * problems[0].chances.shape[1], group_size)  # each prompt's first completion
    with warnings.catch_warnings(), np.errstate(all="ignore"), Alarm(time_limit) as alarm:
        warnings.simplefilter("ignore")  # the verdict does not depend on what the caller makes of warnings
        try:
            prepared = prepared_loss(limited(loss, alarm), framework, row_table(problems[0], group_size), first)
        except LossFailed as failure:
            return _invalid(str(failure), claim)
        try:
            coupling = coupling_on(prepared, problems, design, seed)
            trees = (coupling.repeats and fitting(problems, design, coupling)) or list(problems)
            trials = [trial(prepared, tree, design, coupling, claim, seed) for tree in trees]
        except LossFailed as failure:
            return _invalid(str(failure), claim)
        except InvalidInput as refusal:
            fields = f"; it has {', '.join(CompletionBatch._fields)}" if isinstance(refusal, UnknownAttribute) else ""
            return _invalid(one_sentence(refusal).partition(": ")[2] + fields, claim)
        return verdict(prepared, trials, design, coupling, claim, alpha, seed)


def _invalid(reason: str, claim: Target) -> LossReport:
    return LossReport(
        outcome=Outcome.INVALID,
        explanation=reason,
        target=claim.formula,
        evidence="exhaustive",
        error_rate="the first failure ends the check",
        next_step="mend this, then check again",
    )
