"""xuance 1.4.4: where an episode is cut, PG counts the last reward twice.

Promised: "value estimates for terminal/terminated states … used for bootstrapping" (agents/core/on_policy.py,
`get_terminated_values`); "values_next: The values for terminal states" (agents/policy_gradient/pg_agent.py).
Happens: PG_Agent, which has no critic, returns the rewards of the last step for these values, and `finish_path` goes on
with them: at a time limit, and at the end of a full buffer. Episodes that terminate are right.
Since: a cut is bootstrapped, 879a8f1, 2024-07-06; at the end of a full buffer before that.
Smallest mending: return zeros.

    pip install xuance==1.4.4 torch && python xuance_pg_cut.py

Draft: "PG_Agent.get_terminated_values returns the rewards. A path with rewards 1, 10, 100 that is truncated, γ = 1, has
the returns 211, 210, 200; 111, 110, 100 are the sums of the rewards that were paid. Is another value intended here?"
"""

from types import SimpleNamespace

import gymnasium
import numpy as np
from xuance.common.memory_tools import DummyOnPolicyBuffer
from xuance.torch.agents.policy_gradient.pg_agent import PG_Agent

space = gymnasium.spaces.Discrete(2)
agent = SimpleNamespace(_process_reward=lambda rewards: rewards)
for name in ("right", "found"):
    buffer = DummyOnPolicyBuffer(space, space, {}, 1, 3, use_gae=False, gamma=1.0)
    for reward in (1.0, 10.0, 100.0):
        buffer.store(np.zeros(1), np.zeros(1), np.array([reward]), np.zeros(1), np.array([False]))
    values = PG_Agent.get_terminated_values(agent, None, np.array([100.0])) if name == "found" else np.zeros(1)
    buffer.finish_path(values[0], 0)
    print(f"{name}:", buffer.returns[0].tolist())
