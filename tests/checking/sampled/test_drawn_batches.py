"""Controls on batches that were drawn: computed once for each family, and in an array of the caller's own."""

from dataclasses import replace

import numpy as np

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.drawn_batches import Source
from pgverify.checking.sampled.with_controls import CONFIRM, FIT_MORE, fitted


def _source():
    problem = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "three-starts")
    batch, probability = every_trajectory(problem)
    law, rows = IndependentLaw(probability, 6), batch.score_weighted(batch.rewards)

    def estimate(chosen):
        return rows[chosen].mean(axis=0) ** 2

    return law, Source(law.draw, estimate, Controls.of(batch, probability), law.group, law.rows)


class Counted:
    """A family of one control of mean zero, random, that notes on how many batches it was computed."""

    def __init__(self):
        self.batches = 0

    def __call__(self, controls, rows, _):
        self.batches += len(rows)
        return np.random.default_rng(len(rows)).standard_normal((len(rows), 1, controls.means.shape[1]))


def test_a_family_is_computed_once_on_each_batch_however_often_it_is_tried():
    # Nothing explains squares of sums: every family is tried on 32 + 16 batches with coefficients in common, and then
    # on those and 16 more, beside 16 fresh ones, with and without: 64 + 16 batches in all, though tried three times.
    law, source = _source()
    families = Counted(), Counted()
    fit = fitted(law, source.estimate, source.controls, np.random.default_rng(0), families=families)
    assert not fit.exact
    assert [family.batches for family in families] == [FIT_MORE + CONFIRM] * 2


def test_the_controls_are_those_of_all_parts_and_may_be_written_to():
    _, source = _source()
    rng = np.random.default_rng(1)
    first, second = source.draw(3, rng), source.draw(2, rng)
    both = second.after(first)
    assert len(both) == 5
    rows = np.concatenate([part.rows for part in both.parts])
    for family in (None, Counted()):
        here = replace(source, family=family)
        found = here.on(both)
        usual = len(source.controls.means)
        np.testing.assert_allclose(found[:, :usual], source.controls.on(rows, None), rtol=1e-12, atol=1e-15)
        assert found.shape[1] == usual + (family is not None)
        kept = found.copy()
        found[:] = np.nan
        assert (here.on(both) == kept).all()
    single = source.on(first)  # of one part, and of the usual controls alone: the same holds
    single[:] = np.nan
    assert np.isfinite(source.on(first)).all()
