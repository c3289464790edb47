"""Seeds that are given twice in one run: outside the same numbers would come again, and here new ones do."""

from __future__ import annotations

from typing import Any

from pgverify.choices.whereabouts_of_draws import calling_line

SEED_ONCE = "outside the same numbers would come again, here they are independent; seed once, before the first of them"


def note_seed(world: Any, what: str, seed: Any, at_once: bool = False) -> None:
    """Remark where something is given a seed that was given before, in the same run.

    Parameters
    ----------
    world : what dictates draws
        Or an environment that has one; what takes no remarks is left alone.
    what : str
        What is seeded.
    seed : anything
        None is none.
    at_once : bool
        Whether it counts, too, where nothing was drawn in between.
    """
    world = getattr(world, "world", world)  # an environment, which is given the world of each run
    remark = getattr(world, "remark", None)
    if remark is None or seed is None:
        return
    name = f"{what} is given the seed {str(seed)[:40]}"
    drawn = len(world.draws)
    if name not in world.kept:
        world.kept[name] = drawn
    elif at_once or world.kept[name] < drawn:
        remark(f"{name} a second time in one run, at {calling_line()[0]}: {SEED_ONCE}")
