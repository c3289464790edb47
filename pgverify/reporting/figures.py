"""Figures for tidy tables of results: each function takes rows and returns a figure that says what one sees.

Sampled rows have the columns `problem, estimator, quantity, coordinate, exact, sampled, low, high, z, n,
confidence` and optionally `horizon`. `quantity` is "gradient" or "variance"; `coordinate` is -1 for the trace
of a covariance; `exact` may be NaN, such a row is left out where the exact number is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from pgverify.errors import InvalidData
from pgverify.exact.martingale_shares import SOURCES
from pgverify.reporting.canvas import (
    ALARM,
    MISSED,
    PALETTE,
    REFERENCE,
    colours,
    headline,
    legend_below,
    panels,
    style,
)
from pgverify.reporting.facets import level, names, needed, percent, several_horizons, split
from pgverify.stats import Calibration, uniform_band

UNITS = {"gradient": "return per unit of θ", "variance": "(return per unit of θ)²"}
SAMPLED_COLUMNS = ("problem", "estimator", "quantity", "coordinate", "exact", "sampled", "low", "high")
MANY_POINTS = 200
"""Above this many points they are an image in a vector figure: as outlines they would weigh more than the page may."""
MANY_TIMES = 40
"""Above this many time steps bars become hairlines: a stacked area is drawn instead."""


def bias_with_confidence(rows: pd.DataFrame) -> Figure:
    """Draw sampled minus exact with its confidence interval, a panel for each problem and quantity."""
    rows = needed(rows, SAMPLED_COLUMNS).dropna(subset=["exact", "sampled"])
    facets = split(rows, ["problem", "quantity"] + ["horizon"] * several_horizons(rows))
    estimators = names(rows, "estimator")
    look = colours(estimators)
    with style():
        figure, axes = panels(len(facets))
        missed = 0
        for axis, (title, part) in zip(axes, facets, strict=True):
            coordinates = sorted(int(c) for c in part["coordinate"].unique())
            place = {c: i for i, c in enumerate(coordinates)}
            present = [e for e in estimators if (part["estimator"] == e).any()]
            axis.axhline(0, color=REFERENCE, lw=1)
            for k, estimator in enumerate(present):
                mine = part[part["estimator"] == estimator].sort_values("coordinate", kind="stable")
                shift = (k - (len(present) - 1) / 2) * min(0.18, 0.7 / len(present))
                x = np.array([place[c] for c in mine["coordinate"]]) + shift
                missed += _interval(axis, x, mine, mine["exact"].to_numpy(float), look[estimator], estimator)
            _coordinate_axis(axis, coordinates)
            axis.set_title(title)
            axis.margins(x=0.05 if len(coordinates) > 3 else 0.25)
            axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
            axis.set_ylabel(f"sampled − exact\n[{UNITS.get(part['quantity'].iloc[0], '')}]")
        headline(
            figure,
            f"Sampled minus exact: {len(rows) - missed} of {len(rows)} intervals cover 0{level(rows)}",
        )
        legend_below(figure, axes)
    return figure


def variance_against_horizon(rows: pd.DataFrame) -> Figure:
    """Draw the trace of the covariance against the horizon: exact as a line, sampled as points with bars."""
    rows = needed(rows, (*SAMPLED_COLUMNS, "horizon"))
    rows = rows[(rows["quantity"] == "variance") & (rows["coordinate"] == -1)]
    facets = split(rows, ["problem"])
    estimators = names(rows, "estimator")
    look = colours(estimators)
    with style():
        figure, axes = panels(len(facets))
        for axis, (title, part) in zip(axes, facets, strict=True):
            for estimator in estimators:
                mine = part[part["estimator"] == estimator].sort_values("horizon", kind="stable")
                if mine.empty:
                    continue
                colour, marker = look[estimator]
                exact = mine.dropna(subset=["exact"])
                axis.plot(exact["horizon"], exact["exact"], color=colour, lw=1.6, label=f"{estimator}, exact")
                seen = mine.dropna(subset=["sampled"])
                axis.errorbar(
                    seen["horizon"], seen["sampled"], yerr=_bars(seen), fmt=marker, ms=5, color=colour,
                    mfc="white", capsize=2.5, elinewidth=1.2, label=f"{estimator}, sampled",
                )  # fmt: skip
            axis.set_yscale("log")
            _log_labels(axis)
            _horizon_axis(axis, part["horizon"].to_numpy(float))
            axis.set_title(title)
            axis.set_ylabel(f"trace of covariance, one trajectory\n[{UNITS['variance']}]")
        headline(figure, f"Variance against horizon: lines exact, points sampled{level(rows)}")
        legend_below(figure, axes)
    return figure


def exact_beside_sampled(rows: pd.DataFrame) -> Figure:
    """Draw every sampled number against the exact one, with its interval and the diagonal."""
    rows = needed(rows, SAMPLED_COLUMNS).dropna(subset=["exact", "sampled"])
    facets = split(rows.sort_values("quantity", kind="stable"), ["quantity"])
    estimators = names(rows, "estimator")
    look = colours(estimators)
    with style():
        figure, axes = panels(len(facets), width=5.0, height=4.4)
        for axis, (title, part) in zip(axes, facets, strict=True):
            numbers = part[["exact", "sampled"]].to_numpy(float)
            spread = bool((part["low"] > 0).all()) and numbers.min() > 0 and numbers.max() / numbers.min() > 20
            missed = 0
            for estimator in estimators:
                mine = part[part["estimator"] == estimator]
                if not mine.empty:
                    x = mine["exact"].to_numpy(float)
                    missed += _interval(axis, x, mine, np.zeros(len(mine)), look[estimator], estimator, x)
            if spread:  # a line through less than a decade is easier to read on plain axes
                axis.set_xscale("log")
                axis.set_yscale("log")
            ends = [float(numbers.min()), float(numbers.max())]
            axis.plot(ends, ends, color=REFERENCE, lw=1, zorder=1, label="sampled = exact")
            unit = UNITS.get(part["quantity"].iloc[0], "")
            axis.set_xlabel(f"exact [{unit}]")
            axis.set_ylabel(f"sampled [{unit}]")
            axis.set_title(f"{title}: {len(part) - missed} of {len(part)} intervals reach the diagonal")
        headline(figure, f"Sampled against exact{level(rows)}")
        legend_below(figure, axes)
    return figure


def z_calibration(rows: pd.DataFrame) -> Figure:
    """Draw z-scores against normal quantiles, with a band that holds all of them 95 % of the time.

    The band and the interval for the share outside ±1.96 take the scores as independent: scores of one batch
    are not quite, and wander together.
    """
    from scipy.special import ndtri

    scores = needed(rows, ("z",))["z"].dropna().to_numpy(float)
    if len(scores) == 0:
        raise InvalidData("rows has no z-score that is not NaN, at least one is needed")
    found = Calibration.of(scores)
    theory, scores = found.theoretical, found.observed
    low, high = (ndtri(bound) for bound in uniform_band(found.count))
    with style():
        figure, (axis,) = panels(1, width=4.6, height=4.6)
        few = np.unique(np.linspace(0, found.count - 1, MANY_POINTS).astype(int))  # of a smooth band
        axis.fill_between(
            theory[few], low[few], high[few], color=PALETTE[0], alpha=0.16, lw=0, label="95 % band, all at once"
        )
        axis.plot(theory, theory, color=REFERENCE, lw=1, label="standard normal")
        inside = (scores >= low) & (scores <= high)
        many, label = bool(inside.sum() > MANY_POINTS), "z inside the band"
        axis.plot(theory[inside], scores[inside], "o", ms=3.5, color=PALETTE[0], label=label, rasterized=many)
        if not inside.all():
            axis.plot(theory[~inside], scores[~inside], "x", ms=5, color=ALARM, label="z outside the band")
        for edge in (-1.96, 1.96):
            axis.axhline(edge, color=REFERENCE, lw=0.8, ls=(0, (4, 3)))
        axis.set_xlabel("quantile of the standard normal")
        axis.set_ylabel("z = (sampled − exact) / standard error")
        axis.set_title(
            f"{round(found.outside * found.count)} of {found.count} = {percent(found.outside, 1)} outside ±1.96\n"
            f"5 % expected; 95 % interval {percent(found.outside_low, 1)} to {percent(found.outside_high, 1)}"
        )
        headline(figure, "Are the z-scores standard normal?")
        legend_below(figure, [axis])
    return figure


def stacked_shares(rows: pd.DataFrame) -> Figure:
    """Draw how much variance each source adds at each time step, stacked (columns: time, source, trace)."""
    rows = needed(rows, ("time", "source", "trace"))
    facets = split(rows, [name for name in ("problem", "estimator") if name in rows])
    known = [s for s in SOURCES if (rows["source"] == s).any()]
    sources = known + [s for s in names(rows, "source") if s not in known]
    look = colours(sources)
    with style():
        figure, axes = panels(len(facets))
        for axis, (title, part) in zip(axes, facets, strict=True):
            table = part.pivot_table(index="time", columns="source", values="trace", aggfunc="sum", fill_value=0.0)
            table = table.reindex(columns=sources, fill_value=0.0)
            total = float(table.to_numpy().sum())
            times = table.index.to_numpy()
            shares = {s: table[s].to_numpy(float) for s in sources}
            if len(times) > MANY_TIMES:
                axis.stackplot(
                    times,
                    *shares.values(),
                    labels=sources,
                    colors=[look[s][0] for s in sources],
                )
            else:
                base = np.zeros(len(times))
                for s in sources:
                    axis.bar(times, shares[s], bottom=base, color=look[s][0], width=0.86, label=s, lw=0)
                    base = base + shares[s]
            parts = ", ".join(f"{s} {percent(shares[s].sum() / total)}" for s in sources) if total else "nothing"
            axis.set_title(f"{title}\n{parts}".strip())
            axis.set_xlabel("time step t")
            axis.set_ylabel(f"variance added at t\n[{UNITS['variance']}]")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
            axis.grid(axis="x", visible=False)
        headline(figure, "Where the variance comes from")
        legend_below(figure, axes)
    return figure


def _bars(rows: pd.DataFrame) -> np.ndarray:
    """Return the lengths [2, n] of the bars below and above the sampled numbers."""
    sampled = rows["sampled"].to_numpy(float)
    low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
    lengths: np.ndarray = np.clip(np.stack([sampled - low, high - sampled]), 0.0, None)
    finite: np.ndarray = np.nan_to_num(lengths, nan=0.0, posinf=0.0)
    return finite


def _interval(
    axis: Axes,
    x: np.ndarray,
    rows: pd.DataFrame,
    shift: np.ndarray,
    look: tuple[str, str],
    label: str,
    target: np.ndarray | None = None,
) -> int:
    """Draw intervals less `shift`; ring those that miss the exact number and return how many do."""
    y = rows["sampled"].to_numpy(float) - shift
    low, high = rows["low"].to_numpy(float) - shift, rows["high"].to_numpy(float) - shift
    aim = np.zeros(len(rows)) if target is None else target
    colour, marker = look
    axis.errorbar(
        x, y, yerr=_bars(rows), fmt=marker, ms=4, color=colour, elinewidth=1.1,
        capsize=0 if len(x) > 30 else 2, alpha=0.9, label=label, rasterized=len(x) > MANY_POINTS,
    )  # fmt: skip
    missed = ~((low <= aim) & (aim <= high))
    if missed.any():
        axis.plot(x[missed], y[missed], "o", ms=11, mfc="none", mec=ALARM, mew=1.6, label=MISSED)
    return int(missed.sum())


def _coordinate_axis(axis: Axes, coordinates: Sequence[int]) -> None:
    """Label every coordinate, or about ten of many; -1 is the trace."""
    every = max(1, len(coordinates) // 10)
    places = list(range(0, len(coordinates), every))
    axis.set_xticks(places, ["trace" if coordinates[i] == -1 else f"{coordinates[i]:.0f}" for i in places])
    axis.set_xlabel("coordinate of θ" if any(c >= 0 for c in coordinates) else "")
    axis.grid(axis="x", visible=False)


def _log_labels(axis: Axes) -> None:
    """Label powers of ten, and 2 and 5 between them where fewer than two would be seen."""
    low, high = axis.get_ylim()
    axis.yaxis.set_minor_formatter(NullFormatter())
    if high / low < 100:
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _horizon_axis(axis: Axes, horizons: np.ndarray) -> None:
    """Use a log axis where the horizons span a factor of eight, so that powers of T are straight lines."""
    values = np.unique(horizons)
    if values[0] > 0 and values[-1] / values[0] >= 8:
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
    ticks = values if len(values) <= 9 else values[:: len(values) // 6]
    axis.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.set_xlabel("horizon T [steps]")
