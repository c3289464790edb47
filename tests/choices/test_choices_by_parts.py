"""Walks by parts: in several processes, and begun again where they were ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from branching_programs import EndsAfter, coins, ends_its_process, refuses_late

import pgverify as pgv
from pgverify.choices.subtrees import subtrees
from pgverify.errors import InvalidFile, InvalidRun, TooLarge

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def test_parts_make_up_the_whole(tmp_path: Path) -> None:
    plain = pgv.choices.expectation(coins)
    assert plain.runs > 150
    parts = pgv.choices.expectation(coins, resume=tmp_path / "sums")
    assert parts.runs == plain.runs
    assert parts.mean == pytest.approx(plain.mean, rel=1e-14)
    assert parts.covariance == pytest.approx(plain.covariance, rel=1e-12)
    assert parts.scale == pytest.approx(plain.scale, rel=1e-13)


def test_no_part_begins_another() -> None:
    roots = subtrees(coins).roots
    paths = [tuple(draw.index for draw in root) for root in roots]
    assert len(set(paths)) == len(paths) >= 64
    assert paths == sorted(paths)
    assert not any(one != other and other[: len(one)] == one for one in paths for other in paths)


@pytest.mark.slow
def test_the_number_of_processes_changes_no_bit(tmp_path: Path) -> None:
    alone = pgv.choices.expectation(coins, resume=tmp_path / "sums")
    several = pgv.choices.expectation(coins, processes=2)
    assert several.mean.tobytes() == alone.mean.tobytes()
    assert several.covariance.tobytes() == alone.covariance.tobytes()


@pytest.mark.slow
def test_what_is_refused_in_another_process_is_said() -> None:
    with pytest.raises(InvalidRun, match="ZeroDivisionError"):
        pgv.choices.expectation(refuses_late, processes=2)
    with pytest.raises(InvalidRun, match=r"exit code 7.*at the top of a module"):
        pgv.choices.expectation(ends_its_process, processes=2)


def test_what_no_process_could_find_is_refused() -> None:
    with pytest.raises(InvalidRun, match=r"cannot be sent to another process.*top of a module"):
        pgv.choices.expectation(lambda world: coins(world), processes=2)


@pytest.mark.slow
def test_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Every attempt but the last is ended; without the file each would begin anew, and none would come to the end."""
    whole = pgv.choices.expectation(coins, resume=tmp_path / "whole")
    run, attempts = EndsAfter(tmp_path / "runs", 450), 0
    for _ in range(20):
        attempts += 1
        try:
            found = pgv.choices.expectation(run, resume=tmp_path / "sums")
            break
        except KeyboardInterrupt:
            continue
    else:
        pytest.fail("never came to the end")
    assert attempts > 1
    assert found.mean.tobytes() == whole.mean.tobytes()
    assert found.runs == whole.runs


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    pgv.choices.expectation(coins, resume=tmp_path / "sums")
    with pytest.raises(InvalidFile, match="another program"):
        pgv.choices.expectation(lambda world: [*coins(world), 1.0], resume=tmp_path / "sums")
    (tmp_path / "text").write_text("no sums, but a sentence that is longer than a header of a data base\n" * 20)
    with pytest.raises(InvalidFile, match="no file of sums"):
        pgv.choices.expectation(coins, resume=tmp_path / "text")
    with pytest.raises(InvalidFile, match="cannot be opened"):
        pgv.choices.expectation(coins, resume=tmp_path / "no folder" / "sums")


def test_the_limit_holds_by_parts_too(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="limit=140"):
        pgv.choices.expectation(coins, limit=140, resume=tmp_path / "sums")


def test_normal_numbers_are_nodes() -> None:
    """E x⁴ = 3, E exp(x/2) = exp(1/8), E x y = 0; of exp the error is seen by fewer nodes."""

    def run(world: pgv.choices.World) -> list[float]:
        x, y = world.normal(), world.normal(5)
        return [x**4, np.exp(x / 2.0), x * y]

    found = pgv.choices.expectation(run)
    assert found.mean == pytest.approx([3.0, np.exp(0.125), 0.0], abs=1e-9)
    assert found.runs == 45
    assert found.quadrature_error is not None
    off = abs(float(found.mean[1]) - np.exp(0.125))
    assert off <= found.quadrature_error[1] < 1e-6


def test_the_error_of_a_kink_is_seen() -> None:
    """E |x| = √(2/π): no rule of few nodes has it, and two of them are as far apart as it is off."""
    found = pgv.choices.expectation(lambda world: [abs(world.normal())])
    assert found.quadrature_error is not None
    assert abs(found.mean[0] - np.sqrt(2.0 / np.pi)) > 0.01
    assert found.quadrature_error[0] > 0.01
