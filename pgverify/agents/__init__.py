"""What an agent meets when it is judged whole: a problem as an environment whose every draw is dictated.

def update(world):                      # one update of somebody's training loop: the direction it would go, [d]
    observation, _ = world.env.reset()
    action = world.choose(probabilities)
    ...

pgv.check(update, kind="agent", policy=lambda world: world.problem.policy)
pgv.check(update, kind="agent", policy=..., window=pgv.agents.Window(steps=4, trace_decay=0.95, critic=...))
"""

from __future__ import annotations

from pgverify.agents.agent_world import AgentWorld
from pgverify.agents.scripted_process import ScriptedProcess
from pgverify.agents.window import Window
from pgverify.kinds import suggesting as _suggesting

__all__ = ["AgentWorld", "ScriptedProcess", "Window"]

__getattr__ = _suggesting(__name__, __all__)
