"""The zoo: named problems with known answers, random families, and importers of other people's tables."""

from pgverify.mdps.catalogue import entry, get, names
from pgverify.mdps.entry import Answer, Entry
from pgverify.mdps.files import load, save
from pgverify.mdps.garnet import garnet
from pgverify.mdps.gymnasium_tables import from_gymnasium

__all__ = ["Answer", "Entry", "entry", "from_gymnasium", "garnet", "get", "load", "names", "save"]
