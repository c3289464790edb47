"""What the package says about itself: where it lives, how it is cited, which Python, which extras."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import pgverify

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOME = "https://github.com/pgverify/pgverify"


def test_it_says_where_it_lives() -> None:
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= set(PROJECT["urls"])
    for address in PROJECT["urls"].values():
        assert address.startswith(HOME)
        path = re.sub(r"^/(blob|tree)/main/", "", address.removeprefix(HOME))
        assert path in ("", "/issues") or (ROOT / path).exists(), address


def test_classifiers_are_the_versions_that_are_allowed() -> None:
    named = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)}
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert named == {f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.0" in allowed}


def test_the_citation_is_of_this_version() -> None:
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert f"version: {pgverify.__version__}\n" in cited
    assert f"version = {{{pgverify.__version__}}}" in page
    for needed in ("cff-version: 1.2.0", "title:", "authors:", "message:", f'repository-code: "{HOME}"'):
        assert needed in cited


def test_extras_are_documented_and_pinned_only_where_they_must() -> None:
    page = (ROOT / "docs" / "contents.md").read_text(encoding="utf-8")
    for extra, needed in PROJECT["optional-dependencies"].items():
        if extra not in ("dev", "thirdparty"):  # for those who develop pgverify itself
            assert f"pgverify[{extra}]" in page, extra
        exact = [text for text in needed if "==" in str(Requirement(text).specifier)]
        assert not exact or extra in ("thirdparty", "docs"), exact


@pytest.mark.parametrize("name", ["SECURITY.md", "CITATION.cff", "CHANGELOG.md", "LICENSE", "README.md"])
def test_what_a_reader_of_the_source_needs_is_in_it(name: str) -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert f"/{name}" in build["targets"]["sdist"]["include"]
    assert all((ROOT / path.lstrip("/")).exists() for path in build["targets"]["sdist"]["include"])
