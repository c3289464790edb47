"""Golden cases: problems, batches and exact answers in one JSON document, for tests written in other languages."""

from pgverify.cases.document import golden
from pgverify.cases.files import export, load
from pgverify.kinds import suggesting

__all__ = ["export", "golden", "load"]


__getattr__ = suggesting(__name__, __all__)
