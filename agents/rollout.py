"""`Rollout`: a policy acting from start worlds, an episode a world, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from agents.policies import Contestant
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch


class Rollout:
    """Episodes of a Karel task in which a policy acts; they have begun.

    An episode that has ended begins anew; what comes then is for the caller to leave aside.

    Args:
        contestant: The policy; it can take the worlds' size.
        task: The task.
        worlds: N start worlds.
        seed: Of the random streams, and of policies that draw.
        deterministic: Whether the policy takes its most probable action; None: as it was made for.
        max_steps: Horizon of an episode; None: the task's own.

    Attributes:
        envs: The N envs.
        state: What the policy remembers since its last actions.
    """

    def __init__(
        self,
        contestant: Contestant,
        task: Task,
        worlds: WorldBatch,
        seed: int,
        deterministic: bool | None = None,
        max_steps: int | None = None,
    ) -> None:
        self.envs = contestant.envs(
            task,
            len(worlds),
            contestant.obs,
            *worlds.shape,
            max_steps,
            autoreset_mode=AutoresetMode.NEXT_STEP,
        )
        self.state: Any = None
        self._policy: Any = contestant.within(self.envs.episodes.max_steps)
        self._deterministic = contestant.decides(deterministic)
        self._takes_masks = contestant.takes_masks
        if hasattr(self._policy, "set_random_seed"):
            self._policy.set_random_seed(seed % 2**32)  # SB3 takes no larger ones
        self._observations, _ = self.envs.reset(seed=seed, options={"worlds": list(worlds)})
        self._starts = np.ones(len(worlds), dtype=np.bool_)

    def step(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Let the policy act once: rewards, terminated and truncated, each (N,), and infos."""
        masks = {"action_masks": self.envs.action_masks()} if self._takes_masks else {}
        actions, self.state = self._policy.predict(
            self._observations, self.state, self._starts, self._deterministic, **masks
        )
        self._observations, rewards, terminated, truncated, info = self.envs.step(actions)
        self._starts = terminated | truncated
        return rewards, terminated, truncated, info
