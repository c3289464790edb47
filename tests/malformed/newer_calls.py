"""The calls of targets, scripted programs, stored rollouts, agents, losses, and pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from malformed_calls import PROBLEM, RIGHT, Call

import pgverify as pgv
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language import LossReport
from pgverify.variance import stored_rollouts
from pgverify.variance.as_json import as_json

SCORES = np.array([[[0.5, 1.0], [0.25, -0.5]], [[1.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [0.0, 0.25]]])
REWARDS = np.array([[1.0, 0.5], [0.25, 0.0], [0.5, 0.25]])


def tossed(world: Any) -> Any:
    return np.array([float(world.choose([0.5, 0.5]))])


def no_loss(batch: Any) -> Any:
    return 0.0 * batch.log_probs.sum()


def target_calls() -> Iterator[Call]:
    """Yield the calls that make targets."""
    t = pgv.targets
    for made in (t.Entropy, t.LengthBonus, t.SequenceKL):
        yield Call(f"targets.{made.__name__}", made, {"coefficient": 0.5})
    yield Call("targets.GroupStd", t.GroupStd, {"epsilon": 0.5, "degrees_of_freedom": 1})
    yield Call("targets.LengthNormalised", t.LengthNormalised, {"advantages": "leave-one-out"})
    yield Call("targets.StateKL", t.StateKL, {"coefficient": 0.5, "direction": "reverse"})
    yield Call("targets.Surrogate", t.Surrogate, {"clip": 0.25, "advantages": "leave-one-out"},
               other={"clip": ("nothing",)})  # fmt: skip
    yield Call("targets.target_of", lambda target: t.target_of(target), {"target": "policy_gradient"})


def program_calls() -> Iterator[Call]:
    """Yield the calls of scripted programs and of agents."""

    def scripted(**arguments: Any) -> tuple[Any, ...]:
        found = pgv.choices.expectation(**arguments)
        return found.mean, found.covariance, found.runs

    yield Call("choices.expectation", scripted, {"run": tossed, "limit": 100})

    def chosen(probabilities: Any) -> Any:
        return pgv.choices.expectation(lambda world: np.array([float(world.choose(probabilities))])).mean

    yield Call("World.choose", chosen, {"probabilities": np.array([0.5, 0.25, 0.25])})
    window = {"steps": 2, "trace_decay": 0.5, "environments": 1, "entropy": 0.5, "truncates": False, "clip": 0.25}
    yield Call("agents.Window", pgv.agents.Window, window, other={"clip": ("nothing",)})
    yield Call("suites.get, policy", lambda policy: len(pgv.suites.get("continuing", policy)), {"policy": no_loss},
               other={"policy": ("nothing",)}, slow=True)  # fmt: skip


def stored_calls(folder: Path) -> Iterator[Call]:
    """Yield the calls of stored rollouts, and of what is written."""
    yield Call("variance.stored_rollouts", stored_rollouts,
               {"scores": SCORES, "rewards": REWARDS, "lengths": np.array([2, 1, 2]),
                "terminated": np.array([True, True, False]), "discount": 0.5, "values": np.zeros((3, 3)) + 0.5},
               other=dict.fromkeys(("lengths", "terminated", "values"), ("nothing",)))  # fmt: skip

    def from_batches(**arguments: Any) -> str:
        return as_json(pgv.VarianceReport.from_batches(**arguments))

    yield Call("VarianceReport.from_batches", from_batches,
               {"batches": stored_rollouts(np.tile(SCORES, (12, 1, 1)), np.tile(REWARDS, (12, 1))),
                "estimators": {"mine": RIGHT}, "batch_size": 10, "relative_error": 0.5, "confidence": 0.5,
                "title": "mine"},
               other={"estimators": ("nothing", "an estimator"), "batches": ("a batch",),
                      "title": ("unknown", "empty", "null", "nothing")}, slow=True)  # fmt: skip
    report = pgv.check(RIGHT, problems=PROBLEM, explore=0)
    yield Call("Report.to_html", report.to_html, {"path": folder / "page.html"}, other={"path": ("unknown",)})
    on_loss = LossReport(Outcome.INVALID, "it failed", "∇E[R]", "exhaustive", "the first failure ends the check")
    yield Call("LossReport.to_html", on_loss.to_html, {"path": folder / "loss.html", "name": "mine"},
               other={"path": ("unknown",), "name": ("unknown", "empty")})  # fmt: skip
    yield Call("LossReport.to_markdown", on_loss.to_markdown, {"name": "mine"},
               other={"name": ("unknown", "empty")})  # fmt: skip
    yield Call("Report.from_json", lambda document: type(report).from_json(document), {"document": report.to_json()})


def oracle_calls() -> Iterator[Call]:
    """Yield the calls of the other oracles; what they accept takes seconds."""
    yield Call("check_lm", pgv.check_lm,
               {"loss": no_loss, "group_size": 2, "prompts": 1, "target": "policy_gradient", "sampler": "same",
                "framework": "numpy", "alpha": 0.125, "seed": 3},
               other={"seed": ("10**400",)}, slow=True)  # fmt: skip
    yield Call("check, wider", pgv.check,
               {"implementation": RIGHT, "problems": PROBLEM, "suite": "standard", "acting": PROBLEM.policy,
                "max_steps": 2, "memory_limit": 1.5, "isolate": False, "explore": 0},
               other={"problems": ("nothing",), "acting": ("nothing",), "max_steps": ("nothing",),
                      "implementation": ("an estimator",)},
               fixed=("problems", "implementation"), slow=True)  # fmt: skip


def newer_calls(folder: Path) -> Iterator[Call]:
    """Yield all of them."""
    yield from target_calls()
    yield from program_calls()
    yield from stored_calls(folder)
    yield from oracle_calls()
