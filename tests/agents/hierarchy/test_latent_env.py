"""Programs as actions: what they do, when they end, and that a policy can learn to choose them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from sb3_contrib import RecurrentPPO

from agents.hierarchy.latent_env import LatentProgramEnv
from karel_gym import sample_worlds
from programmatic import Program, execute
from programmatic.leaps import ProgramVAE
from programmatic.references import reference_program

EMBEDDINGS = Path(__file__).resolve().parents[2] / "data" / "embeddings"
HARVESTER, MAZE = "Karel-Harvester-v0", "Karel-Maze-v0"
WALK = Program.parse("DEF run m( pickMarker move pickMarker m)")
SPIN = Program.parse("DEF run m( WHILE c( not c( markersPresent c) c) w( turnLeft w) m)")


@pytest.fixture(scope="module")
def model() -> ProgramVAE:
    torch.manual_seed(0)
    return ProgramVAE(8).eval()


class Numbered(ProgramVAE):
    """Decodes to given programs: the first entry of a latent is the program's number."""

    def __init__(self, programs: Sequence[Program]) -> None:
        super().__init__(2)
        self.programs = programs

    def decode(self, latents: torch.Tensor) -> list[Program]:
        return [self.programs[int(latent[0])] for latent in latents]


def numbered(env_id: str, *programs: Program, **settings: Any) -> LatentProgramEnv:
    env = gymnasium.make(env_id, obs="percepts")
    return LatentProgramEnv(env, Numbered(programs), **settings)


def latent(number: int) -> Any:
    return np.array([number, 0], dtype=np.float32)


def test_it_is_an_env(model: ProgramVAE) -> None:
    env = LatentProgramEnv(gymnasium.make(MAZE, obs="grid"), model)
    assert env.action_space.shape == (8,)
    check_env(env, skip_render_check=True)


@pytest.mark.parametrize("name", ["prog_policies", "hprl"])
def test_it_takes_any_published_embedding(name: str) -> None:
    env = LatentProgramEnv(gymnasium.make(MAZE, obs="grid"), EMBEDDINGS / f"{name}_small.ptp")
    assert env.action_space.shape == (24,)
    env.reset(seed=0)
    env.action_space.seed(0)
    programs = [Program.parse(env.step(env.action_space.sample())[4]["program"]) for _ in range(3)]
    assert max(len(program.tokens) for program in programs) <= env.model.layout.max_tokens + 1


@pytest.mark.parametrize("env_id", [HARVESTER, MAZE, "Karel-FourCorners-v0"])
def test_a_program_does_what_executing_it_does(env_id: str) -> None:
    program = reference_program(env_id)
    env = numbered(env_id, program, horizon=1)
    worlds = sample_worlds(env_id, 3, seed=5)
    expected = execute([program], worlds, env_id, max_actions=env.program_steps)
    env.reset(seed=5)
    for i in range(3):
        _, reward, terminated, truncated, info = env.step(latent(0))
        assert reward == pytest.approx(expected.returns[0, i])
        assert terminated == expected.terminated[0, i] == (not truncated)
        # A program that never acts turns left once.
        assert (info["program"], info["steps"]) == (str(program), max(expected.actions[0, i], 1))
        env.reset()


def test_programs_follow_each_other_until_the_horizon() -> None:
    env = numbered(HARVESTER, WALK, horizon=3)
    env.reset(seed=0)
    rewards = []
    for number in range(3):
        observation, reward, terminated, truncated, info = env.step(latent(0))
        rewards.append(reward)
        assert (info["steps"], terminated, truncated) == (3, False, number == 2)
    # The second program begins on a cell whose marker the first has picked.
    assert rewards == pytest.approx([2 / 36, 1 / 36, 1 / 36])
    assert info["return"] == pytest.approx(sum(rewards))
    assert observation.tolist()[3:] == [0, 1]
    with pytest.raises(ResetNeeded):
        env.step(latent(0))


def test_an_endless_program_takes_its_share() -> None:
    env = numbered(MAZE, SPIN, horizon=4)
    env.reset(seed=0)
    assert env.step(latent(0))[4]["steps"] == 360 / 4
    env = numbered(MAZE, SPIN, horizon=4, program_steps=7)
    env.reset(seed=0)
    assert env.step(latent(0))[4]["steps"] == 7


def test_a_recurrent_policy_learns_over_latents(model: ProgramVAE) -> None:
    weights = []
    for seed in (0, 0, 1):
        env = LatentProgramEnv(gymnasium.make(MAZE, obs="percepts", max_steps=20), model)
        settings: dict[str, Any] = {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "seed": seed}
        meta = RecurrentPPO("MlpLstmPolicy", env, device="cpu", **settings)
        meta.learn(16)
        weights.append(torch.nn.utils.parameters_to_vector(meta.policy.parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("obs", "settings", "message"),
    [
        ("percepts+action", {}, "observes grid or percepts, got 'percepts\\+action'"),
        ("grid", {"horizon": 0}, "horizon must be at least 1, got 0"),
        ("grid", {"program_steps": 0}, "program_steps must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_said(
    obs: str, settings: dict[str, int], message: str, model: ProgramVAE
) -> None:
    with pytest.raises(ValueError, match=message):
        LatentProgramEnv(gymnasium.make(MAZE, obs=obs), model, **settings)


def test_other_actions_are_refused(model: ProgramVAE) -> None:
    env = LatentProgramEnv(gymnasium.make(MAZE, obs="grid"), model)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(8, np.float32))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"has the shape \(8,\), got \(3,\)"):
        env.step(np.zeros(3, np.float32))
