"""Skills: what latents stand for, that they act as programs do, and that policies learn them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from agents import evaluate_episodes, load, train
from agents.drl.training import resume
from agents.hierarchy.actions import LATENTS
from agents.hierarchy.latent_env import LatentProgramEnv
from agents.hierarchy.option_vae import (
    OptionConfig,
    OptionVAE,
    learn_options,
    save_options,
    windows,
)
from agents.hierarchy.skill_env import SkillVecEnv
from agents.hierarchy.skill_policy import SkillPolicy
from agents.hierarchy.skills import OptionSkills, ProgramSkills, Skills, skills_named
from agents.policies import Contestant, contestants
from karel_gym import sample_worlds
from karel_gym.registration import task_of
from programmatic import Program, execute
from programmatic.dsl.tokens import ACTION_TOKENS, M_CLOSE, PAD
from programmatic.leaps import DatasetConfig, ProgramVAE, generate
from programmatic.machine.bytecode import tokens_of
from programmatic.references import reference_program
from programmatic.runs import RunError, checkpoint_path

EMBEDDINGS = Path(__file__).resolve().parents[2] / "data" / "embeddings"
HARVESTER, MAZE = "Karel-Harvester-v0", "Karel-Maze-v0"
WALK = Program.parse("DEF run m( pickMarker move pickMarker m)")
SPIN = Program.parse("DEF run m( WHILE c( not c( markersPresent c) c) w( turnLeft w) m)")
IDLE = Program.parse("DEF run m( WHILE c( not c( frontIsClear c) c) w( move w) m)")


class Numbered(Skills):
    """Skills that are given programs: the first entry of a latent is the program's number."""

    def __init__(self, *programs: Program) -> None:
        super().__init__(2)
        self.rows = tokens_of(programs).astype(np.int64)

    def tokens(self, chosen: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.rows[chosen[:, 0].astype(int)]


class Decoder(ProgramVAE):
    """Of the same programs, for `LatentProgramEnv`."""

    def __init__(self, programs: Sequence[Program]) -> None:
        super().__init__(2)
        self.programs = programs

    def decode(self, latents: torch.Tensor) -> list[Program]:
        return [self.programs[int(latent[0])] for latent in latents]


class Choosing:
    """A model that chooses skills by a list, one a decision, and notes what it is given."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.asked: list[tuple[int, list[bool]]] = []

    def set_random_seed(self, seed: int | None) -> None:
        """It draws nothing."""

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[Any, Any]:
        """The next choice of each episode, whose memory counts its decisions."""
        n = len(observation)
        self.asked.append((n, episode_start.tolist()))
        (count,) = (np.zeros((1, n, 1), np.float32),) if state is None else state
        count = np.where(episode_start[:, None], 0, count)
        chosen = np.array(self.numbers)[count[0, :, 0].astype(int)]
        return np.stack([chosen, np.zeros(n)], axis=1).astype(np.float32), (count + 1,)


def latents(*numbers: int) -> NDArray[np.float32]:
    return np.array([[number, 0] for number in numbers], dtype=np.float32)


@pytest.mark.parametrize("env_id", [HARVESTER, MAZE, "Karel-FourCorners-v0"])
def test_it_does_what_the_env_of_one_episode_does(env_id: str) -> None:
    programs = (WALK, SPIN, IDLE, reference_program(env_id))
    envs = SkillVecEnv(env_id, 3, Numbered(*programs), horizon=4, obs="percepts", seed=7)
    singles = [
        LatentProgramEnv(gymnasium.make(env_id, obs="percepts"), Decoder(programs), horizon=4)
        for _ in range(3)
    ]
    firsts = [env.reset(seed=7 + i)[0] for i, env in enumerate(singles)]
    np.testing.assert_array_equal(envs.reset(), firsts)
    rng = np.random.default_rng(0)
    n_ended = 0
    for _ in range(12):
        chosen = rng.integers(4, size=3)
        observations, rewards, dones, infos = envs.step(latents(*chosen))
        for i, env in enumerate(singles):
            step = env.step(latents(chosen[i])[0])
            observation, reward, terminated, truncated, info = step
            assert rewards[i] == pytest.approx(reward)
            assert dones[i] == (terminated or truncated)
            if dones[i]:
                n_ended += 1
                np.testing.assert_array_equal(infos[i]["terminal_observation"], observation)
                assert infos[i]["episode"]["r"] == pytest.approx(info["return"])
                assert infos[i]["episode"]["l"] == info["length"]
                assert infos[i]["is_success"] == info["is_success"]
                assert infos[i]["TimeLimit.truncated"] == (not terminated)
                observation, _ = env.reset()
            np.testing.assert_array_equal(observations[i], observation)
    assert n_ended >= 9


def test_without_a_horizon_an_episode_lasts_as_long_as_the_tasks() -> None:
    envs = SkillVecEnv(HARVESTER, 1, Numbered(WALK), obs="grid", max_steps=8, seed=0)
    assert envs.reset().shape == (1, 16, 8, 8)
    ends = [envs.step(latents(0))[2][0] for _ in range(6)]
    assert ends == [False, False, True] * 2


@pytest.mark.parametrize("horizon", [None, 3])
def test_a_policy_of_skills_acts_as_its_skills_do_in_the_env(horizon: int | None) -> None:
    programs = (WALK, SPIN, IDLE)
    order = (0, 2, 0, 1, 0, 0, 0, 0, 0, 0)
    max_steps = task_of("Karel-Maze-v0").horizon(8, 8)
    envs = SkillVecEnv(HARVESTER, 1, Numbered(*programs), horizon, obs="percepts")
    (world,) = sample_worlds(HARVESTER, 1, seed=3)
    envs.set_options([{"world": world}])
    envs.reset()
    for number in order:
        _, _, dones, infos = envs.step(latents(number))
        if dones[0]:
            break
    model = Choosing(*order)
    policy = SkillPolicy(model, Numbered(*programs), horizon, max_steps)
    table = evaluate_episodes([Contestant("skills", policy)], HARVESTER, 1, seed=3)
    assert table["return"][0] == pytest.approx(infos[0]["episode"]["r"])
    assert [starts for _, starts in model.asked] == [[True]] + [[False]] * (len(model.asked) - 1)
    assert len(model.asked) == (4 if horizon is None else horizon)  # SPIN never ends


def test_episodes_choose_each_in_its_own_time() -> None:
    model = Choosing(1, 0, 0)
    short, long = Program.parse("DEF run m( move m)"), SPIN
    policy = SkillPolicy(model, Numbered(short, long), horizon=3, max_steps=12)
    percepts = np.tile(np.array([1, 0, 0, 0, 1], np.float32), (2, 1))
    actions, state = policy.predict(percepts)
    assert actions.tolist() == [1, 1]
    before = state.steps.copy()
    actions, later = policy.predict(percepts, state, np.array([False, True]))
    assert state.steps.tolist() == before.tolist()  # what was given stays as it was
    assert (model.asked[-1], later.steps.tolist()) == ((1, [True]), [2, 1])
    for _ in range(2):
        _, later = policy.predict(percepts, later, np.zeros(2, bool))
    actions, later = policy.predict(percepts, later, np.zeros(2, bool))
    # The first has spun for its share of four actions, and moves; the second spins.
    assert (actions.tolist(), later.used.tolist()) == ([0, 1], [2, 1])


def test_options_are_as_many_actions() -> None:
    skills = OptionSkills()
    rows = skills.tokens(np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32))
    programs = [Program.from_tokens(row) for row in rows.tolist()]
    assert all(set(p.tokens[3:-1]) <= set(ACTION_TOKENS) for p in programs)
    result = execute(programs, sample_worlds(MAZE, 1), HARVESTER)
    assert (result.actions == skills.vae.length).all()
    assert len(np.unique(rows, axis=0)) > 250
    assert (np.bincount(rows[:, 3:-1].ravel())[list(ACTION_TOKENS)] > 100).all()


def test_the_last_number_of_a_choice_is_that_of_an_options_actions() -> None:
    latents = np.random.default_rng(0).normal(size=(7, 8)).astype(np.float32)
    numbers = np.array([-3, -1, -0.5, 0, 0.5, 1, 3], dtype=np.float32)
    rows = OptionSkills(choose_length=True).tokens(np.column_stack([latents, numbers]))
    whole = OptionSkills().tokens(latents)
    for row, full, n in zip(rows.tolist(), whole.tolist(), (1, 1, 2, 3, 4, 5, 5), strict=True):
        assert row == [*full[: 3 + n], M_CLOSE, *[PAD] * (5 - n)]


def test_the_packages_options_are_what_programs_do() -> None:
    vae = OptionVAE.load()
    sequences = windows(generate(DatasetConfig(programs=200, seed=9)), vae.length)
    mean, _ = vae.encode(torch.from_numpy(sequences))
    same = (vae.decode(mean).numpy() == sequences).all(axis=1)
    assert same.mean() > 0.95


def test_windows_are_within_demonstrations() -> None:
    dataset = generate(DatasetConfig(programs=20, seed=1))
    found = windows(dataset, 4)
    assert len(found) == np.maximum(dataset.lengths.astype(int) - 3, 0).sum()
    assert found.max() < 5
    row = dataset.actions.reshape(-1, dataset.actions.shape[2])[dataset.lengths.ravel() >= 4][0]
    np.testing.assert_array_equal(found[0], row[:4])
    with pytest.raises(ValueError, match="no demonstration has 99 actions"):
        windows(dataset, 99)


def test_options_are_learned_by_seed_kept_and_read(tmp_path: Path) -> None:
    config = OptionConfig(length=3, latent_dim=4, hidden=32, programs=60, epochs=200)
    vae, again = learn_options(config), learn_options(config)
    sequences = torch.from_numpy(windows(generate(DatasetConfig(programs=60)), 3))
    untrained = OptionVAE(3, 4, 32)
    accuracies = [
        (model.decode(model.encode(sequences)[0]) == sequences).float().mean().item()
        for model in (untrained, vae)
    ]
    assert accuracies[1] > 0.8 > accuracies[0]
    save_options(vae, config, tmp_path / "options.safetensors")
    read = OptionVAE.load(tmp_path / "options.safetensors")
    points = torch.randn(50, 4)
    for other in (again, read):
        assert torch.equal(vae.decode(points), other.decode(points))
    (tmp_path / "options.safetensors").write_bytes(b"none")
    with pytest.raises(RunError, match=r"options\.safetensors or the JSON beside it is damaged"):
        OptionVAE.load(tmp_path / "options.safetensors")
    with pytest.raises(ValueError, match="length"):
        OptionConfig(length=0)


def test_compressed_latents_are_programs_of_the_embedding() -> None:
    torch.manual_seed(0)
    skills = ProgramSkills(ProgramVAE(16).eval(), latent_dim=6)
    points = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    rows = skills.tokens(points)
    programs = [Program.from_tokens([t for t in row if t != PAD]) for row in rows.tolist()]
    assert len(set(programs)) > 1
    np.testing.assert_array_equal(rows, skills.tokens(points))


@pytest.mark.parametrize(("name", "latent_dim"), [("prog_policies", 6), ("hprl", 24)])
def test_skills_are_programs_of_any_published_embedding(name: str, latent_dim: int) -> None:
    skills = ProgramSkills(EMBEDDINGS / f"{name}_small.ptp", latent_dim=6)
    assert skills.latent_dim == latent_dim
    points = np.random.default_rng(0).normal(size=(40, latent_dim)).astype(np.float32)
    rows = skills.tokens(points)
    assert rows.shape == (40, skills.model.layout.max_tokens + 1)
    assert len({Program.from_tokens([t for t in row if t != PAD]) for row in rows.tolist()}) > 1
    if name == "hprl":  # learned to compress: its latents are the skills'
        decoded = skills.model.decode_tokens(torch.from_numpy(points)).numpy()
        np.testing.assert_array_equal(rows[:, 1:], decoded)


SMALL: dict[str, Any] = {
    "total_timesteps": 64,
    "num_envs": 4,
    "n_steps": 8,
    "batch_size": 16,
    "n_epochs": 1,
    "eval_episodes": 3,
    "max_steps": 40,
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("algo", "obs", "action"),
    [
        ("ppo", "grid", "option"),
        ("ppo", "percepts", "option"),
        ("ppo", "percepts", "option-length"),
        ("ppo_lstm", "grid", "program"),
        ("ppo_lstm", "percepts", "program"),
    ],
)
def test_policies_of_skills_are_trained_resumed_and_compared(
    algo: str, obs: str, action: str, tmp_path: Path
) -> None:
    runs = [tmp_path / name for name in ("a", "b")]
    for run in runs:
        train(algo, MAZE, obs=obs, action=action, run_dir=run, seed=3, **SMALL)
    config = json.loads((runs[0] / "config.json").read_text())
    assert (config["action"], config["horizon"]) == (action, 5 if action == "program" else None)
    states = [load(run).policy.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert pd.read_csv(runs[0] / "evaluations.csv")["mean_length"].between(1, 40).all()
    checkpoint_path(runs[1], 64).unlink()
    assert resume(runs[1]).num_timesteps == 64
    (contestant,) = contestants(runs[0])
    assert (contestant.obs, contestant.shape) == (obs, (8, 8) if obs == "grid" else None)
    assert isinstance(contestant.policy, SkillPolicy)
    tables = [evaluate_episodes(runs[0], MAZE, 4, seed) for seed in (1, 1)]
    assert tables[0]["length"].tolist() == tables[1]["length"].tolist()
    larger = evaluate_episodes(runs[0], MAZE, 2, height=10, width=10)
    assert (larger["note"] != "").all() == (obs == "grid")


def test_policies_of_programs_take_a_file(tmp_path: Path) -> None:
    settings = SMALL | {"obs": "percepts", "model": str(EMBEDDINGS / "hprl_small.ptp")}
    train("ppo_lstm", MAZE, action="program", run_dir=tmp_path / "run", **settings)
    assert load(tmp_path / "run").action_space.shape == (24,)
    (contestant,) = contestants(tmp_path / "run")
    assert contestant.policy.skills.latent_dim == 24
    with pytest.raises(RunError, match="there are no weights none"):
        train("ppo_lstm", MAZE, action="program", **settings | {"model": "none.ptp"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"action": "skill"}, "'option', 'option-length', 'program', 'options', got 'skill'"),
        ({"horizon": 5}, "a horizon counts skills"),
        ({"action": "option", "obs": "percepts+action"}, "observes grid, percepts or step"),
        ({"action": "option", "horizon": 0}, "horizon must be a whole number from 1 up"),
    ],
)
def test_what_cannot_be_is_said(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        train("ppo", MAZE, run_dir=tmp_path / "run", **settings, **SMALL)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", LATENTS)
def test_latents_of_the_packages_skills_are_different_programs(name: str) -> None:
    skills = skills_named(name)
    points = np.random.default_rng(0).normal(size=(20, skills.latent_dim)).astype(np.float32)
    programs = [
        Program.from_tokens([token for token in row if token != PAD])
        for row in skills.tokens(points).tolist()
    ]
    assert len(set(programs)) > 10


def test_unknown_skills_are_refused() -> None:
    with pytest.raises(ValueError, match=r"skills are .* or 'program', got 'skill'"):
        skills_named("skill")
