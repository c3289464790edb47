"""machin 0.4.2: with 0 < λ < 1 an episode that was cut is advantaged as if it had ended; with λ = 0 it is not.

Promised: "gae_lambda: λ used in generalized advantage estimation" (frame/algorithms/a2c.py), on "a full episode".
Happens: the recursion of `store_episode` starts with V = 0, whatever `terminal` and `next_state` of the last step say;
the branch for λ = 0 reads both. Whether an episode that is not terminal is a full one is for the library to say.
Since: the first commit of a2c.py, of 2020-06-02; examples/framework_examples/a2c.py ends one step after max_steps, with
terminal False. Smallest mending: start with V(next_state) of the last transition; (1 − terminal) is there already.

    pip install machin==0.4.2 moviepy==1.0.3 torch && python machin_cut.py

Draft: "A2C.store_episode: an episode of one step, reward 1, terminal False, V(state) = 0, V(next_state) = 5, γ = 1.
With gae_lambda=0 its advantage is 6, with gae_lambda=0.5 it is 1. Expected: 6 with both, as GAE of one step has no λ."
"""

from types import SimpleNamespace

import torch
from machin.frame.algorithms import A2C

for name, lambda_ in (("right", 0.0), ("found", 0.5)):
    stored = []
    agent = SimpleNamespace(
        gae_lambda=lambda_,
        discount=1.0,
        _criticize=lambda state: torch.tensor(state["value"]),
        replay_buffer=SimpleNamespace(append=lambda step, to=stored, **_: to.append(step["gae"])),
    )
    step = {"state": {"value": 0.0}, "next_state": {"value": 5.0}, "action": {}, "reward": 1.0, "terminal": False}
    A2C.store_episode(agent, [step])
    print(f"{name}:", stored)
