"""Initial policies, and actions drawn from the softmax of their logits.

Frequencies are z-tested with the standard error of a binomial share,
|z| < 6: each of about ten shares is wrong once in 5e8 seeds. The seeds are
fixed.
"""

import re
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from logderiv.reinforce import make_policy
from logderiv.reinforce.policies import Scaled, actor


class Constant(nn.Module):
    """Always the same logits, whatever is seen."""

    def __init__(self, logits: list[float] | Tensor) -> None:
        super().__init__()
        self.logits = torch.as_tensor(logits)

    def forward(self, observation: Tensor) -> Tensor:
        return self.logits.expand(*observation.shape[:-1], -1)


class Opaque(nn.Module):
    """A policy of which nothing is known but what it answers."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, observation: Tensor) -> Tensor:
        return self.inside(observation)


class Contrary(nn.Sequential):
    """A sequence of layers that does more than its layers do."""

    def forward(self, observation: Tensor) -> Tensor:
        return -super().forward(observation)


class Backwards(nn.Linear):
    """A linear layer that does more than a linear layer does."""

    def forward(self, observation: Tensor) -> Tensor:
        return -3 * super().forward(observation)


def actions_of(
    policy: nn.Module, seen: np.ndarray, greedy: bool = False, steps: int = 5
) -> np.ndarray:
    """(steps, n) actions, the same observations (n, features) each time."""
    with torch.no_grad():
        count = policy(torch.from_numpy(seen)).shape[1]
        rng = np.random.default_rng(0)
        act = actor(policy, (len(seen), count), rng, greedy)
        return np.array([act(seen)[1] for _ in range(steps)])


def observations(rows: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, 4)).astype(np.float32)


LAYERS = [
    nn.Linear(4, 2),
    nn.Linear(4, 2, bias=False),
    nn.Tanh(),
    Backwards(4, 2),
    nn.Sequential(Scaled(torch.tensor([0.1, 1.0, 2.0, 5.0])), nn.Linear(4, 2)),
    nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)),
    nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
    nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Tanh(), nn.Linear(8, 3))),
    Contrary(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)),
]


@pytest.mark.parametrize("layers", LAYERS)
def test_actions_are_the_policys_whatever_it_is_made_of(
    layers: nn.Module,
) -> None:
    rng, seen = np.random.default_rng(0), observations(200)
    for leaf in layers.parameters():
        leaf.data = torch.tensor(rng.normal(size=leaf.shape)).float()
    known = actions_of(layers, seen)
    assert np.array_equal(known, actions_of(Opaque(layers), seen))
    other = Opaque(nn.Sequential(layers, nn.Softshrink(10.0)))
    assert not np.array_equal(known, actions_of(other, seen))


def test_greedy_actions_are_the_likeliest() -> None:
    policy, seen = nn.Linear(4, 3), observations(100)
    likeliest = policy(torch.from_numpy(seen)).argmax(dim=1).numpy()
    got = actions_of(policy, seen, greedy=True)
    assert (got == likeliest).all()
    assert not (actions_of(policy, seen) == likeliest).all()


LOGITS = np.log([0.5, 0.2, 0.3])


def test_actions_are_drawn_from_the_softmax(agrees) -> None:
    n, p = 20_000, np.exp(LOGITS)
    policy = Constant(torch.tensor(LOGITS) + 7)
    (taken,) = actions_of(policy, np.zeros((n, 1)), steps=1)
    share = np.bincount(taken, minlength=3) / n
    error = np.sqrt(p * (1 - p) / n)
    assert agrees(share, p, error)
    assert not agrees(share, np.roll(p, 1), error)
    assert not agrees(share, p**1.1 / (p**1.1).sum(), error)


@pytest.mark.parametrize(("rows", "steps"), [(2, 20_000), (10_000, 4)])
def test_draws_do_not_depend_on_each_other(
    rows: int, steps: int, agrees
) -> None:
    """Pairs of rows, and pairs of steps, also across blocks of noise."""
    policy, p = Constant(torch.tensor(LOGITS)), np.exp(LOGITS)
    taken = actions_of(policy, np.zeros((rows, 1)), steps=steps)
    across = taken.reshape(-1, 2)
    along = taken.T.reshape(-1, 2)
    wanted = np.array([p[i] * p[j] for i, j in product(range(3), repeat=2)])
    error = np.sqrt(wanted * (1 - wanted) / len(across))
    for pairs in (across, along):
        share = np.bincount(3 * pairs[:, 0] + pairs[:, 1], minlength=9)
        assert agrees(share / len(pairs), wanted, error)
    tied = np.bincount(4 * across[:, 0], minlength=9) / len(across)
    assert not agrees(tied, wanted, error)


def test_extreme_logits_are_no_trouble() -> None:
    policy = Constant([1e30, -1e30, 0.0])
    assert not actions_of(policy, np.zeros((50, 1))).any()


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize(
    ("logits", "said"),
    [
        (torch.tensor([1, 0]), "(3, 2), got int64 of shape (3, 2)"),
        (torch.tensor([1.0]), "(3, 2), got float32 of shape (3, 1)"),
        (torch.tensor([1.0, 0, 0]), "(3, 2), got float32 of shape (3, 3)"),
    ],
)
def test_bad_logits_are_refused_with_what_they_were(
    logits: Tensor, said: str, greedy: bool
) -> None:
    rng = np.random.default_rng(0)
    act = actor(Constant(logits), (3, 2), rng, greedy)
    with pytest.raises(ValueError, match=re.escape(said)):
        act(np.zeros((3, 1)))


@pytest.mark.parametrize("features", [1, 4, 6])
def test_a_policy_has_the_shape_that_was_asked_for(features: int) -> None:
    seen = torch.ones(5, features)
    linear, mlp = (make_policy(kind, seen, 3, 0) for kind in ("linear", "mlp"))
    shapes = [
        [tuple(leaf.shape) for leaf in policy.parameters()]
        for policy in (linear, mlp)
    ]
    assert shapes[0] == [(3, features), (3,)]
    assert shapes[1] == [(32, features), (32,), (3, 32), (3,)]
    assert isinstance(mlp[2], nn.Tanh)
    for policy in (linear, mlp):
        assert policy(torch.zeros(7, features)).shape == (7, 3)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_features_are_divided_by_their_largest_size(kind: str) -> None:
    """One that was always 0 stays as it is; scales are no parameters."""
    seen = torch.tensor([[3.0, -0.5, 0.0], [-4.0, 0.25, 0.0]])
    size = torch.tensor([4.0, 0.5, 1.0])
    policy = make_policy(kind, seen, 2, seed=3)
    plain = make_policy(kind, torch.ones(1, 3), 2, seed=3)
    new = torch.from_numpy(observations(10)[:, :3])
    assert torch.allclose(policy(new), plain(new / size), atol=1e-6)
    assert not torch.allclose(policy(new), plain(new), atol=1e-2)
    pairs = zip(policy.parameters(), plain.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert torch.equal(policy.state_dict()["0.size"], size)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_a_policy_is_known_by_its_seed(kind: str) -> None:
    seen = torch.from_numpy(observations(10))
    first = make_policy(kind, seen, 2, seed=3)
    torch.manual_seed(1)
    again = make_policy(kind, seen, 2, seed=3)
    other = make_policy(kind, seen, 2, seed=4)
    assert torch.equal(first(seen), again(seen))
    assert not torch.equal(first(seen), other(seen))


def test_a_new_policy_leaves_the_global_generators_alone() -> None:
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]
    make_policy("mlp", torch.ones(1, 4), 2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


@pytest.mark.parametrize(
    ("kind", "seed", "said"),
    [
        ("cnn", 0, "'cnn'"),
        (None, 0, "None"),
        ("mlp", -1, "-1"),
        ("mlp", 0.5, "0.5"),
        ("mlp", None, "None"),
        ("mlp", True, "True"),
    ],
)
def test_bad_kinds_and_seeds_are_refused(
    kind: object, seed: object, said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        make_policy(kind, torch.ones(1, 4), 2, seed)
