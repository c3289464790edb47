"""pfrl 0.4.0: REINFORCE credits the first action with a reward that was never paid, and drops the first reward.

Promised: "William's episodic REINFORCE" with returns that are the "sum of future rewards" (pfrl/agents/reinforce.py).
Happens: `_observe_train` appends the last reward twice; `accumulate_grad` leaves the first one out (`r_seq[1:]`).
Since: the first commit, a0ad6a7, 2020-06-25; the `[1:]` fits ChainerRL's `act_and_train(obs, reward)`.
Smallest mending: remove the second append, and the `[1:]`.

    pip install pfrl==0.4.0 && python pfrl_reinforce.py

Draft: "REINFORCE: the returns of an episode with rewards 1, 10, 100 are 210, 200, 100; expected 111, 110, 100. The last
reward is appended in `_observe_train` twice, and the first dropped in `accumulate_grad`. The attached script shows it."
"""

from types import SimpleNamespace

import numpy as np
import torch
from pfrl.agents import REINFORCE

REWARDS = [1.0, 10.0, 100.0]
leaves = [torch.zeros(1, requires_grad=True) for _ in REWARDS]  # one log-probability a step
steps = iter(leaves)


def act(_):
    leaf = next(steps)
    calls = {"sample": lambda: torch.tensor([0]), "log_prob": lambda _: leaf, "entropy": lambda: torch.zeros(1)}
    return SimpleNamespace(**calls)


agent = REINFORCE(act, torch.optim.SGD(leaves, lr=0.0), batchsize=1)
for t, reward in enumerate(REWARDS):
    agent.act(np.zeros(1, dtype=np.float32))
    agent.observe(np.zeros(1, dtype=np.float32), reward, done=t == len(REWARDS) - 1, reset=False)
print("right:", [sum(REWARDS[t:]) for t in range(len(REWARDS))])
print("found:", [-float(leaf.grad) for leaf in leaves])
