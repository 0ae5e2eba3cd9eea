"""`TreePolicy`: a tree program with the interface of a Stable-Baselines3 model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from programmatic.trees.batches import act_batch, compile_trees
from programmatic.trees.program import TreeProgram


class TreePolicy:
    """A tree program with the signature of SB3's `predict`.

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
        """The action in each episode, int64, () or (N,), for observations (D,) or (N, D).

        Other arguments have no effect: a tree has no memory. ValueError on NaN or another shape.
        """
        (actions,) = act_batch(self._trees, self.program.signature, np.atleast_2d(observation))
        return actions[0] if np.ndim(observation) == 1 else actions, state
