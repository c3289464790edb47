"""rsl-rl 5.5.1: a time-out adds the value of the state acted in, not of the state reached.

Promised: "Bootstrapping on time outs" (rsl_rl/algorithms/ppo.py, `process_env_step`).
Happens: γV(s_t) is added to the reward of the last step; a bootstrap is γV(s_{t+1}). rsl_rl#151: an approximation.
Since: the first commit, ff9e971, 2021-10-27.
Smallest mending: hand over the critic's value of the last observation before the reset.

    pip install rsl-rl-lib==5.5.1 torch && python rsl_rl_time_out.py

Draft: "process_env_step adds gamma · transition.values at a time-out, which is the value of the observation before the
step. With V(s_t) = 5, V(s_{t+1}) = 0, reward 1 and γ = 1 the stored reward is 6; expected 1."
"""

from types import SimpleNamespace

import torch
from rsl_rl.algorithms import PPO

stored = []
keep = SimpleNamespace(add_transition=lambda transition: stored.append(float(transition.rewards)))
nothing = SimpleNamespace(reset=lambda _: None)
transition = SimpleNamespace(values=torch.tensor([[5.0]]), clear=lambda: None)
agent = SimpleNamespace(
    storage=keep, transition=transition, rnd=None, device="cpu", gamma=1.0, actor=nothing, critic=nothing
)
ended = torch.tensor([True])
PPO.process_env_step(agent, None, torch.tensor([1.0]), ended, {"time_outs": ended})
print("right:", [1.0 + 0.0])
print("found:", stored)
