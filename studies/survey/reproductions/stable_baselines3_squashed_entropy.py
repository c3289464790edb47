"""stable-baselines3 2.9.2: the entropy bonus of a squashed policy has an expected gradient of zero.

Promised: "ent_coef: Entropy coefficient for the loss calculation", "Entropy loss favor exploration" (ppo.py, a2c.py).
Happens: with squash_output=True, which asks for use_sde=True, the entropy is None ("Approximate entropy when no
analytical form"), and A2C and PPO take mean(−log π(a|s)) of the stored actions for it. E ∇ log π(a|s) is zero: on
average it pushes nowhere, as long as the policy is the one that acted.
Since: 2ce31c1, 2020-02-11.
Smallest mending: there, draw an action that depends on the parameters, and go backwards through its −log π.

    pip install stable-baselines3==2.9.2 torch && python stable_baselines3_squashed_entropy.py

Draft: "With use_sde=True and squash_output=True the entropy loss is -th.mean(-log_prob) on the stored actions. Its
gradient has expectation zero, so that ent_coef has no effect on average in the first epoch. A script shows both."
"""

import torch
from stable_baselines3.common.distributions import StateDependentNoiseDistribution

torch.manual_seed(0)
COUNT = 400_000
for name in ("right", "found"):
    mean, log_std = torch.full((1, 1), 0.5, requires_grad=True), torch.full((1, 1), -0.5, requires_grad=True)
    policy = StateDependentNoiseDistribution(1, squash_output=True)
    policy.proba_distribution_net(latent_dim=1)
    policy.proba_distribution(mean.expand(COUNT, 1), log_std, latent_sde=torch.ones(COUNT, 1))
    actions = policy.bijector.forward(policy.distribution.rsample())
    actions = actions if name == "right" else actions.detach()  # as the buffer holds them
    # Within 0.01 of −2 E tanh x and 1 − 2 E tanh(x) (x − 0.5), for x = 0.5 + exp(−0.5) ε; or of 0, twice.
    (-policy.log_prob(actions)).mean().backward()
    print(f"{name}:", [round(float(leaf.grad), 2) for leaf in (mean, log_std)])
