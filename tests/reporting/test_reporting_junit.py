"""JUnit XML: read back with a parser, whatever the report says."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pgverify.checking import Finding, Outcome, Report
from pgverify.reporting.junit import junit_xml

HOLDS = Finding("expectation", "coin", 1, (0.5, -0.5), (0.5, -0.5), 0.0, True)
FAILS = Finding("expectation", "bandit", 2, (0.5, -0.5), (0.25, -0.5), 0.25, False)
BROKEN = Finding("splitting", "coin", 4, (0.5,), (0.1,), 0.4, False)
KEPT = Finding("permutation", "coin", 4, (0.5,), (0.5,), 0.0, True)
BIASED = Report(
    Outcome.BIASED,
    "the exact expectation differs from the target",
    "exhaustive",
    "policy_gradient",
    "no sampling",
    findings=(HOLDS, FAILS, BROKEN, KEPT),
    warnings=("be careful",),
)


def parsed(report: Report, name: str = "mine:estimate") -> ET.Element:
    root = ET.fromstring(junit_xml(report, name).encode())
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    cases = suite.findall("testcase")
    failures = suite.findall("testcase/failure")
    for element in (root, suite):
        counts = {"tests": len(cases), "failures": len(failures), "errors": 0, "skipped": 0}
        assert {name: int(element.get(name)) for name in counts} == counts
    assert len({case.get("name") for case in cases}) == len(cases)
    return suite


def test_one_case_a_comparison_and_one_for_the_verdict() -> None:
    suite = parsed(BIASED)
    assert suite.get("name") == "pgverify check mine:estimate"
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["verdict", "coin, batch of 1", "bandit, batch of 2"]
    assert {case.get("classname") for case in cases} == {"policy_gradient"}
    verdict, coin, bandit = (case.find("failure") for case in cases)
    assert verdict.get("message") == "BIASED: the exact expectation differs from the target"
    assert coin is None
    assert bandit.get("message") == "off by 0.25 of a gradient estimate"
    for failure in (verdict, bandit):
        assert failure.text == str(BIASED)
        assert failure.get("type") == "BIASED"


def test_invariants_inform_and_do_not_fail() -> None:
    properties = {item.get("name"): item.get("value") for item in parsed(BIASED).find("properties")}
    assert properties["splitting: coin, batch of 4"] == "broken by 0.4"
    assert properties["permutation: coin, batch of 4"] == "holds"
    assert properties["outcome"] == "BIASED"
    assert properties["warning"] == "be careful"
    correct = replace(BIASED, outcome=Outcome.CORRECT, findings=(HOLDS, BROKEN))
    assert parsed(correct).findall("testcase/failure") == []


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_not_good_fails_even_without_findings(outcome: Outcome) -> None:
    suite = parsed(Report(outcome, "so it is", "exhaustive", "policy_gradient", "no sampling"))
    assert len(suite.findall("testcase/failure")) == (0 if outcome.good else 1)


def test_characters_that_xml_forbids_are_written_out() -> None:
    """Control characters, a lone surrogate, the two non-characters; markup and other alphabets stay as they are."""
    forbidden = "".join(map(chr, range(32))).translate({9: None, 10: None, 13: None}) + "\ud800\ufffe\uffff"
    said = f"{forbidden}<b>&amp;\"']]></b> γ 🎲"
    report = replace(BIASED, explanation=said, warnings=(said,), target=said)
    suite = parsed(report, said)
    shown = said.translate({ord(c): ascii(c)[1:-1] for c in forbidden})
    assert "\\x1b" in shown
    assert "\\ud800" in shown
    assert suite.find("testcase/failure").get("message") == f"BIASED: {shown}"
    assert suite.find("testcase").get("classname") == shown
    assert shown[:50] in suite.find("testcase/failure").text
