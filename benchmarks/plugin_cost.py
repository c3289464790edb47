"""What the pytest plugin costs a suite that does not use it: `python benchmarks/plugin_cost.py`. Aim: below 10 ms.

pytest runs on an empty suite with the plugin and without it (`-p no:pgverify`), in turn; the heavy plugins of other
packages are left out of both. Processor time is compared: it depends less than the clock on what else the machine does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PAIRS = 60
OTHERS = ("jaxtyping", "hypothesispytest", "xdist", "xdist.looponfail", "platformdirs")


def seconds(folder: str, *options: str) -> float:
    """Return the processor time of one run; pytest's answer to an empty suite is exit code 5."""
    blocked = [f"-pno:{name}" for name in OTHERS]
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *blocked, *options, folder]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode not in (0, 5):
        raise SystemExit(ran.stdout.decode() + ran.stderr.decode())
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_nothing.py").write_text("")
        (Path(folder) / "pytest.ini").write_text("[pytest]\n")
        seconds(folder)  # fills the caches of both
        without, with_plugin = np.array(
            [(seconds(folder, "-pno:pgverify"), seconds(folder)) for _ in range(PAIRS)],
        ).T
    low, median, high = np.quantile(with_plugin - without, [0.25, 0.5, 0.75]) * 1e3
    print(f"pytest on an empty suite, without the plugin: {np.median(without) * 1e3:.0f} ms of processor time")
    print(f"with it: {median:+.1f} ms, the median of {PAIRS} differences (quartiles {low:+.1f} and {high:+.1f})")


if __name__ == "__main__":
    main()
