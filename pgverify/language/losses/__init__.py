"""Reference losses as weights of scores: advantages × ratios × what each token counts × tokens, each idea once."""
