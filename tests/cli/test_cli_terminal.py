"""A sign of life: on a terminal, after a while, and nowhere else; and standard output that is closed or full."""

from __future__ import annotations

import io
import sys
import time

import pytest
from cli_calls import call

from pgverify import cases
from pgverify.cli import terminal
from pgverify.cli.terminal import reserved_output, sign_of_life


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "patience", "shown"), [(Terminal, 0.0, True), (Terminal, 60.0, False), (io.StringIO, 0.0, False)]
)
def test_it_is_shown_on_a_terminal_after_a_while(
    stream: type[io.StringIO], patience: float, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, out = stream(), sys.stdout
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(terminal, "PATIENCE", patience)
    monkeypatch.setenv("TERM", "xterm")
    with sign_of_life("thinking"):
        deadline = time.monotonic() + 60
        while shown and "thinking" not in screen.getvalue() and time.monotonic() < deadline:
            assert sys.stdout is out  # the oracle has redirected it, and will give it back itself
            time.sleep(0.01)
    assert ("thinking" in screen.getvalue()) == shown
    assert sys.stdout is out
    assert sys.stderr is screen


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream_is_no_fault(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = io.StringIO()
    monkeypatch.setattr(sys, "stderr", other)
    monkeypatch.setattr(sys, "stdout", other)
    monkeypatch.setattr(sys, closed, None)
    with reserved_output() as answer, sign_of_life("thinking"):
        print("noise")
        print("the answer", file=answer)
    assert other.getvalue() == ("the answer\n" if closed == "stderr" else "")


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(path: object, seed: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cases, "export", full)
    sentence = "pgverify: reading or writing failed: No space left on device\n"
    assert call(capsys, "cases", "export", "x.json") == (2, "", sentence)
