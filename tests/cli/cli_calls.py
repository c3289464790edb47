"""Call the command line in this process, as a shell would see it: exit code, standard output, standard error."""

from __future__ import annotations

import pytest

from pgverify.cli import main


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the sentence on standard error of a call that was wrong."""
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("pgverify: ")
    return last
