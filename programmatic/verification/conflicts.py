"""Conflicts: constraints that no policy can keep, as every action breaks one in some state."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import z3

from karel_gym.envs.signature import Signature
from programmatic.constraints.formulas import normal_form
from programmatic.constraints.statements import Always, Constraints
from programmatic.verification.smt import Deadline, StateVariables, is_true
from programmatic.verification.verdicts import state_text

MAX_CONFLICTS = 10


@dataclass(frozen=True)
class Conflict:
    """A minimal set of constraints that contradict each other in a state."""

    constraints: tuple[str, ...]
    """Their names, in their order."""
    state: tuple[float, ...]
    """A state in which every action breaks one of them."""

    def text(self, signature: Signature) -> str:
        """The conflict in words."""
        names, where = " and ".join(self.constraints), state_text(signature, self.state)
        return f"conflict of {names}: every action breaks one at {where}"


def find_conflicts(constraints: Constraints, deadline: Deadline) -> list[Conflict]:
    """At most `MAX_CONFLICTS` distinct conflicts of constraints that do not name the next state."""
    n_actions = len(constraints.signature.actions)
    state = StateVariables(constraints, z3.Context())
    present = [each for each in constraints if isinstance(each, Always) and not each.names_next]
    broken = {
        each.name: [
            state.condition(normal_form(each.condition, n_actions, positive=False), action)
            for action in range(n_actions)
        ]
        for each in present
    }
    counts = {each.name: z3.Bool(f"counts-{each.name}", state.context) for each in present}
    solver = z3.Solver(ctx=state.context)
    solver.add(state.known)
    for action in range(n_actions):
        each_broken = [z3.And(counts[name], broken[name][action]) for name in broken]
        solver.add(z3.Or(each_broken, state.context))
    conflicts: list[Conflict] = []
    while len(conflicts) < MAX_CONFLICTS and deadline.check(solver) == "sat":
        model = solver.model()
        ruled_out = {
            name: frozenset(
                action for action, condition in enumerate(conditions) if is_true(model, condition)
            )
            for name, conditions in broken.items()
            if is_true(model, counts[name])
        }
        conflict = conflict_at(ruled_out, n_actions, state.values(model))
        assert conflict is not None
        conflicts.append(conflict)
        solver.add(z3.Or([z3.Not(counts[name]) for name in conflict.constraints]))
    return conflicts


def conflict_at(
    ruled_out: dict[str, frozenset[int]], n_actions: int, state: tuple[Fraction, ...]
) -> Conflict | None:
    """The conflict in a state, if any, of the actions that break each constraint there."""
    everything = frozenset(range(n_actions))
    if frozenset().union(*ruled_out.values()) != everything:
        return None
    core = dict(ruled_out)
    # Later constraints are removed first: those above them in the file stay as the reason.
    for name in reversed(ruled_out):
        rest = {other: actions for other, actions in core.items() if other != name}
        if frozenset().union(*rest.values()) == everything:
            core = rest
    return Conflict(tuple(core), tuple(map(float, state)))
