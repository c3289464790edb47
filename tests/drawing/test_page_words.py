"""Text on pages: sources become links, formulas in words are raised and lowered, and nothing else becomes a tag."""

from __future__ import annotations

import pytest

from pgverify.drawing.words import addresses, linked, scripts


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("arXiv 1906.07073", "https://arxiv.org/abs/1906.07073"),
        ("doi:10.1038/nature14236", "https://doi.org/10.1038/nature14236"),
        ("huggingface/trl#3029", "https://github.com/huggingface/trl/issues/3029"),
        ("JuliaReinforcementLearning/ReinforcementLearningZoo.jl#169",
         "https://github.com/JuliaReinforcementLearning/ReinforcementLearningZoo.jl/issues/169"),
        ("https://a.org/b", "https://a.org/b"),
    ],
)  # fmt: skip
def test_what_names_an_address_is_a_link(text: str, address: str) -> None:
    assert addresses(f"See {text}.") == [("See ", ""), (text, address), (".", "")]


@pytest.mark.parametrize(
    "text",
    ["streaming-drl#3", "a/b/c#1", "javascript:alert(1)/b#2x", "γ^t/2", "../etc/passwd#1", 'x" onclick="y', "R1/V #67"],
)
def test_nothing_else_is(text: str) -> None:
    """Negative control."""
    assert "<a" not in linked(text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("γ^t G_t", "γ<sup>t</sup> G<sub>t</sub>"),
        ("Σ_{k≤t} r_k", "Σ<sub>k≤t</sub> r<sub>k</sub>"),
        ("b*_t(s)", "b*<sub>t</sub>(s)"),
        ("e^{-ηrt}", "e<sup>-ηrt</sup>"),
        ("bound 1e-10, relative", 'bound <span class="whole">1e-10</span>, relative'),
        ("score_mean", "score_mean"),
        ("a__b {x} <b>_{<i>}", "a__b {x} &lt;b&gt;_{&lt;i&gt;}"),
    ],
)
def test_formulas_in_words(text: str, html: str) -> None:
    assert scripts(text) == html
