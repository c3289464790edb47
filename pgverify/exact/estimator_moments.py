"""The exact mean and covariance of an estimator's contribution from one trajectory: variance without sampling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from pgverify.declarations import Declaration, Declares, LinearImage, TableRecursion, TrajectoryWeights
from pgverify.errors import InvalidEstimator, InvalidPolicy
from pgverify.exact.common_reward import without_common_reward
from pgverify.exact.curvature import require_matrix_fits
from pgverify.exact.pair_routes import pairs_apply, whole_sums
from pgverify.exact.past import pasts
from pgverify.exact.return_lags import lags_apply
from pgverify.exact.rollout_law import rollout
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.exact.step_moments import backward_sweep, return_moments, return_values, second_moment_blocks
from pgverify.exact.table_moments import table_sums
from pgverify.exact.total_return_lags import lag_sums
from pgverify.exact.weighted_totals import trajectory_sums
from pgverify.kinds import accepts, known_arguments
from pgverify.policies.protocol import Policy
from pgverify.policies.steps import remembers
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.recursion import BatchRecursion, DeclaresRecursion, Recursion, StepRecursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array, shown

Form: TypeAlias = Literal["full", "diagonal", "trace"]


@known_arguments
@dataclass(frozen=True, eq=False)
class EstimatorMoments:
    """Mean and covariance of g, the contribution of one trajectory; a batch of n has covariance/n.

    Attributes
    ----------
    mean : [d]
        E[g], in units of reward per unit of θ.
    trace : float
        tr Cov[g] = E|g − E g|².
    variance : [d] or None
        Var[g_j]; None when only the trace was asked for.
    covariance : [d, d] or None
        Cov[g]; None unless asked for in full.
    """

    mean: Float[Array, "d"]
    trace: float
    variance: Float[Array, "d"] | None = None
    covariance: Float[Array, "d d"] | None = None

    def __repr__(self) -> str:
        form = "full" if self.covariance is not None else "diagonal" if self.variance is not None else "trace"
        length = float(np.linalg.norm(self.mean))
        return f"EstimatorMoments(d={self.mean.size}, |mean|={length:.6g}, trace={self.trace:.6g}, form={form!r})"


@accepts(problem=REAL_PROBLEM)
def moments(
    estimator: object,
    problem: Problem,
    form: Form = "full",
    max_steps: int | None = None,
    acting: Policy | None = None,
) -> EstimatorMoments:
    """Return the exact mean and covariance of an estimator, by dynamic programming over time.

    The second moment is E[g g^T] = Σ_t E[p_t p_t^T (Y_t − b_t)² + sym(2 p_t (Y_t − b_t) X_{t+1}^T)], where
    p_t = c_t ψ_t and X_t is the part of g from step t on; nothing is sampled and nothing is cut off. Accurate to
    rounding relative to E|g|². The diagonal and the trace never build a [d, d] matrix: with tabular policies they take
    O(S·d + T·d) memory, for sums of rewards among many states O(T·d); time grows linearly with the horizon.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
        TotalReturn, RewardToGo, GeneralizedAdvantage, NStepAdvantage, or anything with a method
        `recursion(rollout)` or `declaration(rollout)`.
    problem : Problem
    form : "full", "diagonal" or "trace"
        How much of the covariance to compute.
    max_steps : int, optional
        As for `pgverify.sample`: the moments are those of exactly the trajectories that it draws.
    acting : Policy, optional
        μ, which chooses the actions: the moments of the estimator with its importance weights, as it applies them
        itself to a batch of somebody else's actions. The total return weights whole trajectories: it needs a horizon.

    Raises
    ------
    InvalidEstimator
        When the estimator declares no recursion, a baseline or critic does not fit, or the weights of whole
        trajectories have no bound on their number of steps.
    InvalidPolicy
        When the acting policy does not fit, depends on the history, or makes the variance infinite.
    TooLarge
        When d is too large for a [d, d] matrix, or weights of trajectories take too many values.

    References
    ----------
    The recursion is checked against enumeration in the tests.
    """
    require_form(form, problem)
    if acting is not None and acting is not problem.policy and remembers(acting):
        raise InvalidPolicy(
            f"acting is {shown(acting)}, whose actions may depend on the history (it has next_probabilities), must be "
            "a table of probabilities for exact moments; list its trajectories (exact.enumerate_trajectories) or sample"
        )
    law = step_law(problem, rollout(problem, max_steps, acting))
    if isinstance(estimator, Declares):
        declaration = estimator.declaration(law.rollout)
        if isinstance(declaration, LinearImage):
            return _image(declaration.matrix, moments(declaration.base, problem, "full", max_steps, acting), form)
        return _declared_moments(law, declaration, form, estimator)
    declared = row_recursion(estimator, law.rollout)
    if not law.rollout.on_policy and isinstance(declared, TotalRecursion):
        return _declared_moments(law, TrajectoryWeights(declared), form, estimator)
    return recursion_moments(law, declared, form)


def _declared_moments(law: StepLaw, declaration: Declaration, form: Form, estimator: object) -> EstimatorMoments:
    """Return the moments of a sum of tables, or of one that weights whole trajectories."""
    law = law.widened() if form == "full" else law
    if isinstance(declaration, TableRecursion):
        mean, second = table_sums(*without_common_reward(law, declaration), form)
    elif isinstance(declaration, TrajectoryWeights) and not declaration.normalised:
        mean, whole = trajectory_sums(law, declaration)
        second = {"full": whole, "diagonal": np.diag(whole), "trace": np.asarray(np.trace(whole))}[form]
    else:
        raise _coupled(estimator)
    scale = law.rollout.step_scale
    return centred(scale * mean, np.asarray(scale**2 * second))


def _image(matrix: Float[Array, "d d"], base: EstimatorMoments, form: Form) -> EstimatorMoments:
    """Return the moments of M h from those of h."""
    if base.covariance is None:
        raise InvalidEstimator(f"form is {form!r}, must be 'full' for the covariance of a matrix times an estimator")
    covariance = matrix @ base.covariance @ matrix.T
    variance = np.maximum(np.diag(covariance), 0.0)
    return EstimatorMoments(
        matrix @ base.mean,
        float(variance.sum()),
        None if form == "trace" else variance,
        covariance if form == "full" else None,
    )


def _coupled(estimator: object) -> InvalidEstimator:
    return InvalidEstimator(
        f"estimator is {shown(estimator)}, whose contributions depend on each other, must be a function of one "
        "trajectory here; use exact.batch_moments(estimator, problem, batch_size)"
    )


def require_form(form: str, problem: Problem) -> None:
    """Refuse a form that does not exist, or a [d, d] matrix that would not fit in memory."""
    if not isinstance(form, str) or form not in ("full", "diagonal", "trace"):
        raise InvalidEstimator(f"form is {shown(form)}, must be 'full', 'diagonal' or 'trace'")
    if form == "full":
        require_matrix_fits(problem)


def row_recursion(estimator: object, law: Rollout) -> StepRecursion | TotalRecursion:
    """Return the recursion of an estimator whose rows are independent, refusing one that couples a batch."""
    declared = declared_recursion(estimator, law)
    if isinstance(declared, BatchRecursion):
        raise _coupled(estimator)
    return declared


def declared_recursion(estimator: object, law: Rollout) -> Recursion:
    """Return the recursion an estimator declares, or say what can be done when it declares none."""
    if not isinstance(estimator, DeclaresRecursion):
        raise InvalidEstimator(
            f"estimator is {shown(estimator)}, must declare its recursion for exact moments; otherwise sample it "
            "(pgverify.sample, pgverify.stats.Moments) or enumerate (exact.enumerated_moments)"
        )
    return estimator.recursion(law)


def recursion_moments(law: StepLaw, declared: StepRecursion | TotalRecursion, form: Form) -> EstimatorMoments:
    """Return the moments of a declared recursion."""
    small, relative = without_common_reward(law, declared)
    mean, second = recursion_sums(small, relative, form)
    if small is not law:  # by E ψ = 0 no baseline is needed for the mean: without one it is small
        mean, _ = recursion_sums(small, replace(relative, baseline=np.zeros_like(law.chain.start)), "trace")
    scale = law.rollout.step_scale
    return centred(scale * mean, np.asarray(scale**2 * second))


def recursion_sums(
    law: StepLaw, declared: StepRecursion | TotalRecursion, form: Form
) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    """Return E[g] and E[g g^T] of a declared recursion, before the factor of each step."""
    if form == "full" and pairs_apply(law, declared):
        return whole_sums(law, declared)
    law = law.widened() if form == "full" else law
    second = SecondMoment.empty(law, form)
    if form != "full" and lags_apply(law, declared):
        mean = _add_lagged(law, declared, second)
    elif isinstance(declared, StepRecursion):
        mean = _add_step_weighted(law, declared, second)
    else:
        mean = _add_total_return(law, declared, second)
    return mean, second.value()


def centred(mean: Float[Array, "d"], second: Float[Array, "*form"]) -> EstimatorMoments:
    """Return the moments whose first two are given: Cov = E[g g^T] − E[g] E[g]^T."""
    # A variance of exactly 0 may come out as a rounding error below it.
    if second.ndim == 2:
        covariance = second - np.outer(mean, mean)
        covariance = (covariance + covariance.T) / 2.0
        variance = np.maximum(np.diag(covariance), 0.0)
        return EstimatorMoments(mean, float(variance.sum()), variance, covariance)
    if second.ndim == 1:
        variance = np.maximum(second - mean**2, 0.0)
        return EstimatorMoments(mean, float(variance.sum()), variance)
    return EstimatorMoments(mean, max(float(second - mean @ mean), 0.0))


@dataclass(frozen=True, eq=False)
class SecondMoment:
    """E[g g^T] while it is being summed: Σ w p p^T + p v^T + v p^T over steps, states and actions."""

    law: StepLaw
    form: Form
    sums: Float[Array, "*shape"]

    @classmethod
    def empty(cls, law: StepLaw, form: Form) -> SecondMoment:
        """Return a sum of nothing yet."""
        size = law.blocks.size
        return cls(law, form, np.zeros((size, size) if form == "full" else law.blocks.parameter.shape))

    def add(self, p: Float[Array, "S A k"], weights: Float[Array, "S A"], partner: Float[Array, "S A k"]) -> None:
        """Add Σ_{s,a} w p p^T + p v^T + v p^T."""
        if self.form == "full":
            half = p * (weights[:, :, None] / 2.0) + partner
            product = p.reshape(-1, p.shape[2]).T @ half.reshape(-1, p.shape[2])
            np.add(self.sums, product + product.T, out=self.sums)
        else:
            np.add(self.sums, (p * (weights[:, :, None] * p + 2.0 * partner)).sum(axis=1), out=self.sums)

    def value(self) -> Float[Array, "*form"]:
        """Return what has been summed, as [d, d], [d] or []."""
        if self.form == "diagonal":
            return self.law.blocks.total(self.sums)
        return self.sums if self.form == "full" else np.asarray(self.sums.sum())


def _add_step_weighted(law: StepLaw, declared: StepRecursion, second: SecondMoment) -> Float[Array, "d"]:
    """Add E[g g^T] of a step-weighted estimator; return E[g]."""
    visits = law.square_visits()
    mean = np.zeros(law.blocks.size)
    for step in backward_sweep(law, declared):
        weights, partner = second_moment_blocks(law, step, visits[step.time])
        second.add(step.coefficient * law.blocks.score, weights, partner)
        mean = law.running_start @ step.mean
    return mean


def _add_lagged(law: StepLaw, declared: StepRecursion | TotalRecursion, second: SecondMoment) -> Float[Array, "d"]:
    """Do the same through returns to the same state."""
    mean, squares = lag_sums(law, declared)
    np.add(second.sums, squares, out=second.sums)
    return law.blocks.total(mean)


def _add_total_return(law: StepLaw, declared: TotalRecursion, second: SecondMoment) -> Float[Array, "d"]:
    """Add E[g g^T] of the total-return estimator; return E[g].

    With R = ρ_t + κ^t G_t (both relative to V, see `past`) and ρ̃_t = ρ_t − b_t, step t meets itself and the steps k < t
    before it: what does not depend on a_t has mean zero beside ψ_t, and in every state there remain

        pp^T E[ρ̃² + 2 ρ̃ κ^t G + κ^2t G²]  and  p E[(2 ρ_t − b_t − b_k) κ^t G + κ^2t G²] · c_k ψ_k^T.
    """
    probabilities = law.chain.probabilities
    visits = law.visits()
    mean = np.zeros(law.blocks.size)
    values = return_values(law, declared.decay)
    returns = return_moments(law, declared.decay, values)
    for time, past in enumerate(pasts(law, declared, values)):
        here = visits[time][:, None]
        drawn = probabilities * past.power * returns[0][time]
        drawn_square = probabilities * past.power**2 * returns[1][time]
        p = past.coefficient * law.blocks.score
        weights = probabilities * past.square[:, None] + 2.0 * past.mean[:, None] * drawn + here * drawn_square
        # Σ_k E[c_k ψ_k (2 ρ_t − b_t − b_k) ;s] = E[Φ ρ̃] + (E[Φ ρ̃] + b_t E[Φ]) − E[Σ c_k ψ_k b_k].
        before = law.blocks.own(2.0 * past.product + past.baseline[:, None] * past.score - past.offset)
        score = law.blocks.own(past.score)
        partner = drawn[:, :, None] * before[:, None, :] + drawn_square[:, :, None] * score[:, None, :]
        second.add(p, weights, partner)
        mean += law.blocks.total((here[:, :, None] * drawn[:, :, None] * p).sum(axis=1))
    return mean
