"""What lies beside a study: the files it depends on, and how its modules are imported."""

from pgverify.beside.imports import at_home
from pgverify.beside.what_it_reads import Dependencies, dependencies

__all__ = ["Dependencies", "at_home", "dependencies"]
