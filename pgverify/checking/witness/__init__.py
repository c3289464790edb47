"""How a fault is shown: the problem, the trajectory, and the weights on it."""
