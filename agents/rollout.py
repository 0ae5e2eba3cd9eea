"""Episodes of a policy, in envs or in a compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from agents.policies import Contestant
from karel_gym.envs.karel import is_solved
from karel_gym.registration import CARTPOLE, spec_of, task_of
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic import Program, execute
from programmatic.horizon import limits_of
from programmatic.rollout import Outcomes, Rollout, play


class KarelRollout(Rollout):
    """A policy in N episodes of a Karel task; an episode that has ended restarts in a random world.

    A policy with the method `halted(state)`, (N,), such as one of options, ends its episode when it
    halts.

    Args:
        contestant: The policy; it can take the worlds' size.
        task: The task.
        worlds: N start worlds.
        seed: Of the random streams, and of stochastic policies.
        deterministic: Whether the policy takes its most probable action; None: its default.
        max_steps: Horizon of an episode; None: the task's own.
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
        self.envs = contestant.make_envs(
            task,
            len(worlds),
            contestant.obs,
            *worlds.shape,
            max_steps,
            autoreset_mode=AutoresetMode.NEXT_STEP,
        )
        policy: Any = contestant.policy
        if contestant.within is not None:
            policy = contestant.within(self.envs.episodes.max_steps)
        if hasattr(policy, "set_random_seed"):
            policy.set_random_seed(seed % 2**32)  # SB3 takes no larger ones
        observations, _ = self.envs.reset(seed=seed, options={"worlds": list(worlds)})
        masks = self.envs.action_masks if contestant.takes_masks else None
        how = contestant.decides(deterministic)
        self._halts = getattr(policy, "halted", None)
        self.halted = np.zeros(len(worlds), np.bool_)  # at the latest step
        super().__init__(policy, observations, self._step_envs, how, masks)

    def _step_envs(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        if self._halts is not None:
            self.halted = self._halts(self.state).copy()
        halted, episodes = self.halted, self.envs.episodes
        over = np.flatnonzero(halted)
        returns, lengths = episodes.returns[over], episodes.lengths[over]
        observations, rewards, terminated, truncated, info = self.envs.step(actions)
        rewards[halted], ended = 0, terminated | truncated | halted
        infos: list[dict[str, Any]] = [{} for _ in actions]
        for i, total, length in zip(over, returns, lengths, strict=True):
            infos[i] = {"episode": {"r": total, "l": length}}
            infos[i] |= {"is_success": False, "TimeLimit.truncated": False}
        for i in np.flatnonzero(ended & ~halted):
            infos[i] = {
                "episode": {"r": info["return"][i], "l": info["length"][i]},
                "is_success": bool(info["is_success"][i]),
                "TimeLimit.truncated": bool(truncated[i]),
            }
        return observations, rewards, ended, infos


def prepared(
    contestant: Contestant,
    env_id: str,
    worlds: WorldBatch,
    seed: int,
    deterministic: bool,
    max_steps: int | None,
    compiled: bool,
    max_markers: int | None = None,
) -> Callable[[], Outcomes]:
    """Prepare an episode in each world; the returned function plays them.

    Programs run in a kernel, and so do other policies that have one if `compiled`. Kernels are
    compiled here, so that the time of the call is that of the episodes.
    """
    task = task_of(env_id).with_max_markers(max_markers)
    if contestant.program is not None:
        run: Callable[[int], Outcomes] = partial(
            _execute, contestant.program, env_id, worlds, max_markers
        )
    else:
        kernel = contestant.kernel(deterministic) if compiled else None
        if kernel is None:
            rollout = KarelRollout(contestant, task, worlds, seed, deterministic, max_steps)
            return partial(play, rollout)
        run = partial(kernel, task, worlds, seed)
    run(1)
    return partial(run, max_steps or task.horizon(*worlds.shape))


def prepared_in_env(
    contestant: Contestant,
    env_id: str,
    episodes: int,
    seed: int,
    deterministic: bool,
    max_steps: int | None,
) -> Callable[[], Outcomes]:
    """Prepare episodes in an env that is not a Karel task; the returned function plays them."""
    from karel_gym.envs.sb3 import make_sb3_vec_env
    from programmatic.synthesis.episodes import roll_out  # torch is slow to import

    name = "max_steps" if spec_of(env_id).id == CARTPOLE else "max_episode_steps"
    horizon: dict[str, Any] = {} if max_steps is None else {name: max_steps}
    envs = make_sb3_vec_env(env_id, episodes, **horizon)
    actions, _ = contestant.policy.predict(envs.reset(), deterministic=deterministic)
    envs.step(actions)  # compiles

    def run() -> Outcomes:
        with closing(envs):
            seen = roll_out(contestant.policy, envs, episodes, seed, deterministic)
        spec = spec_of(env_id)
        solved: Any = np.nan
        if spec.reward_threshold is not None:
            solved = seen.returns >= spec.reward_threshold
            if max_steps is not None and max_steps < (spec.max_episode_steps or np.inf):
                solved &= ~seen.truncated  # later rewards may be negative
        return Outcomes(seen.returns, np.bincount(seen.episodes, minlength=episodes), solved)

    return run


def _execute(
    program: Program, env_id: str, worlds: WorldBatch, max_markers: int | None, max_steps: int
) -> Outcomes:
    limits = limits_of(max_steps, max_steps)
    result = execute([program], worlds, env_id, *limits, max_markers=max_markers)
    (returns,), (lengths,) = result.returns, result.actions
    return Outcomes(returns, lengths, result.terminated[0] & is_solved(task_of(env_id), returns))
