"""Losses for language models, judged on token trees whose every group of completions is listed."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.language.check import check_lm
from pgverify.language.completion_batch import CompletionBatch
from pgverify.language.loss_report import Estimand, LossReport

__all__ = ["CompletionBatch", "Estimand", "LossReport", "check_lm"]

__getattr__ = _suggesting(__name__, __all__)
