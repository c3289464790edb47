"""Which number each claim of the study zero-mean-score rests on, and how to make it wrong."""

from __future__ import annotations

IDENTITIES = ("score_mean", "score_derivative", "baseline", "second_identity", "dynamics_cancel", "other_dynamics")
LISTED = ("trajectory_mean", "trajectory_fisher")
BROKEN = ("baseline_of_action", "other_actions", "dynamics_of_parameters")

CONTROLS = {
    quantity: ({"quantity": quantity}, "error", lambda x: 0 * x + 1e-9)
    for quantity in (*IDENTITIES, *LISTED, *(f"control_{name}" for name in BROKEN))
}
