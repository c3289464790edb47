"""Families of further controls, one of which is tried after another where the usual ones leave something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.controls_by_block import controls_by_block, controls_by_end
from pgverify.checking.sampled.controls_by_coordinate import controls_by_coordinate
from pgverify.checking.sampled.controls_by_distance import Apart, controls_by_distance, distances_that_stand_out
from pgverify.checking.sampled.controls_by_place import controls_by_place
from pgverify.checking.sampled.controls_by_prefix import controls_by_prefix
from pgverify.checking.sampled.controls_by_ratio import controls_by_ratio
from pgverify.checking.sampled.controls_by_row import (
    controls_by_row,
    controls_by_row_and_time,
    rows_that_stand_out,
    usual_places,
)
from pgverify.checking.sampled.controls_by_start import controls_by_start
from pgverify.checking.sampled.controls_by_state import controls_by_state
from pgverify.checking.sampled.controls_by_step import controls_by_step, steps_that_stand_out
from pgverify.checking.sampled.controls_by_time import controls_by_time
from pgverify.checking.sampled.controls_by_weight import controls_by_kept_row, controls_by_piece, controls_by_weight
from pgverify.checking.sampled.controls_of_others import controls_of_others
from pgverify.checking.sampled.controls_of_parts import controls_of_parts
from pgverify.checking.sampled.more_controls import more_controls
from pgverify.checking.sampled.standing_out import Pursued
from pgverify.validation import Array

Family: TypeAlias = Callable[
    [Controls, Integer[Array, "m n"], Integer[Array, "n"] | None],
    Float[Array, "m k d"],
]
"""Controls of mean zero on batches of the given rows, in the given groups if there are any."""


def _without_groups(of: Callable[[Controls, Integer[Array, "m n"]], Float[Array, "m k d"]]) -> Family:
    """Return the family of controls that do not depend on which rows belong together."""

    @wraps(of)
    def family(
        controls: Controls, rows: Integer[Array, "m n"], _: Integer[Array, "n"] | None = None
    ) -> Float[Array, "m k d"]:
        return of(controls, rows)

    return family


def _of_resets(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    return controls.resets.controls(rows)


def _of_usual_rows(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    return controls_by_row(controls, rows, usual_places(rows.shape[1]))


FAMILIES: tuple[Family, ...] = (
    more_controls,
    _without_groups(controls_of_others),
    _without_groups(_of_resets),
    _without_groups(controls_by_time),
    _without_groups(controls_by_start),
    _without_groups(controls_of_parts),
    _without_groups(controls_by_place),
    _without_groups(_of_usual_rows),
    controls_by_block,
    _without_groups(controls_by_end),
    _without_groups(controls_by_prefix),
    _without_groups(controls_by_weight),
    _without_groups(controls_by_kept_row),
    _without_groups(controls_by_piece),
    _without_groups(controls_by_ratio),
    _without_groups(controls_by_state),
    _without_groups(controls_by_coordinate),
)
"""What depends on the order of the rows, what bends the others' returns, what an environment's resets add, what bends
the others' rewards-to-go at each time, what is made of those that begin in the same state, and of parts of a batch,
what adds up every second or third row, what has one row, a block of them or the first of each few as its baseline, or
a running mean, what weighs rows by their place, what leaves some of the first or last out, what compares them in
pieces or by their ratios, value tables fitted to others, and baselines of each parameter.

Each beside the usual ones, not all together: what is fitted on `FIT_MORE` batches must be fewer than those.
"""


def of_outstanding_rows(
    controls: Controls, rows: Integer[Array, "m n"], estimates: Float[Array, "m d"], beside: Float[Array, "m k d"]
) -> Family:
    """Return the family of the few rows of a batch that what other controls leave depends on, wherever they are.

    Seen on some batches; whether they explain the estimate is for others to confirm.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    estimates : [m, d]
        On them.
    beside : [m, k, d]
        The other controls on them.
    """
    places = rows_that_stand_out(controls, rows, estimates, beside)

    def found(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
        each = (of(controls, rows, places) for of in (controls_by_row, controls_by_row_and_time))
        return np.concatenate(list(each), axis=1)

    return _without_groups(found)


def pursued_families(controls: Controls, rows: Integer[Array, "m n"], pursued: Pursued) -> Iterator[Family]:
    """Yield families of what stands out in what the usual controls leave: places at which weights change, distances.

    Whether they explain the estimate is for other batches to confirm.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches.
    pursued : Pursued
        What is left of the estimates on them.
    """
    if places := steps_that_stand_out(controls, rows, pursued):
        yield _without_groups(partial(controls_by_step, places=places))
    apart = distances_that_stand_out(controls, rows, pursued)
    if apart != Apart():
        yield _without_groups(partial(controls_by_distance, apart=apart))


def likely_first(likely: Family | None) -> tuple[Family, ...]:
    """Return all families, that which explained the estimate elsewhere before the others."""
    return tuple(sorted(FAMILIES, key=lambda family: family is not likely))
