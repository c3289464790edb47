"""Runs that are made once more at the end: what is left over, or drawn behind the world's back, shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from pgverify.choices.generators import described_generator, state_of
from pgverify.choices.idle_draws import same_value
from pgverify.choices.made_generators import noting_what_is_made
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.torch_draws import noting_torch_draws
from pgverify.choices.tree_walk import LEAKS, Dictated, require_same_draws
from pgverify.choices.unscripted import CURE, torch_refusal
from pgverify.choices.walked_runs import Walked
from pgverify.errors import NotRepeatable, UnscriptedDraw

REPEATED = 8
"""Runs that are repeated, the first one and others at random: all of them, where there are no more."""

SHARE = 16
"""Of so many runs one may be repeated, so that every option of every line that draws is taken once more."""

AGAIN = 4
"""How often a run is, in which the system was asked for random bytes: a coin comes out the same in half of the runs."""

Same = Callable[[Leaf, Leaf], bool]


def require_repeated(run: ScriptedProgram, first: Leaf, walked: Walked, entropy: Sequence[str]) -> None:
    """Refuse a program some run of which comes out otherwise, or draws, when it is made once more.

    The first run has to come out bit for bit, others to rounding. They are made in another order than before, and
    looked at as the first one was: a draw on a branch that the first run does not take shows here.

    Parameters
    ----------
    run : world -> [d]
    first : Leaf
    walked : Walked
        Others that may be repeated.
    entropy : lines
        Where the system was asked for random bytes, which grows as runs are made.

    Raises
    ------
    NotRepeatable, UnscriptedDraw
    """
    others = [leaf for leaf in (*walked.kept, *walked.asking) if leaf.draws != first.draws]
    count = min(len(others), REPEATED - 1)
    asking = others[-count:] if entropy else []
    taken = random.Random(5).sample(range(len(others)), count)
    again = [others[i] for i in sorted(taken, reverse=True)]
    done = {id(leaf) for leaf in (*again, *asking)}
    spare = walked.sums.runs // SHARE - len(again)
    again += [leaf for leaf in walked.covering if id(leaf) not in done and leaf.draws != first.draws][: max(spare, 0)]
    with noting_torch_draws() as in_torch, noting_what_is_made() as made:
        for leaf in (*again, *asking, first):
            for _ in range(AGAIN):
                before = len(entropy)
                found = one_run(run, Dictated(list(leaf.draws)))
                _require_same(leaf, found, _bits if leaf is first else same_value, entropy[before:])
                if in_torch:
                    raise torch_refusal(in_torch[0])
                drawn = [generator for generator, state in made if state is not None and state_of(generator) != state]
                if drawn:
                    where = f"a run made and drew from {described_generator(drawn[0])} on one branch"
                    raise UnscriptedDraw(f"{where}, which nobody dictated: {CURE}")
                if len(entropy) == before:
                    break


def _bits(one: Leaf, other: Leaf) -> bool:
    return one.value.tobytes() == other.value.tobytes()


def _require_same(before: Leaf, again: Leaf, same: Same, entropy: Sequence[str]) -> None:
    require_same_draws(list(before.draws), again.draws)
    which = "the first run" if same is _bits else "a run"
    if len(again.draws) != len(before.draws):
        where = again.draws[len(before.draws)].place
        raise NotRepeatable(f"{which}, repeated at the end, goes on to draw at {where}; {LEAKS}")
    if same(before, again):
        return
    if again.value.shape != before.value.shape:
        change = f"{len(again.value)} numbers instead of {len(before.value)}"
    else:
        index = int(abs(again.value - before.value).argmax())
        change = f"{again.value[index]:.17g} instead of {before.value[index]:.17g} in entry {index}"
    if entropy:
        raise UnscriptedDraw(
            f"run drew random bytes of the operating system at {entropy[0]}, which nobody dictated, and then returns "
            f"{change}: {CURE}"
        )
    raise NotRepeatable(f"{which}, repeated at the end, returns {change}; {LEAKS}, and leave out what asks the clock")
