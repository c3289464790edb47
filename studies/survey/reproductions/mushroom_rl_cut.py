"""mushroom-rl 1.10.2: after an episode that reached the horizon, A2C's return runs on into the next episode.

Promised: "The value function is estimated using rollouts (monte carlo estimation)", over "a dataset"
(mushroom_rl/utils/value_functions.py, `compute_advantage_montecarlo`).
Happens: A2C.fit hands it all steps, in which episodes follow each other; the recursion ends at `absorbing` only,
and `last`, which is True at the horizon of the environment, is no argument. `compute_gae` beside it has one.
Since: the function came, c6f2ca0, 2019-09-19.
Smallest mending: take `last`; where it is True and `absorbing` is not, go on with V(next state).

    pip install --no-deps mushroom-rl==1.10.2 && pip install numpy && python mushroom_rl_cut.py

Draft: "compute_advantage_montecarlo: two episodes of one step, each cut at the horizon (absorbing False, last True),
rewards 1 and 100, V = 0, γ = 1. The returns are 101 and 100; expected 1 and 100, as compute_gae with λ = 1 has them."
"""

import numpy as np
from mushroom_rl.utils.value_functions import compute_advantage_montecarlo, compute_gae


def critic(states):
    return states


nothing, rewards, absorbing = np.zeros((2, 1)), np.array([1.0, 100.0]), np.array([False, False])
last = np.array([True, True])
returns, _ = compute_gae(critic, nothing, nothing, rewards, absorbing, last, 1.0, 1.0)
print("right:", returns[:, 0].tolist())
returns, _ = compute_advantage_montecarlo(critic, nothing, nothing, rewards, absorbing, 1.0)
print("found:", returns[:, 0].tolist())
