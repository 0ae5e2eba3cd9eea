"""`KernelEnv`: what single envs share whose episode is stepped by a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np

from karel_gym.envs.signature import unknown_action
from karel_gym.simulation.episode_arrays import EpisodeArrays, EpisodeState
from karel_gym.specs import OwnHorizon


class KernelEnv(OwnHorizon, gymnasium.Env[Any, Any]):
    """One episode, stepped by a kernel: its seeds, its starts and its states."""

    start_option: ClassVar[str]
    """What `reset` calls the start that a user gives."""
    action_names: ClassVar[Sequence[str]]
    episodes: EpisodeArrays
    """The episode, as the only one of a batch."""
    _seeded = False
    _running = False

    def get_state(self) -> EpisodeState:
        """A copy of all that the episode is; `set_state` takes it, as does a vector env.

        Raises:
            gymnasium.error.ResetNeeded: The episode has ended, or none was begun.
        """
        self._check_running()
        return self.episodes.get_state(0)

    def set_state(self, state: EpisodeState) -> None:
        """Go on from a state that `get_state`, or a vector env, copied.

        Raises:
            ValueError: It is no state of such an episode.
        """
        self.episodes.set_state(0, state)
        self._running = self._seeded = True

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """Begin an episode, as `reset` is asked to."""
        gymnasium.Env.reset(self, seed=seed)
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
        self._running = True

    def _act(self, action: Any) -> tuple[float, bool, bool]:
        """Do an action: its reward, and whether the episode is terminated or truncated."""
        if not self.action_space.contains(action):
            raise unknown_action(self.action_names, action)
        self._check_running()
        rewards, terminated, truncated = self.episodes.step(np.array([action], dtype=np.int64))
        self._running = not (terminated[0] or truncated[0])
        return float(rewards[0]), bool(terminated[0]), bool(truncated[0])

    def _check_running(self) -> None:
        if not self._running:
            raise gymnasium.error.ResetNeeded("call reset() to begin an episode")

    def _info(self, solved: bool) -> dict[str, Any]:
        return {
            "return": float(self.episodes.returns[0]),
            "length": int(self.episodes.lengths[0]),
            "is_success": solved,
        }
