"""Calling somebody's function: guarded, within a time limit, with every failure as data."""
