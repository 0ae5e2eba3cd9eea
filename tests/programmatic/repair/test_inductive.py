"""Proofs on what follows: intervals contain what is true, and what is proven never fails."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from karel_gym.envs.signature import Feature, Signature, signature_of
from programmatic import examples
from programmatic.constraints.parser import load_constraints, parse_constraints
from programmatic.constraints.statements import Constraints
from programmatic.trees.program import TreeProgram
from programmatic.verification.dynamics import Dynamics, dynamics_of
from programmatic.verification.intervals import Interval
from programmatic.verification.verdicts import Verdict
from programmatic.verification.verification import verify

EXAMPLES = examples.FOLDER
CARTPOLE = signature_of("CartPole-v1")
DYNAMICS = Dynamics()
BALANCES = TreeProgram.load(EXAMPLES / "near_optimal.tree", CARTPOLE)
N_SAMPLES = 1_000_000


def check(text: str, program: TreeProgram = BALANCES, timeout: float = 60) -> Verdict:
    (verdict,) = verify(program, parse_constraints(text, CARTPOLE), timeout, DYNAMICS)
    return verdict


def observed(states: NDArray[np.float64]) -> NDArray[np.float64]:
    return states.astype(np.float32).astype(np.float64)


def test_steps_are_those_of_gymnasium() -> None:
    rng = np.random.default_rng(0)
    states = rng.uniform(-1, 1, (200, 4)) * [2, 3, 0.2, 3]
    actions = rng.integers(0, 2, len(states))
    following = DYNAMICS.step(states, actions)
    with gymnasium.make("CartPole-v1") as env:
        env.reset(seed=0)
        cart: Any = env.unwrapped
        for state, action, expected in zip(states, actions, following, strict=True):
            cart.state = state
            cart.steps_beyond_terminated = None
            cart.step(int(action))
            assert (np.asarray(cart.state) == expected).all()


@pytest.mark.parametrize("width", [0.0, 1e-9, 0.01, 0.5])
def test_successors_contain_every_step(width: float) -> None:
    rng = np.random.default_rng(1)
    low = rng.uniform(-1, 1, (2000, 4)) * [2, 3, 0.3, 4]
    boxes = Interval(low, low + width * rng.uniform(0, 1, low.shape))
    for action in (0, 1):
        reached = DYNAMICS.successors(boxes, action)
        for _ in range(50):
            states = np.clip(rng.uniform(boxes.low, boxes.high), boxes.low, boxes.high)
            following = DYNAMICS.step(states, np.full(len(states), action))
            assert (reached.low <= following).all()
            assert (following <= reached.high).all()
        if width <= 1e-9:
            assert (reached.high - reached.low < 1e-7).all()


UNARY = {
    "sin": (Interval.sin, np.sin),
    "cos": (Interval.cos, np.cos),
    "square": (Interval.squared, np.square),
    "abs": (Interval.__abs__, np.abs),
    "negation": (Interval.__neg__, np.negative),
}
BINARY = {
    "sum": (Interval.__add__, np.add),
    "difference": (Interval.__sub__, np.subtract),
    "product": (Interval.__mul__, np.multiply),
}
ends = st.floats(-20, 20)


@settings(max_examples=200, deadline=None)
@given(st.tuples(ends, ends), st.tuples(ends, ends), st.integers(0, 2**32 - 1))
def test_operations_contain_all_results(
    a: tuple[float, float], b: tuple[float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    boxes, samples = [], []
    for pair in (a, b):
        low, high = min(pair), max(pair)
        boxes.append(Interval(np.array([low]), np.array([high])))
        samples.append(
            np.concatenate([[low, high], np.clip(rng.uniform(low, high, 100), low, high)])
        )
    for interval, true in UNARY.values():
        assert contains(interval(boxes[0]), true(samples[0]))
    for interval, true in BINARY.values():
        assert contains(interval(*boxes), true(*samples))
    if boxes[1].low > 0.01 or boxes[1].high < -0.01:
        assert contains(boxes[0] / boxes[1], samples[0] / samples[1])


def contains(interval: Interval, values: NDArray[np.float64]) -> bool:
    return bool(((interval.low <= values) & (values <= interval.high)).all())


def test_extrema_of_waves_are_found() -> None:
    crossing = Interval(np.array([-0.1, 3.0, 1.5]), np.array([0.1, 3.3, 1.6]))
    assert crossing.cos().high[0] == 1
    assert crossing.cos().low[1] == -1
    assert crossing.sin().high[2] == 1
    assert crossing.cos().low[0] > 0.99


def test_division_by_what_may_be_zero_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError, match="may be zero"):
        Interval.exactly([1.0]) / Interval(np.array([-1.0]), np.array([1.0]))


def test_one_step_is_proven_or_refuted_close_to_the_limit() -> None:
    # The farthest step: from 0.1 rad at 0.5 rad/s to 0.11 rad.
    start = "always abs(pole_angle) <= 0.1 and abs(pole_angular_velocity) <= 0.5 implies "
    proven = check(start + "abs(next(pole_angle)) <= 0.11001")
    assert (proven.status, proven.method) == ("proven", "intervals")
    refuted = check(start + "abs(next(pole_angle)) <= 0.1099")
    assert refuted.status == "violated"
    witness = refuted.counterexample
    assert witness is not None
    assert (witness.state == observed(witness.state)).all()
    action = BALANCES.act(witness.state[None])
    assert action[0] == witness.action
    following = observed(DYNAMICS.step(witness.state[None], action))[0]
    assert abs(witness.state[2]) <= 0.1
    assert abs(witness.state[3]) <= 0.5
    assert abs(following[2]) > 0.1099


def test_a_proven_step_never_fails() -> None:
    text = (
        "always pole_angle in [-0.2, 0.2] and 0.3 <= pole_angular_velocity <= 1.5 "
        "implies next(pole_angular_velocity) < pole_angular_velocity - 0.1"
    )
    assert check(text).status == "proven"
    (constraint,) = parse_constraints(text, CARTPOLE)
    rng = np.random.default_rng(2)
    states = rng.uniform([-2, -3, -0.2, 0.3], [2, 3, 0.2, 1.5], (N_SAMPLES, 4))
    actions = BALANCES.act(observed(states))
    following = DYNAMICS.step(states, actions)
    assert constraint.holds(observed(states), actions, observed(following)).all()


def test_what_the_action_decides_is_told_apart() -> None:
    text = (
        "always abs(pole_angle) <= 0.1 and abs(pole_angular_velocity) <= 1 and action == right "
        "implies next(pole_angular_velocity) < pole_angular_velocity"
    )
    assert check(text).status == "proven"
    assert check(text.replace("right", "left")).status == "violated"


def test_unbounded_features_are_cut_until_they_matter_no_more() -> None:
    text = (
        "always pole_angular_velocity <= 4 and pole_angle <= 0.1 implies next(pole_angle) <= 0.19"
    )
    assert check(text).status == "proven"


SAFE = "from abs(pole_angle) <= 0.1 and abs(pole_angular_velocity) <= 0.1 forever "


def test_a_pole_that_is_proven_to_stay_up_stays_up() -> None:
    verdict = check(SAFE + "abs(pole_angle) <= 0.12")
    assert (verdict.status, verdict.method) == ("proven", "cells")
    assert verdict.share is not None
    assert 0.1 < verdict.share < 1
    rng = np.random.default_rng(3)
    states = rng.uniform([-2, -3, -0.1, -0.1], [2, 3, 0.1, 0.1], (N_SAMPLES // 200, 4))
    for _ in range(400):
        states = DYNAMICS.step(states, BALANCES.act(observed(states)))
        assert (np.abs(observed(states)[:, 2]) <= 0.12).all()


def test_the_examples_are_proven_of_the_example() -> None:
    constraints: Constraints = load_constraints(EXAMPLES / "cartpole-safe.constraints", CARTPOLE)
    verdicts = verify(BALANCES, constraints, dynamics=DYNAMICS)
    assert [verdict.status for verdict in verdicts] == ["proven", "proven"]


@pytest.mark.parametrize("name", ["worst", "intermediate"])
def test_a_pole_that_falls_is_shown(name: str) -> None:
    program = TreeProgram.load(EXAMPLES / f"{name}.tree", CARTPOLE)
    verdict = check(SAFE + "abs(pole_angle) <= 0.2", program)
    assert verdict.status == "violated"
    witness = verdict.counterexample
    assert witness is not None
    state = witness.state[None]
    assert (np.abs(state[0, 2:]) <= 0.1).all()
    for step in range(witness.steps):
        assert abs(observed(state)[0, 2]) <= 0.2, step
        state = DYNAMICS.step(state, program.act(observed(state)))
    assert abs(observed(state)[0, 2]) > 0.2


def test_tests_on_the_cart_count_as_passed_and_failed() -> None:
    worst = TreeProgram.load(EXAMPLES / "worst.tree", CARTPOLE)
    for far, is_proven in ((BALANCES, True), (worst, False)):
        program = TreeProgram.parse(
            f"if cart_position <= 4:\n{indented(BALANCES)}\nelse:\n{indented(far)}", CARTPOLE
        )
        verdict = check(SAFE + "abs(pole_angle) <= 0.12", program)
        assert (verdict.status == "proven") == is_proven


def indented(program: TreeProgram) -> str:
    return "\n".join(f"    {line}" for line in str(program).splitlines())


def test_invariants_of_the_cart_are_unknown() -> None:
    verdict = check("from abs(cart_position) <= 0.01 forever abs(cart_position) <= 1000")
    assert verdict.status == "unknown"
    assert "pole_angle and pole_angular_velocity alone" in verdict.reason


def test_a_start_beyond_the_cells_is_not_proven() -> None:
    verdict = check("from abs(pole_angle) <= 0.01 forever abs(pole_angle) <= 0.2")
    assert verdict.status != "proven"


@pytest.mark.parametrize(
    "text", ["always next(pole_angle) <= 0.2 or pole_angle > 0", SAFE + "abs(pole_angle) <= 0.2"]
)
def test_without_time_nothing_is_claimed(text: str) -> None:
    verdict = check(text, timeout=0)
    assert verdict.status == "unknown"
    assert "time" in verdict.reason


def test_a_model_of_other_features_is_of_no_use() -> None:
    signature = Signature((Feature("pole_angle"), Feature("speed")), ("left", "right"))
    program = TreeProgram.parse("left", signature)
    constraints = parse_constraints("always next(pole_angle) <= 1", signature)
    (verdict,) = verify(program, constraints, dynamics=DYNAMICS)
    assert verdict.status == "unknown"
    assert "the model of CartPole is about cart_position" in verdict.reason


def test_all_cartpoles_share_their_dynamics() -> None:
    for env_id in ("CartPole-MORL-v0", "CartPole-v1"):
        assert isinstance(dynamics_of(env_id), Dynamics)
    assert dynamics_of("MountainCar-v0") is None
