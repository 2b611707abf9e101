"""Per-sample scores against a plain loop of backward passes."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from logderiv import persample
from logderiv.surrogate import score_matrix, score_second_moment, surrogate

K, N = 3, 9


class Custom(nn.Module):
    """A policy from named parts and a forward function."""

    def __init__(self, forward: Callable, **parts: object) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = forward

    def forward(self, observations: Tensor) -> Tensor:
        return self.function(self, observations)


def mlp(*between: nn.Module, bias: bool = True) -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 6, bias=bias), *between, nn.Linear(6, K, bias=bias)
    )


def tied_layer() -> nn.Module:
    twice = nn.Linear(6, 6)
    return nn.Sequential(
        nn.Linear(4, 6), twice, nn.Tanh(), twice, nn.Linear(6, K)
    )


def tied_parameter() -> nn.Module:
    one, other = nn.Linear(6, 6), nn.Linear(6, 6)
    other.weight = one.weight
    return nn.Sequential(
        nn.Linear(4, 6), one, nn.Tanh(), other, nn.Linear(6, K)
    )


def frozen(policy: nn.Module, *names: str) -> nn.Module:
    for name, parameter in policy.named_parameters():
        parameter.requires_grad_(name not in names)
    return policy


def without_gradient(self: Custom, x: Tensor) -> Tensor:
    with torch.no_grad():
        hidden = self.body(x).tanh()
    return self.head(hidden)


def gated(self: Custom, x: Tensor) -> Tensor:
    """A weight that is used outside its layer by the sixth row alone."""
    gate = torch.relu(x[:, :1] - 10)
    return self.layer(x) + gate * functional.linear(x, self.layer.weight)


def valued(self: Custom, x: Tensor) -> Tensor:
    """An actor with a critic on the side."""
    hidden = self.body(x).tanh()
    self.critic(hidden)
    return self.head(hidden)


def careful(self: Custom, x: Tensor) -> Tensor:
    if torch.isnan(x).any():
        raise ValueError("NaN among the observations")
    return self.head(self.norm(self.body(x)))


def recurrent(self: Custom, x: Tensor) -> Tensor:
    return self.head(self.body(x)[0][:, -1])


def numbers(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(shape)


def vectors() -> Tensor:
    return torch.randn(N, 4)


def outlier() -> Tensor:
    observations = torch.randn(N, 4).abs().neg()
    observations[5, 0] = 20.0
    return observations


@dataclass
class Sort:
    """How a policy is made, and what it sees."""

    make: Callable[[], nn.Module]
    see: Callable[[], Tensor] = vectors


def body_and_head(forward: Callable, **more: object) -> nn.Module:
    return Custom(forward, body=nn.Linear(4, 6), head=nn.Linear(6, K), **more)


SORTS = {
    "linear": Sort(lambda: nn.Linear(4, K)),
    "tanh": Sort(lambda: mlp(nn.Tanh())),
    "relu": Sort(lambda: mlp(nn.ReLU())),
    "deep": Sort(lambda: mlp(nn.Tanh(), nn.Linear(6, 6), nn.GELU())),
    "no bias": Sort(lambda: mlp(nn.Tanh(), bias=False)),
    "one bias": Sort(lambda: mlp(nn.Linear(6, 6, bias=False))),
    "flattened": Sort(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(8, K)),
        numbers(N, 2, 4),
    ),
    "residual": Sort(
        lambda: Custom(
            lambda self, x: self.head(x + self.body(x).tanh()),
            body=nn.Linear(4, 4),
            head=nn.Linear(4, K),
        ),
    ),
    "called in another order": Sort(
        lambda: Custom(
            lambda self, x: self.first(self.second(x).tanh()),
            first=nn.Linear(6, K),
            second=nn.Linear(4, 6),
        ),
    ),
    "relu in place": Sort(lambda: mlp(nn.ReLU(inplace=True))),
    "layer norm": Sort(lambda: mlp(nn.LayerNorm(6), nn.Tanh())),
    "batch norm, eval": Sort(lambda: mlp(nn.BatchNorm1d(6)).eval()),
    "dropout, eval": Sort(lambda: mlp(nn.Dropout(0.5)).eval()),
    "tied layer": Sort(tied_layer),
    "tied parameter": Sort(tied_parameter),
    "weight outside its layer": Sort(
        lambda: Custom(
            lambda self, x: (
                self.layer(x) + functional.linear(x**2, self.layer.weight)
            ),
            layer=nn.Linear(4, K),
        ),
    ),
    "weight outside its layer for one row": Sort(
        lambda: Custom(gated, layer=nn.Linear(4, K)), outlier
    ),
    "own parameter": Sort(
        lambda: Custom(
            lambda self, x: self.layer(x) * self.scale,
            scale=nn.Parameter(torch.rand(K) + 0.5),
            layer=nn.Linear(4, K),
        ),
    ),
    "nothing but parameters": Sort(
        lambda: Custom(
            lambda self, x: x @ self.weight,
            weight=nn.Parameter(torch.randn(4, K)),
        ),
    ),
    "convolution": Sort(
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6, K)
        ),
        numbers(N, 2, 4),
    ),
    "a row of rows": Sort(
        lambda: Custom(
            lambda self, x: self.layer(x).mean(dim=1), layer=nn.Linear(4, K)
        ),
        numbers(N, 2, 4),
    ),
    "embedding": Sort(
        lambda: nn.Sequential(nn.Embedding(5, 6), nn.Linear(6, K)),
        lambda: torch.arange(N) % 5,
    ),
    "frozen body": Sort(lambda: frozen(mlp(nn.Tanh()), "0.weight", "0.bias")),
    "frozen bias": Sort(lambda: frozen(mlp(nn.Tanh()), "2.bias")),
    "all frozen": Sort(lambda: mlp(nn.Tanh()).requires_grad_(False)),
    "unused layer": Sort(
        lambda: body_and_head(
            lambda self, x: self.head(self.body(x).tanh()),
            spare=nn.Linear(4, 2),
        ),
    ),
    "critic on the side": Sort(
        lambda: body_and_head(valued, critic=nn.Linear(6, 1))
    ),
    "body without gradient": Sort(lambda: body_and_head(without_gradient)),
    "detached body": Sort(
        lambda: body_and_head(
            lambda self, x: self.head(self.body(x).tanh().detach())
        ),
    ),
    "called by keyword": Sort(
        lambda: Custom(
            lambda self, x: self.layer(input=x), layer=nn.Linear(4, K)
        ),
    ),
    "changed after the layer": Sort(
        lambda: body_and_head(lambda self, x: self.head(self.body(x).mul_(2))),
    ),
    "control flow": Sort(lambda: body_and_head(careful, norm=nn.LayerNorm(6))),
    "recurrent": Sort(
        lambda: Custom(
            recurrent,
            body=nn.GRU(4, 5, batch_first=True),
            head=nn.Linear(5, K),
        ),
        numbers(N, 3, 4),
    ),
}
any_sort = pytest.mark.parametrize("sort", SORTS.values(), ids=list(SORTS))
either_precision = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32], ids=["float64", "float32"]
)
Task = tuple[nn.Module, Tensor, Tensor]


def task(sort: Sort, dtype: torch.dtype = torch.float64) -> Task:
    """A policy, observations and actions, the same ones every time."""
    torch.manual_seed(0)
    policy, observations = sort.make().to(dtype), sort.see()
    if observations.is_floating_point():
        observations = observations.to(dtype)
    return policy, observations, torch.arange(len(observations)) ** 2 % K


def by_loop(policy: nn.Module, observations: Tensor, actions: Tensor) -> Tensor:
    """A backward pass for each row, every parameter in its place."""
    policy = deepcopy(policy).requires_grad_(True)
    parameters = list(policy.parameters())
    rows = []
    for observation, action in zip(observations, actions, strict=True):
        logits = policy(observation.unsqueeze(0))[0]
        found = torch.autograd.grad(
            logits.log_softmax(dim=0)[action],
            parameters,
            materialize_grads=True,
        )
        rows.append(torch.cat([each.flatten() for each in found]))
    return torch.stack(rows)


def agree(some: Tensor, want: Tensor) -> bool:
    """Equal up to the rounding of their precision."""
    close = {torch.float64: 1e-11, torch.float32: 2e-5}[want.dtype]
    size = float(want.abs().max())
    return some.shape == want.shape and torch.allclose(
        some, want, rtol=close, atol=close * size
    )


@any_sort
@either_precision
def test_scores_are_those_of_a_loop(sort: Sort, dtype: torch.dtype) -> None:
    policy, observations, actions = task(sort, dtype)
    want = by_loop(policy, observations, actions)
    got = score_matrix(policy, observations, actions)
    assert agree(got, want)
    assert got.dtype == dtype
    assert not got.requires_grad
    assert not agree(got.roll(1, dims=0), want)
    assert not agree(got.roll(1, dims=1), want)
    assert not agree(-got, want)
    assert not agree(got, by_loop(policy, observations, (actions + 1) % K))


@any_sort
@either_precision
def test_second_moments_are_means_of_squares(
    sort: Sort, dtype: torch.dtype
) -> None:
    policy, observations, actions = task(sort, dtype)
    scores = by_loop(policy, observations, actions)
    got = score_second_moment(policy, observations, actions)
    assert agree(got, (scores**2).mean(dim=0))
    assert not got.requires_grad
    assert not agree(got, scores.mean(dim=0) ** 2)
    assert not agree(got, (scores**2).sum(dim=0))


@any_sort
def test_one_row_is_enough(sort: Sort) -> None:
    policy, observations, actions = task(sort)
    row = policy, observations[:1], actions[:1]
    assert agree(score_matrix(*row), by_loop(*row))
    assert agree(score_second_moment(*row), by_loop(*row)[0] ** 2)


@any_sort
def test_policy_and_observations_are_left_as_they_were(sort: Sort) -> None:
    policy, observations, actions = task(sort)
    seen, modes = observations.clone(), [m.training for m in policy.modules()]
    before = list(policy.named_parameters())
    wanted = [parameter.requires_grad for _, parameter in before]
    logits = policy(observations)
    score_matrix(policy, observations, actions)
    score_second_moment(policy, observations, actions)
    after = list(policy.named_parameters())
    assert [name for name, _ in after] == [name for name, _ in before]
    assert all(
        new is old for (_, new), (_, old) in zip(after, before, strict=True)
    )
    assert [parameter.requires_grad for _, parameter in after] == wanted
    assert all(parameter.grad is None for _, parameter in after)
    assert [module.training for module in policy.modules()] == modes
    assert torch.equal(observations, seen)
    assert torch.equal(policy(observations), logits)


def test_a_layer_used_twice_is_left_as_it_was() -> None:
    policy, observations, actions = task(SORTS["tied layer"])
    score_matrix(policy, observations, actions)
    assert isinstance(policy[1].weight, nn.Parameter)
    assert policy[1] is policy[3]
    assert agree(
        score_matrix(policy, observations, actions),
        by_loop(policy, observations, actions),
    )


def test_observations_that_a_policy_writes_to_stay_the_callers() -> None:
    def in_place(self: Custom, x: Tensor) -> Tensor:
        x -= 1
        return self.layer(x)

    torch.manual_seed(0)
    layer = nn.Linear(4, K)
    observations, actions = torch.randn(N, 4), torch.zeros(N, dtype=torch.long)
    seen = observations.clone()
    got = score_matrix(Custom(in_place, layer=layer), observations, actions)
    assert torch.equal(observations, seen)
    assert agree(got, by_loop(layer, seen - 1, actions))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", ["tanh", "embedding", "recurrent"])
def test_scores_need_no_gradient_mode(name: str, mode: Callable) -> None:
    policy, observations, actions = task(SORTS[name])
    want = by_loop(policy, observations, actions)
    with mode():
        got = score_matrix(policy, observations, actions)
        moment = score_second_moment(policy, observations, actions)
    assert agree(got, want)
    assert agree(moment, (want**2).mean(dim=0))


@pytest.mark.parametrize("name", ["tanh", "no bias", "layer norm"])
def test_columns_are_the_parameters_in_their_order(name: str) -> None:
    """Moving one parameter a little moves the log-probability as it says."""
    policy, observations, actions = task(SORTS[name])
    got = score_matrix(policy, observations, actions)
    column, step = 0, 1e-6
    rows = torch.arange(N)
    for parameter in policy.parameters():
        flat = parameter.data.view(-1)
        for place in range(len(flat)):
            sides = []
            for move in (step, -2 * step):
                flat[place] += move
                logits = policy(observations).detach()
                sides.append(logits.log_softmax(dim=1)[rows, actions])
            flat[place] += step
            slope = (sides[0] - sides[1]) / (2 * step)
            assert torch.allclose(got[:, column], slope, atol=1e-8)
            column += 1
    assert column == got.shape[1]


def test_a_transposed_weight_and_a_missing_bias_would_show() -> None:
    policy, observations, actions = task(SORTS["tanh"])
    want = by_loop(policy, observations, actions)
    got = score_matrix(policy, observations, actions)
    weight = got[:, :24].unflatten(1, (6, 4))
    transposed = weight.transpose(1, 2).flatten(1)
    assert agree(torch.cat([weight.flatten(1), got[:, 24:]], dim=1), want)
    assert not agree(torch.cat([transposed, got[:, 24:]], dim=1), want)
    without = got.clone()
    without[:, 24:30] = 0
    assert not agree(without, want)
    assert not agree(torch.cat([got[:, :24], got[:, 30:]], dim=1), want)
    assert not agree(torch.cat([got[:, 24:30], got[:, :24]], dim=1), want)


def test_lists_and_arrays_will_do() -> None:
    policy, observations, actions = task(SORTS["tanh"], torch.float32)
    want = by_loop(policy, observations, actions)
    lists = observations.tolist(), actions.tolist()
    arrays = observations.double().numpy(), actions.numpy().astype("int8")
    for some in (lists, arrays):
        assert agree(score_matrix(policy, *some), want)


# Theorems


@any_sort
def test_scores_are_0_on_average(sort: Sort) -> None:
    """sum_a policy(a | o) score(o, a) = 0, for each observation."""
    policy, observations, _ = task(sort)
    p = policy(observations).detach().softmax(dim=1)
    actions = torch.arange(K).repeat(N)
    each = observations.repeat_interleave(K, dim=0)
    scores = score_matrix(policy, each, actions).unflatten(0, (N, K))
    mean = (p.unsqueeze(2) * scores).sum(dim=1)
    size = float(scores.abs().max())
    assert float(mean.abs().max()) < 1e-13 * size
    assert float(scores.mean(dim=1).abs().max()) > 1e-3 * size


@any_sort
def test_weighted_scores_are_the_gradient_of_the_surrogate(sort: Sort) -> None:
    policy, observations, actions = task(sort)
    scores = score_matrix(policy, observations, actions)
    weight = torch.linspace(-1, 2, N, dtype=torch.float64)
    policy.requires_grad_(True)
    log_prob = policy(observations).log_softmax(dim=1)[torch.arange(N), actions]
    gradient = torch.autograd.grad(
        surrogate(log_prob, weight),
        list(policy.parameters()),
        materialize_grads=True,
    )
    want = torch.cat([each.flatten() for each in gradient])
    assert agree((weight @ scores) / N, want)
    assert not agree(weight @ scores, want)
    assert not agree((weight.flip(0) @ scores) / N, want)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 12),
    width=st.integers(1, 9),
    actions=st.integers(1, 5),
    bias=st.booleans(),
    plain=st.booleans(),
)
def test_any_size_will_do(
    seed: int, n: int, width: int, actions: int, bias: bool, plain: bool
) -> None:
    torch.manual_seed(seed)
    between = nn.Tanh() if plain else nn.Hardswish(inplace=True)
    policy = nn.Sequential(
        nn.Linear(3, width, bias=bias),
        between,
        nn.Linear(width, actions, bias=bias),
    ).double()
    observations = torch.randn(n, 3).double()
    chosen = torch.randint(0, actions, (n,))
    want = by_loop(policy, observations, chosen)
    assert agree(score_matrix(policy, observations, chosen), want)
    moment = score_second_moment(policy, observations, chosen)
    assert agree(moment, (want**2).mean(dim=0))


# Memory


class Largest(TorchDispatchMode):
    """Remembers the most numbers in any tensor that is made."""

    numel = 0

    def __torch_dispatch__(
        self, func: Callable, types: tuple, args: tuple = (), kwargs=None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, list | tuple) else (out,):
            if isinstance(each, Tensor):
                self.numel = max(self.numel, each.numel())
        return out


def test_second_moments_need_no_n_by_p_array(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(persample, "ROWS", 16)
    torch.manual_seed(0)
    policy = nn.Sequential(
        nn.Linear(4, 64),
        nn.LayerNorm(64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, K),
    )
    n, p = 500, sum(each.numel() for each in policy.parameters())
    observations, actions = torch.randn(n, 4), torch.arange(n) % K
    with Largest() as moments:
        got = score_second_moment(policy, observations, actions)
    with Largest() as matrix:
        scores = score_matrix(policy, observations, actions)
    assert moments.numel < n * p / 20
    assert matrix.numel >= n * p
    assert agree(got, (scores**2).mean(dim=0))


@pytest.mark.parametrize("n", [15, 16, 17, 33])
def test_blocks_of_rows_leave_none_out(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persample, "ROWS", 16)
    policy, _, _ = task(SORTS["layer norm"])
    observations = torch.randn(n, 4).double()
    actions = torch.arange(n) % K
    want = by_loop(policy, observations, actions)
    assert agree(score_matrix(policy, observations, actions), want)
    moment = score_second_moment(policy, observations, actions)
    assert agree(moment, (want**2).mean(dim=0))


# What no score matrix can be made for


def mixing(mix: Callable[[Tensor], Tensor]) -> nn.Module:
    return Custom(lambda self, x: mix(self.layer(x)), layer=nn.Linear(4, K))


def shifted(logits: Tensor) -> Tensor:
    """Row i sees row i - 5."""
    late = functional.pad(logits, (0, 0, 5, 0))[: len(logits)]
    return logits + late


MIXING = {
    "batch norm": lambda: mlp(nn.BatchNorm1d(6)),
    "batch norm, no parameters": lambda: mlp(nn.BatchNorm1d(6, affine=False)),
    "dropout": lambda: mlp(nn.Dropout(0.5)),
    "dropout before a layer norm": lambda: mlp(nn.Dropout(), nn.LayerNorm(6)),
    "rare dropout": lambda: mlp(nn.Dropout(1e-4)),
    "random relu": lambda: mlp(nn.RReLU()),
    "noise": lambda: mixing(lambda logits: logits + torch.rand(logits.shape)),
    "centred": lambda: mixing(lambda logits: logits - logits.mean(dim=0)),
    "softmax over rows": lambda: mixing(lambda logits: logits.softmax(dim=0)),
    "sums from the first row": lambda: mixing(lambda x: x.cumsum(dim=0)),
    "sums from the last row": lambda: mixing(
        lambda x: x.flip(0).cumsum(dim=0).flip(0)
    ),
    "the row five before": lambda: mixing(shifted),
    "the next row": lambda: mixing(lambda logits: logits.roll(-1, dims=0)),
    "the number of rows": lambda: mixing(lambda logits: logits * len(logits)),
}


@pytest.mark.parametrize("name", MIXING)
def test_rows_that_influence_each_other_are_refused(name: str) -> None:
    torch.manual_seed(0)
    policy, observations = MIXING[name](), torch.randn(N, 4)
    actions = torch.arange(N) % K
    for scores in (score_matrix, score_second_moment):
        with pytest.raises(ValueError, match=r"(?s)alone, got .*policy\.eval"):
            scores(policy, observations, actions)


def test_mixed_rows_have_scores_that_no_row_has_alone() -> None:
    """Each row's score is 0 alone: what a batch gives is another thing."""
    _, observations, actions = task(SORTS["tanh"])
    centred = MIXING["centred"]().double()
    assert not by_loop(centred, observations, actions).any()
    log_prob = centred(observations).log_softmax(1)[torch.arange(N), actions]
    weight = centred.layer.weight
    together = torch.autograd.grad(log_prob.sum(), weight)[0]
    assert float(together.abs().max()) > 0.1
