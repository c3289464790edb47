"""Code that is not ours cannot end us: one guard for all its exits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_studies import write_study

from pgverify.cli import main
from pgverify.foreign_code import ExitAttempted, foreign_code


class Odd(BaseException):
    pass


@pytest.mark.parametrize("reason", [SystemExit(0), SystemExit(), GeneratorExit(), Odd("no")])
def test_what_only_ends_programs_is_an_ordinary_exception(reason: BaseException) -> None:
    with pytest.raises(ExitAttempted, match=type(reason).__name__), foreign_code():
        raise reason


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), ValueError("x")])
def test_the_rest_is_what_it_was(reason: BaseException) -> None:
    with pytest.raises(type(reason)) as caught, foreign_code():
        raise reason
    assert caught.value is reason


@pytest.mark.parametrize("where", ["def decide(", "def figures(", "def cells(", "import"])
def test_a_study_that_exits_does_not_exit_with_0(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path)
    text = study.read_text()
    assert where in text
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(where))
    if where == "import":
        lines += ["import sys", "sys.exit(0)"]
    else:
        lines.insert(at + 1, "    import sys; sys.exit(0)")
    study.write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as left:
        main(["study", "run", str(study), "--workers", "1", "--out", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert left.value.code not in (0, None)
    assert "SystemExit: 0" in out + err
    if where in ("def decide(", "def figures("):
        assert (tmp_path / "out" / "index.html").exists()
    assert "sys" in sys.modules
