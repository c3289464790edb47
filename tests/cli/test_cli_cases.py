"""`pgverify cases export`: the file and the seed reach the library, and its refusal the user."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_calls import call, refused

from pgverify import cases
from pgverify.errors import InvalidFile


def test_file_and_seed_are_passed_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[Path, int]] = []
    monkeypatch.setattr(cases, "export", lambda path, seed: seen.append((path, seed)))
    assert call(capsys, "cases", "export", "some.json") == (0, "Golden cases: some.json\n", "")
    call(capsys, "cases", "export", "some.json", "--seed", "5")
    assert seen == [(Path("some.json"), 1), (Path("some.json"), 5)]


def test_a_refusal_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(path: Path, seed: int) -> None:
        raise InvalidFile(f"{path} cannot be written")

    monkeypatch.setattr(cases, "export", refuse)
    assert refused(capsys, "cases", "export", "no/x.json") == "pgverify: no/x.json cannot be written"
    assert "Missing argument" in refused(capsys, "cases", "export")
