"""Markdown for code hosts: the same content, nothing from outside can be more than text."""

from __future__ import annotations

from pathlib import Path

from test_reporting_output import report
from tiny_studies import write_study

from pgverify.reporting.markdown import MARK, plain, sourced
from pgverify.reporting.output import write_reports


def test_the_same_claims_stand_in_it(tmp_path: Path) -> None:
    report(tmp_path / "out", write_study(tmp_path))
    index, study = ((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("README.md", "tiny/README.md"))
    assert index.startswith(MARK)
    assert "# 2 of 2 claims hold" in index
    assert "(tiny/README.md)" in index
    assert "| ✓ | The mean is &lt;small&gt;. | sampled | 0 | 0.1 | error rate 1e-6 |" in study
    assert "(figures/values.png)" in study


def test_a_readme_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    report(tmp_path / "out", write_study(tmp_path))
    mine = tmp_path / "out" / "README.md"
    mine.write_text("# Mine\n")
    write_reports(tmp_path / "out")
    assert mine.read_text() == "# Mine\n"


def test_text_stays_text() -> None:
    shown = plain("a|b\n<script>x</script> [l](javascript:x) `c` *d* https://evil.example/ ![i](x)")
    assert "<script" not in shown
    assert "\n" not in shown
    assert "https://" not in shown
    for special in "|[]`*!":
        assert shown.count(special) == shown.count("\\" + special)
    assert sourced("Mei, arXiv 2301.06276 <b>") == "Mei, [arXiv 2301.06276](https://arxiv.org/abs/2301.06276) &lt;b&gt;"
