"""Repair: its changes are the smallest that do, its results are proven, its failures explained."""

from __future__ import annotations

import itertools
import json

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym.envs.signature import Feature, Signature, signature_of
from programmatic import examples
from programmatic.constraints.parser import load_constraints, parse_constraints
from programmatic.constraints.statements import Constraints
from programmatic.repair.repair import RepairResult, repair
from programmatic.trees.program import Leaf, Node, Split, TreeProgram
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.verification import verify

EXAMPLES = examples.FOLDER
CARTPOLE = signature_of("CartPole-v1")
PLANE = Signature((Feature("x", "m", -2, 2), Feature("y", "m", -2, 2)), ("stay", "go", "turn"))
PERCEPTS = Signature(
    (Feature("markersPresent", boolean=True), Feature("noMarkersPresent", boolean=True)),
    ("move", "pickMarker", "putMarker"),
)
STEP = TreeProgram.parse("if x <= 0.5: stay\nelse: go", PLANE)


def repaired(text: str, program: TreeProgram = STEP, **options: object) -> RepairResult:
    return repair(program, parse_constraints(text, program.signature), **options)  # type: ignore[arg-type]


def kinds(result: RepairResult) -> list[str]:
    return sorted(edit.kind for edit in result.edits)


def test_a_program_that_keeps_its_constraints_stays_as_it_is() -> None:
    result = repaired("always x > 1 implies go")
    assert result.status == "proven"
    assert result.program == STEP
    assert (result.edits, result.iterations) == ((), 0)


@pytest.mark.parametrize(
    ("text", "edits", "program"),
    [
        pytest.param(
            "always x > 1 implies turn",
            ["action changed"],
            "if x <= 0.5: stay\nelse: turn",
            id="a flip rather than a guard",
        ),
        pytest.param(
            "always x <= 0.5 implies go",
            ["action changed"],
            "if x <= 0.5: go\nelse: go",
            id="one flip rather than a flip and a move",
        ),
        pytest.param(
            "always x <= 0.5 implies go\nalways x > 0.5 implies stay",
            ["action changed", "action changed"],
            "if x <= 0.5: go\nelse: stay",
            id="two flips",
        ),
        pytest.param(
            "always y >= 1 implies turn\nalways y < 0.9 and x <= 0.4 implies stay\n"
            "always y < 0.9 and x >= 0.6 implies go",
            ["guard added"],
            "if y <= 0.991:\n    if x <= 0.5: stay\n    else: go\nelse:\n    turn",
            id="a guard where no flip does",
        ),
    ],
)
def test_the_smallest_change_is_found(text: str, edits: list[str], program: str) -> None:
    result = repaired(text)
    assert result.status == "proven"
    assert kinds(result) == edits
    assert result.program == TreeProgram.parse(program, PLANE)


def test_thresholds_move_hardly_more_than_they_must_and_are_short() -> None:
    result = repaired("always x >= 0.2 implies go\nalways x <= 0 implies stay")
    assert result.status == "proven"
    assert kinds(result) == ["threshold moved"]
    assert isinstance(result.program.root, Split)
    assert 0.195 <= result.program.root.threshold < 0.2
    assert len(str(result.program.root.threshold)) <= 5


def test_of_equal_changes_the_oracle_chooses() -> None:
    text = "never stay"
    states = np.array([[-1.0, 0.0], [-0.5, 1.0], [1.5, 0.0]])
    for action in (1, 2):
        result = repaired(text, observations=states, oracle_actions=np.array([action, action, 1]))
        assert result.program.act(states).tolist() == [action, action, 1]
    weighed = repaired(
        text,
        observations=states,
        oracle_actions=np.array([1, 2, 1]),
        weights=np.array([1.0, 5.0, 1.0]),
    )
    assert weighed.program.act(states).tolist() == [2, 2, 1]


def test_constraints_that_contradict_each_other_are_named_with_a_state() -> None:
    result = repaired(
        "low: always x <= 1 implies stay\n"
        "fine: always y > 1 and x > 1 implies action in {go, turn}\n"
        "high: always x >= 0.5 implies go\n"
        "never: never stay and y > 3\n"
    )
    assert result.status == "conflict"
    (conflict,) = result.conflicts
    assert conflict.constraints == ("low", "high")
    assert 0.5 <= conflict.state[0] <= 1
    assert not result.proven


def test_a_conflict_leaves_the_program_that_keeps_most() -> None:
    result = repaired("a: always x <= 1 implies stay\nb: always x <= 1 implies go\nc: never turn")
    statuses = {verdict.constraint.name: verdict.status for verdict in result.verdicts}
    assert sorted(statuses.values()) == ["proven", "proven", "violated"]
    assert statuses["c"] == "proven"


def test_three_constraints_may_conflict_where_no_two_do() -> None:
    result = repaired("a: never stay\nb: never go\nc: always x > 1 implies action != turn")
    assert [conflict.constraints for conflict in result.conflicts] == [("a", "b", "c")]


def test_too_few_guards_are_told() -> None:
    text = "\n".join(
        f"always {low} <= x <= {low + 0.4} implies {action}"
        for low, action in [(-2, "go"), (-1, "stay"), (0, "go"), (1, "turn")]
    )
    assert repaired(text, max_guards=1).status == "too few guards"
    assert repaired(text, max_guards=2).status == "proven"


def test_without_time_the_program_is_unchanged_and_unproven() -> None:
    result = repaired("never go", timeout=0)
    assert result.program == STEP
    assert result.status == "out of time"
    assert not result.proven
    assert {verdict.status for verdict in result.verdicts} == {"unknown"}


def test_constraints_that_are_no_boxes_are_learnt_from_counterexamples() -> None:
    result = repaired(
        "always x + y >= 0 and x - y >= 0 and y <= 1 implies turn\nalways x <= -0.1 implies stay"
    )
    assert result.status == "proven"
    assert result.iterations > 1
    assert len(result.counterexamples) >= result.iterations


def test_a_half_plane_needs_one_proposal() -> None:
    result = repaired("always x + 0.5 * y >= 1.8 implies turn\nalways x <= 0.3 implies stay")
    assert (result.status, result.iterations) == ("proven", 1)


def test_boolean_features_are_repaired() -> None:
    program = TreeProgram.parse("if markersPresent: move\nelse: putMarker", PERCEPTS)
    result = repair(
        program,
        parse_constraints(
            "assume markersPresent + noMarkersPresent == 1\n"
            "never putMarker\n"
            "always noMarkersPresent implies move\n"
            "always markersPresent implies pickMarker\n",
            PERCEPTS,
        ),
    )
    assert result.status == "proven"
    assert kinds(result) == ["action changed", "action changed"]
    assert result.program.act(np.array([[1, 0], [0, 1]])).tolist() == [1, 0]


@st.composite
def problems(draw: st.DrawFn) -> tuple[TreeProgram, str]:
    """A tree, and constraints of boxes that another tree keeps, so that there is a repair."""
    halves = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])
    leaf: st.SearchStrategy[Node] = st.integers(0, 2).map(Leaf)

    def split(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.builds(Split, st.integers(0, 1), halves, below, below)

    program = TreeProgram(draw(st.recursive(leaf, split, max_leaves=4)), PLANE)
    aim = TreeProgram(draw(split(leaf)), PLANE)
    boxes = aim.boxes()
    statements = []
    for low, high, action in zip(boxes.low, boxes.high, boxes.action, strict=True):
        tests = [
            f"{bound} {operator} {name}"
            for name, least, most in zip(("x", "y"), low.tolist(), high.tolist(), strict=True)
            for bound, operator in ((least, "<"), (most, ">="))
            if np.isfinite(bound)
        ]
        statements.append(f"always {' and '.join(tests)} implies {PLANE.actions[action]}")
    return program, "\n".join(statements)


@settings(max_examples=12, deadline=None)
@given(problems())
def test_repairs_are_proven_and_change_little(problem: tuple[TreeProgram, str]) -> None:
    program, text = problem
    result = repaired(text, program, max_guards=1)
    assert result.status == "proven"  # one guard above the root is as good as the aim
    constraints = parse_constraints(text, PLANE)
    assert all(verdict.status == "proven" for verdict in verify(result.program, constraints))
    states = np.array(list(itertools.product(np.arange(-8, 9) / 4, repeat=2)))
    actions = result.program.act(states)
    assert all(constraint.holds(states, actions).all() for constraint in constraints)
    if not fewer_flips_do(program, constraints, states):
        return
    assert "guard added" not in kinds(result)


def fewer_flips_do(program: TreeProgram, constraints: Constraints, states: np.ndarray) -> bool:
    """Whether new actions alone repair a program, by trying all."""
    paths = [path for path, _ in program.leaves]
    for actions in itertools.product(range(3), repeat=len(paths)):
        flipped = program
        for path, action in zip(paths, actions, strict=True):
            flipped = flipped.replace(path, Leaf(action))
        taken = flipped.act(states)
        if all(constraint.holds(states, taken).all() for constraint in constraints):
            return True
    return False


def test_equal_problems_have_equal_repairs() -> None:
    text = "always y >= 1 implies turn\nalways y <= 0 and x >= 0.2 implies go"
    first, second = repaired(text), repaired(text)
    assert str(first.program) == str(second.program)
    assert first.iterations == second.iterations


def test_a_repair_may_be_about_the_next_state() -> None:
    program = TreeProgram.parse("left", CARTPOLE)
    constraints = parse_constraints(
        "brake: always 0.4 <= pole_angular_velocity <= 0.5 and abs(pole_angle) <= 0.1 "
        "implies next(pole_angular_velocity) <= pole_angular_velocity",
        CARTPOLE,
    )
    result = repair(program, constraints, dynamics=Dynamics())
    assert result.status == "proven"
    assert [verdict.method for verdict in result.verdicts] == ["intervals"]


def mean_return(program: TreeProgram, episodes: int) -> float:
    total = 0
    with gymnasium.make("CartPole-v1", max_episode_steps=200) as env:
        for seed in range(episodes):
            observation, _ = env.reset(seed=seed)
            done = False
            while not done:
                action = int(program.act(observation[None])[0])
                observation, _, terminated, truncated, _ = env.step(action)
                total += 1
                done = terminated or truncated
    return total / episodes


@pytest.mark.parametrize("start", ["worst", "a constant"])
def test_constraints_alone_make_a_controller_of_a_bad_program(start: str) -> None:
    if start == "a constant":
        program = TreeProgram.parse("left", CARTPOLE)
    else:
        program = TreeProgram.load(EXAMPLES / f"{start}.tree", CARTPOLE)
    constraints = load_constraints(EXAMPLES / "cartpole.constraints", CARTPOLE)
    result = repair(program, constraints, max_guards=3)
    assert result.status == "proven"
    assert result.proven
    assert mean_return(program, 10) < 15
    assert mean_return(result.program, 10) >= 190


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_guards": -1}, "max_guards must be 0 or more"),
        ({"observations": np.zeros((2, 2))}, "both observations and actions"),
        ({"observations": np.zeros((2, 3)), "oracle_actions": [0, 0]}, r"shape \(N, 2\)"),
        ({"observations": np.zeros((2, 2)), "oracle_actions": [0]}, "oracle_actions must be"),
        ({"observations": np.zeros((2, 2)), "oracle_actions": [0, 7]}, "one of 0..2"),
        (
            {"observations": np.zeros((1, 2)), "oracle_actions": [0], "weights": [-1.0]},
            "0 or more",
        ),
    ],
)
def test_arguments_out_of_range_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        repaired("never go", **options)


def test_results_are_json_values() -> None:
    result = repaired("never go\nalways x > 3 implies turn")
    found = json.loads(json.dumps(result.as_dict()))
    assert found["status"] == "proven"
    assert found["program"] == str(result.program)
    assert len(found["verdicts"]) == 2
