"""Losses of language models as entries of the catalogue: advantages, masks, KL terms, ratios, and false alarms."""
