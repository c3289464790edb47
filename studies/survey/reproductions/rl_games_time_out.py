"""rl-games 1.6.5: a time-out adds the value of the state acted in, not of the state reached.

Promised: "value_bootstrap: Bootstraping value when episode is finished" (README, configuration of PPO).
Happens: `play_steps` adds γ · res_dict["values"] to the reward, which is V(s_t); a bootstrap is γV(s_{t+1}).
Since: the setting came, bcd3783, 2021-08-20; Denys88/rl_games#128 says so too.
Smallest mending: ask the critic for the last observation before the reset, where the environment hands it over.

    pip install rl-games==1.6.5 torch && python rl_games_time_out.py

Draft: "play_steps adds gamma · values of the observation before the step at a time-out. With V(s_t) = 5,
V(s_{t+1}) = 0, reward 1 and γ = 1 the return is 6; expected 1."
"""

from types import SimpleNamespace as Any

import torch
from rl_games.common.a2c_common import A2CBase


def store(name, n, value):
    stored[name][n] = 0.0 if value is None else value


ended, zero = {"time_outs": torch.ones(1)}, torch.zeros(1, 1)
step = ({"obs": None}, torch.tensor([[1.0]]), torch.ones(1, dtype=torch.uint8), ended)
stored = {name: torch.zeros(1, 1, 1) for name in ("values", "rewards", "obses")} | {"dones": torch.zeros(1, 1)}
keep = Any(update_data=store, tensor_dict=stored, get_transformed_list=lambda *_: {})
none = Any(update=lambda _: None, process_infos=lambda *_: None)
agent = Any(update_list=["values"], horizon_length=1, use_action_masks=False, has_central_value=False, gamma=1, tau=1)
vars(agent).update(value_bootstrap=True, num_agents=1, batch_size=1, obs={"obs": None}, dones=torch.ones(1))
vars(agent).update(env_step=lambda _: step, rewards_shaper=torch.clone, cast_obs=lambda x: x, get_values=lambda _: zero)
vars(agent).update(game_rewards=none, game_shaped_rewards=none, game_lengths=none, algo_observer=none, tensor_list=[])
vars(agent).update({f"current_{name}": torch.zeros(1, 1) for name in ("rewards", "shaped_rewards")})
vars(agent).update(current_lengths=torch.zeros(1), experience_buffer=keep)
agent.get_action_values = lambda _: {"values": torch.tensor([[5.0]]), "actions": None}
agent.discount_values = lambda *values: A2CBase.discount_values(agent, *values)
print("right:", [1.0 + 0.0])
print("found:", A2CBase.play_steps(agent)["returns"][:, 0].tolist())
