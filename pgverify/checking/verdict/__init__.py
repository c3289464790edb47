"""From evidence to words: what was claimed, what was found, what it is called, and what to do next."""
