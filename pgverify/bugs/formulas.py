r"""The entries in formulas: what is computed, and what would be right, in LaTeX.

ψ_t is ∇ log π(a_t|s_t), G_t the discounted sum of the rewards from step t on, R = G_0, L the length of an episode,
k the step at which one is cut, n the number of trajectories; a prime marks what belongs to θ', or to the episode stored
next. An innocent entry has two ways to write one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Formulas:
    """What an entry computes, and what would be right."""

    computed: str
    right: str


_TO_GO = r"\sum_t \gamma^t G_t\, \psi_t"
_TARGET = r"\sum_t \gamma^t \left( \hat{G}_t - V(s_t) \right) \psi_t,\; \hat{G}_t = \ldots + \gamma^{k-t}"
_TRACE = r"\sum_t \gamma^t \psi_t A_t,\; A_t = \delta_t + \gamma"
_RATIO = r"\sum_t \gamma^t \rho_{0:t}\, r_t \sum_{k \le t} \psi'_k"
_SURROGATE = r"\nabla \sum_t \gamma^t"
_OTHERS = r"\frac{1}{n} \sum_i \Psi_i \left( R_i - \bar{R}_{-i} \right),\; \Psi_i = \sum_t \psi_{i,t}"
_KL = r"\sum_t \nabla \mathrm{KL}\left( \pi \Vert \pi_{\mathrm{ref}} \right)"
_GROUP = r"\frac{1}{n} \sum_i \Psi_i"

_WRITTEN: dict[str, tuple[str, str]] = {
    "discount-dropped": (r"\sum_t G_t\, \psi_t", _TO_GO),
    "discount-kept": (
        r"\sum_t \gamma^t \sum_{k \ge t} \gamma^{k-t} r_k\, \psi_t",
        r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t",
    ),
    "reward-discounted-by-index": (r"\sum_t \gamma^t r_t\, \psi_t", _TO_GO),
    "total-return-weight": (r"\sum_t R\, \psi_t", _TO_GO),
    "reward-shifted-late": (
        r"\sum_t \sum_{k > t} \gamma^k r_k\, \psi_t",
        r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t",
    ),
    "reward-shifted-early": (
        r"\sum_t \sum_{k \ge t-1} \gamma^k r_k\, \psi_t",
        r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t",
    ),
    "past-rewards": (r"\sum_t \sum_{k \le t} r_k\, \psi_t", r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t"),
    "return-crosses-episodes": (r"\sum_t \gamma^t \left( G_t + \gamma^{L-t} R_{\mathrm{next}} \right) \psi_t", _TO_GO),
    "done-index-shifted": (rf"{_TRACE} (1 - d_t)\, A_{{t+1}}", rf"{_TRACE} (1 - d_{{t+1}})\, A_{{t+1}}"),
    "truncation-as-termination": (rf"{_TARGET} \cdot 0", rf"{_TARGET} V(s_k)"),
    "truncation-wrong-state": (rf"{_TARGET} V(s_{{k-1}})", rf"{_TARGET} V(s_k)"),
    "autoreset-step-kept": (rf"{_TO_GO} + \gamma^L A_{{\mathrm{{reset}}}}\, \psi_{{\mathrm{{reset}}}}", _TO_GO),
    "vtrace-next-trajectory": (rf"{_TARGET} \hat{{G}}^{{\mathrm{{next}}}}_0", rf"{_TARGET} V(s_k)"),
    "bootstrap-twice": (rf"{_TARGET} \cdot 2 V(s_k)", rf"{_TARGET} V(s_k)"),
    "log-rho-swapped": (rf"{_RATIO},\; \rho = \frac{{\mu}}{{\pi}}", rf"{_RATIO},\; \rho = \frac{{\pi}}{{\mu}}"),
    "ratio-applied-twice": (
        r"\sum_t \rho_t\, w_t\, \psi'_t,\; w_t = \sum_{k \ge t} \gamma^k \rho_{0:k}\, r_k",
        r"\sum_t w_t\, \psi'_t,\; w_t = \sum_{k \ge t} \gamma^k \rho_{0:k}\, r_k",
    ),
    "trace-decay-shifted": (
        r"\sum_t \delta_t z_t,\; z_t = \gamma_{t+1} \lambda z_{t-1} + \gamma^t \psi_t",
        r"\sum_t \delta_t z_t,\; z_t = \gamma_t \lambda z_{t-1} + \gamma^t \psi_t",
    ),
    "advantage-not-detached": (
        r"\sum_t \gamma^t \left( A_t \psi_t - \log \pi(a_t|s_t)\, \nabla V_\theta(s_t) \right)",
        r"\sum_t \gamma^t A_t\, \psi_t",
    ),
    "target-not-detached": (
        r"\sum_t \delta_t \left( \nabla V(s_t) - \gamma \nabla V(s_{t+1}) \right)",
        r"\sum_t \delta_t \nabla V(s_t)",
    ),
    "reparameterised-sample": (
        r"\sum_t \gamma^t G_t \frac{d}{d\theta} \log \pi_\theta(\mu + \sigma \epsilon_t)",
        r"\sum_t \gamma^t G_t \frac{\partial}{\partial\theta} \log \pi_\theta(a_t)",
    ),
    "sampled-entropy": (r"-\sum_t \psi_t", r"\sum_t \nabla H(\pi(\cdot|s_t))"),
    "entropy-sign": (rf"{_TO_GO} - \beta \sum_t \nabla H(s_t)", rf"{_TO_GO} + \beta \sum_t \nabla H(s_t)"),
    "clipped-action-scored": (
        r"\sum_t \gamma^t G_t \frac{\mathrm{clip}(a_t) - \mu}{\sigma^2} \nabla\mu",
        r"\sum_t \gamma^t G_t \frac{a_t - \mu}{\sigma^2} \nabla\mu",
    ),
    "squash-correction-missing": (r"\sum_t \gamma^t G_t \left( 1 - \tanh^2 a_t \right) \psi_t", _TO_GO),
    "squash-constant-omitted": (
        r"\sum_t \gamma^t G_t \nabla \left( \log \pi(a_t|s_t) - \log(1 - \tanh^2 a_t) \right)",
        _TO_GO,
    ),
    "action-dims-not-summed": (r"r \sum_j \rho_j\, \psi'_j", r"r \prod_j \rho_j \sum_j \psi'_j"),
    "broadcast-outer-product": (
        r"\frac{1}{n} \sum_i \sum_t \psi_{i,t}\, \overline{\gamma^t G_t}",
        r"\frac{1}{n} \sum_i \sum_t \gamma^t G_{i,t}\, \psi_{i,t}",
    ),
    "double-exp-std": (
        r"\sum_t \gamma^t G_t \nabla \log N(a_t; \mu, e^{e^l})",
        r"\sum_t \gamma^t G_t \nabla \log N(a_t; \mu, e^l)",
    ),
    "parameter-left-out": (r"\left( 0, g_2, \ldots, g_d \right)", r"g = \sum_t \gamma^t G_t\, \psi_t"),
    "double-softmax": (r"\sum_t \gamma^t G_t \nabla \log \mathrm{softmax}(\pi)(a_t)", _TO_GO),
    "mask-missing-in-update": (
        r"a_t \sim q,\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
        r"a_t \sim q,\quad \sum_t \gamma^t G_t \nabla \log q(a_t|s_t)",
    ),
    "exploration-not-scored": (
        r"a_t \sim (1-\epsilon)\, \pi + \frac{\epsilon}{A},\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
        r"a_t \sim \pi,\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
    ),
    "temperature-mismatch": (
        r"a_t \sim \mathrm{softmax}(z/\tau),\quad \sum_t \gamma^t G_t \nabla \log \mathrm{softmax}(z)(a_t)",
        r"a_t \sim \mathrm{softmax}(z),\quad \sum_t \gamma^t G_t \nabla \log \mathrm{softmax}(z)(a_t)",
    ),
    "truncated-sampling": (
        r"a_t \sim \mathrm{top}_k(\pi),\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
        r"a_t \sim \pi,\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
    ),
    "old-logp-recomputed": (r"\sum_t \gamma^t A_t\, \psi'_t", r"\sum_t \gamma^t \rho_t A_t\, \psi'_t"),
    "ratio-noise": (
        r"\sum_t \gamma^t \rho_t G_t\, \psi_t,\; \rho_t = \frac{\pi}{\mathrm{bf16}(\pi)} \ne 1",
        r"\sum_t \gamma^t G_t\, \psi_t",
    ),
    "ppo-max-for-min": (
        rf"{_SURROGATE} \max(\rho_t A_t, \mathrm{{clip}}(\rho_t) A_t)",
        rf"{_SURROGATE} \min(\rho_t A_t, \mathrm{{clip}}(\rho_t) A_t)",
    ),
    "clip-before-advantage": (
        rf"{_SURROGATE} \min(\rho_t, \mathrm{{clip}}(\rho_t))\, A_t",
        rf"{_SURROGATE} \min(\rho_t A_t, \mathrm{{clip}}(\rho_t) A_t)",
    ),
    "normalise-wrong-axis": (r"\sum_t \gamma^t \frac{G_t - G_t}{0 + \epsilon}\, \psi_t", _TO_GO),
    "normalise-minibatch": (r"\sum_t \gamma^t \frac{G_t - \bar{G}}{\hat{\sigma} + \epsilon}\, \psi_t", _TO_GO),
    "baseline-fit-same-batch": (
        r"\sum_t \gamma^t \left( G_t - \hat{b}(s_t) \right) \psi_t",
        r"\sum_t \gamma^t \left( G_t - \hat{b}_{-i}(s_t) \right) \psi_t",
    ),
    "group-mean-self": (rf"{_GROUP} \left( R_i - \bar{{R}} \right)", _OTHERS),
    "group-std": (rf"{_GROUP} \frac{{R_i - \bar{{R}}}}{{\hat{{\sigma}}}}", _TO_GO),
    "groups-mixed": (
        rf"{_GROUP} \frac{{R_i - \bar{{R}}}}{{\hat{{\sigma}}}}",
        rf"{_GROUP} \frac{{R_i - \bar{{R}}_{{s_0}}}}{{\hat{{\sigma}}_{{s_0}}}}",
    ),
    "rejected-in-baseline": (
        r"\frac{1}{|K|} \sum_{i \in K} \Psi_i \left( R_i - \bar{R}_{-i} \right)",
        r"\frac{1}{|K|} \sum_{i \in K} \Psi_i \left( R_i - \bar{R}_{K \setminus i} \right)",
    ),
    "length-per-trajectory": (rf"\frac{{1}}{{L}} {_TO_GO}", _TO_GO),
    "length-per-batch": (
        r"\frac{1}{\sum_i L_i} \sum_i \sum_t \gamma^t G_{i,t}\, \psi_{i,t}",
        r"\frac{1}{n} \sum_i \sum_t \gamma^t G_{i,t}\, \psi_{i,t}",
    ),
    "microbatch-normalised": (
        r"\frac{1}{M} \sum_m \frac{1}{\sum_{i \in m} L_i} \sum_{i \in m} g_i",
        r"\frac{1}{n} \sum_i g_i,\; g_i = \sum_t \gamma^t G_{i,t}\, \psi_{i,t}",
    ),
    "accumulation-factor": (rf"\frac{{1}}{{4}} {_TO_GO}", _TO_GO),
    "padding-counted": (
        r"\sum_{t < T} \gamma^t \left( G_t - \hat{V}(s_t) \right) \psi_t",
        r"\sum_{t < L} \gamma^t \left( G_t - \hat{V}(s_t) \right) \psi_t",
    ),
    "kl-k1-as-loss": (r"\sum_t \nabla \log \frac{\pi}{\pi_{\mathrm{ref}}} = \sum_t \psi_t", _KL),
    "kl-k3-as-loss": (r"\sum_t \left( 1 - \frac{\pi_{\mathrm{ref}}}{\pi} \right) \psi_t", _KL),
    "kl-k2-as-loss": (r"\sum_t \log \frac{\pi}{\pi_{\mathrm{ref}}}\, \psi_t", _KL),
    "sequence-ratio-token-kl": (
        r"\sum_t \left( k_{3,t}\, \bar{\psi} + \nabla k_{3,t} \right)",
        r"\sum_t \left( k_{3,t}\, \psi_t + \nabla k_{3,t} \right)",
    ),
    "logit-off-by-one": (
        r"\sum_t \gamma^t G_t \nabla \log \pi(a_{t+1}|s_t)",
        r"\sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
    ),
    "fisher-not-detached": (r"\nabla^2 \mathrm{KL}(\pi \Vert \pi)\, v + c v = c v", r"F v + c v"),
    "kl-direction-local": (
        r"\nabla^2_\theta \mathrm{KL}(\pi_\theta \Vert \pi_{\mathrm{old}})\, v",
        r"\nabla^2_\theta \mathrm{KL}(\pi_{\mathrm{old}} \Vert \pi_\theta)\, v = F v",
    ),
    "first-n-finished": (
        r"\frac{1}{m} \sum_{i \in \mathrm{first}\, m} g_i",
        r"\frac{1}{n} \sum_i g_i,\; g_i = \sum_t \gamma^t G_{i,t}\, \psi_{i,t}",
    ),
    "stale-samples": (r"\sum_t \gamma^t G_t\, \psi'_t", _RATIO),
    "reward-running-std": (r"\sum_t \sum_{k \ge t} \gamma^k\, \mathrm{clip}(r_k / \sigma, -c, c)\, \psi_t", _TO_GO),
    "unequal-comparison": (
        r"\sum_t \left( R - V(s_t) \right) \psi_t",
        r"\sum_t \gamma^t \left( G_t - V(s_t) \right) \psi_t",
    ),
    "action-baseline-uncorrected": (
        r"\sum_t \gamma^t \left( G_t - b(s_t, a_t) \right) \psi_t",
        r"\sum_t \gamma^t \left[ (G_t - b(s_t, a_t))\, \psi_t + \sum_a \pi(a|s_t)\, b(s_t, a)\, \psi(s_t, a) \right]",
    ),
    "argmax-action": (
        r"a_t = \mathrm{argmax}\, \pi,\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
        r"a_t \sim \pi,\quad \sum_t \gamma^t G_t \nabla \log \pi(a_t|s_t)",
    ),
    "opo-self": (
        rf"{_GROUP} \left( R_i - \frac{{\sum_j L_j R_j}}{{\sum_j L_j}} \right)",
        rf"{_GROUP} \left( R_i - \frac{{\sum_{{j \ne i}} L_j R_j}}{{\sum_{{j \ne i}} L_j}} \right)",
    ),
    "return-undiscounted": (r"\sum_t \sum_{k \ge t} r_k\, \psi_t", r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t"),
    "sign-reversed": (rf"-{_TO_GO}", _TO_GO),
    "last-row-lost": (r"\frac{1}{n} \sum_{i < n} g_i", r"\frac{1}{n} \sum_{i \le n} g_i"),
    "first-as-baseline": (rf"{_GROUP} \left( R_i - R_1 \right)", _OTHERS),
    "sum-over-steps": (r"\sum_i g_i", r"\frac{1}{n} \sum_i g_i,\; g_i = \sum_t \gamma^t G_{i,t}\, \psi_{i,t}"),
    "length-of-longest": (rf"\frac{{1}}{{\max_j L_j}} {_TO_GO}", _TO_GO),
    "immediate-reward": (r"\sum_t r_t\, \psi_t", _TO_GO),
    "last-reward-doubled": (
        r"\sum_t \sum_{k \ge t} \gamma^k r_{\min(k+1, L-1)}\, \psi_t",
        r"\sum_t \sum_{k \ge t} \gamma^k r_k\, \psi_t",
    ),
    "reward-clipped": (r"\sum_t \sum_{k \ge t} \gamma^k\, \mathrm{clip}(r_k, -1, 1)\, \psi_t", _TO_GO),
    "done-index-late": (
        r"\sum_t \gamma^t \psi_t A_t,\; A_t = r_t + \gamma (1 - d_{t+1})\, A_{t+1}",
        r"\sum_t \gamma^t \psi_t A_t,\; A_t = r_t + \gamma (1 - d_t)\, A_{t+1}",
    ),
    "trace-crosses-cut": (
        r"\sum_t \gamma^t \psi_t A_t,\; A_{k-1} = r_{k-1} + \gamma V(s'_0) - V(s_{k-1}) + \gamma \lambda A'_0",
        r"\sum_t \gamma^t \psi_t A_t,\; A_{k-1} = r_{k-1} + \gamma V(s_k) - V(s_{k-1})",
    ),
    "rloo-token-mean": (r"\frac{1}{\sum_i L_i} \sum_i \Psi_i \left( R_i - \bar{R}_{-i} \right)", _OTHERS),
    "rloo-sequence-mean": (r"\frac{1}{n} \sum_i \frac{1}{L_i} \Psi_i \left( R_i - \bar{R}_{-i} \right)", _OTHERS),
    "group-std-population": (rf"{_GROUP} \frac{{R_i - \bar{{R}}}}{{\hat{{\sigma}}_n}}", _TO_GO),
}

FORMULAS: Mapping[str, Formulas] = MappingProxyType({slug: Formulas(*pair) for slug, pair in _WRITTEN.items()})
"""By slug; an entry without one has none on its page."""
