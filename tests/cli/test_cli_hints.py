"""What the command line says to who mistypes: the nearest command, the way to the list, help by its short name."""

from __future__ import annotations

import pytest
from cli_calls import call, refused


@pytest.mark.parametrize("before", [(), ("study",), ("study", "run"), ("check",), ("cases", "export")])
def test_short_help_is_help(before: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *before, "-h")
    assert (code, err) == (0, "")
    assert out == call(capsys, *before, "--help")[1]
    assert "Usage" in out


@pytest.mark.parametrize(
    ("typed", "near", "list_of"),
    [
        (("exat",), "exact", "pgverify --help"),
        (("bug",), "bugs", "pgverify --help"),
        (("study", "rn"), "run", "pgverify study --help"),
        (("cases", "exprt"), "export", "pgverify cases --help"),
    ],
)
def test_an_unknown_command_has_a_neighbour_and_a_list(
    typed: tuple[str, ...], near: str, list_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *typed)
    assert f"No such command '{typed[-1]}'" in said
    assert f"'{near}'" in said
    assert f"{list_of} lists the commands" in said


def test_a_distant_command_has_a_list_alone(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "frobnicate")
    assert "pgverify --help lists the commands" in said
    assert "Did you mean" not in said


def test_an_unknown_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--horizn" in refused(capsys, "exact", "river-swim", "--horizn", "3")
