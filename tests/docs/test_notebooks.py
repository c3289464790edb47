"""The notebooks run from top to bottom, and hold nothing that a machine has put in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from site_builder.notebooks import FOLDER, cells

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.slow  # one of them is short, and is run in the default suite below
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path) -> None:
    run(path)


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_shortest_runs() -> None:
    run(FOLDER / "theorem.ipynb")


def run(path: Path) -> None:
    namespace: dict[str, object] = {}
    for number, (kind, text) in enumerate(cells(path)):
        if kind == "code":
            exec(compile(text, f"{path.name}, cell {number}", "exec"), namespace)


def test_a_wrong_notebook_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ipynb"
    wrong.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ["assert 1 + 1 == 3"]}]}))
    with pytest.raises(AssertionError):
        run(wrong)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_has_no_outputs(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 3
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert set(found["metadata"]) == {"kernelspec", "language_info"}


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) >= 3
