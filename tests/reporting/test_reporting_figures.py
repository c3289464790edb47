"""Figures show the numbers they were given, say what one sees, and leave no global state behind."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import binomtest, norm

from pgverify.errors import InvalidData
from pgverify.reporting import figures
from pgverify.reporting.images import description, png


def sampled_rows(**changes: object) -> pd.DataFrame:
    rows = []
    for problem in ("chain", "grid"):
        for estimator, power in (("TotalReturn", 3), ("RewardToGo", 2)):
            for horizon in (2, 4, 8, 16):
                common = {"problem": problem, "estimator": estimator, "n": 100, "confidence": 0.95}
                variance = float(horizon**power)
                rows.append(
                    common
                    | {
                        "horizon": horizon, "quantity": "variance", "coordinate": -1, "exact": variance,
                        "sampled": 1.1 * variance, "low": 0.9 * variance, "high": 1.3 * variance, "z": 1.0,
                    }
                )  # fmt: skip
            rows.extend(
                common
                | {
                    "horizon": 16, "quantity": "gradient", "coordinate": k, "exact": 0.1 * k,
                    "sampled": 0.1 * k + 0.02, "low": 0.1 * k - 0.03, "high": 0.1 * k + 0.07, "z": -0.5,
                }
                for k in range(3)
            )  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def shares(times: int) -> pd.DataFrame:
    weights = {"start": 1.0, "action": 3.0, "transition": 2.0, "reward": 0.5}
    return pd.DataFrame(
        [
            {"time": t, "source": source, "trace": weight * (times - t)}
            for t in range(times)
            for source, weight in weights.items()
            if source != "start" or t == 0
        ]
    )


def gradients(**changes: object) -> pd.DataFrame:
    return sampled_rows(**changes).query("quantity == 'gradient'")


ALL = {
    "bias": lambda: figures.bias_with_confidence(gradients()),
    "variance": lambda: figures.variance_against_horizon(sampled_rows()),
    "beside": lambda: figures.exact_beside_sampled(sampled_rows()),
    "calibration": lambda: figures.z_calibration(sampled_rows()),
    "shares": lambda: figures.stacked_shares(shares(20)),
    "many shares": lambda: figures.stacked_shares(shares(60)),
}


SLOW = ("beside", "variance", "many shares")  # like another one of them


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in ALL])
def test_every_figure_draws_twice_the_same_and_leaves_no_state(name: str) -> None:
    before = dict(mpl.rcParams)
    figure = ALL[name]()
    assert dict(mpl.rcParams) == before
    assert isinstance(figure, Figure)
    data = png(figure)
    assert data.startswith(b"\x89PNG")
    assert png(ALL[name]()) == data
    assert figure.get_suptitle()
    for axis in figure.axes:
        assert axis.get_xlabel()
        assert axis.get_ylabel()


def test_bias_counts_what_covers_zero() -> None:
    rows = gradients()
    assert "12 of 12 intervals cover 0 (95 % intervals)" in figures.bias_with_confidence(rows).get_suptitle()
    rows.loc[rows.index[0], ["low", "sampled"]] = [0.01, 0.02]
    figure = figures.bias_with_confidence(rows)
    assert "11 of 12 intervals cover 0" in figure.get_suptitle()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["TotalReturn", "RewardToGo", "interval misses the exact number"]


def test_an_interval_with_nan_does_not_count_as_covering() -> None:
    figure = figures.bias_with_confidence(gradients(low=np.nan))
    assert "0 of 12 intervals cover 0" in figure.get_suptitle()


def test_rows_without_an_exact_number_are_left_out() -> None:
    rows = gradients()
    rows.loc[rows.index[:2], "exact"] = np.nan
    assert "10 of 10 intervals" in figures.bias_with_confidence(rows).get_suptitle()


def test_variance_lines_are_the_exact_numbers_on_log_axes() -> None:
    figure = figures.variance_against_horizon(sampled_rows())
    axis = figure.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    lines = {line.get_label(): line for line in axis.get_lines()}
    np.testing.assert_array_equal(lines["TotalReturn, exact"].get_ydata(), [8.0, 64.0, 512.0, 4096.0])
    np.testing.assert_array_equal(lines["RewardToGo, exact"].get_xdata(), [2, 4, 8, 16])


def test_simultaneous_intervals_state_their_error_rate() -> None:
    title = figures.bias_with_confidence(gradients(confidence=1 - 1e-6)).get_suptitle()
    assert "each fails with probability 1e-06" in title


def test_calibration_counts_what_lies_outside() -> None:
    scores = norm.ppf((np.arange(200) + 0.5) / 200)
    (axis,) = figures.z_calibration(pd.DataFrame({"z": scores})).axes
    assert axis.get_title("left").startswith("10 of 200 = 5.0 % outside ±1.96")
    low, high = binomtest(10, 200).proportion_ci()
    assert f"95 % interval {100 * low:.1f} % to {100 * high:.1f} %" in axis.get_title("left")
    (axis,) = figures.z_calibration(pd.DataFrame({"z": 2 * scores})).axes
    labels = [line.get_label() for line in axis.get_lines()]
    assert "z outside the band" in labels


def test_shares_are_stacked_to_their_sum() -> None:
    figure = figures.stacked_shares(shares(4))
    axis = figure.axes[0]
    tops = [bar.get_y() + bar.get_height() for bar in axis.patches]
    assert max(tops) == pytest.approx(4 * (1 + 3 + 2 + 0.5))
    # start 4; the others 10 steps' worth of 3, 2 and 0.5: 59 in all
    assert axis.get_title("left") == "start 7 %, action 51 %, transition 34 %, reward 8 %"


@pytest.mark.parametrize(
    ("draw", "rows", "message"),
    [
        (figures.bias_with_confidence, pd.DataFrame({"problem": ["p"]}), "no column 'estimator'"),
        (figures.bias_with_confidence, sampled_rows().iloc[:0], "has 0 rows"),
        (figures.bias_with_confidence, sampled_rows(exact=np.nan), "nothing to draw"),
        (figures.variance_against_horizon, sampled_rows(quantity="gradient"), "nothing to draw"),
        (figures.z_calibration, pd.DataFrame({"z": [np.nan]}), "no z-score"),
        (figures.stacked_shares, pd.DataFrame({"time": [0]}), "no column 'source'"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(draw: object, rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        draw(rows)  # type: ignore[operator]


def test_a_description_says_what_the_figure_says() -> None:
    figure = ALL["shares"]()
    assert description("shares", figure) == (
        "Where the variance comes from. start 6 %, action 51 %, transition 34 %, reward 9 %: "
        "variance added at t [(return per unit of θ)²] against time step t."
    ).replace("start 6 %, action 51 %, transition 34 %, reward 9 %", figure.axes[0].get_title("left"))
    assert description("a-name", Figure()) == "a name."
