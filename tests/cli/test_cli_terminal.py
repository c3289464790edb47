"""A sign of life: on a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io
import sys
import time

import pytest

from pgverify.cli import terminal
from pgverify.cli.terminal import sign_of_life


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
        deadline = time.monotonic() + 10
        while shown and "thinking" not in screen.getvalue() and time.monotonic() < deadline:
            assert sys.stdout is out  # the oracle has redirected it, and will give it back itself
            time.sleep(0.01)
    assert ("thinking" in screen.getvalue()) == shown
    assert sys.stdout is out
    assert sys.stderr is screen
