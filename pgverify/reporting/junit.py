"""A report as JUnit XML, which GitLab, Jenkins and GitHub's actions show beside the tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from pgverify.checking import Finding, Report

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow, not even escaped: control characters and halves of surrogate pairs."""


def junit_xml(report: Report, name: str) -> str:
    """Return a report as one test suite.

    One test case, "verdict", fails unless the outcome is CORRECT or CONSISTENT; one for each comparison of an
    expectation with its target. Invariants, which inform and do not decide, are properties of the suite.

    Parameters
    ----------
    report : Report
    name : str
        What was judged, as the caller calls it.
    """
    compared = [finding for finding in report.findings if finding.check == "expectation"]
    failing = [finding for finding in compared if not finding.holds]
    counts = {
        "tests": str(1 + len(compared)),
        "failures": str((not report.outcome.good) + len(failing)),
        "errors": "0",
        "skipped": "0",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _clean(f"pgverify check {name}"), **counts})
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(report):
        ET.SubElement(properties, "property", {"name": _clean(key), "value": _clean(value)})
    verdict = _case(suite, report, "verdict")
    if not report.outcome.good:
        _fail(verdict, report, f"{report.outcome.value}: {report.explanation}")
    for finding in compared:
        case = _case(suite, report, _name(finding))
        if not finding.holds:
            _fail(case, report, f"off by {finding.deviation:.3g} of a gradient estimate")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}'


def _properties(report: Report) -> list[tuple[str, str]]:
    invariants = [finding for finding in report.findings if finding.check != "expectation"]
    return [
        ("outcome", report.outcome.value),
        ("diagnosis", report.diagnosis or ""),
        ("evidence", f"{report.evidence}; {report.error_rate}"),
        *(("warning", warning) for warning in report.warnings),
        *(("note", note) for note in report.notes),
        *((f"{finding.check}: {_name(finding)}", _held(finding, report)) for finding in invariants),
    ]


def _held(finding: Finding, report: Report) -> str:
    """Return what came of an invariant: beside a good verdict it is no fault, and not called broken."""
    if finding.holds:
        return "holds"
    if not finding.found:
        return "not tried"
    return f"{'differs' if report.outcome.good else 'broken'} by {finding.deviation:.3g}"


def _name(finding: Finding) -> str:
    return f"{finding.problem}, batch of {finding.batch_size}"


def _case(suite: ET.Element, report: Report, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", {"classname": _clean(report.target), "name": _clean(name)})


def _fail(case: ET.Element, report: Report, message: str) -> None:
    attributes = {"message": _clean(message), "type": report.outcome.value}
    ET.SubElement(case, "failure", attributes).text = _clean(str(report))


def _clean(text: str) -> str:
    """Return a text with what XML does not allow written as Python would."""
    return FORBIDDEN.sub(lambda found: ascii(found.group())[1:-1], text)
