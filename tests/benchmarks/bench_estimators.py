"""Estimators against merely drawing the same samples, block by block."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats.sampling import DiscreteAliasUrn
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    Poisson,
)
from logderiv.memory import BLOCK, blocks, rows_of
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_function,
)
from logderiv.surrogate import (
    score_matrix,
    score_second_moment,
    surrogate,
)

BASELINES = [None, "leave-one-out"]
SURROGATE = (
    "Gradient by surrogate, float32, in blocks, over drawing the numbers"
)


def square(x: np.ndarray) -> np.ndarray:
    terms = (x - 0.5) ** 2
    return terms if x.ndim == 1 else terms.sum(axis=1)


def draw_normal(rng: np.random.Generator, count: int) -> None:
    """count standard normal numbers, forgotten block by block."""
    buffer = np.empty(BLOCK)
    for size in blocks(count, BLOCK):
        rng.standard_normal(out=buffer[:size])


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(
    ("count", "size"),
    [
        (count, size)
        for count in (10**4, 10**6, 10**7)
        for size in (1, 10, 100, 1000)
    ]
    + [(10**8, 1), (10**8, 100)],
)
def test_gaussian(ratio, count: int, size: int, baseline: str | None) -> None:
    rng = np.random.default_rng(0)
    dist = Gaussian(1.0, 1.1)
    if size > 1:
        dist = Gaussian(np.ones(size), np.full(size, 1.1))
    ratio(
        "score_function, Gaussian, over drawing the normal numbers",
        f"D = {size}, baseline {baseline}",
        f"n·D = {count:.0e}",
        lambda: score_function(square, dist, count // size, rng, baseline),
        lambda: draw_normal(rng, count),
        target=1.8,
    )


def draw_categories(
    urn: DiscreteAliasUrn, rng: np.random.Generator, n: int
) -> None:
    for size in blocks(n, BLOCK):
        urn.rvs(size, random_state=rng)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("size", [10, 100, 1000, 100_000])
def test_categorical(ratio, size: int, baseline: str | None) -> None:
    rng = np.random.default_rng(0)
    dist = Categorical(rng.standard_normal(size))
    payoffs = rng.random(size)
    urn, n = DiscreteAliasUrn(dist.probabilities.copy()), 10**6
    ratio(
        "score_function, Categorical, n = 1e6",
        f"K = {size}, baseline {baseline}",
        "over SciPy's alias draw",
        lambda: score_function(lambda x: payoffs[x], dist, n, rng, baseline),
        lambda: draw_categories(urn, rng, n),
        target=1.5 if baseline is None else 2.0,
    )


OTHERS = {
    "Bernoulli": (Bernoulli(0.3), score_function),
    "Poisson": (Poisson(2.5), score_function),
    "Exponential": (Exponential(1.5), score_function),
    "Gaussian, groups of 10": (
        Gaussian(1.0, 1.1),
        partial(score_function, baseline="leave-one-out", group=10),
    ),
    "Gaussian, pathwise": (
        Gaussian(1.0, 1.1),
        partial(pathwise, derivative=lambda x: 2 * (x - 0.5)),
    ),
    "Gaussian, measure-valued": (Gaussian(1.0, 1.1), measure_valued),
    "Gaussian, finite difference": (
        Gaussian(1.0, 1.1),
        partial(finite_difference, step=0.1),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others(ratio, name: str) -> None:
    rng, n = np.random.default_rng(0), 10**6
    dist, estimator = OTHERS[name]
    ratio(
        "Other families and estimators, n = 1e6",
        name,
        "over drawing n samples",
        lambda: estimator(square, dist, n, rng),
        lambda: [len(dist.sample(m, rng)) for m in blocks(n, BLOCK)],
    )


def rows(n: int, size: int) -> list[int]:
    return list(blocks(n, rows_of(size)))


def draw_torch(n: int, size: int) -> None:
    for m in rows(n, size):
        torch.randn(m, size)


def surrogate_gradient(mean: Tensor, n: int) -> None:
    """mean.grad of the surrogate for E sum (x - 1/2)^2, block by block."""
    mean.grad = None
    for m in rows(n, len(mean)):
        x = torch.randn(m, len(mean)) + mean.detach()
        log_prob = -0.5 * ((x - mean) ** 2).sum(dim=1)
        weight = ((x - 0.5) ** 2).sum(dim=1)
        (surrogate(log_prob, weight) * (m / n)).backward()


@pytest.mark.parametrize("count", [10**5, 10**6, 10**7])
@pytest.mark.parametrize("size", [10, 100, 1000])
def test_surrogate(ratio, size: int, count: int) -> None:
    mean = torch.ones(size, requires_grad=True)
    n = count // size
    ratio(
        SURROGATE,
        f"D = {size}",
        f"n·D = {count:.0e}",
        lambda: surrogate_gradient(mean, n),
        lambda: draw_torch(n, size),
        target=5,
    )


def backward_loop(mean: Tensor, n: int) -> None:
    """As `surrogate_gradient`, with one backward pass a sample."""
    mean.grad = None
    for _ in range(n):
        x = torch.randn(len(mean)) + mean.detach()
        log_prob = -0.5 * ((x - mean) ** 2).sum()
        weight = ((x - 0.5) ** 2).sum()
        (log_prob * weight / n).backward()


@pytest.mark.parametrize("size", [10, 1000])
def test_a_backward_pass_for_each_sample(ratio, size: int) -> None:
    mean = torch.ones(size, requires_grad=True)
    n = 10**5 // size
    ratio(
        SURROGATE,
        f"D = {size}, peer: a backward pass a sample",
        f"n·D = {n * size:.0e}",
        lambda: backward_loop(mean, n),
        lambda: draw_torch(n, size),
    )


def mlp() -> tuple[nn.Sequential, Tensor, Tensor]:
    """A policy 4-64-2, 10 000 states, and actions."""
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    return policy, torch.randn(10_000, 4), torch.randint(0, 2, (10_000,))


def by_vmap(policy: nn.Module, states: Tensor, actions: Tensor) -> object:
    def log_prob(parameters: dict, state: Tensor, action: Tensor) -> Tensor:
        logits = functional_call(policy, parameters, (state,))
        return logits.log_softmax(0).gather(0, action.unsqueeze(0)).sum()

    named = {k: v.detach() for k, v in policy.named_parameters()}
    return vmap(grad(log_prob), in_dims=(None, 0, 0))(named, states, actions)


def by_loop(policy: nn.Module, states: Tensor, actions: Tensor) -> None:
    parameters = list(policy.parameters())
    for state, action in zip(states, actions, strict=True):
        torch.autograd.grad(policy(state).log_softmax(0)[action], parameters)


@pytest.mark.parametrize(
    ("name", "scores", "target"),
    [
        ("score_matrix", score_matrix, 4.5),
        ("score_second_moment", score_second_moment, 3),
        ("peer: torch.func vmap(grad)", by_vmap, None),
        ("peer: a loop of backward passes", by_loop, None),
    ],
    ids=["matrix", "second", "vmap", "loop"],
)
def test_scores_of_a_policy(
    ratio, name: str, scores: Callable, target: float | None
) -> None:
    policy, states, actions = mlp()
    ratio(
        "Scores of an MLP 4-64-2, 10 000 states",
        name,
        "over its forward pass, with the graph",
        partial(scores, policy, states, actions),
        lambda: policy(states),
        target,
    )


PEAK = """
import numpy as np
from logderiv.identity import Gaussian
from logderiv.sampling import score_function
score_function(
    lambda x: x**2, Gaussian(1.0, 1.0), {n}, np.random.default_rng(0),
    "leave-one-out",
)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def peak_mib(n: int) -> float:
    """Peak memory of a process that makes one estimate."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK.format(n=n)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)


def test_memory(benchmark) -> None:
    small = peak_mib(10**6)
    large = benchmark.pedantic(peak_mib, args=(10**9,), rounds=1)
    benchmark.extra_info.update(
        group="Peak memory of a process that makes one estimate, MiB",
        row=f"n = 1e9 (at n = 1e6: {small:.0f})",
        column="MiB",
        ratio=large,
        low=large,
        high=large,
        target=300,
    )
