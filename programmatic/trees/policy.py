"""`TreePolicy`: a tree program that acts where a Stable-Baselines3 model acts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from programmatic.trees.batches import act_part, as_states, compile_trees
from programmatic.trees.program import TreeProgram


class TreePolicy:
    """A tree program as a policy with the signature of SB3's `predict`.

    Args:
        program: The program.

    Example:
        >>> from karel_gym.envs.signature import Feature, Signature
        >>> pole = Signature((Feature("angle", "rad"),), ("left", "right"))
        >>> policy = TreePolicy(TreeProgram.parse("if angle <= 0: left\\nelse: right", pole))
        >>> actions, _ = policy.predict(np.array([[-0.1], [0.2]]))
        >>> actions.tolist()
        [0, 1]
    """

    def __init__(self, program: TreeProgram) -> None:
        self.program = program
        self._trees = compile_trees([program.root])

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], tuple[NDArray[Any], ...] | None]:
        """The action in each episode.

        Args:
            observation: (D,) or (N, D).
            state: Returned as it is: a tree remembers nothing.
            episode_start: Of no effect.
            deterministic: Of no effect: a tree does not draw.

        Returns:
            Actions int64, () or (N,), and the state.

        Raises:
            ValueError: The observation has another shape, or one is NaN.
        """
        is_batch = np.ndim(observation) != 1
        states = as_states(np.atleast_2d(observation), self.program.signature)
        actions = np.empty((1, len(states)), dtype=np.int64)
        act_part(0, len(states), self._trees, states, actions)
        return actions[0] if is_batch else actions[0, 0], state
