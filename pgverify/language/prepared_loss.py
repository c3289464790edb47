"""A loss made ready to be called: its framework, and the kind of mask it can use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Integer

from pgverify.errors import InvalidInput
from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.frameworks.named import FRAMEWORKS
from pgverify.language.limited_loss import LossTooSlow
from pgverify.language.row_table import RowTable
from pgverify.validation import Array


@dataclass(frozen=True)
class PreparedLoss:
    """A loss of a framework.

    Attributes
    ----------
    loss : CompletionBatch -> scalar
    framework : str
    flags : bool
        Whether its mask is of bool; otherwise 1 and 0 of the numbers' type.
    """

    loss: Callable[[Any], Any]
    framework: str
    flags: bool = True

    def on(self, table: RowTable) -> LossCall:
        """Return the function that calls it on rows of a table."""
        return FRAMEWORKS[self.framework](self.loss, table, self.flags)

    def single(self, table: RowTable) -> LossCall:
        """Return the same with every number in single precision."""
        return FRAMEWORKS[self.framework](self.loss, table, self.flags, "float32")


def prepared_loss(
    loss: Callable[[Any], Any], framework: str, table: RowTable, rows: Integer[Array, "B"]
) -> PreparedLoss:
    """Return a loss with the kind of mask on which it does not fail, tried on one batch; flags where it fails on both.

    Raises
    ------
    InvalidInput
        When the framework is not installed.
    """
    with_flags = PreparedLoss(loss, framework)
    call = with_flags.on(table)
    try:
        call(rows)
    except (LossTooSlow, KeyboardInterrupt):
        raise
    except InvalidInput:
        return with_flags
    except BaseException:  # 1 − mask, mask.mean(): what flags cannot do
        with_numbers = PreparedLoss(loss, framework, flags=False)
        try:
            with_numbers.on(table)(rows)
        except (LossTooSlow, KeyboardInterrupt):
            raise
        except BaseException:  # the first failure is the one to tell
            return with_flags
        return with_numbers
    return with_flags
