"""The noise of every estimator of a report: exact where a recursion is declared, sampled where none is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.planning import trajectories_needed
from pgverify.problem import Problem
from pgverify.recursion import DeclaresRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.exact_noise import Noise, exact_noise
from pgverify.variance.lineup import Lineup
from pgverify.variance.quality import Quality
from pgverify.variance.sampled_noise import SampledNoise, sampled_noise


def all_sampled(
    lineup: Lineup,
    problem: Problem,
    law: Rollout,
    truth: Float[Array, "d"],
    samples: int,
    seed: int,
    asked: Accuracy,
) -> dict[str, SampledNoise]:
    """Return what `samples` trajectories say of every estimator; nothing where none are drawn.

    Raises
    ------
    InvalidEstimator
        When none are drawn although an estimator has no exact moments.
    """
    undeclared = [name for name, given in lineup.items() if not isinstance(given, DeclaresRecursion)]
    if samples == 0 and undeclared:
        raise InvalidEstimator(
            f"estimator {undeclared[0]!r} declares no recursion, so that its noise has to be sampled: give samples=, "
            "such as samples=100_000"
        )
    if samples == 0:
        return {}
    norm = float(np.linalg.norm(truth))
    direction = truth / norm if norm > 0 else np.zeros_like(truth)
    return sampled_noise(lineup, problem, law, direction, samples, seed, asked)


def all_noises(
    lineup: Lineup,
    problem: Problem,
    law: Rollout,
    truth: Float[Array, "d"],
    asked: Accuracy,
    sampled: Mapping[str, SampledNoise],
    tell: Callable[[str], None],
) -> dict[str, Noise]:
    """Return the noise of every estimator, in their order.

    Parameters
    ----------
    lineup : {name: estimator}
    problem, law : Problem, Rollout
    truth : [d]
        ∇J.
    asked : Accuracy
    sampled : {name: SampledNoise}
        Read for those that declare no recursion.
    tell : function of a text
        Told what is being computed.
    """
    found = {}
    for place, (name, estimator) in enumerate(lineup.items(), 1):
        tell(f"estimator {place} of {len(lineup)}: {name}")
        if isinstance(estimator, DeclaresRecursion):
            found[name] = exact_noise(estimator, problem, law, truth, asked)
        else:
            found[name] = _taken_as_unbiased(sampled[name], truth, asked)
    return found


def _taken_as_unbiased(noise: SampledNoise, truth: Float[Array, "d"], asked: Accuracy) -> Noise:
    """Return sampled noise as if E g were ∇J: whether it is is another question, which `pgverify.check` answers."""
    norm, trace = float(np.linalg.norm(truth)), noise.interval.trace
    count, _ = trajectories_needed(trace, None, asked.relative_error * norm, asked.confidence, norm, 0.0)
    note = "sampled, and taken to be unbiased (see pgverify.check); one degree of freedom, more than is needed"
    return Noise(Quality(norm, norm, 0.0, trace, noise.parallel), count, note)
