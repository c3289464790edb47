"""An answer that nobody reads to its end, as behind `| head`: nothing is said about it, and it is not fine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.name != "posix", reason="pipes that break")
def test_nobody_is_accused_where_nobody_reads_on() -> None:
    command = [sys.executable, "-m", "pgverify", "exact", "river-swim", "--horizon", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == ""
        assert program.wait(60.0) == 1
