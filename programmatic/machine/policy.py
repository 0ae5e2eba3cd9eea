"""`ProgramPolicy`: a program with the interface of a Stable-Baselines3 model."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.observations import N_PLANES, percepts_of_grids
from karel_gym.rendering.layout import PanelLine
from karel_gym.robot import PERCEPTS, TURN_LEFT
from programmatic.dsl import Program, pretty_lines
from programmatic.horizon import MAX_CALLS
from programmatic.machine.bytecode import compile
from programmatic.machine.execution_kernels import next_actions
from programmatic.machine.interpreter import NO_ACTION


class Policy(Protocol):
    """A policy with SB3's `predict`: an SB3 model, a program, or another."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Any, Any]:
        """The actions for a batch of observations, and the state for the next call."""


class ProgramState(NamedTuple):
    """The state of a program in each of N episodes; each (N,)."""

    pcs: NDArray[np.int64]  # index of the next instruction
    repeats: NDArray[np.uint64]  # the REPEAT counters, packed
    executing: NDArray[np.int64]
    """Index of the last action's token, or -1 if the program acts no more."""


class ProgramPolicy:
    """A program as a policy with the signature of SB3's `predict`.

    A program that has halted, or that perceives forever without acting, keeps turning left.

    Args:
        program: The program.
        max_calls: Most calls between two actions; a program that needs more has halted.

    Example:
        >>> policy = ProgramPolicy(Program.parse("DEF run m( move turnRight m)"))
        >>> percepts, state = np.array([1, 0, 0, 0, 1], dtype=np.float32), None
        >>> for _ in range(3):
        ...     action, state = policy.predict(percepts, state)
        ...     print(int(action))
        0
        2
        1
    """

    def __init__(self, program: Program, max_calls: int = MAX_CALLS) -> None:
        if not isinstance(program, Program):
            raise TypeError(f"a ProgramPolicy needs a Program, got {type(program).__name__}")
        self.program = program
        self.max_calls = max_calls
        (self._code,) = compile([program])

    def predict(
        self,
        observation: NDArray[Any],
        state: ProgramState | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], ProgramState]:
        """The next action in each episode.

        Args:
            observation: Percepts of any type, (5,) or (N, 5), or grids, (16, H, W) or
                (N, 16, H, W).
            state: The state that the last call returned; None: all episodes begin.
            episode_start: bool, (N,); the episodes that begin.
            deterministic: Ignored; programs are deterministic.

        Returns:
            Actions int64, () or (N,), and the state for the next call.

        Raises:
            ValueError: The observation has another shape, or a number of episodes that differs from
                the state's.
        """
        percepts, is_batch = as_percepts(observation)
        n = len(percepts)
        if state is None:
            start = np.ones(n, dtype=np.bool_)
            state = ProgramState(
                np.empty(n, np.int64), np.empty(n, np.uint64), np.empty(n, np.int64)
            )
        else:
            start = np.zeros(n, dtype=np.bool_)
        if len(state.pcs) != n:
            raise ValueError(f"the state is of {len(state.pcs)} episodes, the observation of {n}")
        if episode_start is not None:
            if np.shape(episode_start) != (n,):
                raise ValueError(
                    f"episode_start is of shape {np.shape(episode_start)}, the observation is of "
                    f"{n} episodes"
                )
            start |= np.asarray(episode_start, dtype=np.bool_)
        pcs = np.where(start, self._code[0], state.pcs)
        repeats = np.where(start, np.uint64(0), state.repeats)
        actions, executing = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        next_actions(self._code, pcs, repeats, percepts, self.max_calls, actions, executing)
        actions[actions == NO_ACTION] = TURN_LEFT
        return actions if is_batch else actions[0], ProgramState(pcs, repeats, executing)

    def panel(self, state: ProgramState | None, episode: int = 0) -> tuple[PanelLine, ...]:
        """The program's lines for a picture; the line of the last action is highlighted."""
        executing = NO_ACTION if state is None else int(state.executing[episode])
        return lines_of(self.program, executing)


def lines_of(program: Program, executing: int) -> tuple[PanelLine, ...]:
    """A program's lines for a picture; that of the token `executing`, if any, is highlighted."""
    return tuple(
        PanelLine(line.indent, line.text, line.span[0] <= executing < line.span[1])
        for line in pretty_lines(program.tokens)
    )


def as_percepts(observation: NDArray[Any]) -> tuple[NDArray[np.float32], bool]:
    """The percepts, float32, (N, 5), of percepts or grids, and whether these were a batch.

    Raises:
        ValueError: The observation has another shape.
    """
    observation = np.asarray(observation)
    n_percepts = len(PERCEPTS)
    if observation.shape[-1:] == (n_percepts,) and observation.ndim in (1, 2):
        return np.ascontiguousarray(observation.reshape(-1, n_percepts), np.float32), (
            observation.ndim == 2
        )
    if observation.ndim in (3, 4) and observation.shape[-3] == N_PLANES:
        grids = observation.reshape(-1, *observation.shape[-3:])
        return percepts_of_grids(grids), observation.ndim == 4
    raise ValueError(
        f"an observation is percepts, ({n_percepts},), or a grid, ({N_PLANES}, H, W), "
        f"or a batch of either; got the shape {observation.shape}"
    )
