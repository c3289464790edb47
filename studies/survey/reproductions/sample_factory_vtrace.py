"""sample-factory 2.1.1: with V-trace the last step of a rollout within an episode has advantage 0, whatever it paid.

Promised: "Enables V-trace off-policy correction" (sample_factory/cfg/cfg.py, --with_vtrace).
Happens: `_calculate_losses` begins with next_values = (V(s_t) − r_t)/γ of the last step, so that its TD error is 0 by
definition; the value of the state reached, which `_prepare_batch` has computed for GAE, is not used.
Since: V-trace came, 6faa66e, 2019-12-16. Smallest mending: keep values[:, -1] of the batch, and begin with it.

    pip install sample-factory==2.1.1 torch && python sample_factory_vtrace.py

Draft: "V-trace bootstraps from (V − r)/γ of the last step. Rollout of two steps, V = 0 throughout, γ = 1, ratios 1:
with rewards 0, 8 the advantages are 0, 0 before normalisation; expected 8, 8. The last reward is lost."
"""

from contextlib import nullcontext
from types import SimpleNamespace as Any

import torch
from sample_factory.algo.learning.learner import Learner
from sample_factory.utils.attr_dict import AttrDict

zero, two = torch.zeros(()), torch.zeros(2)
settings = Any(recurrence=2, ppo_clip_ratio=0.1, ppo_clip_value=1, use_rnn=False, with_vtrace=True, gamma=1.0)
vars(settings).update(vtrace_rho=1.0, vtrace_c=1.0)
policy = Any(log_prob=lambda _: two)
network = Any(forward_head=lambda x: x, forward_core=lambda x, s: (x, s), action_space=None)
vars(network).update(forward_tail=lambda *_, **__: {"values": two}, action_distribution=lambda: policy)
own = Any(cfg=settings, timing=Any(add_time=lambda _: nullcontext()), actor_critic=network, device="cpu")
vars(own).update(_policy_loss=Learner._policy_loss, _value_loss=lambda *_: zero)
vars(own).update(exploration_loss_func=lambda *_: zero, kl_loss_func=lambda *_: (zero, zero))
names = ("normalized_obs", "rnn_states", "actions", "log_prob_actions", "action_logits", "values")
given = dict.fromkeys(names, two) | {"valids": torch.ones(2), "rewards_cpu": torch.tensor([0.0, 8.0])}
for words, end in (("right:", 1.0), ("found:", 0.0)):  # where the rollout ends with the episode it is right
    told = Learner._calculate_losses(own, AttrDict(**given, dones_cpu=torch.tensor([0.0, end])), 0)[-1]
    print(words, (told["adv"] * told["adv_std"] + told["adv_mean"]).tolist())
