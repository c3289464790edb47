"""How many trajectories of one's own those of another policy are worth."""

from __future__ import annotations

import numpy as np

from pgverify.exact.rollout_law import rollout
from pgverify.exact.step_law import step_law
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy
from pgverify.problem import REAL_PROBLEM, Problem


@accepts(problem=REAL_PROBLEM)
def effective_sample_share(problem: Problem, acting: Policy | None = None, max_steps: int | None = None) -> float:
    """Return E[W]²/E[W²] = 1/E_μ[Π_t (π/μ)²]: the share of a large batch of another policy that is left of it.

    What `estimators.effective_sample_size(batch)/n` tends to as the batch grows; 1 where π itself acted. E[W²] follows
    from v_t(s) = Σ_a π²/μ Σ_{s'} P(s'|s,a) v_{t+1}(s'), with v = 1 after the end.

    Parameters
    ----------
    problem : Problem
    acting : Policy, optional
        μ; by default whoever acts on the problem.
    max_steps : int, optional
        As for `pgverify.sample`.

    Returns
    -------
    In (0, 1].

    Raises
    ------
    InvalidPolicy
        When the acting policy does not fit, or makes E[W²] infinite.

    References
    ----------
    Kong, A note on importance sampling using standardized weights, 1992.
    """
    law = step_law(problem, rollout(problem, max_steps, acting))
    running, ended = law.chain.running, law.ending.total(np.ones(law.reward.shape))
    square = np.ones(len(running))
    for _ in range(law.steps):
        square = np.where(running, (law.squares * (law.going_on.ahead(square) + ended)).sum(axis=1), 1.0)
    return float(1.0 / (law.rollout.start @ square))
