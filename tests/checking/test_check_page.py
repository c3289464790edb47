"""A verdict as a page: the witness of a fault, what the page says of it, and that nobody's text becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import config as jaxtyping_config

import pgverify as pgv
from pgverify.checking import Outcome, Report, SuiteProblem, standard_suite
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.pages.check_figures import report_figure, variance_figure
from pgverify.checking.pages.check_page import check_fragment, check_page, weighed
from pgverify.checking.witness.find_witness import witnessed
from pgverify.checking.witness.recovered_weights import NO_SUM, SEVERAL, recovered, summed
from pgverify.errors import InvalidFile
from pgverify.estimators import RewardToGo
from pgverify.suites.exploration import explored_problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}$\\frac"


def immediate(batch: Trajectories) -> Array:
    """Weight every step by its own reward."""
    return batch.score_weighted(batch.rewards)


def right(batch: Trajectories) -> Array:
    return RewardToGo()(batch)


def suite_problem(name: str, called: str | None = None) -> SuiteProblem:
    entry = next(entry for entry in standard_suite() if entry.name == name)
    return SuiteProblem(called or name, entry.reason, entry.problem)


@pytest.fixture(scope="module", autouse=True)
def _as_quick_as_for_users() -> Iterator[None]:
    """Many batches are listed here to see what a page says of them: their shapes are checked elsewhere."""
    before = jaxtyping_config.jaxtyping_disable
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", before)


@pytest.fixture(scope="module")
def biased() -> Report:
    return pgv.check(immediate, problems=[suite_problem(name) for name in ("coin", "early-stop", "delayed-reward")])


def test_the_witness_shows_the_weights_beside_the_right_ones(biased: Report) -> None:
    """On early-stop, γ = 0.7: rewards −0.3 then 1.4, so γ^t G_t is −0.3 + 0.7·1.4 = 0.68, then 0.7·1.4 = 0.98."""
    witness = biased.witness
    assert witness is not None
    assert witness.problem.name == "early-stop"
    assert witness.nearest.startswith("reward-to-go")
    assert [step.reward for step in witness.steps] == [-0.3, 1.4]
    assert [step.found for step in witness.steps] == pytest.approx([-0.3, 1.4])
    assert [step.right for step in witness.steps] == pytest.approx([0.68, 0.98])
    assert all(step.differs for step in witness.steps)


def test_what_is_right_has_no_witness() -> None:
    report = pgv.check(right, problems=[suite_problem("early-stop")])
    assert report.outcome is Outcome.CORRECT
    assert report.witness is None


def test_a_right_step_does_not_differ() -> None:
    """Without γ^t the first step, t = 0, is right and the second, t = 1, is not."""
    report = pgv.check(RewardToGo(discount_weighting=False), problems=[suite_problem("early-stop")])
    assert report.witness is not None
    assert [step.differs for step in report.witness.steps] == [False, True]


def test_a_problem_beyond_the_suite_is_shown_as_well() -> None:
    """Where episodes are cut there is no one right weight: only what was found is shown."""
    explored = next(one for one in map(explored_problem, range(24)) if one.max_steps is not None)
    limited = LimitedFunction(immediate, False, Alarm(10.0))
    report = Report(Outcome.BIASED, "it differs", "exhaustive", "policy_gradient", "no sampling")
    found = witnessed(report, limited, explored.name, explored.problem, 1, explored.max_steps).witness
    assert found is not None
    assert found.problem.name == explored.name
    assert (found.nearest, found.right) == ("", ())
    assert "cut after" in check_page(replace(report, witness=found))


def test_weights_that_are_returned_are_shown_as_they_are() -> None:
    report = pgv.check(lambda batch: batch.rewards, kind="weights", problems=[suite_problem("early-stop")])
    assert report.witness is not None
    assert [step.found for step in report.witness.steps] == [step.reward for step in report.witness.steps]


def test_weights_are_recovered_where_the_estimate_tells_them() -> None:
    """Scores of two actions of one state are dependent: π_0 ψ_0 + π_1 ψ_1 = 0, so only their combination is known."""
    problem = suite_problem("early-stop").problem
    batch, _ = pgv.exact.enumerate_trajectories(problem)
    for row in range(len(batch)):
        one = batch.select([row])
        weights = RewardToGo().weights(one)
        estimate = one.score_weighted(weights)[0]
        found = recovered(one, estimate)
        if isinstance(found, str):
            assert found == SEVERAL
            states = one.states[0, : int(one.lengths[0])].tolist()
            assert len(set(states)) < len(states)
        else:
            assert found == pytest.approx(summed(one, weights))
        assert recovered(one, estimate + 1.0) == NO_SUM  # every score sums to 0 over the logits of a state


def test_nothing_is_lost_in_the_json(biased: Report) -> None:
    assert Report.from_json(biased.to_json()) == biased
    without = biased.to_json().replace('"witness"', '"unknown"')  # as reports were written before there were any
    assert Report.from_json(without).witness is None


def test_a_page_says_what_the_report_says(biased: Report) -> None:
    page = check_page(biased, "mine.py:immediate")
    for words in ("BIASED", "immediate-reward", "early-stop", "0.68", "0.98", "−0.3", "at most 3 steps"):
        assert words in page
    assert biased.cure.split("γ")[0] in page
    assert page == check_page(biased, "mine.py:immediate")
    assert len(page) < 300_000


def test_a_page_loads_nothing_and_its_names_are_its_own(biased: Report) -> None:
    page = check_page(biased)
    read = _Read.of(page)
    assert read.loads == []
    assert len(read.ids) == len(set(read.ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
    assert used
    assert set(used) <= set(read.ids)


def test_hostile_text_stays_text() -> None:
    """In the name of a problem, of what is judged, and in what the implementation raises."""

    def failing(batch: Trajectories) -> Array:
        raise ValueError(HOSTILE)

    for implementation in (immediate, failing):
        report = pgv.check(implementation, problems=[suite_problem("early-stop", HOSTILE)])
        for page in (check_page(report, HOSTILE), check_fragment(report)):
            read = _Read.of(page)
            assert not {"script", "img"} & set(read.tags)
            assert not [name for name in read.attributes if name.startswith("on")]
            assert "{{ 7 * 7 }}" in read.text


def test_an_address_becomes_a_link_and_nothing_else_does() -> None:
    from pgverify.drawing.words import linked

    assert str(linked("see https://a.org/b?c=1&d=2, there")) == (
        'see <a href="https://a.org/b?c=1&amp;d=2" rel="noopener">https://a.org/b?c=1&amp;d=2</a>, there'
    )
    assert "<a" not in str(linked("javascript:alert(1) <a href=x>"))


def test_steps_that_share_a_score_have_one_weight() -> None:
    """An action taken twice in one state: the estimate tells the sum of both weights."""

    def doubled(batch: Trajectories) -> Array:
        return 2.0 * RewardToGo()(batch) + immediate(batch)

    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(np.array([[3.0, 0.0]])), pgv.FiniteHorizon(2, 0.5))
    report = pgv.check(doubled, problems=problem)
    assert report.witness is not None
    rows = weighed(report.witness)
    assert [row.shown for row in rows] == [True, False]
    first = report.witness.steps[0]
    # γ^t G_t is 1 + 0.5 and 0.5; twice that and the rewards 1 and 1 on top: 2·2 + 2.
    assert first.right == pytest.approx(2.0)
    assert first.found == pytest.approx(6.0)


def test_writing(biased: Report, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    biased.to_html(path, "mine")
    assert path.read_text(encoding="utf-8") == check_page(biased, "mine")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InvalidFile, match=r"cannot be written .* must be a file in a folder that exists"):
        biased.to_html(tmp_path / "absent" / "page.html")


def test_a_notebook_gets_an_element_that_keeps_its_style_to_itself(biased: Report) -> None:
    shown = biased._repr_html_()
    assert shown.startswith('<div class="pgverify')
    style = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)
    assert style is not None
    rules = re.findall(r"(?:^|[{}])\s*([^{}@]+?)\s*\{", re.sub(r"@media[^{]*\{", "", style.group(1)))
    assert len(rules) > 30
    assert [rule for rule in rules if ".pgverify" not in rule] == []


def test_figures(biased: Report) -> None:
    assert biased.plot().axes
    assert variance_figure(biased) is not None
    assert (
        variance_figure(pgv.check(right, problems=[suite_problem("early-stop")])) is None
    )  # all alike: nothing to see
    nothing = Report(Outcome.INVALID, "it raised", "exhaustive", "policy_gradient", "one failing input is enough")
    assert report_figure(nothing).axes
    assert "INVALID" in check_page(nothing)


class _Read(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    @classmethod
    def of(cls, page: str) -> _Read:
        read = cls()
        read.feed(page)
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "src" or (tag == "link" and name == "href"):
                self.loads.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data
