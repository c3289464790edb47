"""agilerl 2.58.0: GAE stops one step early, and runs on across the end of an episode.

Promised: "returns and advantages … using GAE or Monte Carlo" (agilerl/components/rollout_buffer.py).
Happens: `collect_rollouts` stores with step t whether the episode ended with it; the recursion reads done of t + 1.
Since: the buffer came, 08ec224, 2025-07-04. Smallest mending: `next_non_terminal = 1.0 - dones_np[t]`, as
its Monte Carlo branch has it.

    pip install agilerl==2.58.0 peft torch && python agilerl_gae.py

Draft: "compute_returns_and_advantages with use_gae=True: two episodes with rewards 1, 10, 100, γ = λ = 1, no critic.
Found 11, 10, 111 and 11, 10, 100; expected 111, 110, 100 twice. done is stored with step t, and read at t + 1."
"""

from types import SimpleNamespace

import torch
from agilerl.components.rollout_buffer import RolloutBuffer

for gae in (False, True):
    tensors = {name: torch.zeros(6, 1) for name in ("values", "advantages", "returns")}
    tensors |= {"rewards": torch.tensor([1.0, 10, 100] * 2)[:, None], "dones": torch.tensor([0.0, 0, 1] * 2)[:, None]}
    settings = {"capacity": 6, "pos": 6, "full": True, "num_envs": 1, "gamma": 1.0, "gae_lambda": 1.0}
    buffer = SimpleNamespace(buffer=tensors, use_gae=gae, **settings)
    RolloutBuffer.compute_returns_and_advantages(buffer, [0.0], [True])
    print("found:" if gae else "right:", buffer.buffer["returns"][:, 0].tolist())
