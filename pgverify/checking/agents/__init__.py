"""Whole agents: the exact expected update of a training loop, as it runs, beside what it should follow."""
