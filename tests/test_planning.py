"""Planning: how many trajectories are needed, against simulation, the exact law of a quadratic form, closed forms.

Statistical tests state their false-fail rate; every seed is fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import small_problem
from reference import bandit
from scipy.integrate import quad
from scipy.stats import binom, norm

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact, sample
from pgverify import plan as make_plan
from pgverify.baselines import Constant, StateValue
from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.estimators import Estimator, GeneralizedAdvantage, RewardToGo, StandardizedReturn, TotalReturn
from pgverify.planning import LARGEST_FULL

FALSE_FAIL = 1e-8
"""Probability that one statistical test fails although the code is right."""


def three_states(discount: float = 0.9) -> Problem:
    rng = np.random.default_rng(6)
    mdp = TabularMDP([0.5, 0.3, 0.2], rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)) + 0.5)
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), FiniteHorizon(4, discount))


def exact_coverage(covariance: np.ndarray, count: int, radius: float) -> float:
    """Return P(|x| ≤ radius) for x ~ N(0, Σ/N), by inverting the characteristic function (Imhof 1961).

    P(Q > q) = ½ + (1/π) ∫_0^∞ sin θ(u) / (u ρ(u)) du, θ = ½ Σ arctan(λ u) − ½ q u, ρ = Π (1 + λ² u²)^¼.
    """
    weights = np.linalg.eigvalsh(covariance / count)
    weights = weights[weights > 1e-12 * weights.max()]
    scale = weights.max()
    weights, square = weights / scale, radius**2 / scale

    def integrand(u: float) -> float:
        theta = 0.5 * np.arctan(weights * u).sum() - 0.5 * square * u
        return float(np.sin(theta) / (u * np.prod((1.0 + (weights * u) ** 2) ** 0.25)))

    upper = sum(quad(integrand, a, a + 10.0, limit=200)[0] for a in np.arange(1e-12, 600.0, 10.0))
    return 0.5 - upper / np.pi


def test_the_reference_itself() -> None:
    """One weight is χ²_1, two equal ones are an exponential."""
    assert exact_coverage(np.diag([4.0]), 1, 2.0) == pytest.approx(2 * norm.cdf(1.0) - 1, abs=2e-2)
    assert exact_coverage(np.eye(2), 1, 2.0) == pytest.approx(1 - np.exp(-2.0), abs=2e-3)
    assert exact_coverage(np.eye(4), 1, 2.0) == pytest.approx(1 - np.exp(-2.0) * 3.0, abs=1e-5)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("estimator", [RewardToGo(), TotalReturn(), RewardToGo(StateValue())])
def test_the_quantile_is_close_to_the_exact_one(estimator: Estimator, confidence: float) -> None:
    """Satterthwaite's χ² against the exact law of |N(0, Σ/N)|²: within 0.01 of the confidence asked for."""
    problem = three_states()
    made = make_plan(estimator, problem, 0.05, confidence)
    covariance = exact.moments(estimator, problem).covariance
    reached = exact_coverage(covariance, made.trajectories, 0.05 * made.gradient_norm)
    assert reached == pytest.approx(confidence, abs=0.01)


@pytest.mark.statistical
@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(RewardToGo(), marks=pytest.mark.slow),
        RewardToGo(StateValue()),
        GeneralizedAdvantage(1.0, Constant(1.0)),
    ],
)
def test_the_trajectories_reach_the_error_asked_for(estimator: Estimator) -> None:
    """1,000 batches of N: the share within ε |∇J| is binomial, its probability within 0.02 of the confidence.

    The 0.02 are the error of Satterthwaite's quantile (above) and of taking a mean of some hundreds as normal.
    False-fail rate 1e-8.
    """
    problem = three_states()
    made = make_plan(estimator, problem, relative_error=0.2, confidence=0.9)
    truth, batches = exact.gradient(problem), 1_000
    rows = estimator(sample(problem, made.trajectories * batches, seed=1))
    means = rows.reshape(batches, made.trajectories, -1).mean(axis=1)
    inside = int((np.linalg.norm(means - truth, axis=1) <= 0.2 * np.linalg.norm(truth)).sum())
    assert binom.ppf(FALSE_FAIL / 2, batches, 0.88) <= inside <= binom.isf(FALSE_FAIL / 2, batches, 0.92)
    assert made.trajectories > 100


@pytest.mark.statistical
def test_half_the_trajectories_do_not_suffice() -> None:
    """Negative control: with N/2 the share falls below what the test above allows, 0.77 instead of 0.9 or so."""
    problem = three_states()
    made = make_plan(RewardToGo(), problem, relative_error=0.2, confidence=0.9)
    half, batches, truth = made.trajectories // 2, 1_000, exact.gradient(problem)
    rows = RewardToGo()(sample(problem, half * batches, seed=2))
    means = rows.reshape(batches, half, -1).mean(axis=1)
    inside = int((np.linalg.norm(means - truth, axis=1) <= 0.2 * np.linalg.norm(truth)).sum())
    assert inside < binom.ppf(FALSE_FAIL / 2, batches, 0.88)


@pytest.mark.slow
@pytest.mark.statistical
def test_the_expected_cosine() -> None:
    """Mean cosine of 2,000 batches against 1/√(1 + tr Σ_⊥/(N|∇J|²)): the formula's own 1 % and 5.7 standard errors.

    False-fail rate 1e-8. The formula with the whole trace in place of tr Σ_⊥ is told apart.
    """
    problem, size, batches = three_states(), 300, 2_000
    estimator = RewardToGo()
    made, truth = make_plan(estimator, problem), exact.gradient(problem)
    rows = estimator(sample(problem, size * batches, seed=3)).reshape(batches, size, -1).mean(axis=1)
    cosines = rows @ truth / np.linalg.norm(rows, axis=1) / np.linalg.norm(truth)
    error = norm.isf(FALSE_FAIL / 2) * cosines.std() / np.sqrt(batches)
    assert abs(cosines.mean() - made.cosine(size)) <= error + 0.01 * (1.0 - cosines.mean()) + 1e-4
    naive = 1.0 / np.sqrt(1.0 + made.trace / (size * made.gradient_norm**2))
    assert abs(cosines.mean() - naive) > error + 0.01 * (1.0 - cosines.mean()) + 1e-4


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("estimator", [RewardToGo(), TotalReturn(StateValue()), GeneralizedAdvantage(0.5)])
def test_the_variance_along_the_gradient(estimator: Estimator, seed: int) -> None:
    """The moments of the projected score against gᵀ Σ g/|g|², Σ being the full covariance."""
    problem = small_problem(seed, noisy=True, logit_scales=(1.0,))
    made, found, truth = make_plan(estimator, problem), exact.moments(estimator, problem), exact.gradient(problem)
    if made.gradient_norm > 0:
        expected = truth @ found.covariance @ truth / (truth @ truth)
        assert made.parallel == pytest.approx(expected, rel=1e-9, abs=1e-12 * found.trace)
        assert 0.0 <= made.parallel <= made.trace * (1 + 1e-12)


def test_squared_errors_and_signals() -> None:
    """E|ĝ − ∇J|² = |bias|² + tr Σ/N with a biased estimator; the other numbers by their definitions."""
    problem = three_states()
    estimator = GeneralizedAdvantage(0.3, Constant(2.0))
    made, found = make_plan(estimator, problem), exact.moments(estimator, problem)
    bias = found.mean - exact.gradient(problem)
    assert made.bias_norm == pytest.approx(np.linalg.norm(bias), rel=1e-12)
    for n in (1, 10, 1000):
        assert made.mean_squared_error(n) == pytest.approx(bias @ bias + found.trace / n, rel=1e-12)
    assert made.signal_to_noise == pytest.approx(made.gradient_norm**2 / found.trace)
    assert made.steps_per_trajectory == pytest.approx(4.0)
    assert made.efficiency == pytest.approx(made.signal_to_noise / 4.0)
    unbiased = make_plan(RewardToGo(), problem)
    assert unbiased.bias_norm == 0.0
    assert unbiased.environment_steps == pytest.approx(unbiased.trajectories * 4.0, rel=1e-14)
    assert make_plan(RewardToGo(), problem).cosine(10**9) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.statistical
def test_the_mean_squared_error_in_simulation() -> None:
    """The mean of |ĝ − ∇J|² over 4,000 batches of 50, normal by then; false-fail rate 1e-8."""
    problem, size, batches = three_states(), 50, 4_000
    estimator = GeneralizedAdvantage(0.3, Constant(2.0))
    made, truth = make_plan(estimator, problem), exact.gradient(problem)
    rows = estimator(sample(problem, size * batches, seed=4)).reshape(batches, size, -1).mean(axis=1)
    errors = ((rows - truth) ** 2).sum(axis=1)
    bound = norm.isf(FALSE_FAIL / 2) * errors.std() / np.sqrt(batches)
    assert abs(errors.mean() - made.mean_squared_error(size)) <= bound
    assert abs(errors.mean() - made.trace / size) > bound  # negative control: the bias is seen


def test_the_plan_by_hand() -> None:
    """Two arms: one direction, so |ĝ − ∇J|² is χ²_1: N = (z σ/(ε |∇J|))² with z = 1.96.

    π = (p, 1−p), rewards 1 and 0: ψ = ±(1−p or p)(1, −1), ∇J = p(1−p)(1, −1), |∇J|² = 2p²(1−p)²,
    tr Cov = 2p(1−p)² − |∇J|².
    """
    p = 0.3
    problem = Problem(bandit((1.0, 0.0)), SoftmaxPolicy([[np.log(p), np.log(1 - p)]]), FiniteHorizon(1))
    made = make_plan(TotalReturn(), problem, 0.1, 0.95)
    square = 2 * p**2 * (1 - p) ** 2
    trace = 2 * p * (1 - p) ** 2 - square
    assert made.trace == pytest.approx(trace, rel=1e-12)
    assert made.parallel == pytest.approx(trace, rel=1e-12)
    assert made.cosine(1) == pytest.approx(1.0)
    assert made.trajectories == int(np.ceil(norm.ppf(0.975) ** 2 * trace / (0.01 * square)))
    assert made.steps_per_trajectory == 1.0
    assert "χ² with 1 degrees of freedom" in made.note


def test_a_bias_is_taken_off_the_margin_or_makes_it_impossible() -> None:
    problem = three_states()
    estimator = GeneralizedAdvantage(0.3, Constant(2.0))
    first = make_plan(estimator, problem)
    assert first.gradient_norm == pytest.approx(np.linalg.norm(exact.gradient(problem)), rel=1e-12)  # not of E ĝ
    share = first.bias_norm / first.gradient_norm
    never = make_plan(estimator, problem, relative_error=0.5 * share)
    assert never.trajectories is None
    assert never.environment_steps is None
    assert never.note == f"the bias, {share:.3g} of |∇J|, is no smaller than the error asked for"
    twice = make_plan(estimator, problem, relative_error=2.0 * share)
    assert twice.trajectories is not None
    quantile = twice.trajectories * (share * twice.gradient_norm) ** 2 / twice.trace
    unbiased = make_plan(RewardToGo(), problem, relative_error=share)
    assert 0.5 < quantile / (unbiased.trajectories * (share * unbiased.gradient_norm) ** 2 / unbiased.trace) < 2.0


def test_an_error_above_one_has_to_be_meant() -> None:
    problem = small_problem(3)
    with pytest.raises(InvalidSampling, match=r"relative_error is 5, must be at most 1, .* 0.05 is 5 %"):
        make_plan(RewardToGo(), problem, relative_error=5)
    assert make_plan(RewardToGo(), problem, relative_error=5, above_one=True).relative_error == 5.0
    assert make_plan(RewardToGo(), problem, relative_error=1).relative_error == 1.0


def test_a_zero_gradient_has_no_relative_error() -> None:
    problem = Problem(bandit((1.0, 1.0)), SoftmaxPolicy([[0.0, 0.0]]), FiniteHorizon(1))
    made = make_plan(TotalReturn(), problem)
    assert made.trajectories is None
    assert made.note == "∇J is zero: no relative error can be reached"
    assert made.cosine(100) == 0.0
    assert made.signal_to_noise == 0.0


def test_an_estimator_that_does_not_vary_needs_one() -> None:
    """Two arms, one reward each ±: with b half-way ψ (r − b) is the same for both actions when π = (½, ½)."""
    problem = Problem(bandit((1.0, 0.0)), SoftmaxPolicy([[0.0, 0.0]]), FiniteHorizon(1))
    made = make_plan(TotalReturn(Constant(0.5)), problem)
    assert made.trajectories == 1
    assert made.note == "the estimator does not vary"
    assert made.signal_to_noise == np.inf


def test_a_smaller_error_or_a_higher_confidence_needs_more() -> None:
    problem = three_states()
    counts = [make_plan(RewardToGo(), problem, epsilon).trajectories for epsilon in (0.2, 0.1, 0.05)]
    assert counts[1] == pytest.approx(4 * counts[0], rel=0.01)
    assert counts[2] == pytest.approx(4 * counts[1], rel=0.01)
    sure = [make_plan(RewardToGo(), problem, 0.1, level).trajectories for level in (0.5, 0.9, 0.99)]
    assert sure == sorted(set(sure))


def test_many_parameters_ask_for_more_than_is_needed() -> None:
    """Above the limit only the trace is known; one degree of freedom has the largest upper quantile there."""
    actions = LARGEST_FULL + 1
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(size=3), np.full(actions - 3, -30.0)])[None, :]
    reward = np.concatenate([[1.0, 0.7, 0.0], np.zeros(actions - 3)])[None, :]
    wide = Problem(TabularMDP([1.0], np.ones((1, actions, 1)), reward), SoftmaxPolicy(logits), FiniteHorizon(1))
    narrow = Problem(bandit(), SoftmaxPolicy(logits[:, :3]), FiniteHorizon(1))
    many, few = make_plan(TotalReturn(), wide), make_plan(TotalReturn(), narrow)
    assert many.trace == pytest.approx(few.trace, rel=1e-9)
    assert many.trajectories >= few.trajectories
    assert many.note == "χ² with one degree of freedom, which asks for more than is needed"


def test_expected_steps_of_other_rollouts() -> None:
    """A random horizon lasts 1/(1−γ) steps; a cut one as many as it is given; the average reward is no different."""
    continuing = three_states()
    ends = Problem(continuing.mdp, continuing.policy, Discounted(0.8))
    assert make_plan(RewardToGo(), ends).steps_per_trajectory == pytest.approx(5.0, rel=1e-12)
    cut = make_plan(RewardToGo(), ends, max_steps=7)
    assert cut.steps_per_trajectory == pytest.approx(7.0)
    assert cut.bias_norm > 0.0  # what lies beyond the cut
    average = Problem(continuing.mdp, continuing.policy, AverageReward())
    assert make_plan(GeneralizedAdvantage(0.9), average, max_steps=6).steps_per_trajectory == pytest.approx(6.0)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_accuracies_that_are_refused(value: float) -> None:
    problem = three_states()
    with pytest.raises(InvalidSampling, match=r"relative_error is .*, must be above 0"):
        make_plan(RewardToGo(), problem, relative_error=value)
    for level in (value, 1.0, 1.5):
        with pytest.raises(InvalidSampling, match=r"confidence is .*, must be in \(0, 1\)"):
            make_plan(RewardToGo(), problem, confidence=level)


def test_other_refusals() -> None:
    problem = three_states()
    with pytest.raises(InvalidEstimator, match="must declare its recursion"):
        make_plan(StandardizedReturn(), problem)
    made = make_plan(RewardToGo(), problem)
    for size in (0, -1):
        for method in (made.cosine, made.mean_squared_error):
            with pytest.raises(InvalidSampling, match=f"batch_size is {size}, must be an integer of at least 1"):
                method(size)
