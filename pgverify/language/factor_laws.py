"""The law that a multiple follows from tree to tree, in words."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.language.trials import LossDesign, Trial

LAWFUL = "/T (T: the padded width)"
"""The law under which the factor differs from tree to tree."""

ALIKE = 1e-6
"""Factors that differ by less, relatively, are one."""

LARGEST_DIVISOR = 12
"""Numbers by which a factor may be divided, such as a largest length."""


def factor_law(factors: Sequence[float], trials: Sequence[Trial], design: LossDesign) -> str:
    """Return the multiple in words: the number, and the laws of G, of the rows B and of the width T that give it.

    Several laws can give one number: with G = 4, 1/G is (1 − 1/G)/3.
    """
    widths = [float(t.problem.longest) for t in trials]
    if all(_alike(f, factors[0]) for f in factors):
        laws = _constant_laws(factors[0], design)
        first, *rest = laws or [""]
        others = f" (or {', '.join(rest)})" if rest else ""
        return f"{factors[0]:.6g}{f' = {first}' if first else ''}{others}"
    if all(_alike(f * w, factors[0] * widths[0]) for f, w in zip(factors, widths, strict=True)):
        laws = _constant_laws(factors[0] * widths[0], design)
        number = f"{factors[0] * widths[0]:.6g}"
        return f"{laws[0] if laws else number}{LAWFUL}"
    return f"a factor that differs from tree to tree ({', '.join(f'{f:.4g}' for f in factors)})"


def _constant_laws(factor: float, design: LossDesign) -> list[str]:
    """Return the laws that give a number, those of the group first."""
    size = design.group_size
    rows = size * design.prompts
    own = 1.0 - 1.0 / size
    known = [("1", 1.0)] + ([("(1 − 1/G)", own), ("G/(G − 1)", 1.0 / own)] if size > 1 else [])
    known += [("(1 − 1/B)", 1.0 - 1.0 / rows)] if rows > max(size, 1) else []
    known += [("G", float(size)), ("P (prompts)", float(design.prompts)), ("B (rows)", float(rows))]
    known += [(f"1/{name}", 1.0 / value) for name, value in known[-3:]]
    laws = [name for name, value in known if _alike(factor, value)]
    for name, value in known[: 2 if size > 1 else 1]:
        divisor = value / factor
        if 1 < round(divisor) <= LARGEST_DIVISOR and _alike(divisor, round(divisor)):
            laws.append(f"{name}/{round(divisor)}")
    return sorted(laws, key=lambda law: "1 − 1/G" not in law)


def _alike(first: float, second: float) -> bool:
    return abs(first - second) <= ALIKE * abs(second)
