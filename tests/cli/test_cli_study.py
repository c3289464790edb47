"""`pgverify study` and `pgverify report`: exit codes, and runs that were interrupted."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_calls import call, refused
from tiny_studies import computed, write_study

from pgverify.running import open_store
from pgverify.running.fingerprint import package_digest


def test_a_study_whose_claims_hold_exits_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run = ("study", "run", str(write_study(tmp_path)), "--quick", "--workers", "1", "--out", str(out))
    code, printed, err = call(capsys, *run)
    assert code == 0
    assert re.fullmatch(r"pgverify: 1 worker process on \d+ processors?, one thread each\n", err)
    assert printed == f"tiny: 2 of 2 claims hold\nPage: {out / 'index.html'}\n"
    page = (out / "index.html").read_bytes()
    (out / "index.html").unlink()
    assert call(capsys, "report", str(out))[0] == 0
    assert (out / "index.html").read_bytes() == page
    assert call(capsys, "study", "status", str(out)) == (
        0,
        "tiny: 2 of 2 cells, finished (seed 0, quick)\n",
        "",
    )


def test_a_claim_that_fails_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, holds=False)
    code, out, _ = call(capsys, "study", "run", str(path), "--quick", "--workers", "1", "--out", str(tmp_path / "o"))
    assert code == 1
    assert "1 of 2 claims hold\n  FAILS mean: The mean is <small>. Expected 0, found 0.1.\n" in out


def test_a_cell_that_fails_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path, body="    if n == 1:\n        raise ValueError('no')")
    out = str(tmp_path / "o")
    code, _, err = call(capsys, "study", "run", str(path), "--quick", "--workers", "1", "--out", out)
    assert code == 1
    assert err.splitlines()[1:] == ["pgverify: study 'tiny', cell 1 (n=1, kind='odd'): ValueError: no"]
    assert call(capsys, "study", "status", out)[0] == 1


def test_a_study_that_decides_nothing_exits_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_study(tmp_path)
    path.write_text(
        path.read_text().replace("    return [\n        Claim", "    return []\n    return [\n        Claim")
    )
    run = ("study", "run", str(path), "--quick", "--workers", "1", "--out", str(tmp_path / "o"))
    assert call(capsys, *run)[0] == 3


def test_studies_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "study", "list") == (0, "tiny\n    Does it run & finish?\n", "")
    assert call(capsys, "study", "run", "--all", "--quick", "--workers", "1", "--out", "o")[0] == 0


def test_an_interrupted_run_says_how_to_resume_and_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "    while n == 2 and not (FOLDER / 'go').exists():\n        time.sleep(0.02)"
    path = write_study(tmp_path, body=body, count=3)
    out = tmp_path / "out"
    run = ["study", "run", str(path), "--workers", "2", "--out", str(out)]
    # Started as a background job (by a shell without job control) this test inherits an ignored SIGINT and would pass
    # it on: the child must start as one in a terminal does.
    process = subprocess.Popen(
        [sys.executable, "-m", "pgverify", *run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # One worker hangs in cell 2, the other has nothing to do: neither may complain when it is interrupted.
    with process:
        try:
            deadline = time.monotonic() + 120
            while (sorted(computed(path)) != [0, 1, 2] or cells_done(out) < 2) and time.monotonic() < deadline:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)  # the whole group, as a terminal does
            _, err = process.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # nothing outlives a failed test
    assert process.returncode == 130
    assert err.splitlines()[1:] == ["pgverify: interrupted; the same command resumes where it stood"]
    code, printed, _ = call(capsys, "study", "status", str(out))
    assert (code, printed) == (3, "tiny: 2 of 3 cells, unfinished (seed 0)\n")
    (path.parent / "go").touch()
    package_digest.cache_clear()  # the other process read the package's files just now, this one long ago
    assert call(capsys, *run)[0] == 0
    assert sorted(computed(path)) == [0, 1, 2, 2]


def cells_done(out: Path) -> int:
    with open_store(out, create=False) as store:
        return store.runs()[0].done


def test_a_finished_run_is_not_computed_again_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run = ("study", "run", str(path), "--quick", "--workers", "1", "--out", str(out))
    first = call(capsys, *run)
    code, printed, err = call(capsys, *run)
    assert (code, printed) == (0, first[1])
    assert "tiny with seed 0 is finished, nothing is computed; --again computes it anew" in err
    assert computed(path) == [0, 1]
    assert call(capsys, *run, "--again")[0] == 0
    assert computed(path) == [0, 1, 0, 1]
    assert call(capsys, *run, "--seed", "1")[1].startswith("tiny (seed-1): 2 of 2 claims hold")
    assert sorted(path.name for path in (out / "tiny").iterdir()) == [
        "README.md", "claims.csv", "figures", "index.html", "results.csv", "seed-1",
    ]  # fmt: skip


def test_finished_is_said_after_the_reports_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run = ("study", "run", str(path), "--quick", "--workers", "1", "--out", str(out))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pgverify.reporting.output.render_index", interrupted)
    assert call(capsys, *run)[0] == 130
    assert call(capsys, "study", "status", str(out)) == (
        3, "tiny: 2 of 2 cells, computed, reports unfinished (seed 0, quick)\n", "",
    )  # fmt: skip
    monkeypatch.undo()
    assert call(capsys, *run)[0] == 0
    assert computed(path) == [0, 1]
    assert call(capsys, "study", "status", str(out))[0] == 0


def test_a_report_runs_no_code_unless_it_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    call(capsys, "study", "run", str(path), "--quick", "--workers", "1", "--out", str(out))
    path.write_text(path.read_text().replace("The mean is <small>.", "Another text."))
    page = out / "tiny" / "index.html"
    assert call(capsys, "report", str(out))[0] == 0
    assert "The mean is" in page.read_text(encoding="utf-8")
    code, printed, _ = call(capsys, "report", str(out), "--trust")
    assert code == 0
    assert "was edited after its cells were computed" in printed
    assert "Another text." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--workers", "99999999999999999999"), "workers is 99999999999999999999, must be"),
        (("--workers", "0"), "workers is 0, must be an integer of at least 1"),
        (("--workers", "two"), "two"),
        (("--workers", "1", "--dask", "tcp://127.0.0.1:1"), "either --workers or --dask"),
    ],
)
def test_workers_that_make_no_sense_are_refused(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(tmp_path)
    assert said in refused(capsys, "study", "run", str(path), "--out", str(tmp_path / "out"), *options)
    assert not (tmp_path / "out").exists()
