"""brax 0.14.2: the advantages of `compute_gae` are no GAE(λ): what follows the next step counts γ, not γλ.

Promised: "Calculates the Generalized Advantage Estimation (GAE)", with "lambda_: Mix between 1-step (lambda_=0) and
n-step (lambda_=1)" (brax/training/agents/ppo/losses.py).
Happens: advantages are r + γ vs_{t+1} − V(s_t), as V-trace has them, and vs_{t+1} holds the λ-mixture already: at λ = 0
they look two steps ahead. In the mean over trajectories, with an exact critic, nothing is lost; λ trades less bias and
more variance than it says. The targets `vs` are those of λ, and λ = 1 is not touched.
Since: the function came, 87ba3c8, 2021-06-03. Smallest mending: return `vs_minus_v_xs` as advantages.

    pip install brax==0.14.2 jax && python brax_gae.py

Draft: "compute_gae with lambda_=0: rewards 1, 10, 100, discount 1, values 0. Advantages found 11, 110, 100; expected
the TD errors 1, 10, 100. The second return value uses vs of the next step, which is a V-trace advantage, not GAE."
"""

import jax.numpy as jnp
from brax.training.agents.ppo.losses import compute_gae

rewards, nothing = jnp.array([[1.0], [10.0], [100.0]]), jnp.zeros((3, 1))
end = nothing.at[-1].set(1.0)
for lam, right in ((1.0, [111.0, 110.0, 100.0]), (0.5, [31.0, 60.0, 100.0]), (0.0, [1.0, 10.0, 100.0])):
    targets, advantages = compute_gae(nothing, end, rewards, nothing, jnp.zeros(1), lam, 1.0)
    print("λ =", lam, "right:", right, "found:", advantages[:, 0].tolist(), "targets less V:", targets[:, 0].tolist())
