"""The oracle for policies: hand one over, and be told whether its doors tell of the same law."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from pgverify.bugs import ENTRIES
from pgverify.checking.policies.comparing import DoorFailed
from pgverify.checking.policies.named_numbered import name_numbered
from pgverify.checking.policies.named_real import name_real
from pgverify.checking.policies.numbered_policy import check_numbered
from pgverify.checking.policies.policy_report import PolicyFinding, PolicyReport
from pgverify.checking.policies.real_policy import check_real
from pgverify.checking.verdict.outcome import Outcome
from pgverify.errors import InvalidInput
from pgverify.kinds import accepts
from pgverify.validation import require_integer

OTHERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mask-not-renormalised": (
            "Forbidden actions have probability zero, and what is left was not divided by its sum.",
            "Mask the logits before the softmax, or divide by the sum of what is allowed.",
        ),
        "std-mismatch": (
            "Actions are drawn with one standard deviation, and scored with another.",
            "Use the same one in both places; look for log σ taken for σ, or a variance for a deviation.",
        ),
        "draw-shared-by-rows": (
            "All rows of one call of sample(states, rng) get the same random number, and so the same action.",
            "Draw as many numbers as there are states, rng.random(len(states)), and make no new generator in sample.",
        ),
        "score-scaled": (
            "The score is a constant multiple of the derivative of the log-probability.",
            "Take the factor out; it multiplies the step size of every update.",
        ),
    }
)
"""What is found of policies alone, and has no entry in the catalogue: cause and cure."""


@accepts()
def check_policy(policy: Any, states: int | None = None, action_dim: int | None = None, seed: int = 0) -> PolicyReport:
    """Tell whether what a policy draws, what it says are probabilities, and what it says is the score belong together.

    Compared are, of numbered actions: that probabilities sum to one; `score`, `score_vjp` and `score_sum` with the
    slope of their logarithm, by complex step or by differences; `log_prob` with that itself; E ψ = 0; the Fisher
    identity E ψψᵀ = −E ∇² log π; and, where there is a `sample(states, rng)`, the actions it draws, statistically.
    Of real actions, with `log_density(states, actions)` and `act(states, normals)`: that the density is that of the
    actions which standard normal numbers stand for, log φ(x) − log |det ∂a/∂x| at every x; then the same.

    Parameters
    ----------
    policy : a policy, or any object with these doors
    states, action_dim : int, optional
        Of real actions, where the policy does not say: number of states and dimensions.
    seed : int
        For what is drawn. The false-alarm probability of all draws together is 1e-6.

    Returns
    -------
    PolicyReport
        Never raises for what the policy does.

    Raises
    ------
    InvalidInput
        When what is given is no policy.
    """
    seed = require_integer("seed", seed, 0, InvalidInput, largest=None)
    real = callable(getattr(policy, "log_density", None)) and callable(getattr(policy, "act", None))
    needed = ("parameters", "with_parameters") if real else ("parameters", "with_parameters", "probabilities")
    missing = [name for name in needed if not hasattr(policy, name)]
    if isinstance(policy, type) or missing:
        what = f"the class {policy.__name__}" if isinstance(policy, type) else type(policy).__name__
        lacks = f", which lacks {', '.join(missing)}" if missing else ""
        raise InvalidInput(
            f"policy is {what}{lacks}; must offer parameters, with_parameters and probabilities, or for real actions "
            "log_density and act"
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if real:
                findings, real_doors = check_real(policy, *_size(policy, states, action_dim))
                return _report(findings, lambda: name_real(real_doors), [])
            findings, doors, notes = check_numbered(policy, seed)
            return _report(findings, lambda: name_numbered(doors), notes)
        except DoorFailed as reason:
            return PolicyReport(Outcome.INVALID, str(reason))
        except InvalidInput:
            raise
        except Exception as reason:  # a door that failed at another θ
            said = " ".join(str(reason).split())[:160]
            return PolicyReport(Outcome.INVALID, f"a door raised {type(reason).__name__}: {said}")


def _size(policy: Any, states: int | None, action_dim: int | None) -> tuple[int, int]:
    """Return S and D, as they are given, or as the policy's nodes or features have them."""
    nodes = getattr(policy, "nodes", None)
    features = getattr(policy, "features", None)
    if states is None:
        states = len(nodes) if nodes is not None else len(features) if features is not None else None
    if action_dim is None:
        action_dim = getattr(policy, "action_dim", None) or (nodes.shape[2] if nodes is not None else None)
    for name, value in (("states", states), ("action_dim", action_dim)):
        if value is None:
            raise InvalidInput(f"{name} is None, must be an integer where the policy has neither nodes nor features")
    return require_integer("states", states, 1, InvalidInput), require_integer(
        "action_dim", action_dim, 1, InvalidInput
    )


def _report(findings: list[PolicyFinding], name: Any, notes: list[str]) -> PolicyReport:
    failed = [finding for finding in findings if not finding.holds]
    if not failed:
        sampled = any(finding.evidence == "sampled" for finding in findings)
        return PolicyReport(
            Outcome.CONSISTENT if sampled else Outcome.CORRECT,
            f"all {len(findings)} comparisons hold" + (", one of them sampled" if sampled else ""),
            tuple(findings),
            notes=tuple(notes),
        )
    slug = name()
    outcome = Outcome.SCALED if slug in ("squash-constant-omitted", "score-scaled") else Outcome.BIASED
    explanation = f"{len(failed)} of {len(findings)} comparisons fail: {failed[0].check}"
    known = {entry.slug: entry for entry in ENTRIES}
    if slug in known:
        entry = known[slug]
        return PolicyReport(
            outcome, explanation, tuple(findings), slug, entry.cause, entry.cure, entry.source, tuple(notes)
        )
    cause, cure = OTHERS.get(slug or "", ("", ""))
    return PolicyReport(outcome, explanation, tuple(findings), slug, cause, cure, (), tuple(notes))
