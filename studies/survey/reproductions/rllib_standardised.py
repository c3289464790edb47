"""RLlib 2.60.0: advantages are standardised with the mean and deviation of steps that are not learned from.

Promised: "Standardize advantages (used for more stable and better weighted policy gradient computations)"
(ray/rllib/connectors/learner/general_advantage_estimation.py).
Happens: `AddOneTsToEpisodesAndTruncate` made every episode one timestep longer; mean and deviation are taken over these
timesteps too, whose "advantages" hold what the next episode earned. LOSS_MASK leaves them out of the loss.
Since: the connector came, ray-project/ray#47401, 2024-08-29; ray-project/ray#57989 says so.
Smallest mending: take both over the steps where LOSS_MASK is True.

    pip install "ray[rllib]==2.60.0" torch && python rllib_standardised.py

Draft: "GeneralAdvantageEstimation: episodes of one step, rewards 1 and 3, values 0, terminated. On the steps of
LOSS_MASK the advantages are −0.58, 0.96; expected −1, 1. The artificial timesteps are in the mean and the deviation."
"""

from types import SimpleNamespace as Any

import torch
from ray.rllib.connectors.learner import GeneralAdvantageEstimation
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI

given = {"compute_values": lambda *_: torch.zeros(4), "is_stateful": lambda _: False}
module = type("Module", (ValueFunctionAPI,), given)()
episode = type("Episode", (list,), {"module_id": None})([0, 1])  # with the timestep that was added
modules = type("Modules", (dict,), {"framework": "torch"})(m=module)
modules.foreach_module = lambda func, **_: {"m": func("m", module)}
modules.as_multi_rl_module = lambda: modules
gae = GeneralAdvantageEstimation(gamma=1.0, lambda_=1.0)
gae.single_agent_episode_iterator = lambda *_, **__: [episode, episode]
ends = {"terminateds": torch.tensor([True, False, True, False]), "truncateds": torch.zeros(4, dtype=torch.bool)}
batch = {"m": {"rewards": torch.tensor([1.0, 0.0, 3.0, 0.0]), **ends}}
found = gae(rl_module=modules, episodes=[Any()], batch=batch)["m"]["advantages"]
print("right:", [-1.0, 1.0])
print("found:", found[[0, 2]].tolist())
