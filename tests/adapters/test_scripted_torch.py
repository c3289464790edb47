"""PyTorch's draws, dictated: each against its law by hand, dropout and what has no options refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.errors import UnscriptedDraw

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")

pytestmark = [
    pytest.mark.usefixtures("unchecked_shapes"),
    pytest.mark.filterwarnings("ignore"),
]

CHANCES = torch.tensor([0.125, 0.25, 0.625], dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

LAWS: dict[str, tuple[Callable[[], Any], float]] = {
    "multinomial": (lambda: torch.multinomial(CHANCES, 1)[0], 1.5),
    "multinomial, rows": (lambda: torch.multinomial(torch.stack([CHANCES, CHANCES]), 2, replacement=True).sum(), 6.0),
    "multinomial without": (lambda: torch.multinomial(torch.ones(3), 2).sum(), 2.0),
    "tensor.multinomial": (lambda: CHANCES.multinomial(1)[0], 1.5),
    "Categorical": (lambda: torch.distributions.Categorical(probs=CHANCES).sample(), 1.5),
    "Bernoulli": (lambda: torch.distributions.Bernoulli(torch.tensor(0.25)).sample(), 0.25),
    "bernoulli": (lambda: torch.bernoulli(torch.tensor([0.25, 0.5])).sum(), 0.75),
    "bernoulli_": (lambda: torch.zeros(2).bernoulli_(0.25).sum(), 0.5),
    "randperm": (lambda: torch.randperm(3).double() @ WEIGHTS, 6.0),
    "randint": (lambda: torch.randint(2, 5, (1,))[0], 3.0),
    "randint from 0": (lambda: torch.randint(3, (2,)).sum(), 2.0),
    "normal": (lambda: torch.normal(torch.ones(1).double(), 2.0)[0] ** 2, 5.0),
    "Normal": (lambda: torch.distributions.Normal(CHANCES[0], WEIGHTS[1]).rsample() ** 2, 4.0 + 0.125**2),
    "randn": (lambda: (torch.randn(2, dtype=torch.float64) ** 2).sum(), 2.0),
    "randn of a shape": (lambda: (torch.randn((1, 2), dtype=torch.float64) ** 2).sum(), 2.0),
    "randn_like": (lambda: (torch.randn_like(CHANCES[:1]) ** 4)[0], 3.0),
    "normal_": (lambda: (torch.zeros(1).double().normal_(1.0, 2.0) ** 2)[0], 5.0),
    "binomial": (lambda: torch.distributions.Binomial(3, torch.tensor(0.25)).sample(), 0.75),
    "rand": (lambda: (torch.rand(2) < torch.tensor([0.25, 0.5])).sum(), 0.75),
    "rand, one number": (lambda: float(torch.rand(()).item() < 0.25), 0.25),
    "rand, the other side": (lambda: (torch.tensor([0.25, 0.5]) > torch.rand((2,))).sum(), 0.75),
    "rand, from above": (lambda: ((1 - torch.rand(2, 1)).squeeze() <= CHANCES[1:]).sum(), 0.875),
    "rand, at places": (lambda: (torch.rand(3)[1:] < 0.25).sum(), 0.5),
    "rand, whole": (lambda: (torch.rand(1) * 4).long()[0], 1.5),
    "rand, in a table": (lambda: (torch.rand(1) > torch.cumsum(CHANCES, 0)).sum(), 1.5),
    "rand_like": (lambda: torch.where(torch.rand_like(CHANCES) < CHANCES, 2.0, 0.0).sum(), 2.0),
    "randint into a tensor": (lambda: torch.randint(1, 4, (1,), out=torch.zeros(1, dtype=torch.int64))[0], 2.0),
    "randint_like": (lambda: torch.randint_like(torch.zeros(1), 3)[0], 1.0),
    "random_": (lambda: torch.zeros(1).random_(1, 4)[0], 2.0),
    "half precision": (lambda: torch.multinomial(torch.tensor([0.25, 0.75], dtype=torch.bfloat16), 1)[0], 0.75),
    "a loader": (lambda: _loaded(shuffle=True)[0], 2.0),
    "a sampler": (lambda: _loaded(sampler=torch.utils.data.RandomSampler(range(2), True, 1))[0], 1.5),
    "dropout off": (lambda: torch.nn.Dropout(0.5).eval()(WEIGHTS).sum() + torch.nn.Dropout(0.0)(WEIGHTS).sum(), 12.0),
}


def _loaded(**named: Any) -> list[float]:
    """Return what a loader yields of 1 and 2, or of 1, 2 and 3."""
    count = 3 if "shuffle" in named else 2
    return [float(each) for each in torch.utils.data.DataLoader(torch.arange(1.0, count + 1), batch_size=1, **named)]


@pytest.mark.parametrize("name", LAWS)
def test_a_draw_has_its_law(name: str) -> None:
    draw, expected = LAWS[name]

    def run(world: Any) -> list[float]:
        with pgv.adapters.torch.scripted(world):
            return [float(draw())]

    assert pgv.choices.expectation(run).mean[0] == pytest.approx(expected, rel=1e-7)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "dropout": (lambda: torch.nn.Dropout(0.5)(WEIGHTS), "dropout of 0.5.*test_scripted_torch"),
    "functional dropout": (lambda: torch.nn.functional.dropout(WEIGHTS, 0.25), "dropout of 0.25"),
    "torch.dropout": (lambda: torch.dropout(WEIGHTS, 0.25, True), "dropout of 0.25"),
    "attention": (
        lambda: torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 2)] * 3, dropout_p=0.1),
        "dropout of 0.1",
    ),
    "rand": (lambda: torch.log(torch.rand(2)), "computed with.*test_scripted_torch"),
    "two of rand": (lambda: torch.rand(2) < torch.rand(2), "no number"),
    "a norm of rand": (lambda: torch.rand(2).norm(), "computed with"),
    "random_ of all": (lambda: torch.zeros(1).random_(), "too many options"),
    "exponential_": (lambda: torch.zeros(2).exponential_(), "torch's exponential_"),
    "not answered": (lambda: torch.nn.functional.rrelu(-torch.ones(3), training=True), "nobody dictated"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_options_is_refused(name: str) -> None:
    def run(world: Any) -> list[float]:
        with pgv.adapters.torch.scripted(world):
            REFUSED[name][0]()
            return [0.0]

    with pytest.raises(UnscriptedDraw, match=REFUSED[name][1]):
        pgv.choices.expectation(run)


def test_a_reparametrised_draw_has_a_gradient() -> None:
    """d/dσ E (μ + σ x)² = 2σ, d/dμ = 2μ, through the nodes."""

    def run(world: Any) -> Any:
        mean, std = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True).unbind()
        with pgv.adapters.torch.scripted(world):
            loss = torch.distributions.Normal(mean, std).rsample() ** 2
        return np.array([float(g) for g in torch.autograd.grad(loss, (mean, std))])

    assert pgv.choices.expectation(run).mean == pytest.approx([1.0, 4.0], rel=1e-9)


def test_afterwards_torch_draws_again() -> None:
    with pytest.raises(UnscriptedDraw), pgv.adapters.torch.scripted(pgv.choices.World(lambda *_: 0)):
        torch.rand(1).exp()
    torch.manual_seed(0)
    first = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(first, torch.rand(3))


def test_a_seed_that_is_given_again_after_draws_is_said() -> None:
    def run(world: Any, again: int) -> list[float]:
        with pgv.adapters.torch.scripted(world):
            torch.manual_seed(0)
            torch.manual_seed(0)  # nothing was drawn in between
            first = torch.bernoulli(torch.tensor(0.5))
            torch.manual_seed(again)
            return [float(first + torch.bernoulli(torch.tensor(0.5)))]

    said = pgv.choices.expectation(lambda world: run(world, 0)).remarks
    assert [remark.partition(" a second time")[0] for remark in said] == ["torch is given the seed 0"]
    assert pgv.choices.expectation(lambda world: run(world, 1)).remarks == ()


GENERATORS: dict[str, tuple[Callable[[], list[Any]], bool]] = {
    "one for both draws": (lambda: [torch.Generator().manual_seed(0)] * 2, False),
    "two seeds": (lambda: [torch.Generator().manual_seed(k) for k in (0, 1)], False),
    "one seed twice": (lambda: [torch.Generator().manual_seed(0) for _ in range(2)], True),
    "nobody seeds them": (lambda: [torch.Generator(), torch.Generator()], True),  # both begin with torch's own seed
}


@pytest.mark.parametrize("how", GENERATORS)
def test_generators_that_begin_alike_are_said(how: str) -> None:
    made, alike = GENERATORS[how]

    def run(world: Any) -> list[float]:
        with pgv.adapters.torch.scripted(world):
            return [float(sum(torch.bernoulli(torch.tensor(0.5), generator=one) for one in made()))]

    said = pgv.choices.expectation(run).remarks
    assert [remark.partition(" the seed")[0] for remark in said] == ["a generator of torch is given"] * alike


def test_generators_of_loaders_are_left_alone() -> None:
    def run(world: Any) -> list[float]:
        with pgv.adapters.torch.scripted(world):
            return [float(_loaded(shuffle=True)[0] + _loaded(shuffle=True)[0])]

    assert pgv.choices.expectation(run).remarks == ()
