"""What is asked for most often imports little: help no drawing of boxes, the process of a function no supervision."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELP = "from pgverify.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
CHILD = "import pgverify.isolated_child\n"
GUARDIAN = "import pgverify.guardian\n"


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (HELP, ("numpy", "rich", "pydantic", "psutil", "pandas")),
        (CHILD, ("numpy", "psutil", "typer", "rich", "pydantic")),
        (GUARDIAN, ("numpy", "psutil", "typer", "subprocess", "typing")),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, heavy: tuple[str, ...]) -> None:
    told = f"{code}import sys\nprint([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
    if code == HELP:
        lines = done.stdout.splitlines()
        assert lines[0].startswith("Usage: pgverify")
        assert not [line for line in lines if line.endswith("...") and "ARGS" not in line]  # no summary is cut off
