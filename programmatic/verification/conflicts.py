"""Constraints that no policy can keep: in some state every action breaks one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import z3

from karel_gym.envs.signature import Signature
from programmatic.constraints.formulas import normal_form
from programmatic.constraints.statements import Always, Constraints
from programmatic.verification.smt import Deadline, StateVariables, any_of

MAX_CONFLICTS = 10


@dataclass(frozen=True)
class Conflict:
    """Constraints that contradict each other in a state, none of them to spare.

    Args:
        constraints: Their names, in their order.
        state: A state in which every action breaks one of them.
    """

    constraints: tuple[str, ...]
    state: tuple[float, ...]

    def text(self, signature: Signature) -> str:
        """The conflict in words.

        Args:
            signature: What features are called.
        """
        where = ", ".join(
            f"{name} = {value:.6g}"
            for name, value in zip(signature.feature_names, self.state, strict=True)
        )
        return f"conflict of {' and '.join(self.constraints)}: every action breaks one at {where}"


def find_conflicts(constraints: Constraints, deadline: Deadline) -> list[Conflict]:
    """The conflicts among the constraints that are about the present state and the action.

    Args:
        constraints: The constraints with their assumptions.
        deadline: When to give up; what was found by then is returned.

    Returns:
        At most `MAX_CONFLICTS`, no two of the same constraints.
    """
    return list(_conflicts(constraints, deadline))


def conflict_at(
    ruled_out: dict[str, frozenset[int]], n_actions: int, state: tuple[Fraction, ...]
) -> Conflict | None:
    """The conflict in a state, if there is one.

    Args:
        ruled_out: The actions that break each constraint in the state, by its name.
        n_actions: How many actions there are.
        state: The state.
    """
    everything = frozenset(range(n_actions))
    if frozenset().union(*ruled_out.values()) != everything:
        return None
    core = dict(ruled_out)
    # Later constraints leave first: those above them in the file are kept as the reason.
    for name in reversed(ruled_out):
        rest = {other: actions for other, actions in core.items() if other != name}
        if frozenset().union(*rest.values()) == everything:
            core = rest
    return Conflict(tuple(core), tuple(map(float, state)))


def _conflicts(constraints: Constraints, deadline: Deadline) -> Iterator[Conflict]:
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
        solver.add(any_of(each_broken, state.context))
    for _ in range(MAX_CONFLICTS):
        if deadline.check(solver) != "sat":
            return
        model = solver.model()
        ruled_out = {
            name: frozenset(
                action
                for action, condition in enumerate(conditions)
                if z3.is_true(model.eval(condition, model_completion=True))
            )
            for name, conditions in broken.items()
            if z3.is_true(model.eval(counts[name], model_completion=True))
        }
        conflict = conflict_at(ruled_out, n_actions, state.values(model))
        assert conflict is not None
        yield conflict
        solver.add(z3.Or([z3.Not(counts[name]) for name in conflict.constraints]))
