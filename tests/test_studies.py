"""Loading studies, and the seeds of their cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidFile, UnknownName
from pgverify.studies import load_study, study_cells, study_files


def test_studies_are_found_by_folder_file_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_study(tmp_path / "studies")
    assert study_files(tmp_path / "studies") == {"tiny": path}
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", str(path), str(path.parent)):
        study, found = load_study(name)
        assert study.name == "tiny"
        assert found.resolve() == path


def test_an_unknown_study_lists_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "studies", "variance")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match="unknown study 'varience': the nearest known are variance"):
        load_study("varience")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("STUDY = 3", "defines STUDY as int"),
        ("", "defines STUDY as NoneType"),
        ("def (", "cannot be loaded: SyntaxError"),
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_file_without_a_study_is_refused_every_time(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.py"
    path.write_text(text)
    for _ in range(2):  # a half-loaded module must not be taken for a whole one
        with pytest.raises(InvalidFile, match=message):
            load_study(str(path))


def test_seeds_depend_on_name_seed_and_index_alone(tmp_path: Path) -> None:
    # Names that share their first eight letters: the seeds must come from all of a name.
    names = ("a-long-name-one", "a-long-name-two")
    grids = {
        (name, seed): study_cells(load_study(str(write_study(tmp_path, name)))[0], seed, quick=False)
        for name in names
        for seed in (0, 1)
    }
    seeds = [cell.seed for cells in grids.values() for cell in cells]
    assert len(set(seeds)) == len(seeds) == 24
    quick = study_cells(load_study(str(tmp_path / names[0]))[0], 0, quick=True)
    assert quick == grids[names[0], 0][:2]
