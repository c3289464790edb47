"""verl 0.9.1: GPG's α cannot be set, and is counted by rewards instead of by groups that have a gradient.

Promised: the arguments "alpha: (float)" and "f_norm: (float)" of `compute_gpg_outcome_advantage`, "for GPG"
(verl/trainer/ppo/core_algos.py). In the paper (arXiv 2504.02546, equation 7) α = B/(B − M), with M samples of groups
that are right or wrong throughout; read in quotations of it, and in its authors' code (AMAP-ML/GPG, open-r1,
gpg_trainer.py), where groups of identical rewards are counted. Its text itself could be read in part only.
Happens: `alpha = bsz / count_nonzero(scores)` overwrites the argument. Adding 1 to every reward changes the advantages;
a group that is right throughout, whose advantages are 0, makes α smaller, and one that is wrong throughout larger.
Since: the function came, 7db7f32, 2025-07-04 (#2057); #6478 and #6803 say that the argument is dead.
Smallest mending: where α is not given, count the rows of groups whose rewards differ.

    pip install verl==0.9.1 torch && python verl_gpg_alpha.py

Draft: "compute_gpg_outcome_advantage ignores alpha. Two groups, rewards 1, 1, 0, 0 and 1, 1, 1, 1: advantages ±0.667;
expected ±1 with α = rows / rows of mixed groups = 2. With alpha=5 they are ±0.667 too; expected ±2.5."
"""

import numpy as np
import torch
from verl.trainer.ppo.core_algos import compute_gpg_outcome_advantage

mask, groups = torch.ones(8, 1), np.array([0, 0, 0, 0, 1, 1, 1, 1])


def advantages(rewards, **options):
    given = torch.tensor(rewards)[:, None]
    found, _ = compute_gpg_outcome_advantage(given, mask, groups, **options)
    return [round(value, 3) for value in found[:, 0].tolist()]


half = [1.0, 1, 0, 0]
print("right:", [1.0, 1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0], "found:", advantages([*half, 1.0, 1, 1, 1]))
print(
    "alpha=5, right:",
    [2.5, 2.5, -2.5, -2.5, 0.0, 0.0, 0.0, 0.0],
    "found:",
    advantages([*half, 1.0, 1, 1, 1], alpha=5.0),
)
print("the second group wrong throughout, right: as the first line, found:", advantages([*half, 0.0, 0, 0, 0]))
