"""What the study of baselines draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def ratios(rows: pd.DataFrame) -> Figure:
    """Return the variances of all baselines beside that of the best, a line a problem."""
    from matplotlib.ticker import NullLocator

    from pgverify.reporting.canvas import REFERENCE, colours, legend_below, panels, style

    rows = rows[~rows["baseline"].isin(["b*", "b* disturbed"])]
    problems = list(rows["problem"].unique())
    look = colours(list(rows["baseline"].unique()))
    with style():
        figure, (axis,) = panels(1, width=6.2, height=5.4)
        for k, (name, (colour, marker)) in enumerate(look.items()):
            part = rows[(rows["baseline"] == name) & np.isfinite(rows["ratio"])]
            place = part["problem"].map(problems.index) + 0.13 * (k - (len(look) - 1) / 2)
            axis.plot(part["ratio"], place, marker, color=colour, ms=5, mew=0, label=name)
        for name in rows.loc[np.isinf(rows["ratio"]), "problem"].unique():
            trace = rows[rows["problem"] == name].set_index("baseline")["trace"]
            said = f"b* leaves 0, none {trace['none']:.2f}, V {trace['V']:.1f}, textbook {trace['textbook']:.1f}"
            axis.text(1.05, problems.index(name), said, va="center", fontsize=9)
        axis.axvline(1.0, color=REFERENCE, lw=1.2, label="b*, the best")
        axis.set_xscale("log")
        axis.set_xticks([1, 1.5, 2, 3, 5, 10, 20, 50], ["1", "1.5", "2", "3", "5", "10", "20", "50"])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_yticks(range(len(problems)), problems)
        axis.set_ylim(len(problems) - 0.5, -0.5)
        axis.set_xlabel("variance of the reward-to-go / that with b*")
        axis.set_title("exact; in the last two problems all states look alike")
        figure.suptitle("How far from the best baseline", x=0.01, ha="left")
        legend_below(figure, [axis])
    return figure


def laws(table: pd.DataFrame) -> Figure:
    """Return the two laws, computed and derived: rare arms, and the size of a batch."""
    from pgverify.reporting.canvas import PALETTE, colours, panels, style

    family, batch = table[table["part"] == "family"], table[table["part"] == "batch"]
    rare = family["rare"]
    derived = {
        "ratio": ("V / b*", family["predicted"]),
        "to_none": ("V / none", ((1 - 2 * rare) ** 2 / rare**2 + 1) / 2),
    }
    with style():
        figure, axes = panels(2, width=4.8, height=3.9)
        for (column, (label, law)), marker, colour in zip(derived.items(), "so", PALETTE, strict=False):
            axes[0].plot(rare, family[column], marker, color=colour, ms=5, label=label)
            axes[0].plot(rare, law, color=colour, lw=0.9)
        axes[0].set_xscale("log")
        axes[0].set_xlabel("probability ε of the rare arm")
        axes[0].set_ylabel("ratio of variances")
        axes[0].set_title("V can be arbitrarily bad: lines ∝ ε⁻² as ε → 0")
        for name, (colour, marker) in colours(list(batch["problem"].unique())).items():
            part = batch[batch["problem"] == name]
            axes[1].plot(part["n"], part["excess"], marker, color=colour, ms=5, label=name)
            axes[1].plot(part["n"], part["excess"].iloc[0] / (part["n"] - 1), color=colour, lw=0.9)
        axes[1].set_xscale("log", base=2)
        axes[1].set_xlabel("batch size n")
        axes[1].set_ylabel("n tr Cov / tr Cov with J, less 1")
        axes[1].set_title("Leave-one-out tends to J: lines ∝ 1/(n−1)")
        for axis in axes:
            axis.set_yscale("log")
            axis.legend()
        figure.suptitle("Two laws, exact: points computed, lines derived", x=0.01, ha="left")
    return figure
