"""Evidence by listing: every trajectory, or every batch, that a small problem has, with its probability."""
