"""Evidence by sampling: of samplers, and of implementations that are random themselves."""
