"""Recorded episodes are what happened: the data give every world, return and line again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from agents import train
from agents.evaluation import evaluate_episodes
from agents.policies import contestants
from benchmarks.report.players import listing
from benchmarks.report.replays import (
    ALPHABET,
    LOOK_SHIFT,
    WALL_CELL,
    Episode,
    record,
    start_of,
)
from benchmarks.report.tasks import reported_task
from karel_gym import World, WorldBatch, sample_worlds
from karel_gym.registration import TASKS
from karel_gym.world import MARKERS, WALL
from programmatic import Program, execute
from programmatic.dsl import pretty_lines
from programmatic.machine import trace
from programmatic.references import reference_program

SEED, FRAMES = 7, 120


def cells_at_end(start: dict[str, object], episode: Episode) -> list[int]:
    """What the cells hold after the last step that is shown, as the player finds it."""
    cells, looks = (
        [ALPHABET.index(letter) for letter in str(start[k])] for k in ("cells", "looks")
    )
    for cell, look in enumerate(looks):
        cells[cell] |= look << LOOK_SHIFT
    for _, cell, held in np.reshape(episode.changes, (-1, 3)):
        cells[cell] = held
    return cells


def held_in(world: World) -> list[int]:
    walls = np.where(world.cells & WALL, WALL_CELL, 0)
    return ((world.cells & MARKERS) + walls).ravel().tolist()


@pytest.mark.parametrize("env_id", TASKS)
def test_a_program_does_what_execute_says(env_id: str) -> None:
    program = reference_program(env_id)
    worlds = sample_worlds(env_id, 2, SEED)
    (contestant,) = contestants(program)
    episodes = record(contestant, env_id, worlds, SEED, FRAMES)
    result = execute([program], worlds, env_id, max_calls=None, max_actions=FRAMES)
    for i, episode in enumerate(episodes):
        start = start_of(env_id, worlds, i)
        assert len(episode.robots) == result.actions[0, i]
        assert sum(episode.rewards[1::2]) == pytest.approx(result.returns[0, i], abs=1e-4)
        assert (episode.end in ("solved", "failed")) == result.terminated[0, i]
        final = result.final_world(0, i)
        shown = cells_at_end(start, episode)
        assert [held & (2**LOOK_SHIFT - 1) for held in shown] == held_in(final)
        assert episode.robots[-1] == 4 * (final.row * worlds.shape[1] + final.col) + final.heading


def test_each_step_names_the_line_that_acted() -> None:
    program = reference_program("Karel-DoorKey-v0")
    worlds = sample_worlds("Karel-DoorKey-v0", 1, SEED)
    (contestant,) = contestants(program)
    (episode,) = record(contestant, "Karel-DoorKey-v0", worlds, SEED, FRAMES)
    spans = [line.span for line in pretty_lines(program.tokens)]
    steps = trace(program, worlds[0], "Karel-DoorKey-v0", max_actions=FRAMES)
    assert len(set(episode.lines)) > 3
    for line, step in zip(episode.lines, steps, strict=True):
        assert spans[line][0] <= step.span[0] < spans[line][1]


def test_how_an_episode_ended_is_told() -> None:
    world = World.from_text("#####\n#>..#\n#...#\n#####")
    turn = "DEF run m( turnLeft m)"
    forever = "DEF run m( WHILE c( frontIsClear c) w( turnLeft turnRight w) m)"

    def end(text: str, frames: int) -> tuple[str, int]:
        (contestant,) = contestants(Program.parse(text))
        worlds = WorldBatch.from_worlds([world])
        (episode,) = record(contestant, "Karel-Seeder-v0", worlds, SEED, frames)
        return episode.end, len(episode.robots)

    assert end(turn, 5) == ("halted", 1)
    assert end(forever, 5) == ("cut", 5)
    assert end(forever, 500) == ("out of steps", 10 * 2 * 3)
    assert end("DEF run m( pickMarker putMarker putMarker m)", 5) == ("failed", 3)


def test_policies_that_draw_do_so_by_the_seed() -> None:
    worlds = sample_worlds("Karel-Maze-v0", 2, SEED)

    def robots(seed: int) -> list[list[int]]:
        (contestant,) = contestants("random", seed)
        return [e.robots for e in record(contestant, "Karel-Maze-v0", worlds, seed, 30)]

    assert robots(1) == robots(1) != robots(2)


@pytest.mark.parametrize(
    ("algo", "settings"),
    [
        ("ppo", {"obs": "grid", "policy": "FcnPolicy"}),
        ("ppo", {"obs": "percepts", "action": "option"}),
        ("ppo_lstm", {"obs": "percepts", "action": "program"}),
    ],
)
def test_networks_do_what_they_do_in_an_evaluation(
    algo: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """In larger worlds too, whose longer horizon the skills of a policy share."""
    small = {"total_timesteps": 32, "num_envs": 4, "n_steps": 8, "batch_size": 16}
    train(algo, "Karel-Maze-v0", run_dir=tmp_path, eval_episodes=2, max_steps=20,
          height=8, width=8, **small, **settings)  # fmt: skip
    worlds = sample_worlds("Karel-Maze-v0", 8, SEED, 12, 12)
    (contestant,) = contestants(tmp_path)
    shown = record(contestant, "Karel-Maze-v0", worlds, SEED, 1000)
    judged = evaluate_episodes([contestant], "Karel-Maze-v0", 8, SEED, 12, 12)
    assert [len(episode.robots) for episode in shown] == judged["length"].tolist()
    assert [episode.end == "solved" for episode in shown] == judged["solved"].tolist()


def test_each_step_names_the_line_of_the_running_option(tmp_path: Path) -> None:
    options = "DEF run m( turnRight m)\nDEF run m( WHILE c( frontIsClear c) w( move w) m)"
    small = {"total_timesteps": 32, "num_envs": 4, "n_steps": 8, "batch_size": 16}
    train("ppo", "Karel-Farmer-v0", run_dir=tmp_path, eval_episodes=2, max_steps=20, obs="percepts",
          action="options", options=options, **small)  # fmt: skip
    worlds = sample_worlds("Karel-Farmer-v0", 4, SEED)
    (contestant,) = contestants(tmp_path)
    lines = [
        "".join(word.text for word in line.words) for line in listing(*contestant.programs).lines
    ]
    ran = set()
    for episode in record(contestant, "Karel-Farmer-v0", worlds, SEED, FRAMES):
        robots = [int(start_of("Karel-Farmer-v0", worlds, 0)["robot"]), *episode.robots]
        for before, after, line in zip(robots, robots[1:], episode.lines, strict=False):
            ran.add("none" if line < 0 else lines[line])
            assert (before // 4 != after // 4) == (line >= 0 and lines[line] == "move")
    assert ran >= {"turnRight", "move"}


@pytest.mark.parametrize("env_id", ["Karel-DoorKey-v0", "Karel-Snake-v0", "Karel-TopOff-v1"])
def test_looks_are_those_of_pictures(env_id: str) -> None:
    program = reference_program(env_id)
    worlds = sample_worlds(env_id, 1, SEED)
    (contestant,) = contestants(program)
    (episode,) = record(contestant, env_id, worlds, SEED, FRAMES)
    env: Any = gymnasium.make(env_id).unwrapped
    env.reset(seed=0, options={"world": worlds[0]})
    start = start_of(env_id, worlds, 0)
    assert [ALPHABET.index(letter) for letter in start["looks"]] == env.looks.ravel().tolist()
    for step in trace(program, worlds[0], env_id, max_actions=FRAMES):
        env.step(step.action)
    shown = cells_at_end(start, episode)
    assert [held >> LOOK_SHIFT for held in shown] == env.looks.ravel().tolist()


def test_larger_worlds_are_those_that_the_task_has() -> None:
    assert reported_task("Karel-FourCorners-v0").sizes == {"own": (12, 12), "24x24": (24, 24)}
    assert reported_task("Karel-FourCorners-v0", 100).sizes["100x100"] == (100, 100)
    assert list(reported_task("Karel-CleanHouse-v0").sizes) == ["own"]
    assert reported_task("CartPole-MORL-v0").shapes == {}
    assert reported_task("antigravity:Karel-Maze-v0").sizes == {}
