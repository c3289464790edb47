"""A wheel without extras runs every shipped study, or says in one sentence which extra is missing, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
NEEDS = {"unbiasedness": "gymnasium"}
"""Studies with the extra that they cannot do without."""

ANSWERED = (
    *("--help", "mdps", "bugs", "bugs 7", "study list"),
    *("exact river-swim --horizon 3 --moments", "variance river-swim --horizon 3"),
)
"""Commands that need nothing but the wheel."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="where a venv keeps its programs")]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a wheel of this checkout into an environment of its own."""
    home = tmp_path_factory.mktemp("plain")
    run = {"check": True, "capture_output": True, "timeout": 900.0}
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], **run)  # type: ignore[call-overload]
    pip = [str(home / "venv" / "bin" / "python"), "-m", "pip"]
    try:
        subprocess.run([*pip, "wheel", "--no-deps", "-w", str(home), str(ROOT)], **run)  # type: ignore[call-overload]
        (wheel,) = home.glob("*.whl")
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, "install", *constraints, str(wheel)], **run)  # type: ignore[call-overload]
    except subprocess.CalledProcessError as reason:
        pytest.skip(f"no packages to be had: {reason.stderr[-200:]!r}")
    return home / "venv" / "bin" / "pgverify"


def asked(program: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=900.0, env=environment, cwd=program.parent
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ANSWERED)
def test_a_command_answers(command: str, program: Path) -> None:
    code, out, _ = asked(program, *command.split())
    assert code == 0
    assert out


@pytest.mark.parametrize("study", sorted(path.parent.name for path in (ROOT / "studies").glob("*/study.py")))
def test_a_study_runs_or_names_what_it_lacks(study: str, program: Path, tmp_path: Path) -> None:
    code, out, err = asked(program, "study", "run", study, "--quick", "--workers", "1", "--out", str(tmp_path / "out"))
    if study in NEEDS:
        assert code == 2
        assert err.count("\n") == 1
        assert f"pip install pgverify[{NEEDS[study]}]" in err
    else:
        assert code == 0
        assert f"{study}: " in out


@pytest.mark.parametrize("extra", ["gymnasium", "dask", "docs", "test"])
def test_an_extra_is_installed_alone(extra: str, program: Path, tmp_path: Path) -> None:
    """Each in an environment of its own; torch and JAX are those of `make test-thirdparty`."""
    run = {"check": True, "capture_output": True, "timeout": 900.0}
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], **run)  # type: ignore[call-overload]
    (wheel,) = program.parents[2].glob("*.whl")
    python = str(tmp_path / "venv" / "bin" / "python")
    constraints = ["--constraint", str(ROOT / "constraints.txt")] if extra != "dask" else []
    subprocess.run([python, "-m", "pip", "install", *constraints, f"{wheel}[{extra}]"], **run)  # type: ignore[call-overload]
    subprocess.run([python, "-m", "pip", "check"], **run)  # type: ignore[call-overload]
    code, out, _ = asked(tmp_path / "venv" / "bin" / "pgverify", "exact", "river-swim", "--horizon", "3")
    assert (code, bool(out)) == (0, True)


def test_the_wheel_of_the_source_distribution_is_the_wheel(program: Path, tmp_path: Path) -> None:
    """What is published as source can be built without the repository."""
    run = {"check": True, "capture_output": True, "timeout": 900.0}
    python = str(program.parent / "python")
    try:
        subprocess.run([python, "-m", "pip", "install", "build"], **run)  # type: ignore[call-overload]
        subprocess.run([python, "-m", "build", "--outdir", str(tmp_path), str(ROOT)], **run)  # type: ignore[call-overload]
    except subprocess.CalledProcessError as reason:
        pytest.skip(f"no packages to be had: {reason.stderr[-200:]!r}")
    (built,) = tmp_path.glob("*.whl")  # built from the source distribution beside it
    (wheel,) = program.parents[2].glob("*.whl")
    assert files_of(built) == files_of(wheel)


def files_of(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())
