"""skrl 2.1.1: with the default configuration, PPO's advantages run on across a cut into the next episode.

Promised: the Generalized Advantage Estimator (skrl/agents/torch/ppo/ppo.py, `compute_gae`).
Happens: `time_limit_bootstrap` is False, and then only `terminated` ends the recursion: after a step that was truncated
the value and the advantage that are stored next, of another episode, are taken for those of this one.
Since: the end of an episode became `terminated`, 34b558b, 2022-10-28; skrl#449.
Smallest mending: end the recursion at `truncated` always, and bootstrap with V of the state reached.

    pip install skrl==2.1.1 torch && python skrl_cut.py

Draft: "compute_gae with time_limit_bootstrap=False: two episodes of one step, each truncated, without a critic. The
advantage of the first contains the reward of the second. Expected: nothing of another episode."
"""

import torch
from skrl.agents.torch.ppo.ppo import compute_gae

column = {"rewards": torch.tensor([[1.0], [100.0]]), "values": torch.zeros(2, 1)}
ends = {"terminated": torch.zeros(2, 1, dtype=torch.bool), "truncated": torch.ones(2, 1, dtype=torch.bool)}
for bootstrap in (True, False):
    returns, _ = compute_gae(
        **column,
        **ends,
        last_values=torch.zeros(1, 1),
        discount_factor=1.0,
        lambda_coefficient=1.0,
        time_limit_bootstrap=bootstrap,
    )
    print("right:" if bootstrap else "found:", returns[:, 0].tolist())
