"""pgverify: gradcheck for policy gradients.

import pgverify as pgv

problem = pgv.Problem(mdp, policy, objective)     # defines J(θ)
pgv.exact.gradient(problem)                       # ∇J(θ), computed
pgv.sample(problem, num_trajectories, seed=0)     # a batch for estimators
"""

from pgverify import baselines, bugs, errors, estimators, exact, mdps, stats
from pgverify.checking import Outcome, check
from pgverify.mdp import TabularMDP
from pgverify.planning import Plan, plan
from pgverify.policies import LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from pgverify.problem import AverageReward, Discounted, FiniteHorizon, Problem
from pgverify.sampling import sample, sample_chunks
from pgverify.trajectories import Trajectories

__version__ = "0.1.0.dev0"

__all__ = [
    "AverageReward",
    "Discounted",
    "FiniteHorizon",
    "LinearSoftmaxPolicy",
    "Outcome",
    "Plan",
    "Policy",
    "Problem",
    "SoftmaxPolicy",
    "TabularMDP",
    "Trajectories",
    "__version__",
    "baselines",
    "bugs",
    "check",
    "errors",
    "estimators",
    "exact",
    "mdps",
    "plan",
    "sample",
    "sample_chunks",
    "stats",
]
