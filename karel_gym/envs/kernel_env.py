"""Base class of the single envs; a compiled kernel steps the episode."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.safety import SafetyConstraint, Verdicts, at_reset, split, verdicts_on
from karel_gym.envs.signature import unknown_action
from karel_gym.simulation.episode_arrays import EpisodeArrays, EpisodeState
from karel_gym.specs import OwnHorizon


class KernelEnv(OwnHorizon, gymnasium.Env[Any, Any]):
    """One episode, stepped by a compiled kernel."""

    start_option: ClassVar[str]
    """The option of `reset` that gives a start."""
    action_names: ClassVar[Sequence[str]]
    episodes: EpisodeArrays
    """The episode, as the only one of a batch."""
    constraints: Sequence[SafetyConstraint] = ()
    _seeded = False
    _running = False
    _success = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Seed of this and the following starts: those of `sample_worlds`, `sample_states`.
            options: `{"world": World}` (or, for CartPole, `{"state": float (4,)}`) gives the start.

        Raises:
            ValueError: An option is unknown, or the start does not fit this env.
        """
        gymnasium.Env.reset(self, seed=seed)  # not that of another base class
        unknown = set(options or ()) - {self.start_option}
        if unknown:
            raise ValueError(
                f"the only option of reset is {self.start_option!r}, got {sorted(unknown)}"
            )
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        if seed is not None:
            self.episodes.seed(0, seed)
            self._seeded = True
        if options:
            self.episodes.load(0, options[self.start_option])
        else:
            self.episodes.reset(np.ones(1, dtype=np.bool_))
        self._running, self._success = True, False
        if self.render_mode == "human":
            self.render()
        return self._observe()[0], self._info(at_reset(self.constraints, 1))

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Do one action.

        Raises:
            ValueError: There is no such action.
            gymnasium.error.ResetNeeded: The episode has ended, or none was begun.
        """
        if not self.action_space.contains(action):
            raise unknown_action(self.action_names, action)
        self._check_running()
        actions = np.array([action], dtype=np.int64)
        before = self._observe() if self.constraints else None
        rewards, ends, limits = self.episodes.step(actions)
        terminated, truncated = bool(ends[0]), bool(limits[0])
        self._running = not (terminated or truncated)
        self._success = self._solved(terminated, truncated)
        if self.render_mode == "human":
            self.render()
        after = self._observe()
        verdicts = {} if before is None else verdicts_on(self.constraints, before, actions, after)
        return after[0], float(rewards[0]), terminated, truncated, self._info(verdicts)

    def get_state(self) -> EpisodeState:
        """A copy of the state, for `set_state`; a `ResetNeeded` error if no episode is running."""
        self._check_running()
        return self.episodes.get_state(0)

    def set_state(self, state: EpisodeState) -> None:
        """Continue from a copied state; a `ValueError` for the state of another kind of episode."""
        self.episodes.set_state(0, state)
        self._running = self._seeded = True

    @abstractmethod
    def _observe(self) -> NDArray[Any]:
        """The present observation, (1, ...)."""

    @abstractmethod
    def _solved(self, terminated: bool, truncated: bool) -> bool:
        """Whether the task is solved in an episode that ends in this way."""

    def _check_running(self) -> None:
        if not self._running:
            raise gymnasium.error.ResetNeeded("call reset() to begin an episode")

    def _info(self, verdicts: Verdicts) -> dict[str, Any]:
        info: dict[str, Any] = {
            "return": float(self.episodes.returns[0]),
            "length": int(self.episodes.lengths[0]),
            "is_success": self._success,
        }
        if verdicts:
            info["constraints"] = split(verdicts, [0])[0]
        return info
