"""`SkillPolicy`: a high-level policy and its skills, with the interface of an SB3 model."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.hierarchy.actions import NO_CHOICE, STEP, share_of
from agents.hierarchy.skills import Skills, step_numbers
from karel_gym.rendering.layout import PanelLine
from karel_gym.robot import TURN_LEFT
from programmatic.machine.bytecode import compile_tokens
from programmatic.machine.execution import NO_LIMIT
from programmatic.machine.execution_kernels import next_actions_of_each
from programmatic.machine.interpreter import NO_ACTION
from programmatic.machine.policy import as_percepts, lines_of

ENDED = np.iinfo(np.int64).max
NOT_BEGUN = -1


class SkillState(NamedTuple):
    """The state of the skills in each of N episodes."""

    model: Any
    """The model's memory, arrays (layers, N, hidden); None: it has none."""
    codes: NDArray[np.int64]
    """(N, L); the present skill, as bytecode."""
    pcs: NDArray[np.int64]
    """(N,); index of its next instruction."""
    repeats: NDArray[np.uint64]
    """(N,); its REPEAT counters."""
    steps: NDArray[np.int64]
    """(N,); its number of actions so far, or `ENDED`."""
    used: NDArray[np.int64]
    """(N,); the number of skills so far."""
    calls_left: NDArray[np.int64]
    """(N,); the calls that the skill may still make."""
    chosen: NDArray[Any]
    """(N, ...); the model's choice of the present skill, or `NO_CHOICE`."""
    executing: NDArray[np.int64]
    """(N,); index of the last action's token, or `NO_ACTION`."""
    halted: NDArray[np.bool_]
    """(N,); whether the last skill has ended and none will follow."""


class SkillPolicy:
    """A model whose actions are skills, as a policy of the robot's actions.

    Args:
        model: The SB3 model that chooses skills.
        skills: The space of skills.
        horizon: Skills per episode, after which it halts; None: any number.
        max_steps: Horizon of the task's episodes; each skill has an equal share of it, unless
            skills have a limit of calls.
        obs: The model's observation; "step" is made here.
    """

    def __init__(
        self,
        model: Any,
        skills: Skills,
        horizon: int | None,
        max_steps: int,
        obs: str = "percepts",
    ) -> None:
        self.model = model
        self.obs = obs
        self.skills = skills
        self.horizon = horizon
        has_share = skills.max_calls == NO_LIMIT
        self.skill_steps = share_of(max_steps, horizon) if has_share else NO_LIMIT

    def set_random_seed(self, seed: int | None) -> None:
        """Seed the model."""
        self.model.set_random_seed(seed)

    def predict(
        self,
        observation: NDArray[Any],
        state: SkillState | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], SkillState]:
        """Actions int64, (N,), for observations (N, ...); see SB3's `predict`."""
        percepts, _ = as_percepts(observation)
        n = len(percepts)
        state = self._no_state(n) if state is None else deepcopy(state)
        starts = np.zeros(n, dtype=np.bool_) if episode_start is None else episode_start
        begins = starts | (state.steps == NOT_BEGUN)
        state.used[begins], state.chosen[begins] = 0, NO_CHOICE
        actions = np.full(n, NO_ACTION, dtype=np.int64)
        acting = np.flatnonzero(~begins & (state.steps < self.skill_steps))
        _act(state, acting, percepts, actions)
        idle = actions == NO_ACTION
        over = self.skills.ends(state.chosen)
        if self.horizon is not None:
            over = over | (state.used >= self.horizon)
        state.halted[:] = idle & over
        choosing = np.flatnonzero(idle & ~over)
        if len(choosing):
            state = self._choose(state, choosing, observation, begins, deterministic)
            _act(state, choosing, percepts, actions)  # one without an action turns left once
        actions[actions == NO_ACTION] = TURN_LEFT
        return actions, state

    def halted(self, state: SkillState) -> NDArray[np.bool_]:
        """In which episodes it acts no more, (N,); the robot then turns left."""
        return state.halted

    def panel(self, state: SkillState | None, episode: int = 0) -> tuple[PanelLine, ...]:
        """The running option for a picture: its number, and its lines as `ProgramPolicy.panel`.

        There are no lines if skills are latents.
        """
        programs = self.skills.programs
        chosen = NO_CHOICE if state is None or not programs else int(state.chosen[episode])
        if state is None or chosen == NO_CHOICE:
            return (PanelLine(0, "no option yet"),) if programs else ()
        title = PanelLine(0, f"option {chosen + 1} of {len(programs)}")
        return (title, *lines_of(programs[chosen], int(state.executing[episode])))

    def _no_state(self, n: int) -> SkillState:
        """The state of N episodes that have not begun."""
        space = self.skills.action_space
        zeros = np.zeros(n, dtype=np.int64)
        return SkillState(
            None,
            np.zeros((n, 0), dtype=np.int64),
            zeros,
            np.zeros(n, dtype=np.uint64),
            np.full(n, NOT_BEGUN, dtype=np.int64),
            zeros.copy(),
            zeros.copy(),
            np.full((n, *(space.shape or ())), NO_CHOICE, dtype=space.dtype),
            np.full(n, NO_ACTION, dtype=np.int64),
            np.zeros(n, dtype=np.bool_),
        )

    def _choose(
        self,
        state: SkillState,
        which: NDArray[np.int64],
        observation: NDArray[Any],
        begins: NDArray[np.bool_],
        deterministic: bool,
    ) -> SkillState:
        """Let the model choose a new skill in the episodes `which`."""
        own = None if state.model is None else tuple(part[:, which] for part in state.model)
        if self.obs == STEP and self.horizon is not None:
            observed: NDArray[Any] = step_numbers(state.used[which], self.horizon)
        else:
            observed = self.skills.observed(observation[which], state.chosen[which])
        chosen, own = self.model.predict(observed, own, begins[which], deterministic=deterministic)
        if own is not None:
            if state.model is None:
                shapes = [(part.shape[0], len(observation), *part.shape[2:]) for part in own]
                state = state._replace(model=tuple(np.zeros(s, np.float32) for s in shapes))
            for part, of_model in zip(state.model, own, strict=True):
                part[:, which] = of_model
        codes = compile_tokens(self.skills.tokens(np.asarray(chosen, dtype=state.chosen.dtype)))
        missing = codes.shape[1] - state.codes.shape[1]
        if missing > 0:
            state = state._replace(codes=np.pad(state.codes, ((0, 0), (0, missing))))
        state.codes[which, : codes.shape[1]] = codes
        state.pcs[which], state.repeats[which] = codes[:, 0], 0
        state.steps[which], state.calls_left[which] = 0, self.skills.max_calls
        state.chosen[which] = chosen
        state.used[which] += 1
        return state


def _act(
    state: SkillState,
    which: NDArray[np.int64],
    percepts: NDArray[np.float32],
    actions: NDArray[np.int64],
) -> None:
    """Write the next actions of the skills in the episodes `which`; NO_ACTION where one ends."""
    next_actions_of_each(
        which,
        state.codes,
        state.pcs,
        state.repeats,
        percepts,
        state.calls_left,
        actions,
        state.executing,
    )
    state.steps[which] = np.where(actions[which] == NO_ACTION, ENDED, state.steps[which] + 1)
