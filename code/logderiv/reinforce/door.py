"""What an environment hands in, held against its spaces.

Whatever is not as they say is refused, with the environment's name: cast or
broadcast it would be wrong without a sound.
"""

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import VectorEnv

NUMBERS, WHOLE = "biuf", "biu"  # kinds of NumPy's types


def name_of(envs: VectorEnv) -> str:
    """The environment's, for messages."""
    return envs.spec.id if envs.spec else type(envs).__name__


def seen_space(envs: VectorEnv) -> Box | Discrete:
    """The space of one observation.

    Raises:
        TypeError: it is neither Box nor Discrete.
    """
    seen = envs.single_observation_space
    if not isinstance(seen, Box | Discrete):
        raise TypeError(
            f"observations must be Box or Discrete, {name_of(envs)} has {seen}"
        )
    return seen


def action_space(envs: VectorEnv) -> Discrete:
    """The space of one action.

    Raises:
        TypeError: it is not Discrete.
    """
    choices = envs.single_action_space
    if not isinstance(choices, Discrete):
        raise TypeError(
            "REINFORCE here needs a discrete action space, "
            f"{name_of(envs)} has {choices}"
        )
    return choices


class Door:
    """Through which all comes that one environment, or ``rows`` of them, give.

    Args:
        space: of one observation.
        name: of the environment.
        rows: how many act together; None for a single environment.
    """

    def __init__(
        self, space: Box | Discrete, name: str, rows: int | None = None
    ) -> None:
        self.space, self.name = space, name
        self.rows: tuple[int, ...] = () if rows is None else (rows,)
        self.shape = (*self.rows, *(space.shape or ()))
        self.kinds = NUMBERS if space.dtype.kind == "f" else WHOLE
        self.known: tuple | None = None  # how a step looked that was right

    def first(self, result: object) -> np.ndarray:
        """The observation of a reset."""
        observation, _ = self._parts("reset", result, 2)
        return self._observation(observation)

    def step(self, result: Any) -> tuple[np.ndarray, ...]:
        """Observation, reward, terminated and truncated of a step.

        What looks as a step before, which was right, is right.
        """
        try:
            seen, reward, ended, cut, _ = result
            look = (
                *(seen.shape, seen.dtype, reward.shape, reward.dtype),
                *(ended.shape, ended.dtype, cut.shape, cut.dtype),
            )
        except (AttributeError, TypeError, ValueError):
            return self._examined(result)
        if look != self.known:
            parts = self._examined(result)
            self.known = look
            return parts
        self._check_place(seen)
        return seen, reward, ended, cut

    def _examined(self, result: object) -> tuple[np.ndarray, ...]:
        seen, reward, ended, cut, _ = self._parts("step", result, 5)
        return (
            self._observation(seen),
            self._array("a reward", reward, NUMBERS),
            self._array("terminated", ended, "b"),
            self._array("truncated", cut, "b"),
        )

    def check_range(self, seen: np.ndarray, mask: np.ndarray) -> None:
        """Observations of a Box, (episode, time, features) floats: between its
        bounds where the mask is True?
        """
        if isinstance(self.space, Discrete):
            return
        low, high = (
            np.asarray(bound, dtype=seen.dtype).ravel()
            for bound in (self.space.low, self.space.high)
        )
        outside = (seen < low) | (seen > high)
        if outside.any() and outside[mask].any():
            raise self._refusal(seen[outside.any(axis=2) & mask][0])

    def _parts(self, what: str, result: object, count: int) -> tuple:
        if isinstance(result, tuple) and len(result) == count:
            return result
        raise ValueError(
            f"{self.name}: {what} must return a tuple of {count}, "
            f"got {result!r:.80}"
        )

    def _observation(self, value: object) -> np.ndarray:
        seen = _array(value)
        if seen.shape != self.shape or seen.dtype.kind not in self.kinds:
            raise self._refusal(value)
        self._check_place(seen)
        return seen

    def _check_place(self, seen: np.ndarray) -> None:
        """Observations of a Discrete space, before they are one-hot."""
        if isinstance(self.space, Box):
            return
        place = seen - self.space.start
        if ((place < 0) | (place >= self.space.n)).any():
            raise self._refusal(seen)

    def _array(self, what: str, value: object, kinds: str) -> np.ndarray:
        array = _array(value)
        if array.shape != self.rows or array.dtype.kind not in kinds:
            kind = "booleans" if kinds == "b" else "numbers"
            raise ValueError(
                f"{self.name}: {what} must be {kind} of shape {self.rows}, "
                f"got {value!r:.80} of shape {array.shape}, {array.dtype}"
            )
        return array

    def _refusal(self, value: object) -> ValueError:
        array = _array(value)
        together = f" for {self.rows[0]} environments" if self.rows else ""
        return ValueError(
            f"{self.name}: an observation must lie in {self.space}{together}, "
            f"got {value!r:.80} of shape {array.shape}, {array.dtype}"
        )


def _array(value: object) -> np.ndarray:
    """As NumPy sees it; what it cannot see as an array is one object."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.array(None)


def features(space: Box | Discrete, seen: np.ndarray) -> np.ndarray:
    """Observations (n, ...) as float rows: one-hot if Discrete, else flat."""
    if isinstance(space, Discrete):
        rows = np.zeros((len(seen), int(space.n)), dtype=np.float32)
        rows[np.arange(len(rows)), seen - space.start] = 1
        return rows
    return np.array(seen, dtype=np.float32).reshape(len(seen), -1)
