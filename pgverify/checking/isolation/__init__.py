"""Somebody's function in a process of its own: supervised from one that imports no NumPy, and survives it."""
