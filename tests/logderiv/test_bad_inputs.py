"""More than a thousand bad inputs, each refused at the door.

A door is a public name with arguments that it takes. Every case changes one
argument; it must raise TypeError or ValueError, nothing else, and the message
must hold the value or its shape: never a number, a NaN or a broadcast.
"""

import inspect
import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from numbers import Real

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from torch import Tensor, nn

from logderiv.comparison import compare
from logderiv.expectation import expectation, gradient
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    Poisson,
)
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_check,
    score_function,
)
from logderiv.surrogate import (
    dice,
    score_matrix,
    score_second_moment,
    surrogate,
)

NUMBER = re.compile(
    r"(?<![\w.+-])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?!\w)"
)
NAN, INF = float("nan"), float("inf")
MANY = settings(max_examples=60)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# What a message has to hold


@dataclass
class Gives:
    """A function that returns something odd, and remembers what."""

    label: str
    function: Callable = field(repr=False)
    returned: list[object] = field(default_factory=list, repr=False)

    def __call__(self, *args: object) -> object:
        self.returned = [self.function(*args)]
        return self.returned[0]


class Policy(nn.Module):
    """A policy that bends its logits, and remembers them."""

    def __init__(self, label: str, bend: Callable) -> None:
        super().__init__()
        self.linear, self.bend = nn.Linear(4, 3), bend
        nn.init.constant_(self.linear.weight, 0.5)
        nn.init.constant_(self.linear.bias, 0.25)
        self.label, self.returned = label, []

    def forward(self, observations: Tensor) -> object:
        self.returned = [self.bend(self.linear(observations))]
        return self.returned[0]

    def __repr__(self) -> str:
        return f"Policy({self.label!r})"


@dataclass
class Odd:
    """A distribution with a standard normal sample and score, or others."""

    label: str
    sample: Callable = field(
        repr=False, default=lambda n, rng: rng.standard_normal(n)
    )
    score: Callable = field(repr=False, default=lambda x: x[:, None])

    @property
    def returned(self) -> list[object]:
        odd = (self.sample, self.score)
        told = [one.returned for one in odd if isinstance(one, Gives)]
        return [each for one in told for each in one]


@dataclass
class Bad:
    """A value, and what of it the message must hold."""

    value: object
    said: str


def numbers_of(value: object) -> list[float]:
    """A number itself; of an array, those that no float array should hold."""
    if isinstance(value, bool | np.bool_ | np.timedelta64):
        return []
    if isinstance(value, Real):
        return [float(value)] if abs(value) < 10**300 or value != value else []
    if isinstance(value, Tensor):
        value = value.detach().double() if value.is_floating_point() else value
    try:
        entries = np.ravel(np.asarray(value))
    except (TypeError, ValueError, RuntimeError):
        return []
    if entries.dtype.kind not in "iuf":
        return []
    limit = 1e150 if entries.dtype.kind == "f" else 2**53
    entries = entries.astype(float)
    return np.unique(entries[~(np.abs(entries) <= limit)]).tolist()


def shapes_of(value: object) -> list[tuple[int, ...]]:
    if isinstance(value, Tensor | np.ndarray):
        return [tuple(value.shape)]
    if not isinstance(value, list | tuple | Real | np.bool_):
        return []
    try:
        return [np.shape(value)]
    except ValueError:
        return []


def holds(message: str, value: object) -> bool:
    """Whether a message names a value, or at least its shape."""
    if isinstance(value, Bad):
        return value.said in message
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return repr(value) in message or holds(message, value[()])
    name = repr(value)[:40]
    end = "(?!\\w)" if len(name) < 40 else ""
    if re.search(f"{re.escape(name)}{end}", message):
        return True
    if isinstance(value, Gives | Policy | Odd):
        return any(
            holds(message, one) or (np.ndim(one) == 0 and "shape ()" in message)
            for one in value.returned
        )
    if any(f"{shape}" in message for shape in shapes_of(value)):
        return True
    tokens = [float(token) for token in NUMBER.findall(message)]
    said = np.array(tokens)[:, None]
    with np.errstate(over="ignore"):
        near = np.isclose(said, numbers_of(value), rtol=5e-3, equal_nan=True)
    return bool(near.any())


def complaint(call: Callable[[], object], value: object) -> str:
    """What is wrong with the way that a call refuses a value, or ""."""
    try:
        result = call()
    except Exception as error:
        if type(error) not in (TypeError, ValueError):
            return f"raised {type(error).__name__}: {error}"
        if not holds(str(error), value):
            return f"said neither value nor shape, but: {error}"
        return ""
    return f"returned {result!r:.80}"


# The doors

HEADS = {
    "Bernoulli": Bernoulli(0.3),
    "Categorical": Categorical([0.0, 0.5, -0.3]),
    "Gaussian": Gaussian(1.3, 0.7),
    "Gaussian of 2": Gaussian([1.3, -0.2], [0.7, 1.1]),
    "Poisson": Poisson(2.5),
    "Exponential": Exponential(1.7),
}
SMOOTH = ("Gaussian", "Gaussian of 2", "Exponential")
N = 12


def square(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    return x**2 if x.ndim == 1 else (x**2).sum(axis=1)


def slope(x: np.ndarray) -> np.ndarray:
    return 2.0 * x


@dataclass
class Door:
    """A public name, its callable, and arguments that it takes."""

    public: str
    call: Callable
    right: dict[str, object]

    def arguments(self) -> dict[str, object]:
        """The right arguments, with a fresh source of randomness."""
        fresh = {"rng": rng()} if "rng" in self.right else {}
        return self.right | fresh


def _doors() -> dict[str, Door]:
    """Doors by name: "gradient of Poisson" is gradient, given a Poisson."""
    doors = {}

    def add(name: str, call: Callable, **right: object) -> None:
        public, _, rest = name.partition(" of ")
        _, dot, member = rest.partition(".")
        doors[name] = Door(public + dot + member, call, right)

    add("Bernoulli", Bernoulli, logit=0.3)
    add("Categorical", Categorical, logits=[0.0, 0.5])
    add("Gaussian", Gaussian, mean=1.3, std=0.7)
    add("Gaussian of 2", Gaussian, mean=[1.3, -0.2], std=[0.7, 1.1])
    add("Poisson", Poisson, rate=2.5)
    add("Exponential", Exponential, rate=1.7)
    for loss in (surrogate, dice):
        add(loss.__name__, loss, log_prob=-torch.ones(3), weight=torch.ones(3))
    for scores in (score_matrix, score_second_moment):
        add(
            scores.__name__,
            scores,
            policy=Policy("right", lambda logits: logits),
            observations=torch.linspace(-1, 1, 20).reshape(5, 4),
            actions=torch.tensor([0, 1, 2, 2, 0]),
        )
    add("score_check", score_check, dist=HEADS["Gaussian"], rng=None)
    for head, dist in HEADS.items():
        x = dist.sample(4, rng())
        for member in (dist.sample, dist.noise):
            add(f"{head}.{member.__name__}", member, n=7, rng=None)
        for member in (dist.log_prob, dist.score):
            add(f"{head}.{member.__name__}", member, x=x)
        one = {"f": square, "dist": dist}
        many = one | {"n": N, "rng": None}
        for call, right in (
            (expectation, one),
            (gradient, one),
            (score_function, many),
            (measure_valued, many),
            (finite_difference, many | {"step": 0.1}),
            (compare, many | {"step": 0.1}),
            (pathwise, many | {"derivative": slope}),
        ):
            if call is pathwise and head not in SMOOTH:
                continue
            if call in (expectation, gradient, compare) and dist.event:
                continue
            add(f"{call.__name__} of {head}", call, **right)
    return doors


DOORS = _doors()


@dataclass
class Case:
    """One bad value of one argument; ``also``: others that go with it."""

    door: str
    argument: str
    value: object
    also: dict[str, object] = field(default_factory=dict)

    @property
    def plain(self) -> object:
        return self.value.value if isinstance(self.value, Bad) else self.value

    @property
    def triple(self) -> tuple[str, str, str]:
        return DOORS[self.door].public, self.argument, repr(self.plain)

    def complaint(self) -> str:
        door = DOORS[self.door]
        changed = door.arguments() | self.also | {self.argument: self.plain}
        found = complaint(lambda: door.call(**changed), self.value)
        return found and f"{self.argument} = {self.plain!r:.70} {found}"


CASES: list[Case] = []


def bad(
    doors: str | Iterable[str],
    argument: str,
    values: Iterable[object],
    **also: object,
) -> None:
    """Note cases down; ``doors``: names, or the start of some."""
    if isinstance(doors, str):
        doors = [door for door in DOORS if door.startswith(f"{doors} of ")]
    values = list(values)
    for door in doors:
        CASES.extend(Case(door, argument, value, also) for value in values)


# Numbers and counts

OBJECTS = [
    *(None, Ellipsis, NotImplemented, "", "0.5", "nan", b"0.5", object),
    *({}, {"a": 0.5}, set(), {0.5}, slice(1), Decimal("0.5"), float, len),
    *(np.datetime64("2020-01-01"), np.timedelta64(1, "s"), np.array("a")),
    *(np.array(None), np.array(1j), 1j, 1 + 2j, np.complex64(1j)),
    *(True, False, np.True_, np.array(True), np.random.RandomState),
    *(np.ma.masked, np.ma.array(0.5, mask=True), torch.tensor(0.5)),
]
SEQUENCES = [
    *([], [0.5], (0.5,), [0.5, 0.5], range(3), [[0.5]], [None], ["a"], [1j]),
    *(np.array([]), np.array([0.5]), np.array([[0.5]]), np.zeros((2, 0))),
    *(np.array([1j]), np.array(["a"]), np.array([None]), [[0.5], [1, 2]]),
    torch.tensor([0.5]),
]
TOO_FAR = [
    *(NAN, INF, -INF, np.float32("nan"), np.float16("inf"), -np.float64("inf")),
    *(1e151, -1e151, 1.7e308, -1.7e308, 10**200, -(10**200), 10**400),
    *(np.longdouble("1e200"), np.array(NAN), np.array(INF), np.array(1e200)),
    Fraction(10**200),
]
NOT_POSITIVE = [
    *(0, 0.0, -0.0, -1, -1.5, -1e-300, 5e-324, 1e-151, np.float64(0)),
    *(np.int64(-2), np.array(0.0), np.array(-3), Fraction(-1, 2)),
    *(np.float32(-0.25), Fraction(1, 10**200), -7.25, np.float16(0)),
    *(np.float32(0), np.float32(-0.0), np.longdouble(0)),
]

bad(["Bernoulli"], "logit", OBJECTS + SEQUENCES + TOO_FAR)
bad(["Gaussian"], "mean", OBJECTS + TOO_FAR)
bad(["Gaussian"], "std", OBJECTS + TOO_FAR + NOT_POSITIVE)
bad(
    ["Poisson", "Exponential"],
    "rate",
    OBJECTS + SEQUENCES + TOO_FAR + NOT_POSITIVE,
)
bad(
    ["Gaussian"],
    "mean",
    [
        Bad([0.5], "(1,)"),
        Bad([0.5, 1.5], "(2,)"),
        Bad(np.array([0.5]), "(1,)"),
        Bad([], "(0,)"),
    ],
)
bad(
    ["Gaussian"],
    "std",
    [[0.5], [0.5, 1.5], np.array([0.5]), [], [[0.5]], (0.5,)],
)

ARRAYS = [
    *(*OBJECTS[:-1], 0.5, 3, np.float64(0.5), torch.tensor(0.5), NAN),
    *([], (), [[]], np.zeros(0), np.zeros((0, 2)), np.zeros((2, 0)), [None]),
    *(["a", "b"], [0.5, "a"], [0.5, None], [0.5, 1j], [b"a", b"b"], [{}, {}]),
    *([[0.5, 1.5]], [[0.5], [1.5]], [[[0.5]]], np.zeros((2, 1)), [[1], [1, 2]]),
    *([0.5, NAN], [NAN, 0.5], [INF, 0.5], [0.5, -INF], [1e151, 0.5]),
    *([0.5, -1e200], np.array([0.5, NAN], np.float32), [NAN, NAN]),
    *(np.array([0.5, 1.5], object), np.array([0.5, 1j]), np.array(["a", "b"])),
    *(np.ma.array([0.5, 1.5], mask=[False, True]), np.ma.array([0.5, 1.5])),
    *(np.array(["2020", "2021"], "M8[Y]"), np.array([1, 2], "m8[s]")),
    *(np.zeros(2, dtype=[("a", float)]), torch.tensor([0.5, NAN])),
    *(torch.tensor([0.5, 1.5], requires_grad=True), torch.tensor([1j, 0.5])),
    *([True, False], np.array([True, True]), {0.5, 1.5}, {0: 0.5, 1: 1.5}),
]
LENGTHS = [[0.5], [0.5, 1.5, 2.5], np.full(5, 0.5)]
bad(["Categorical"], "logits", ARRAYS)
bad(["Gaussian of 2"], "mean", ARRAYS)
bad(["Gaussian of 2"], "mean", [Bad(x, f"({len(x)},)") for x in LENGTHS])
bad(["Gaussian of 2"], "std", ARRAYS + LENGTHS)
bad(
    ["Gaussian of 2"],
    "std",
    [
        Bad([0.5, 0.0], "got 0.0"),
        Bad([-1.5, 0.5], "got -1.5"),
        Bad([0.5, 1e-200], "got 1e-200"),
        Bad(np.array([-0.25, -0.5]), "got -0.5"),
        Bad([0, 0], "got 0.0"),
    ],
)

COUNTS = [
    *(None, "7", b"7", "", 7.0, 7.5, -7.5, NAN, INF, 7j, True, False, np.True_),
    *([7], (7,), [], {}, {7}, np.array(7), np.array([7]), np.float64(7)),
    *(np.float32(7), Fraction(7), Fraction(7, 2), Decimal(7), torch.tensor(7)),
    *(len, int, Ellipsis, slice(7), range(7), np.array([]), np.array("7")),
    np.timedelta64(7, "s"),
    *(0, -1, -7, np.int64(0), np.int64(-3), np.int8(-1), -(10**20), -(2**63)),
]
IMPOSSIBLE = [2**63, 10**20, 2**64 + 1, 10**400]
DRAWS = [f"{head}.{member}" for head in HEADS for member in ("sample", "noise")]
ESTIMATORS = ["score_function", "measure_valued", "finite_difference"]
ESTIMATORS += ["pathwise", "compare"]

bad(DRAWS, "n", COUNTS + IMPOSSIBLE)
for name in ESTIMATORS:
    bad([f"{name} of Gaussian"], "n", [*COUNTS, 1])
    bad(name, "n", [0, 1, 2.5, None, True])
PATIENCE = 1_000_000


def impatient(x: np.ndarray) -> np.ndarray:
    """2 x, until it has seen too many of them."""
    impatient.seen = getattr(impatient, "seen", 0) + len(x)
    if impatient.seen > PATIENCE:
        raise RecursionError("runs for ever")
    return slope(x)


for name in ("score_function", "measure_valued", "finite_difference"):
    bad([f"{name} of Gaussian"], "n", IMPOSSIBLE, f=impatient)
bad(["pathwise of Gaussian"], "n", IMPOSSIBLE, derivative=impatient)
bad(["compare of Gaussian"], "n", IMPOSSIBLE, f=impatient)
bad(["score_check"], "n", IMPOSSIBLE)
bad("compare", "n", [2, 3, np.int64(3)])
bad("score_function", "n", [2, 3], baseline="optimal")
bad(["score_check"], "n", [*COUNTS, 1, 2, 100, 999, np.int64(999)])

SOURCES = [
    *(None, 0, 1, 42, -1, 1.5, "0", "rng", True, [], [0], (), {}, np.random),
    *(np.random.default_rng, np.random.Generator, np.random.RandomState(0)),
    *(np.random.SeedSequence(0), np.random.PCG64(0), random, random.Random(0)),
    *(np.random.MT19937(0), torch.Generator(), torch, np.array(0), NAN, 1j),
    *(np.random.rand, np.random.mtrand, np.int64(3), b"0", slice(0), len),
]
bad([*DRAWS, "score_check"], "rng", SOURCES)
for name in ESTIMATORS:
    bad([f"{name} of Gaussian"], "rng", SOURCES)
    bad(name, "rng", [0, None, np.random])


# Samples

ONE_D = ["Bernoulli", "Categorical", "Gaussian", "Poisson", "Exponential"]
SAMPLES = [
    *(None, "a", b"a", {}, set(), Ellipsis, object, len, 0, 1, 1.0, NAN),
    *(["a"], [None], [1j], [{}], ["1"], [0, "1"], [0, None], [[0], [0, 1]]),
    *(np.array(1.0), np.array(["1"]), np.array([1], object), np.array([1j])),
    *(np.array([1], "M8[Y]"), np.zeros(2, dtype=[("a", int)])),
    *(np.ma.array([0.0, 1.0], mask=[0, 1]), np.ma.array([1.0])),
    *(torch.ones(2, requires_grad=True), torch.tensor([1j])),
    *([NAN], [0, NAN], [NAN, NAN], np.array([1, 0, NAN], np.float32)),
]
FOR_ONE = [[[1]], [[0], [1]], [[0, 1]], np.ones((2, 2)), np.ones((2, 1, 1))]
FOR_TWO = [
    *([1.0], [0, 1], np.ones(2), np.ones((3, 1)), np.ones((2, 3))),
    *(np.ones((2, 2, 1)), np.ones((1, 2, 2)), [[0, NAN]], [[0, 0], [NAN, 0]]),
]
for member in ("log_prob", "score"):
    bad([f"{head}.{member}" for head in HEADS], "x", SAMPLES)
    bad([f"{head}.{member}" for head in ONE_D], "x", FOR_ONE)
    bad([f"Gaussian of 2.{member}"], "x", FOR_TWO)
OFF = {
    "Bernoulli": [2, -1, 0.5, INF, -INF, 1e300, 1 + 1e-9],
    "Categorical": [3, -1, 0.5, INF, -INF, 1e300, 2.5, 7],
    "Gaussian": [INF, -INF],
    "Poisson": [-1, 0.5, INF, -INF, -1e300, 3.25],
    "Exponential": [-1, -0.25, INF, -INF, -1e-9],
}
for head, off in OFF.items():
    for x in off:
        said = f"got x = {float(x)}"
        bad([f"{head}.score"], "x", [Bad([1, x], said), Bad([x, 0], said)])
bad(["Gaussian of 2.score"], "x", [[[0, INF]], [[0, 0], [-INF, 0]]])


# Payoffs and their derivatives

NO_FUNCTIONS = [
    *(None, 0, 2.5, NAN, 1j, True, "x", "", "lambda x: x", b"f", [], [square]),
    *((square,), {}, {"f": square}, slice(3), Ellipsis, Decimal(1), range(2)),
    *(np.array([1.0]), np.array(2.0), torch.ones(2), np.float64(3), 10**400),
]


def put(values: np.ndarray, place: int, value: float) -> np.ndarray:
    values = np.array(values, dtype=float)
    values.flat[place] = value
    return values


def nothing_real() -> list[Gives]:
    """Functions of the samples whose values are no real numbers."""
    return [
        Gives("None", lambda x: None),
        Gives("a word", lambda x: "word"),
        Gives("bytes", lambda x: b"word"),
        Gives("words", lambda x: ["word"] * len(x)),
        Gives("digits", lambda x: x.astype(str)),
        Gives("objects", lambda x: x.astype(object)),
        Gives("Nones", lambda x: [None] * len(x)),
        Gives("complex", lambda x: 1j * x),
        Gives("complex reals", lambda x: x + 0j),
        Gives("a set", lambda x: {1.0}),
        Gives("a dict", lambda x: {0: 1.0}),
        Gives("a function", lambda x: square),
        Gives("a generator", lambda x: (each for each in x)),
        Gives("a map", lambda x: map(abs, x)),
        Gives("dates", lambda x: np.zeros(len(x), "M8[s]")),
        Gives("times", lambda x: np.zeros(len(x), "m8[s]")),
        Gives("records", lambda x: np.zeros(len(x), [("a", float)])),
        Gives("ragged", lambda x: [[1.0], [1.0, 2.0]]),
        Gives("masked", lambda x: np.ma.array(x, mask=x > 0)),
        Gives("masked, no mask", lambda x: np.ma.array(x)),
        Gives("a tensor that asks for a gradient", lambda x: asking(x)),
        Gives("an ellipsis", lambda x: ...),
    ]


def asking(x: np.ndarray) -> Tensor:
    return torch.ones(x.shape, requires_grad=True)


SCALARS = [
    Gives("a float", lambda x: 1.5),
    Gives("an int", lambda x: 3),
    Gives("a bool", lambda x: True),
    Gives("NaN", lambda x: NAN),
    Gives("numpy float", lambda x: np.float64(1.5)),
    Gives("0-d", lambda x: np.array(1.5)),
    Gives("the sum", lambda x: square(x).sum()),
    Gives("the mean", lambda x: square(x).mean()),
]
SHAPES = [
    Gives("(n, 1)", lambda x: square(x)[:, None]),
    Gives("(1, n)", lambda x: square(x)[None]),
    Gives("(n, 2)", lambda x: np.stack([square(x)] * 2, axis=1)),
    Gives("(n, n)", lambda x: np.subtract.outer(square(x), square(x))),
    Gives("(n, 1, 1)", lambda x: square(x)[:, None, None]),
    Gives("(n - 1,)", lambda x: square(x)[1:]),
    Gives("(n + 1,)", lambda x: np.append(square(x), 1.0)),
    Gives("(2 n,)", lambda x: np.tile(square(x), 2)),
    Gives("(1,)", lambda x: square(x)[:1]),
    Gives("keepdims", lambda x: square(x).sum(keepdims=True)),
    Gives("[]", lambda x: []),
    Gives("empty", lambda x: np.zeros(0)),
    Gives("(0, n)", lambda x: np.zeros((0, len(x)))),
    Gives("(n, 0)", lambda x: np.zeros((len(x), 0))),
    Gives("nested", lambda x: [[1.0]] * len(x)),
]
PLACES = [
    Gives(
        f"{value} at {place}", lambda x, p=place, v=value: put(square(x), p, v)
    )
    for value in (NAN, INF, -INF)
    for place in (0, -1)
]
PLACES += [
    Gives("NaN", lambda x: NAN * square(x)),
    Gives("inf", lambda x: INF + square(x)),
    Gives("float16 inf", lambda x: np.full(len(x), INF, np.float16)),
    Gives("list of NaN", lambda x: [NAN] * len(x)),
]
WRAPPED = [
    Gives("2**60", lambda x: np.full(len(x), 2**60)),
    Bad(Gives("-2**63", lambda x: np.full(len(x), -(2**63))), "9.22e+18"),
    Gives("2**64 - 1", lambda x: np.full(len(x), 2**64 - 1, np.uint64)),
    Gives("one large", lambda x: np.arange(len(x)) + (2**54)),
]


PAYOFFS = SCALARS + SHAPES + PLACES
for name in ["expectation", "gradient", *ESTIMATORS]:
    doors = [door for door in DOORS if door.startswith(f"{name} of ")]
    bad([f"{name} of Gaussian"], "f", NO_FUNCTIONS + nothing_real())
    bad(doors, "f", PAYOFFS)
    bad([f"{name} of Exponential"], "f", WRAPPED)
for baseline in (0.5, "leave-one-out", "optimal"):
    bad(["score_function of Gaussian"], "f", PAYOFFS, baseline=baseline, n=N)
bad(
    ["score_function of Gaussian"],
    "f",
    PAYOFFS,
    baseline="leave-one-out",
    group=3,
)
for name in ("score_function", "measure_valued", "finite_difference"):
    bad(
        [f"{name} of Gaussian of 2"],
        "f",
        [
            Gives("x", lambda x: x),
            Gives("x**2", lambda x: x**2),
            Gives("x[:, :1]", lambda x: x[:, :1]),
            Gives("sum over n", lambda x: x.sum(axis=0)),
            Gives("transposed", lambda x: x.T),
        ],
    )
LATE = Gives("NaN in a late block", lambda x: np.where(x > 4.2, NAN, x))
for name in ("score_function", "measure_valued", "finite_difference"):
    bad([f"{name} of Gaussian"], "f", [LATE], n=200_000)

HUGE = [
    Gives("1e200 x", lambda x: 1e200 * np.asarray(x)),
    Gives("1e160 x", lambda x: 1e160 * np.asarray(x)),
    Gives("+-1.7e308", lambda x: np.where(x > 1.3, 1.7e308, -1.7e308)),
]
LARGE = [Bad(f, "too large for floats") for f in HUGE]
TERMS = [Bad(f, "size up to 1e+150, got ") for f in HUGE]
UNBOUNDED = [
    Gives("exp(2 x^2)", lambda x: exp(2 * x**2)),
    Gives("exp(x^4)", lambda x: exp(x**4)),
    Gives("exp(1.03 x^2)", lambda x: exp(1.03 * x**2)),
]


def exp(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.exp(x)


for baseline in (None, "leave-one-out", "optimal", 2.5):
    bad(["score_function of Gaussian"], "f", LARGE, baseline=baseline)
bad(["measure_valued of Gaussian"], "f", TERMS)
bad(["finite_difference of Gaussian"], "f", TERMS)
bad(
    ["score_function of Gaussian"],
    "f",
    TERMS,
    baseline="leave-one-out",
    group=3,
)
for name in ("expectation", "gradient"):
    bad([f"{name} of Gaussian"], "f", UNBOUNDED)

bad(["pathwise of Gaussian"], "derivative", NO_FUNCTIONS)
bad(["pathwise of Gaussian"], "derivative", nothing_real())
bad("pathwise", "derivative", SCALARS)
bad(
    "pathwise",
    "derivative",
    [
        Gives("(n, 1)", lambda x: slope(x)[:, None]),
        Gives("(1, n)", lambda x: slope(x)[None]),
        Gives("(n - 1,)", lambda x: slope(x)[1:]),
        Gives("(n + 1,)", lambda x: np.concatenate([x, x[:1]])),
        Gives("(1,)", lambda x: slope(x)[:1]),
        Gives("(n, 3)", lambda x: np.ones((len(x), 3))),
        Gives("empty", lambda x: np.zeros(0)),
        Gives("[]", lambda x: []),
        Gives("NaN first", lambda x: put(slope(x), 0, NAN)),
        Gives("NaN last", lambda x: put(slope(x), -1, NAN)),
        Gives("inf", lambda x: put(slope(x), 5, INF)),
        Gives("-inf", lambda x: put(slope(x), 5, -INF)),
        Bad(Gives("1e151", lambda x: put(slope(x), 0, 1e151)), "got 1e+151"),
        Bad(Gives("-1e200", lambda x: put(slope(x), 0, -1e200)), "got -1e+200"),
        *(
            Bad(Gives(label, wrong), "disagree at x = ")
            for label, wrong in (
                ("0", lambda x: 0.0 * x),
                ("x", lambda x: x),
                ("-2 x", lambda x: -2 * x),
                ("2 |x| + 1", lambda x: 2 * np.abs(x) + 1),
                ("2.01 x", lambda x: 2.01 * x),
                ("x^2", lambda x: x**2),
                ("1e6 x", lambda x: 1e6 * x),
                ("1e149", lambda x: np.full(x.shape, 1e149)),
            )
        ),
    ],
)
bad(["pathwise of Gaussian"], "f", HUGE)
bad(
    ["pathwise of Gaussian of 2"],
    "derivative",
    [
        Gives("(n,)", lambda x: slope(x)[:, 0]),
        Gives("(n, 1)", lambda x: slope(x)[:, :1]),
        Gives("(2, n)", lambda x: slope(x).T),
        Gives("one point's", lambda x: slope(x)[0]),
    ],
)
bad("compare", "derivative", [x for x in NO_FUNCTIONS if x is not None])


# Distributions

STRANGERS = [
    *(None, 3.5, "gaussian", [], {}, (1.0, 1.0), np.random, len, True, NAN),
    *(np.array([1.0]), torch.distributions.Normal(0, 1), torch.ones(2)),
    *(np.random.default_rng(0), object, b"", Decimal(1), 1j, Ellipsis),
]
CLASSES = [Bernoulli, Categorical, Gaussian, Poisson, Exponential]
DUCKS = [Odd("duck"), Odd("another duck")]
for name in ESTIMATORS:
    bad([f"{name} of Gaussian"], "dist", STRANGERS + CLASSES)
    if name != "score_function":
        bad([f"{name} of Gaussian"], "dist", DUCKS)
for name in ("expectation", "gradient"):
    bad([f"{name} of Gaussian"], "dist", STRANGERS + CLASSES + DUCKS)
    wide = [HEADS["Gaussian of 2"], Gaussian([0.0] * 3, [1.0] * 3)]
    wide = [Bad(dist, f"mean {dist.mean}") for dist in wide]
    steep = [Poisson(rate) for rate in (1e6 + 1, 1e7, 1e12, 1e150)]
    bad([f"{name} of Gaussian"], "dist", wide + steep)
bad(["score_check"], "dist", STRANGERS + CLASSES)
bad(["pathwise of Gaussian"], "dist", [Bernoulli(0.5), Poisson(2.5)])
bad(["pathwise of Gaussian"], "dist", [HEADS["Categorical"]])
FAST = [Bad(Poisson(rate), f"got {rate}") for rate in (1e13, 1e18, 1e150)]
bad(["score_function of Poisson", "score_check"], "dist", FAST)
bad(["measure_valued of Poisson"], "dist", FAST)
bad(
    ["finite_difference of Poisson"],
    "dist",
    [Bad(Poisson(rate), f"got {rate + 1}") for rate in (2e10, 1e11)],
    step=1.0,
)


def odd_dists() -> list[Odd]:
    """Fresh ones: they remember."""
    samples = [
        Gives("None", lambda n, rng: None),
        Gives("a number", lambda n, rng: 1.5),
        Gives("too few", lambda n, rng: rng.random(n - 1)),
        Gives("too many", lambda n, rng: rng.random(n + 1)),
        Gives("one", lambda n, rng: rng.random(1)),
        Gives("none", lambda n, rng: []),
        Gives("(1, n)", lambda n, rng: rng.random((1, n))),
    ]
    scores = [
        Gives("None", lambda x: None),
        Gives("a number", lambda x: 1.5),
        Gives("a word", lambda x: "word"),
        Gives("(n,)", lambda x: x),
        Gives("(1, n)", lambda x: x[None]),
        Gives("(1, 1)", lambda x: x[:1, None]),
        Gives("(n - 1, 1)", lambda x: x[1:, None]),
        Gives("(n, 0)", lambda x: np.zeros((len(x), 0))),
        Gives("(n, 1, 1)", lambda x: x[:, None, None]),
        Gives("NaN", lambda x: NAN * x[:, None]),
        Gives("NaN first", lambda x: put(x[:, None], 0, NAN)),
        Gives("inf last", lambda x: put(x[:, None], -1, INF)),
        Gives("complex", lambda x: 1j * x[:, None]),
        Gives("words", lambda x: x[:, None].astype(str)),
        Gives("objects", lambda x: x[:, None].astype(object)),
        Gives("masked", lambda x: np.ma.array(x[:, None])),
    ]
    lost = Gives("NaN", lambda n, rng: np.full(n, NAN))
    many = [Odd(f"sample: {each.label}", sample=each) for each in samples]
    many += [Odd(f"score: {each.label}", score=each) for each in scores]
    return [*many, Odd("lost", sample=lost)]


bad(["score_function of Gaussian"], "dist", odd_dists())
bad(["score_function of Gaussian"], "dist", odd_dists(), baseline="optimal")
bad(
    ["score_function of Gaussian"],
    "dist",
    odd_dists(),
    baseline="leave-one-out",
    group=3,
)
bad(["score_check"], "dist", odd_dists())
for name in ("score_function of Gaussian", "score_check"):
    bad(
        [name],
        "dist",
        [
            Bad(Odd("sample 3", sample=3), "sample 3"),
            Bad(Odd("score None", score=None), "score None"),
        ],
    )


# Baselines, groups, steps, switches

BASELINES = [
    *("mean", "own-mean", "rloo", "", "loo", "Optimal", "LEAVE-ONE-OUT", "0.5"),
    *("none", "leave_one_out", "leave-one-out ", b"optimal", np.cos, len, abs),
    *(square, np.mean, float, NAN, INF, -INF, 1e151, -1e200, 10**400, 1j, True),
    *(False, np.True_, [], [0.5], (0.5,), {}, {0.5}, np.array([0.5]), slice(1)),
    *(np.ones(N), np.ones((N, 1)), np.array(1j), Decimal(1), Ellipsis),
    *(torch.tensor(0.5), torch.ones(N), np.float64("nan"), np.array(NAN)),
    *(("leave-one-out",), ["optimal"], np.array("optimal"), np.ma.masked),
]
bad("score_function", "baseline", BASELINES)
GROUPS = [
    *(0, 1, -1, -3, 5, 7, 8, N, N + 1, 24, 10**20, 2.0, 3.0, 2.5, NAN, INF, ""),
    *("3", b"3", True, False, [3], (3,), {}, np.array(3), np.array([3]), 3j),
    *(np.float64(3), Fraction(3), np.int64(5), np.int64(-3), torch.tensor(3)),
    *(len, Decimal(3), slice(3), Ellipsis, np.True_, range(3)),
]
bad("score_function", "group", GROUPS, baseline="leave-one-out")
for baseline in (None, 0.5, "optimal"):
    bad(
        "score_function", "group", [2, 3, 4, 6, "3", "", 2.5], baseline=baseline
    )
STEPS = [
    *(*OBJECTS, *SEQUENCES, *TOO_FAR, *NOT_POSITIVE, 1e-200),
]
bad(["finite_difference of Gaussian", "compare of Gaussian"], "step", STEPS)
for head, largest in (
    ("Poisson", 2.5),
    ("Exponential", 1.7),
    ("Gaussian", 0.7),
):
    too_long = [largest, largest + 0.25, 2 * largest, 100, 1e10]
    bad([f"finite_difference of {head}"], "step", too_long)
for step in (1e-17, 1e-20, 1e-100):
    bad("finite_difference", "step", [step])
SWITCHES = [
    *(None, 0, 1, 2, -1, 0.0, 1.0, NAN, "True", "yes", "", b"", [], [True]),
    *((), (True,), {}, {True}, np.array(True), np.array([True]), 1j, len),
    *(np.float64(1), np.int64(1), torch.tensor(True), Ellipsis, slice(1)),
]
bad("measure_valued", "coupled", SWITCHES)
bad("finite_difference", "common_random_numbers", SWITCHES)


# Torch

LOSSES = ["surrogate", "dice"]
NO_TENSORS = [
    *(None, 0.0, 1, NAN, True, "x", b"x", 1j, [], [0.0] * 3, (0.0,), {}, len),
    *(np.zeros(3), np.zeros((3, 1)), np.float64(1), [torch.zeros(3)], Tensor),
    *(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int32)),
    *(torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.complex64)),
    *(torch.zeros(3, dtype=torch.uint8), torch.tensor(1), Ellipsis),
]
WRONG_SHAPES = [
    *(torch.zeros(3, 1), torch.zeros(1, 3), torch.zeros(1), torch.zeros(())),
    *(torch.zeros(2), torch.zeros(4), torch.zeros(3, 3), torch.zeros(0)),
    *(torch.zeros(3, 1, 1), torch.zeros(3, 0), torch.zeros(1, 1)),
]
TENSORS = [
    torch.tensor([NAN, 0.0, 0.0]),
    torch.tensor([0.0, 0.0, NAN]),
    torch.tensor([0.0, INF, 0.0]),
    torch.tensor([0.0, -INF, 0.0]),
    torch.tensor([INF, -INF, 0.0]),
    torch.tensor([NAN, NAN, NAN]),
    torch.full((3,), INF),
    torch.tensor([0.0, NAN, 0.0], dtype=torch.float64),
    torch.tensor([0.0, INF, 0.0], dtype=torch.float16),
    torch.tensor([0.0, NAN, 0.0], dtype=torch.bfloat16),
    torch.tensor([0.0, NAN, 0.0], requires_grad=True),
]
for argument in ("log_prob", "weight"):
    bad(LOSSES, argument, NO_TENSORS + WRONG_SHAPES + TENSORS)
for shape in ((), (0,), (0, 3), (3, 0), (2, 2, 2), (1, 1, 1), (0, 0)):
    bad(LOSSES, "log_prob", [torch.ones(shape)], weight=torch.ones(shape))
for left, right in (((3, 2), (2, 3)), ((3, 2), (3, 1)), ((3, 1), (3, 2))):
    bad(LOSSES, "weight", [torch.ones(right)], log_prob=torch.ones(left))
for argument, other in (("log_prob", "weight"), ("weight", "log_prob")):
    for place in range(6):
        for value in (NAN, INF, -INF):
            table = torch.zeros(2, 3)
            table.view(-1)[place] = value
            bad(LOSSES, argument, [table], **{other: torch.ones(2, 3)})
    large = torch.full((2, 3), 3e38)
    bad(LOSSES, argument, [Bad(large, "3e+38")], **{other: torch.ones(2, 3)})

SCORES = ["score_matrix", "score_second_moment"]
POLICIES = [
    *(None, 0, 1.5, "linear", b"", [], {}, np.ones((4, 3)), torch.ones(4, 3)),
    *(nn.Linear, nn.functional.relu, torch, len, [nn.Linear(4, 3)], nn.Module),
    *(nn.Linear(4, 3).weight, (nn.Linear(4, 3),), True, NAN, Ellipsis),
    *(nn.Identity(), nn.Sequential(), nn.ReLU(), nn.Dropout()),
    Policy("None", lambda logits: None),
    Policy("a tuple", lambda logits: (logits,)),
    Policy("a list", lambda logits: logits.tolist()),
    Policy("a dict", lambda logits: {"logits": logits}),
    Policy("numpy", lambda logits: logits.detach().numpy()),
    Policy("a float", lambda logits: 1.5),
    Policy("integers", lambda logits: logits.long()),
    Policy("booleans", lambda logits: logits > 0),
    Policy("complex", lambda logits: logits * 1j),
    Policy("a scalar", lambda logits: logits.sum()),
    Policy("(n,)", lambda logits: logits[:, 0]),
    Policy("(n, 3, 1)", lambda logits: logits[:, :, None]),
    Policy("(1, n, 3)", lambda logits: logits[None]),
    Policy("(3, n)", lambda logits: logits.T),
    Policy("(n - 1, 3)", lambda logits: logits[1:]),
    Policy("(n + 1, 3)", lambda logits: torch.cat([logits, logits[:1]])),
    Policy("(1, 3)", lambda logits: logits.mean(0, keepdim=True)),
    Policy("(0, 3)", lambda logits: logits[:0]),
    Policy("NaN", lambda logits: logits * NAN),
    Policy("inf", lambda logits: logits + INF),
    Policy("-inf", lambda logits: logits - INF),
    Policy("a mask", lambda logits: logits + torch.tensor([0, 0, -INF])),
    Policy("log of 0", lambda logits: torch.log(0 * logits)),
]
MIXERS = [
    Policy("centred", lambda logits: logits - logits.mean(0)),
    Policy("softmax over rows", lambda logits: logits.softmax(0)),
    Policy("cumulated", lambda logits: logits.flip(0).cumsum(0).flip(0)),
    Policy("scaled", lambda logits: logits / logits.norm()),
    Policy("sorted", lambda logits: logits.sort(0, descending=True).values),
    Policy("counted", lambda logits: logits * len(logits)),
    Policy("rolled", lambda logits: logits.roll(1, 0)),
]
bad(SCORES, "policy", POLICIES)
bad(SCORES, "policy", [Bad(mixer, "among 5 rows") for mixer in MIXERS])


def rowwise(layer: nn.Module) -> nn.Module:
    """A policy with a layer that training makes random or mixing."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), layer, nn.Linear(8, 3)).train()


bad(
    SCORES,
    "policy",
    [
        Bad(rowwise(layer), "policy.eval()")
        for layer in (nn.BatchNorm1d(8), nn.Dropout(0.5), nn.AlphaDropout(0.5))
    ],
)
bad(
    SCORES,
    "policy",
    [
        Bad(nn.Linear(3, 3), "(5, 4)"),
        Bad(nn.Linear(5, 3), "(5, 4)"),
        Bad(nn.Conv1d(2, 3, 1), "(5, 4)"),
        Bad(nn.Embedding(4, 3), "(5, 4)"),
        Bad(nn.Bilinear(4, 4, 3), "(5, 4)"),
        Bad(nn.Linear(4, 2), "got 2"),
        Bad(nn.Linear(4, 1), "got 1"),
    ],
)
OBSERVATIONS = [
    *(None, "x", b"x", {}, set(), len, Ellipsis, [None], ["a"], [{}], object),
    *(0.5, 3, NAN, True, torch.tensor(0.5), np.array(0.5), [], [[]], [[], []]),
    *(torch.zeros(0, 4), torch.zeros(5, 0), np.zeros((0, 4)), [[1], [1, 2]]),
    *(np.array([["a"]]), np.full((5, 4), None), torch.full((5, 4), NAN)),
    *(torch.full((5, 4), INF), np.full((5, 4), -INF), [[NAN] * 4] * 5),
    *(np.ma.array(np.ones((5, 4)), mask=True), np.ma.array(np.ones((5, 4)))),
    *(np.zeros((5, 4), "M8[s]"), torch.zeros(5, 4, dtype=torch.complex64)),
    *(np.zeros((5, 4), complex), torch.zeros(5, 3), torch.zeros(5, 5)),
    *(torch.zeros(4), torch.zeros(5, 4, 1), torch.zeros(20), [0.5] * 4),
    *(torch.zeros(2, 5, 4), torch.zeros(5, 4, dtype=torch.bool)),
    *(torch.zeros(5, 4, dtype=torch.int64), [[0, 0, 0, 0]] * 5),
    *(Bad(torch.zeros(m, 4), f"({m},)") for m in (1, 4, 6)),
]
bad(SCORES, "observations", OBSERVATIONS)
for place in range(0, 20, 3):
    for value in (NAN, INF, -INF):
        table = torch.zeros(5, 4)
        table.view(-1)[place] = value
        bad(SCORES, "observations", [table])
bad(
    SCORES,
    "observations",
    [Bad(torch.tensor([0, 1, 5, 0, 0]), "(5,)"), Bad([0, 0, -1, 0, 0], "(5,)")],
    policy=nn.Embedding(3, 3),
)
ACTIONS = [
    *(None, "x", b"x", {}, set(), len, Ellipsis, [None] * 5, ["a"] * 5, object),
    *(0, 1.5, True, NAN, torch.tensor(0), [], [[]], [0], [0, 1], [0] * 4),
    *([0] * 6, [[0]] * 5, [[0] * 5], torch.zeros(5, 1).long(), [[1], [1, 2]]),
    *(torch.zeros(1, 5).long(), torch.zeros(0).long(), torch.zeros(5)),
    *([0.0] * 5, [0, 1, 2, 2, 0.5], np.zeros(5), [NAN] * 5, [True] * 5),
    *(torch.zeros(5, dtype=torch.bool), torch.zeros(5, dtype=torch.complex64)),
    *(torch.zeros(5, dtype=torch.float16), np.array(["0"] * 5)),
    *(np.ma.array([0] * 5, mask=True), np.ma.array([0] * 5), [1j] * 5),
    *(np.zeros(5, "M8[s]"), np.array([None] * 5), torch.eye(5, 3)),
    *(torch.eye(5, 3).long(), np.eye(5), torch.zeros(2, 5).long()),
]
bad(SCORES, "actions", ACTIONS)
for place in range(5):
    for value in (-1, 3, 4, 100, -(2**40), 2**40):
        chosen = torch.zeros(5, dtype=torch.int64)
        chosen[place] = value
        bad(SCORES, "actions", [Bad(chosen, f"got {value}")])
bad(SCORES, "actions", [Bad(np.full(5, 3, np.uint8), "got 3")])
bad(SCORES, "actions", [Bad(np.full(5, 3, np.uint64), "got 3")])
bad(SCORES, "actions", [Bad(np.full(5, -128, np.int8), "got -128")])


BY_DOOR: dict[str, list[Case]] = defaultdict(list)
for case in CASES:
    BY_DOOR[f"{case.door}({case.argument})"].append(case)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_opens_to_the_right_arguments(door: str) -> None:
    DOORS[door].call(**DOORS[door].arguments())


@pytest.mark.parametrize("door", BY_DOOR)
def test_bad_inputs_are_refused(door: str) -> None:
    found = [case.complaint() for case in BY_DOOR[door]]
    assert not any(found), "\n".join(filter(None, found))


def test_there_are_more_than_a_thousand_of_them() -> None:
    assert len({case.triple for case in CASES}) > 1000


def test_every_argument_of_every_door_is_tried() -> None:
    tried = {(DOORS[case.door].public, case.argument) for case in CASES}
    for door in DOORS.values():
        taken = inspect.signature(door.call).parameters
        assert {(door.public, argument) for argument in taken} <= tried


def raising(error: Exception) -> Callable[[], object]:
    def call() -> object:
        raise error

    return call


WELCOMING = [
    (lambda: 3.5, "returned 3.5"),
    (lambda: NAN, "returned nan"),
    (lambda: None, "returned None"),
    (raising(KeyError("got -2.5")), "raised KeyError"),
    (raising(RuntimeError("got -2.5")), "raised RuntimeError"),
    (raising(UnicodeError("got -2.5")), "raised UnicodeError"),
    (raising(RuntimeWarning("got -2.5")), "raised RuntimeWarning"),
    (raising(ValueError("bad")), "neither value nor shape, but: bad"),
    (raising(ValueError("it must be > 0, got 2.5")), "neither value"),
    (raising(TypeError("got -2.56 at row 2")), "neither value"),
    (raising(ValueError("")), "neither value"),
]


@pytest.mark.parametrize(("call", "said"), WELCOMING)
def test_the_check_rejects_what_does_not_refuse(
    call: Callable[[], object], said: str
) -> None:
    assert said in complaint(call, -2.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-2.5, "it must be > 0, got -2.5"),
        (np.float64(-2.5), "got np.float64(-2.5)"),
        (1234567.0, "got 1.235e+06 among its values"),
        (NAN, "got nan"),
        (10**400, f"got {10**400}"),
        ("2.5", "got '2.5'"),
        (None, "got None"),
        (True, "got True"),
        ([1.0, INF], "got inf among its values"),
        (torch.zeros(3, 1), "got (3, 1)"),
        (np.array(-2.5), "got -2.5"),
    ],
)
def test_the_check_lets_a_refusal_pass(value: object, message: str) -> None:
    assert complaint(raising(ValueError(message)), value) == ""
    assert complaint(raising(TypeError(message)), value) == ""
    for other in (-7.25, "7.25", torch.zeros(7, 2), [7.25] * 7):
        assert "neither value" in complaint(raising(ValueError(message)), other)


# Bad inputs that hypothesis thinks of


def refused(door: str, argument: str, value: object, **also: object) -> None:
    assert Case(door, argument, value, also).complaint() == ""


NUMBERS = [
    *(("Bernoulli", "logit"), ("Gaussian", "mean"), ("Gaussian", "std")),
    *(("Poisson", "rate"), ("Exponential", "rate")),
    ("finite_difference of Gaussian", "step"),
]
POSITIVE = NUMBERS[2:]
DRAWN = ["score_function of Gaussian", "measure_valued of Gaussian"]
DRAWN += ["finite_difference of Gaussian", "pathwise of Gaussian"]
WORDS = st.text(string.printable)
ODD_FLOATS = st.sampled_from([NAN, INF, -INF])
PAYABLE = [*DRAWN[:3], "expectation of Gaussian", "gradient of Poisson"]
EDGES = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@MANY
@given(
    st.sampled_from(NUMBERS),
    WORDS
    | st.binary()
    | st.none()
    | st.booleans()
    | st.complex_numbers()
    | st.dictionaries(WORDS, st.floats()),
)
def test_a_number_is_a_number(door: tuple[str, str], value: object) -> None:
    refused(*door, value)


@MANY
@given(
    st.sampled_from(POSITIVE),
    st.floats(max_value=0)
    | st.floats(min_value=1e151)
    | st.floats(max_value=9e-151)
    | st.floats(width=32, max_value=0).map(np.float32)
    | st.floats(width=16, max_value=0).map(np.float16)
    | st.integers(max_value=0)
    | st.fractions(max_value=0)
    | st.just(NAN),
)
def test_a_scale_is_positive(door: tuple[str, str], value: object) -> None:
    refused(*door, value)


@MANY
@given(
    st.sampled_from([*DRAWS, *DRAWN, "score_check", "compare of Gaussian"]),
    st.integers(max_value=0) | st.floats() | WORDS | st.booleans(),
)
def test_a_count_is_whole_and_positive(door: str, value: object) -> None:
    refused(door, "n", value)


@MANY
@given(
    st.sampled_from([*DRAWS, *DRAWN, "score_check", "compare of Gaussian"]),
    st.integers() | st.floats() | WORDS | st.none() | st.binary(),
)
def test_a_seed_is_no_generator(door: str, value: object) -> None:
    refused(door, "rng", value)


@MANY
@given(st.sampled_from(PAYABLE), EDGES)
def test_a_payoff_has_one_number_a_sample(
    door: str, shape: tuple[int, ...]
) -> None:
    refused(door, "f", Gives(f"{shape}", lambda x: np.ones(shape)))


@MANY
@given(st.sampled_from(PAYABLE), st.integers(0, N - 1), ODD_FLOATS)
def test_one_payoff_that_is_not_finite_is_one_too_many(
    door: str, place: int, value: float
) -> None:
    f = Gives(f"{value} at {place}", lambda x: put(square(x), place, value))
    refused(door, "f", f)


@MANY
@given(st.sampled_from(["Gaussian", "Gaussian of 2", "Exponential"]), EDGES)
def test_a_derivative_has_the_shape_of_the_samples(
    head: str, shape: tuple[int, ...]
) -> None:
    wrong = Gives(f"{shape}", lambda x: np.ones(shape))
    refused(f"pathwise of {head}", "derivative", wrong)


@MANY
@given(st.floats(-5, 5), st.floats(-5, 5))
def test_a_derivative_is_that_of_its_payoff(a: float, b: float) -> None:
    assume(abs(a - 2) > 0.1 or abs(b) > 0.1)
    wrong = Gives(f"{a} x + {b}", lambda x: a * x + b)
    refused("pathwise of Gaussian", "derivative", Bad(wrong, "disagree at x ="))


@MANY
@given(
    st.sampled_from(sorted(HEADS)),
    st.sampled_from(["log_prob", "score"]),
    array_shapes(min_dims=0, max_dims=4, max_side=3),
)
def test_samples_have_their_shape(
    head: str, member: str, shape: tuple[int, ...]
) -> None:
    event = HEADS[head].sample(1, rng()).shape[1:]
    assume(len(shape) == 0 or shape[1:] != event)
    refused(f"{head}.{member}", "x", np.ones(shape))


@MANY
@given(st.sampled_from(sorted(HEADS)), st.integers(1, 9), st.data())
def test_one_sample_that_is_nan_is_one_too_many(
    head: str, n: int, data: st.DataObject
) -> None:
    x = HEADS[head].sample(n, rng()).astype(float)
    x.flat[data.draw(st.integers(0, x.size - 1))] = NAN
    for member in ("log_prob", "score"):
        refused(f"{head}.{member}", "x", x)


@MANY
@given(
    st.floats().filter(lambda x: x not in (0, 1)),
    st.floats(allow_infinity=False).filter(lambda x: x != np.floor(x)),
    st.floats(max_value=-5e-324),
)
def test_there_is_no_score_off_the_support(
    no_coin: float, no_integer: float, negative: float
) -> None:
    off = {"Bernoulli": no_coin, "Categorical": no_integer}
    off |= {"Poisson": no_integer, "Exponential": negative}
    for head, x in off.items():
        refused(f"{head}.score", "x", Bad([0, x], str(x)))


@MANY
@given(
    st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=5),
    st.integers(0, 4),
    ODD_FLOATS | st.sampled_from([2e150, -2e150]),
)
def test_lists_of_numbers_are_finite(
    logits: list[float], place: int, value: float
) -> None:
    logits[place % len(logits)] = value
    refused("Categorical", "logits", logits)
    ones = [1.0] * len(logits)
    refused("Gaussian of 2", "mean", logits, std=ones)
    refused("Gaussian of 2", "std", logits, mean=ones)


@MANY
@given(st.integers(2, 40), st.integers(-5, 60))
def test_groups_divide_the_samples(n: int, group: int) -> None:
    assume(group < 2 or n % group or n == group)
    refused(
        "score_function of Gaussian",
        "group",
        group,
        n=n,
        baseline="leave-one-out",
    )


@MANY
@given(
    WORDS.filter(lambda name: name not in ("leave-one-out", "optimal"))
    | st.binary()
    | st.booleans()
    | st.complex_numbers()
    | st.lists(st.floats())
    | ODD_FLOATS
)
def test_a_baseline_is_a_number_or_a_known_name(value: object) -> None:
    refused("score_function of Gaussian", "baseline", value)


@MANY
@given(
    st.sampled_from(["Poisson", "Exponential"]),
    st.floats(1e-100, 1e100),
    st.floats(1, 1e40),
)
def test_a_step_stays_in_range(head: str, rate: float, times: float) -> None:
    dist = {"Poisson": Poisson, "Exponential": Exponential}[head](rate)
    refused(f"finite_difference of {head}", "step", rate * times, dist=dist)


@MANY
@given(st.sampled_from(LOSSES), EDGES, EDGES)
def test_tensors_of_two_shapes_never_broadcast(
    loss: str, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    assume(left != right)
    refused(loss, "weight", torch.ones(right), log_prob=torch.ones(left))


@MANY
@given(
    st.sampled_from(LOSSES),
    st.sampled_from(["log_prob", "weight"]),
    array_shapes(min_dims=1, max_dims=2, max_side=5),
    ODD_FLOATS,
    st.data(),
)
def test_one_entry_that_is_not_finite_is_one_too_many(
    loss: str,
    argument: str,
    shape: tuple[int, ...],
    value: float,
    data: st.DataObject,
) -> None:
    right = {"log_prob": -torch.ones(shape), "weight": torch.zeros(shape)}
    wrong = right.pop(argument)
    wrong.view(-1)[data.draw(st.integers(0, wrong.numel() - 1))] = value
    refused(loss, argument, wrong, **right)


@MANY
@given(
    st.sampled_from(SCORES),
    st.integers(0, 4),
    st.integers(-(2**63), -1) | st.integers(3, 2**63 - 1),
)
def test_one_action_that_does_not_exist_is_one_too_many(
    scores: str, place: int, action: int
) -> None:
    actions = torch.zeros(5, dtype=torch.int64)
    actions[place] = action
    refused(scores, "actions", Bad(actions, f"got {action}"))


@MANY
@given(st.sampled_from(SCORES), st.integers(0, 19), ODD_FLOATS)
def test_one_observation_that_is_not_finite_is_one_too_many(
    scores: str, place: int, value: float
) -> None:
    observations = torch.ones(5, 4)
    observations.view(-1)[place] = value
    refused(scores, "observations", observations)


@MANY
@given(st.sampled_from(SCORES), st.integers(0, 20))
def test_there_is_an_action_for_each_observation(scores: str, m: int) -> None:
    assume(m != 5)
    refused(scores, "actions", torch.zeros(m, dtype=torch.int64))
