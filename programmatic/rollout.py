"""`Rollout`: the loop of a policy and its environments, and the outcomes of episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from programmatic.machine.policy import Policy


class Outcomes(NamedTuple):
    """The ends of N episodes."""

    returns: NDArray[np.float64]
    """(N,)."""
    lengths: NDArray[np.int64]
    """(N,); in actions."""
    solved: NDArray[np.bool_]
    """(N,)."""


class Rollout:
    """A policy that acts in N environments, step by step.

    Args:
        policy: The policy.
        observations: The first observations, (N, ...), of episodes that begin.
        act: Does actions, (N,), and returns observations (N, ...), rewards (N,), which episodes
            ended, bool (N,), and infos, as `step` of SB3's `VecEnv` does.
        deterministic: Whether a model takes its most probable action.
        masks: Returns the useful actions, bool (N, A), for a policy that takes `action_masks`.

    Attributes:
        observations: The latest observations.
        actions: The latest actions.
        state: The memory of the policy.
    """

    def __init__(
        self,
        policy: Policy,
        observations: Any,
        act: Callable[[Any], tuple[Any, Any, Any, Any]],
        deterministic: bool = True,
        masks: Callable[[], NDArray[np.bool_]] | None = None,
    ) -> None:
        self.observations = observations
        self.actions: Any = None
        self.state: Any = None
        self._predict: Callable[..., tuple[Any, Any]] = policy.predict
        self._act = act
        self._deterministic = deterministic
        self._masks = masks
        self._starts = np.ones(len(observations), dtype=np.bool_)

    def decide(self) -> None:
        """Let the policy choose the next actions."""
        masks = {} if self._masks is None else {"action_masks": self._masks()}
        self.actions, self.state = self._predict(
            self.observations, self.state, self._starts, self._deterministic, **masks
        )

    def act(self) -> tuple[NDArray[Any], NDArray[np.bool_], Any]:
        """Do the chosen actions: rewards and which episodes ended, each (N,), and infos."""
        self.observations, rewards, self._starts, infos = self._act(self.actions)
        return rewards, self._starts, infos

    def step(self) -> tuple[NDArray[Any], NDArray[np.bool_], Any]:
        """Choose the next actions and do them; see `act`."""
        self.decide()
        return self.act()


def play(rollout: Rollout) -> Outcomes:
    """Play the first episode of each environment to its end.

    The infos at its end must have `is_success` and, as SB3's `Monitor` writes it, `episode`.
    """
    n = len(rollout.observations)
    outcomes = Outcomes(np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.bool_))
    running = np.ones(n, dtype=np.bool_)
    while running.any():
        _, ended, infos = rollout.step()
        for i in np.flatnonzero(running & ended):
            episode = infos[i]["episode"]
            outcomes.returns[i], outcomes.lengths[i] = episode["r"], episode["l"]
            outcomes.solved[i] = infos[i]["is_success"]
        running &= ~ended
    return outcomes
