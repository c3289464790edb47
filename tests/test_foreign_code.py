"""Code that is not ours cannot end us: one guard for all its exits."""

from __future__ import annotations

import os
import sys
import threading
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


def test_the_way_out_is_closed_and_opened_again() -> None:
    before = os._exit
    with pytest.raises(ExitAttempted, match=r"os\._exit\(0\)"), foreign_code(), foreign_code():
        os._exit(0)
    assert os._exit is before


def test_other_threads_and_processes_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker must, whose parent died while it imported a study, or what a study forks."""
    left: list[object] = []
    monkeypatch.setattr(os, "_exit", left.append)
    with foreign_code():
        thread = threading.Thread(target=lambda: os._exit(1))
        thread.start()
        thread.join()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        os._exit(2)
    assert left == [1, 2]


@pytest.mark.parametrize("way", ["sys.exit(0)", "os._exit(0)"])
@pytest.mark.parametrize("where", ["def decide(", "def figures(", "def cells(", "import"])
def test_a_study_that_exits_does_not_exit_with_0(
    where: str, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path, count=1)
    text = study.read_text()
    assert where in text
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(where))
    if where == "import":
        lines += ["import os, sys", way]
    else:
        lines.insert(at + 1, f"    import os, sys; {way}")
    study.write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as left:
        main(["study", "run", str(study), "--workers", "1", "--out", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert left.value.code not in (0, None)
    assert ("SystemExit: 0" if way == "sys.exit(0)" else way) in out + err
    if where in ("def decide(", "def figures("):
        assert (tmp_path / "out" / "index.html").exists()
    assert "sys" in sys.modules
