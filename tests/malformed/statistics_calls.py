"""The calls of `pgverify.stats`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from malformed_calls import COVARIANCE, MOMENTS, SAMPLES, TARGET, Call

import pgverify as pgv


def statistics_calls() -> Iterator[Call]:
    """Yield the calls of `pgverify.stats`."""
    s = pgv.stats
    yield Call("Moments.of", s.Moments.of, {"samples": SAMPLES, "diagonal": False})
    yield Call("Moments.empty", s.Moments.empty, {"dimension": 2, "diagonal": False})
    yield Call("Moments.merge", MOMENTS.merge, {"other": MOMENTS})
    yield Call("Moments.merge_all", s.Moments.merge_all, {"parts": [MOMENTS]})
    yield Call(
        "Moments", s.Moments,
        {name: getattr(MOMENTS, name) for name in ("count", "mean", "scatter", "third", "fourth", "norm_third")}
        | {"norm_fourth": float(MOMENTS.norm_fourth or 0.0)},
        fixed=("count", "scatter", "third", "fourth", "norm_third"),
    )  # fmt: skip
    three = {"alpha": 0.125, "power": 0.5, "rounding": 2.0**-20}
    jump = {"jump": ("nothing",), "direction": ("nothing",), "n": ("nothing",)}
    pair = (s.BiasTest, s.CoordinateTest, s.HotellingTest)
    for made in pair:
        extra = {"deterministic": False} if made is s.BiasTest else {}
        yield Call(made.__name__, made, three | extra)
        test = made(0.125)
        name = made.__name__
        yield Call(f"{name}.run", test.run, {"moments": MOMENTS, "target": TARGET, "jump": TARGET}, other=jump)
        yield Call(f"{name}.detectable_bias", test.detectable_bias,
                   {"covariance": COVARIANCE, "n": 50, "direction": TARGET},
                   other={**jump, "covariance": ("moments",)})  # fmt: skip
        yield Call(f"{name}.samples_needed", test.samples_needed, {"covariance": COVARIANCE, "bias": TARGET},
                   other={"covariance": ("moments",)})  # fmt: skip
    yield Call("SequentialTest", s.SequentialTest,
               three | {"tolerance": 0.5, "consistent_rate": 0.5, "budget": 2000, "first_look": 10, "growth": 1.5,
                        "rarest": 0.25, "batch": 20})  # fmt: skip
    test = s.SequentialTest(alpha=0.125, budget=2000, rarest=0.125)

    def draw(count: int, call: int) -> np.ndarray:
        return np.random.default_rng(call).normal(size=(count, 2))

    yield Call("SequentialTest.run", test.run, {"draw": draw, "target": TARGET, "scale": 0.5, "jump": TARGET},
               other=jump, unbounded=True)  # fmt: skip
    yield Call("SequentialTest.samples_needed", test.samples_needed, {"covariance": COVARIANCE, "bias": TARGET},
               other={"covariance": ("moments",)})  # fmt: skip
    yield Call("SequentialTest.detectable_bias", test.detectable_bias,
               {"covariance": COVARIANCE, "n": 500, "direction": TARGET},
               other={**jump, "covariance": ("moments",)})  # fmt: skip
    yield Call("SequentialTest.looks", test.looks, {"dimension": 2, "bounded": False})
    yield Call("Tails.of", s.Tails.of, {"samples": SAMPLES, "rounding": 2.0**-20})
    yield Call("Tails.extended", s.Tails.of(SAMPLES).extended, {"samples": SAMPLES})
    yield Call("MeanRegion.of", s.MeanRegion.of,
               {"moments": MOMENTS, "confidence": 0.5, "rounding": 2.0**-20, "jump": TARGET}, other=jump)  # fmt: skip
    region = s.MeanRegion.of(MOMENTS, 0.5)
    yield Call("MeanRegion.contains", region.contains, {"vector": TARGET})
    yield Call("MeanRegion.largest_bias", region.largest_bias, {"target": TARGET})
    yield Call("MeanRegion.inside", region.inside, {"target": TARGET, "tolerance": 0.5})
    if region.ellipsoid is not None:
        yield Call("MeanEllipsoid.contains", region.ellipsoid.contains, {"vector": TARGET})
        yield Call("MeanEllipsoid.farthest", region.ellipsoid.farthest, {"point": TARGET})
    for made in (s.VarianceRegion, s.TraceInterval):
        yield Call(f"{made.__name__}.of", made.of, {"moments": MOMENTS, "confidence": 0.5})
    yield Call("VarianceRegion.contains", s.VarianceRegion.of(MOMENTS, 0.5).contains, {"variance": TARGET})
    yield Call("TraceInterval.contains", s.TraceInterval.of(MOMENTS, 0.5).contains, {"trace": 0.5})
    yield Call("VarianceRatio", s.VarianceRatio, {"confidence": 0.5, "power": 0.5})
    ratio = s.VarianceRatio(0.5)
    means = {"mean_first": ("nothing",), "mean_second": ("nothing",)}
    yield Call("VarianceRatio.run", ratio.run,
               {"first": SAMPLES, "second": SAMPLES**2, "mean_first": TARGET, "mean_second": TARGET},
               other=means)  # fmt: skip
    yield Call("VarianceRatio.detectable_ratio", ratio.detectable_ratio, {"spread": 0.5, "n": 20}, unbounded=True)
    yield Call("VarianceRatio.samples_needed", ratio.samples_needed, {"spread": 0.5, "ratio": 1.5})
    yield Call("Calibration.of", s.Calibration.of, {"scores": SAMPLES[:, 0], "confidence": 0.5})
    yield Call("clopper_pearson", s.clopper_pearson, {"successes": 2, "trials": 7, "confidence": 0.5})
    yield Call("quantile_pairs", s.quantile_pairs, {"scores": SAMPLES[:, 0]})
    yield Call("uniform_band", s.uniform_band, {"count": 5, "coverage": 0.5})
