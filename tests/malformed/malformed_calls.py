"""Every public callable with a valid call of it, from which the malformed ones are made, argument by argument."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import malformed_values as values
import numpy as np
from malformed_values import EITHER, Malformed

import pgverify as pgv
from pgverify.policies import dense_score
from pgverify.variance.as_json import as_json

START = np.array([0.5, 0.5])
TRANSITION = np.array([[[0.25, 0.75], [0.5, 0.5]], [[0.0, 1.0], [0.75, 0.25]]])
REWARD = np.array([[1.0, 2.0], [-1.0, 0.5]])
LOGITS = np.array([[0.5, 0.25], [-0.5, 1.0]])
FEATURES = np.array([[[1.0], [0.5]], [[0.25], [-1.0]]])

MDP = pgv.TabularMDP(START, TRANSITION, REWARD)
POLICY = pgv.SoftmaxPolicy(LOGITS)
LINEAR = pgv.LinearSoftmaxPolicy(FEATURES, [0.5])
OBJECTIVE = pgv.FiniteHorizon(2, 0.5)
PROBLEM = pgv.Problem(MDP, POLICY, OBJECTIVE)
ENDLESS = pgv.Problem(MDP, POLICY, pgv.Discounted(0.5))
BATCH = pgv.sample(PROBLEM, 4, seed=1)
LAW = pgv.exact.rollout(PROBLEM)
RIGHT = pgv.estimators.RewardToGo()
SAMPLES = np.array([[0.5, 1.0], [1.5, -2.0], [0.25, 0.75], [2.0, 1.0], [-1.0, 3.0], [0.0, -0.5]])
MOMENTS = pgv.stats.Moments.of(SAMPLES)
TARGET = np.array([0.5, 0.5])
COVARIANCE = np.array([[1.0, 0.5], [0.5, 2.0]])

OTHERS = {
    "an MDP": MDP,
    "a policy": POLICY,
    "an objective": OBJECTIVE,
    "a problem": PROBLEM,
    "a batch": BATCH,
    "an estimator": RIGHT,
    "moments": MOMENTS,
}
"""Our own objects, each of which is nonsense where another is meant."""


@dataclass(frozen=True, eq=False)
class Call:
    """A public callable, a valid call of it, and the values that are known to be right all the same.

    Attributes
    ----------
    name : str
    function : the callable
    arguments : by name
        All valid; those of `fixed` are not varied.
    fixed : names
    other : {argument: labels}
        Values that the table calls malformed, but which mean something here.
    slow : bool
        Whether a call that is accepted takes long: its accepted forms are tried in the slow test alone.
    unbounded : bool
        Whether infinity is an answer: a bias that nothing bounds, a ratio that no number of samples tells.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    fixed: tuple[str, ...] = ()
    other: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slow: bool = False
    unbounded: bool = False

    def malformed(self) -> Iterator[tuple[str, Malformed]]:
        """Yield every argument with every malformed value."""
        for argument, valid in self.arguments.items():
            if argument in self.fixed:
                continue
            for found in instead_of(valid):
                right = self.other.get(argument, ())
                known = found.label in right or "*" in right
                yield argument, Malformed(found.label, found.value, EITHER) if known else found


def instead_of(valid: Any) -> Iterator[Malformed]:
    """Yield what may be handed over in place of a valid value."""
    match valid:
        case bool():
            yield from values.for_flag(valid)
        case int():
            yield from values.for_integer(valid)
        case float():
            yield from values.for_number(valid)
        case str() | Path():
            yield from values.for_text(str(valid))
        case np.ndarray() if valid.dtype == bool:
            yield from values.for_truths(valid)
        case np.ndarray() if valid.dtype.kind == "i":
            yield from values.for_indices(valid)
        case np.ndarray():
            yield from values.for_array(valid)
        case _:
            yield from values.for_object()
    for label, other in OTHERS.items():
        if type(other) is not type(valid):
            yield Malformed(label, other, values.REFUSED)
    if valid is not None:
        yield Malformed("nothing", None, values.REFUSED)


def drain(**arguments: Any) -> list[Any]:
    """Return all chunks."""
    return list(pgv.sample_chunks(**arguments))


def exact_calls() -> Iterator[Call]:
    """Yield the calls of `pgverify.exact`."""
    e = pgv.exact
    for function in (
        e.expected_return, e.fisher, e.gradient, e.gradient_by_complex_step, e.gradient_by_value_derivative, e.hessian,
        e.natural_gradient, e.occupancy, e.probability_gradient, e.solve, e.values,
    ):  # fmt: skip
        yield Call(f"exact.{function.__name__}", function, {"problem": PROBLEM})
    optional = {"max_steps": ("nothing",), "acting": ("nothing",), "group_size": ("nothing",)}
    acting = {"problem": PROBLEM, "max_steps": 2, "acting": POLICY}
    yield Call("exact.rollout", e.rollout, acting, other=optional)
    yield Call("exact.count_trajectories", e.count_trajectories, acting, other=optional)
    yield Call("exact.enumerate_trajectories", e.enumerate_trajectories, {**acting, "limit": 100}, other=optional)
    yield Call("exact.gradient_by_enumeration", e.gradient_by_enumeration, {"problem": PROBLEM, "limit": 100})
    any_moments = {"estimator": RIGHT, "problem": PROBLEM, "form": "full", "max_steps": 2}
    yield Call("exact.moments", e.moments, {**any_moments, "acting": POLICY}, other=optional)
    yield Call(
        "exact.batch_moments", e.batch_moments, {**any_moments, "batch_size": 4, "group_size": 2}, other=optional
    )
    yield Call("exact.optimal_baseline", e.optimal_baseline, {"estimator": RIGHT, "problem": PROBLEM, "max_steps": 2},
               other=optional)  # fmt: skip
    yield Call(
        "exact.variance_shares", e.variance_shares,
        {"estimator": RIGHT, "problem": PROBLEM, "covariance": True, "max_steps": 2}, other=optional,
    )  # fmt: skip
    yield Call("exact.effective_sample_share", e.effective_sample_share, acting, other=optional)
    yield Call("exact.decayed_gradient", e.decayed_gradient, {"problem": PROBLEM, "decay": 0.5})
    yield Call(
        "exact.best_reward_baseline", e.best_reward_baseline,
        {"family": pgv.estimators.RewardBaseline, **acting}, fixed=("family",), other=optional,
    )  # fmt: skip
    yield Call("exact.enumerated_moments", e.enumerated_moments,
               {"estimator": RIGHT, "problem": PROBLEM, "batch_size": 1, "limit": 100})  # fmt: skip
    clips = {"clip": ("nothing",), "dual": ("nothing",)}
    for function in (e.surrogate, e.surrogate_gradient):
        ratio = {"problem": PROBLEM, "old": POLICY, "clip": 0.5, "dual": 3.0}
        yield Call(f"exact.{function.__name__}", function, ratio, other=clips)
    yield Call("exact.policy_divergence", e.policy_divergence, {"problem": PROBLEM, "old": POLICY})
    yield Call("exact.natural_step", e.natural_step, {"problem": PROBLEM, "radius": 0.5})
    sampled = {"problem": PROBLEM, "clip": 0.5, "dual": 3.0, "baseline": True}
    yield Call("exact.sampled_surrogate_gradient", e.sampled_surrogate_gradient, sampled, other=clips)


def problem_calls() -> Iterator[Call]:
    """Yield the calls that make problems, batches and plans."""
    p = pgv
    imaginary = ("complex", "complex object", "complex number", "complex 0-d")
    yield Call("TabularMDP", p.TabularMDP,
               {"start": START, "transition": TRANSITION, "reward": REWARD, "terminal": np.array([False, False]),
                "reward_noise": REWARD**2},
               other={"terminal": ("nothing",), "reward_noise": ("nothing",)})  # fmt: skip
    yield Call("TabularMDP.with_rewards", MDP.with_rewards, {"paid": MDP.paid, "noise": np.abs(MDP.paid)},
               other={"noise": ("nothing",)})  # fmt: skip
    yield Call("SoftmaxPolicy", p.SoftmaxPolicy, {"logits": LOGITS}, other={"logits": imaginary})
    yield Call("LinearSoftmaxPolicy", p.LinearSoftmaxPolicy, {"features": FEATURES, "weights": np.array([0.5])},
               other={"weights": imaginary})  # fmt: skip
    for policy in (POLICY, LINEAR):
        yield Call(f"{policy!r}.with_parameters", policy.with_parameters, {"theta": policy.parameters},
                   other={"theta": imaginary})  # fmt: skip
        yield Call(f"{policy!r}.score_vjp", policy.score_vjp, {"weights": LOGITS}, other={"weights": imaginary})
        yield Call(f"{policy!r}.logit_vjp", policy.logit_vjp, {"weights": LOGITS}, other={"weights": imaginary})
    yield Call("policies.dense_score", dense_score, {"policy": POLICY})
    bonus = {"bonus": ("nothing",)}
    yield Call("Entropy", p.Entropy, {"coefficient": 0.5})
    yield Call("KL", p.KL, {"reference": POLICY, "coefficient": 0.5})
    yield Call("FiniteHorizon", p.FiniteHorizon, {"horizon": 3, "discount": 0.5, "bonus": p.Entropy(0.5)}, other=bonus)
    yield Call("Discounted", p.Discounted, {"discount": 0.5, "bonus": p.Entropy(0.5)}, other=bonus)
    yield Call("AverageReward", p.AverageReward, {"bonus": p.Entropy(0.5)}, other=bonus)
    yield Call("Problem", p.Problem, {"mdp": MDP, "policy": POLICY, "objective": OBJECTIVE})
    yield Call("Problem.with_parameters", PROBLEM.with_parameters, {"theta": POLICY.parameters},
               other={"theta": imaginary})  # fmt: skip
    drawing = {"problem": PROBLEM, "num_trajectories": 4, "seed": 3, "max_steps": 2, "chunk_size": 2, "acting": POLICY,
               "group_size": 2}  # fmt: skip
    optional = dict.fromkeys(("max_steps", "chunk_size", "acting", "group_size"), ("nothing",))
    for name, function in (("sample", p.sample), ("sample_chunks", drain)):
        yield Call(name, function, drawing, other={**optional, "seed": ("10**400",)})
    yield Call("sample, endless", p.sample, {"problem": ENDLESS, "num_trajectories": 2}, fixed=("problem",))
    yield Call("plan", p.plan,
               {"estimator": RIGHT, "problem": PROBLEM, "relative_error": 0.5, "confidence": 0.5, "max_steps": 2,
                "above_one": False}, other=optional)  # fmt: skip
    plan = p.plan(RIGHT, PROBLEM)
    yield Call("Plan.cosine", plan.cosine, {"batch_size": 3})
    yield Call("Plan.mean_squared_error", plan.mean_squared_error, {"batch_size": 3})
    yield Call("Independent", p.Independent, {"sizes": 3}, other={"sizes": ("set", "list")})
    yield Call("Grouped", p.Grouped, {"size": 3, "prompts": 2})


def batch_calls() -> Iterator[Call]:
    """Yield the calls on a batch, and those of what is handed one."""
    # NumPy reads indices in its own ways: any one-dimensional choice of rows is right.
    yield Call("select", BATCH.select, {"rows": 2}, other={"rows": ("*",)})
    yield Call("score_weighted", BATCH.score_weighted, {"weights": 0.5 + BATCH.rewards})
    given = {
        name: getattr(BATCH, name) for name in ("states", "actions", "rewards", "lengths", "terminated", "log_probs")
    }
    for name in given:
        yield Call(f"Trajectories.{name}", functools.partial(pgv.Trajectories, **given, rollout=LAW),
                   {name: given[name]}, other={name: ("minus infinite",)}, unbounded=name == "log_probs")  # fmt: skip
    yield Call("Trajectories.rollout", functools.partial(pgv.Trajectories, **given), {"rollout": LAW})
    e, b = pgv.estimators, pgv.baselines
    for estimator in (
        RIGHT, e.TotalReturn(), e.GeneralizedAdvantage(0.5), e.NStepAdvantage(1), e.StandardizedReturn(),
        e.StandardizedAdvantage(), e.RewardToGo(b.AverageReturn(leave_one_out=True)), e.GPOMDP(0.5), e.VTrace(),
        e.AllActions(), e.ActionBaseline(LOGITS), e.CappedRatios(1.5), e.CappedImportance(1.5), e.SelfNormalized(),
        e.CompatibleCritic(), e.CompatibleNaturalGradient(), e.NaturalGradient(), e.RewardBaseline(0.5),
    ):  # fmt: skip
        name = type(estimator).__name__
        yield Call(f"{name}()", estimator, {"batch": BATCH})
        for door, given in (("weights", BATCH), ("fit", BATCH), ("recursion", LAW), ("declaration", LAW)):
            declares = door != "declaration" or not isinstance(estimator, e.CompatibleCritic | e.NaturalGradient)
            if hasattr(estimator, door) and declares and callable(getattr(estimator, door)):
                argument = "batch" if given is BATCH else "rollout"
                yield Call(f"{name}.{door}", getattr(estimator, door), {argument: given})
    yield Call("effective_sample_size", e.effective_sample_size, {"batch": BATCH, "cap": 2.0},
               other={"cap": ("nothing",)})  # fmt: skip
    for baseline in (
        b.NoBaseline(),
        b.Constant(0.5),
        b.AverageReturn(),
        b.StateValue(),
        b.TimeStateValue(np.ones((3, 2))),
    ):
        yield Call(f"{type(baseline).__name__}.evaluate", baseline.evaluate, {"batch": BATCH})
        if hasattr(baseline, "table"):
            yield Call(f"{type(baseline).__name__}.table", baseline.table, {"rollout": LAW})


def estimator_calls() -> Iterator[Call]:
    """Yield the calls that make estimators and baselines."""
    e, b = pgv.estimators, pgv.baselines
    yield Call("Constant", b.Constant, {"value": 0.5})
    yield Call("AverageReturn", b.AverageReturn, {"leave_one_out": True})
    yield Call("StateValue", b.StateValue, {"values": START}, other={"values": ("nothing",)})
    yield Call("TimeStateValue", b.TimeStateValue, {"values": LOGITS})
    for made in (e.RewardToGo, e.TotalReturn):
        yield Call(made.__name__, made, {"baseline": b.StateValue(), "discount_weighting": True})
    yield Call("GeneralizedAdvantage", e.GeneralizedAdvantage,
               {"trace_decay": 0.5, "critic": b.StateValue(), "discount_weighting": True})  # fmt: skip
    yield Call("NStepAdvantage", e.NStepAdvantage, {"steps": 2, "critic": b.StateValue(), "discount_weighting": True})
    yield Call("GPOMDP", e.GPOMDP, {"decay": 0.5, "baseline": b.StateValue()})
    yield Call("RewardBaseline", e.RewardBaseline, {"value": 0.5, "base": RIGHT})
    yield Call("CappedRatios", e.CappedRatios, {"cap": 1.5, "base": RIGHT})
    yield Call("CappedImportance", e.CappedImportance, {"cap": 1.5, "base": e.TotalReturn()})
    yield Call("SelfNormalized", e.SelfNormalized, {"base": e.TotalReturn(), "cap": 1.5}, other={"cap": ("nothing",)})
    yield Call("VTrace", e.VTrace,
               {"ratio_cap": 1.5, "trace_cap": 0.5, "trace_decay": 0.5, "critic": b.StateValue(),
                "discount_weighting": True})  # fmt: skip
    yield Call("AllActions", e.AllActions, {"critic": LOGITS, "discount_weighting": True},
               other={"critic": ("nothing",)})  # fmt: skip
    yield Call("ActionBaseline", e.ActionBaseline,
               {"values": LOGITS, "corrected": True, "discount_weighting": True})  # fmt: skip
    yield Call("CompatibleCritic", e.CompatibleCritic, {"weights": START, "discount_weighting": True},
               other={"weights": ("nothing",)})  # fmt: skip
    yield Call("NaturalGradient", e.NaturalGradient, {"base": RIGHT, "fisher": np.array([[2.0, 0.5], [0.5, 1.0]]),
               "damping": 0.5}, other={"fisher": ("nothing",)})  # fmt: skip
    yield Call("CompatibleNaturalGradient", e.CompatibleNaturalGradient, {"damping": 0.5})
    yield Call("StandardizedReturn", e.StandardizedReturn, {"epsilon": 0.5})
    yield Call("StandardizedAdvantage", e.StandardizedAdvantage, {"base": RIGHT, "epsilon": 0.5})


def room_calls(folder: Path) -> Iterator[Call]:
    """Yield the calls of the zoo, the catalogue, the suites, the adapters and the oracle."""
    m = pgv.mdps
    for function in (m.get, m.entry):
        yield Call(f"mdps.{function.__name__}", function, {"name": "two-state-chain"})
    yield Call("mdps.garnet", m.garnet, {"states": 3, "actions": 2, "branching": 2, "seed": 1, "reward_noise": 0.5},
               other={"seed": ("10**400",)})  # fmt: skip
    yield Call("sample_moments", pgv.sample_moments,
               {"estimator": RIGHT, "problem": PROBLEM, "n": 20, "seed": 3, "max_steps": 2, "diagonal": True,
                "workers": 1},
               other={"seed": ("10**400",), "estimator": ("an estimator",), "max_steps": ("nothing",),
                      "diagonal": ("nothing",)})  # fmt: skip
    trees = {"prompts": 2, "vocabulary": 2, "max_length": 2, "end": 0}
    yield Call("mdps.tokens", m.tokens, {**trees, "reward": lambda prompt, _: float(prompt)}, fixed=("reward",))
    yield Call("mdps.token_prefixes", m.token_prefixes, trees)
    seen = {"mdp": MDP, "observation": np.array([0, 0]), "horizon": 2}
    yield Call("mdps.history", m.history, seen)
    yield Call("mdps.histories", m.histories, seen)
    m.save(MDP, folder / "mdp.json")
    yield Call("mdps.load", m.load, {"path": folder / "mdp.json"})
    yield Call("mdps.save", m.save, {"mdp": MDP, "path": folder / "other.json"},
               other={"path": ("unknown", "list")})  # fmt: skip
    yield Call("bugs.get", pgv.bugs.get, {"slug": "past-rewards"})
    yield Call("bugs.with_sign_reversed", pgv.bugs.with_sign_reversed, {"bug": pgv.bugs.get("past-rewards")})
    yield Call("suites.get", pgv.suites.get, {"name": "standard"}, slow=True)
    from pgverify.adapters import process

    def started(**arguments: Any) -> str:
        with process.from_command(**arguments) as program:
            return type(program).__name__

    yield Call("adapters.process.from_command", started, {"argv": "cat", "kind": "gradient", "time_limit": 1.5},
               other={"argv": ("*",)}, slow=True)  # fmt: skip
    yield Call("check", pgv.check,
               {"implementation": RIGHT, "problems": PROBLEM, "kind": "gradient", "target": "policy_gradient",
                "alpha": 0.125, "tolerance": 0.5, "seed": 3, "time_limit": 10.5, "budget": 100,
                "total_time_limit": 60.5, "explore": 0, "design": pgv.Independent(sizes=(1,))},
               other={"problems": ("nothing",), "design": ("nothing",), "seed": ("10**400",),
                      "implementation": ("an estimator",)}, slow=True)  # fmt: skip


def variance_calls() -> Iterator[Call]:
    """Yield the calls of variance reports, as JSON: it has every digit, and no NaN where a table has no number."""

    def variance_report(**arguments: Any) -> str:
        return as_json(pgv.variance_report(**arguments))

    yield Call("variance_report", variance_report,
               {"problem": PROBLEM, "estimators": {"mine": RIGHT}, "samples": 20, "seed": 3, "batch_size": 10,
                "relative_error": 0.5, "confidence": 0.5, "max_steps": 2, "title": "mine",
                "layout": np.array([[0, 0], [0, 1]])},
               other={"estimators": ("an estimator",), "seed": ("10**400",), "max_steps": ("nothing",),
                      "layout": ("beyond", "negative", "nothing"), "title": ("unknown", "empty", "null", "nothing")},
               slow=True)  # fmt: skip


def every_call(folder: Path) -> list[Call]:
    """Return all calls."""
    from agent_calls import agent_calls  # these build upon this module
    from newer_calls import newer_calls
    from real_action_calls import real_action_calls
    from statistics_calls import statistics_calls

    rooms = (problem_calls(), exact_calls(), batch_calls(), estimator_calls(), statistics_calls(), room_calls(folder),
             variance_calls(), real_action_calls(), newer_calls(folder), agent_calls())  # fmt: skip
    return [call for room in rooms for call in room]
