"""The zoo: named problems with known answers, random families, and importers of other people's tables."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.mdps.catalogue import entry, get, names
from pgverify.mdps.files import load, save
from pgverify.mdps.gymnasium_tables import from_gymnasium
from pgverify.mdps.named_mdp import Entry, KnownAnswer
from pgverify.mdps.observed_histories import histories, history
from pgverify.mdps.random_mdps import garnet
from pgverify.mdps.token_trees import token_prefixes, tokens

__all__ = [
    "Entry",
    "KnownAnswer",
    "entry",
    "from_gymnasium",
    "garnet",
    "get",
    "histories",
    "history",
    "load",
    "names",
    "save",
    "token_prefixes",
    "tokens",
]

__getattr__ = _suggesting(__name__, __all__)
