"""pgverify: gradcheck for policy gradients.

    import pgverify as pgv

    problem = pgv.Problem(mdp, policy, objective)     # defines J(θ)
    pgv.exact.gradient(problem)                       # ∇J(θ), computed
    pgv.sample(problem, num_trajectories, seed=0)     # a batch for estimators
    pgv.check(implementation)                         # does it estimate what it claims?
    pgv.check_lm(loss)                                # does a language model's loss?
    pgv.variance_report(problem)                      # how noisy is it, why, and what would help?

Names are loaded when they are first used, so that the import itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # true to type checkers, as that of `typing`, which takes longer to import than all the rest here
if TYPE_CHECKING:
    from pgverify import adapters as adapters
    from pgverify import agents as agents
    from pgverify import baselines as baselines
    from pgverify import bugs as bugs
    from pgverify import choices as choices
    from pgverify import errors as errors
    from pgverify import estimators as estimators
    from pgverify import exact as exact
    from pgverify import mdps as mdps
    from pgverify import stats as stats
    from pgverify import suites as suites
    from pgverify import targets as targets
    from pgverify.bonus import KL as KL
    from pgverify.bonus import Entropy as Entropy
    from pgverify.checking import Outcome as Outcome
    from pgverify.checking import check as check
    from pgverify.checking import check_policy as check_policy
    from pgverify.checking.design import Grouped as Grouped
    from pgverify.checking.design import Independent as Independent
    from pgverify.continuous import ContinuousMDP as ContinuousMDP
    from pgverify.language import check_lm as check_lm
    from pgverify.mdp import TabularMDP as TabularMDP
    from pgverify.planning import Plan as Plan
    from pgverify.planning import plan as plan
    from pgverify.policies import CallablePolicy as CallablePolicy
    from pgverify.policies import GaussianPolicy as GaussianPolicy
    from pgverify.policies import LinearSoftmaxPolicy as LinearSoftmaxPolicy
    from pgverify.policies import MaskedPolicy as MaskedPolicy
    from pgverify.policies import MixedPolicy as MixedPolicy
    from pgverify.policies import Policy as Policy
    from pgverify.policies import SoftmaxPolicy as SoftmaxPolicy
    from pgverify.policies import SquashedGaussianPolicy as SquashedGaussianPolicy
    from pgverify.policies import TemperedPolicy as TemperedPolicy
    from pgverify.policies import TopKPolicy as TopKPolicy
    from pgverify.policies import TopPPolicy as TopPPolicy
    from pgverify.problem import AverageReward as AverageReward
    from pgverify.problem import Discounted as Discounted
    from pgverify.problem import FiniteHorizon as FiniteHorizon
    from pgverify.problem import Problem as Problem
    from pgverify.sampling import sample as sample
    from pgverify.sampling import sample_chunks as sample_chunks
    from pgverify.streaming import sample_moments as sample_moments
    from pgverify.trajectories import Trajectories as Trajectories
    from pgverify.variance import VarianceReport as VarianceReport
    from pgverify.variance import variance_report as variance_report

__version__ = "0.1.0.dev0"

_MODULES = (
    "adapters",
    "agents",
    "baselines",
    "bugs",
    "choices",
    "errors",
    "estimators",
    "exact",
    "mdps",
    "stats",
    "suites",
    "targets",
)
_HOMES = {
    "AverageReward": "problem",
    "CallablePolicy": "policies",
    "ContinuousMDP": "continuous",
    "Discounted": "problem",
    "Entropy": "bonus",
    "FiniteHorizon": "problem",
    "GaussianPolicy": "policies",
    "Grouped": "checking.design",
    "Independent": "checking.design",
    "KL": "bonus",
    "LinearSoftmaxPolicy": "policies",
    "MaskedPolicy": "policies",
    "MixedPolicy": "policies",
    "Outcome": "checking",
    "Plan": "planning",
    "Policy": "policies",
    "Problem": "problem",
    "SoftmaxPolicy": "policies",
    "SquashedGaussianPolicy": "policies",
    "TabularMDP": "mdp",
    "TemperedPolicy": "policies",
    "TopKPolicy": "policies",
    "TopPPolicy": "policies",
    "Trajectories": "trajectories",
    "VarianceReport": "variance",
    "check": "checking",
    "check_lm": "language",
    "check_policy": "checking",
    "plan": "planning",
    "sample": "sampling",
    "sample_chunks": "sampling",
    "sample_moments": "streaming",
    "variance_report": "variance",
}

__all__ = [
    "KL",
    "AverageReward",
    "CallablePolicy",
    "ContinuousMDP",
    "Discounted",
    "Entropy",
    "FiniteHorizon",
    "GaussianPolicy",
    "Grouped",
    "Independent",
    "LinearSoftmaxPolicy",
    "MaskedPolicy",
    "MixedPolicy",
    "Outcome",
    "Plan",
    "Policy",
    "Problem",
    "SoftmaxPolicy",
    "SquashedGaussianPolicy",
    "TabularMDP",
    "TemperedPolicy",
    "TopKPolicy",
    "TopPPolicy",
    "Trajectories",
    "VarianceReport",
    "__version__",
    "adapters",
    "agents",
    "baselines",
    "bugs",
    "check",
    "check_lm",
    "check_policy",
    "choices",
    "errors",
    "estimators",
    "exact",
    "mdps",
    "plan",
    "sample",
    "sample_chunks",
    "sample_moments",
    "stats",
    "suites",
    "targets",
    "variance_report",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"pgverify.{name}")
    if name in _HOMES:
        value: object = getattr(import_module(f"pgverify.{_HOMES[name]}"), name)
        globals()[name] = value  # asked for once
        return value
    from pgverify.errors import UnknownAttribute

    raise UnknownAttribute("module 'pgverify'", name, lambda: __all__)


def __dir__() -> list[str]:
    return __all__
