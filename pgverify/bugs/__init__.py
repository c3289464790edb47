"""The catalogue of bugs: each entry a runnable implementation, cause, cure, effect and source."""

from pgverify.bugs.bug import Bug, Effect, Implementation
from pgverify.bugs.catalogue import CATALOGUE, ENTRIES, get, names
from pgverify.bugs.compositions import COMPOSITIONS, with_sign_reversed
from pgverify.bugs.forms import FORMS
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.catalogue import LOSS_ENTRIES
from pgverify.bugs.pairs import PAIRS
from pgverify.bugs.targets import TARGETS
from pgverify.kinds import suggesting as _suggesting

__all__ = [
    "CATALOGUE",
    "COMPOSITIONS",
    "ENTRIES",
    "FORMS",
    "LOSS_ENTRIES",
    "PAIRS",
    "TARGETS",
    "Bug",
    "Effect",
    "Implementation",
    "LossBug",
    "get",
    "names",
    "with_sign_reversed",
]

__getattr__ = _suggesting(__name__, __all__)
