"""The loop of a policy and its environments."""

from __future__ import annotations

from typing import Any

import numpy as np

from programmatic.rollout import Rollout, play

LENGTHS = np.array([2, 5, 3])


class Counting:
    """A policy that counts its steps in each episode, and acts by them."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[Any, Any]:
        assert (observation[:, 0] == 0).tolist() == episode_start.tolist()
        assert deterministic == (action_masks is None)
        counts = np.where(episode_start, 1, 1 if state is None else state + 1)
        return counts, counts


class Clocks:
    """Envs that observe the time, pay each action's number, and end after `LENGTHS` steps."""

    def __init__(self) -> None:
        self.times, self.returns = np.zeros(3, np.int64), np.zeros(3)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any]:
        self.times += 1
        self.returns += actions
        ended = self.times == LENGTHS
        infos = [
            {"episode": {"r": r, "l": n}, "is_success": n == 5}
            for r, n in zip(self.returns, self.times, strict=True)
        ]
        rewards = actions.astype(float)
        self.times[ended], self.returns[ended] = 0, 0
        return self.times[:, None].copy(), rewards, ended, infos


def test_the_first_episode_of_each_env_counts() -> None:
    outcomes = play(Rollout(Counting(), np.zeros((3, 1)), Clocks().step))
    assert outcomes.lengths.tolist() == LENGTHS.tolist()
    assert outcomes.returns.tolist() == [1 + 2, 1 + 2 + 3 + 4 + 5, 1 + 2 + 3]
    assert outcomes.solved.tolist() == [False, True, False]


def test_a_decision_is_known_before_it_is_done() -> None:
    envs, masks = Clocks(), np.ones((3, 6), np.bool_)
    rollout = Rollout(Counting(), np.zeros((3, 1)), envs.step, False, lambda: masks)
    rollout.step()
    rollout.decide()
    assert rollout.actions.tolist() == [2, 2, 2]
    assert envs.times.tolist() == [1, 1, 1]
    rewards, ended, _ = rollout.act()
    assert (rewards.tolist(), ended.tolist()) == ([2, 2, 2], [True, False, False])
    rollout.decide()
    assert rollout.state.tolist() == [1, 3, 3]
