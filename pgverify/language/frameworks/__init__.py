"""How a loss is differentiated, a framework each: nothing of one is imported where another is asked for."""
