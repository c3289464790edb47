"""The pages of the site before they are built: links, the navigation, formulas, and every public name."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import pgverify as pgv
from site_builder.__main__ import configuration, staged, title_of
from site_builder.absent_libraries import stood_in_for
from site_builder.docstrings import UnreadableDocstring, in_markdown, parse
from site_builder.formulas import UnreadableFormula, with_formulas
from site_builder.public_names import CHAPTERS, PublicName, all_names, offered
from site_builder.reference_pages import methods
from site_builder.signatures import HOME, ROOT, plain, signature
from site_builder.staging import BrokenLink, prepared, sources

LINK = re.compile(r"\]\(([^)\s]+)\)")
ARRAYS = re.compile(r"\b(?:Float|Integer|Int|Bool|Inexact|Complex|Num|Shaped)\[")
WHOLE = pytest.mark.slow
"""Stages the whole site, ten seconds and more: run by `make test-pages`; what it is made of is tested beside it."""

BARE = re.compile(r"\b(?:np\.ndarray|ndarray|NDArray)\b")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page as it is given to the builder, without those that are measured."""
    folder = tmp_path_factory.mktemp("site")
    with stood_in_for():
        found = staged(folder, measured=False)
    return {page: (folder / page).read_text(encoding="utf-8") for page in found}


@pytest.fixture(scope="module")
def names() -> list[PublicName]:
    with stood_in_for():
        return all_names()


# --- every public name


@WHOLE
def test_every_public_name_has_its_entry(pages: dict[str, str], names: list[PublicName]) -> None:
    documented = {name.dotted.rpartition(".")[2] for name in names} | {name.dotted for name in names}
    for room in pgv.__all__:
        if room == "__version__":
            continue
        value = getattr(pgv, room)
        if not inspect.ismodule(value):
            assert room in documented
        elif room == "adapters":  # whose own rooms are documented
            assert {each.dotted.split(".")[1] for each in names if each.chapter == room} == set(value.__all__)
        else:
            missing = {f"{room}.{name}" for name in offered(value)} - documented
            missing -= {f"{room}.{name}" for name in documented if "." not in name and getattr(pgv, name, None)}
            assert missing == set()
    for name in names:
        assert f"## `{name.dotted}` {{ #{name.anchor} }}" in pages[f"reference/{name.chapter}.md"]
        assert f"reference/{name.chapter}.md#{name.anchor}".removeprefix("reference/") in pages["reference/index.md"]


@WHOLE
def test_no_page_documents_a_thing_twice(names: list[PublicName]) -> None:
    """`pgv.check` and `pgv.checking.check` are one; constants may be equal."""
    entries = [(name.chapter, id(name.value)) for name in names if callable(name.value)]
    assert len(set(entries)) == len(entries)


@WHOLE
def test_every_public_name_says_where_its_source_is(pages: dict[str, str], names: list[PublicName]) -> None:
    for name in names:
        page = pages[f"reference/{name.chapter}.md"]
        entry = page[page.index(f"{{ #{name.anchor} }}") :].split("\n## ")[0]
        found = re.findall(rf'href="{HOME}/blob/main/([^"#]+)#L\d+"', entry)
        assert len(found) == 1, name.dotted
        assert (ROOT / found[0]).is_file(), name.dotted


@WHOLE
def test_every_array_has_its_shape(names: list[PublicName]) -> None:
    """Of functions, classes and methods: what is annotated as an array says which axes it has."""
    arrays = 0
    for name in names:
        members = (
            [name.value, *(member for _, member in methods(name.value))]
            if inspect.isclass(name.value)
            else [name.value]
        )
        for member in members:
            if inspect.isclass(member) or inspect.isfunction(plain(member)):
                text = signature(member, name.dotted)
                assert not BARE.search(text), f"{name.dotted}: an array without a shape in {text}"
                arrays += len(ARRAYS.findall(text))
    assert arrays > 200


@WHOLE
def test_parameters_in_a_docstring_are_those_of_the_signature(names: list[PublicName]) -> None:
    for name in names:
        value = plain(name.value)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        listed = parse(value.__doc__, name.dotted).sections.get("Parameters", ())
        written = signature(value, "")
        for item in listed:
            for one in re.split(r", ", item.name):
                assert re.search(rf"\b{re.escape(one.lstrip('*'))}\b", written), f"{name.dotted} has no parameter {one}"


@WHOLE
def test_every_chapter_has_names(pages: dict[str, str]) -> None:
    assert all(pages[f"reference/{chapter}.md"].count("\n## ") >= 2 for chapter in CHAPTERS)


# --- links and navigation


@WHOLE
def test_every_link_leads_somewhere(pages: dict[str, str]) -> None:
    """Links between pages are followed here, anchors by the builder; addresses of the repository name its files."""
    outside = 0
    for place, text in pages.items():
        for target in LINK.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
            address, _, _ = target.partition("#")
            if address.startswith(HOME):
                path = re.sub(r"^/(blob|tree)/main/", "", address.removeprefix(HOME))
                assert (
                    path in ("", "/security/advisories/new") or path.startswith("/issues") or (ROOT / path).exists()
                ), target
            elif re.match(r"[a-z]+:", address):
                assert address.startswith("https://"), target
                outside += 1
            elif address.endswith(".md"):
                assert str(Path(place).parent / address) in pages or _joined(place, address) in pages, (
                    f"{place}: {target}"
                )
    assert outside > 20


def _joined(place: str, address: str) -> str:
    import os

    return os.path.normpath(Path(place).parent / address)


def test_links_of_the_readme_are_whole_addresses() -> None:
    """An index shows it where no other file of ours is."""
    found = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) >= 10
    for target in found:
        assert target.startswith(f"{HOME}/blob/main/"), target
        assert (ROOT / target.removeprefix(f"{HOME}/blob/main/")).exists(), target


def test_on_a_code_host_no_link_is_broken() -> None:
    """Pages are read in the repository, too: what the site generates has a page there that says where it is."""
    for origin in sources():
        text = re.sub(r"^```.*?^```", "", (ROOT / origin).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in LINK.findall(text):
            address = target.partition("#")[0]
            if address and not re.match(r"[a-z]+:", address):
                assert ((ROOT / origin).parent / address).exists(), f"{origin}: {target}"


@pytest.mark.parametrize("text", ["[a](no-such-page.md)", "![a](no-such-picture.png)", "[a](../../outside)"])
def test_a_broken_link_is_refused(text: str) -> None:
    with pytest.raises(BrokenLink, match="links to"):
        prepared(text, "docs/index.md", "index.md", sources(), {"index.md"})


def test_links_are_moved_to_where_pages_are() -> None:
    text = "[a](../SECURITY.md) [b](../examples) `[c](d.md)`\n\n```\n[e](f.md)\n```\n"
    found = prepared(text, "docs/faq.md", "faq.md", sources(), {"faq.md"})
    assert found == text.replace("../SECURITY.md", "security.md").replace("../examples", f"{HOME}/tree/main/examples")


@WHOLE
def test_every_page_is_in_the_navigation(pages: dict[str, str]) -> None:
    everything = pages | {"tables/probing.md": "# What probing environments see\n"}
    found = configuration(everything | {"new.md": "# A `new` page\n", "answers/new.md": "# Why?\n"})
    assert all(f'"{page}"' in found for page in everything)
    assert '{ "A new page" = "new.md" }' in found
    assert '{ "Why?" = "answers/new.md" }' in found
    assert "estimators.md" in everything or '"estimators.md"' not in found
    with pytest.raises(ValueError, match="navigation"):
        configuration({"index.md": "# One\n"})


def test_titles() -> None:
    assert title_of("text\n# A `b` *c* { #d }\n# no\n") == "A b c"


# --- docstrings and formulas


def test_a_docstring_of_another_style_is_refused() -> None:
    with pytest.raises(UnreadableDocstring, match="no docstring"):
        parse("", "name")
    with pytest.raises(UnreadableDocstring, match="section 'Argument'"):
        parse("Sum.\n\nArgument\n--------\nx : int\n", "name")


def test_a_docstring_is_taken_apart() -> None:
    found = parse(
        """Return y.

            y = 2 x

        Longer.

        Parameters
        ----------
        x, z : [n]
            In units
            of reward.
        flag
            Whether.

        Raises
        ------
        Wrong
            When.
        """,
        "name",
    )
    assert (found.summary, found.body) == ("Return y.", "    y = 2 x\n\nLonger.")
    first, second = found.sections["Parameters"]
    assert (first.name, first.kind, first.text) == ("x, z", "[n]", "In units\nof reward.")
    assert (second.name, second.kind, second.text) == ("flag", "", "Whether.")
    assert [item.name for item in found.sections["Raises"]] == ["Wrong"]


def test_running_text_stays_what_it_is() -> None:
    text = "Σ_t ψ_t is *not* [n, d] for b* < c; see `Grouped` and `x_y`."
    assert in_markdown(text, lambda name: "a.md#b" if name == "Grouped" else None) == (
        "Σ\\_t ψ\\_t is *not* \\[n, d\\] for b\\* &lt; c; see [`Grouped`](a.md#b) and `x_y`."
    )


def test_formulas_become_mathml_and_code_stays() -> None:
    found = with_formulas("a $x_1$ b `$y$`\n\n$$\\sum_t x$$\n\n```\n$z$\n```\n")
    assert found.count("<math") == 2
    assert "`$y$`" in found
    assert "```\n$z$\n```" in found
    assert "\\sum" not in found


@pytest.mark.parametrize("latex", ["\\nosuchcommand{x}", "\\left( x"])
def test_a_formula_that_cannot_be_drawn_is_refused(latex: str) -> None:
    with pytest.raises(UnreadableFormula):
        with_formulas(f"$${latex}$$")
