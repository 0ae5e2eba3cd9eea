"""What searches over programs start from: distinct and merged worlds, and given programs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from karel_gym import World, WorldBatch, sample_worlds
from karel_gym.registration import task_of
from programmatic import Program, execute
from programmatic.search import search
from programmatic.search.programs.space import ProgramSpace
from programmatic.search.start_worlds import begin_worlds, distinct_worlds

CLIMB = "DEF run m( WHILE c( noMarkersPresent c) w( turnLeft move turnRight move w) m)"


def keys(worlds: WorldBatch) -> set[str]:
    return {f"{world}{world.heading}" for world in worlds}


@pytest.mark.parametrize(
    ("env_id", "number"),
    [
        ("Karel-OneStroke-v0", 36),
        ("Karel-Harvester-v1", 4),
        ("Karel-FourCorners-v1", 8),
        ("Karel-Seeder-v0", 24),
        ("Karel-Harvester-v0", 1),
    ],
)
def test_tasks_with_few_start_worlds_give_all_of_them(env_id: str, number: int) -> None:
    worlds = distinct_worlds(env_id, 64, seed=3)
    assert len(worlds) == len(keys(worlds)) == number
    assert keys(worlds) == keys(sample_worlds(env_id, 5000, 9))


def test_distinct_worlds_are_the_first_of_the_stream() -> None:
    worlds, stream = distinct_worlds("Karel-StairClimber-v1", 32, 1), []
    for world in sample_worlds("Karel-StairClimber-v1", 500, 1):
        if str(world) not in stream:
            stream.append(str(world))
    assert [str(world) for world in worlds] == stream[:32]


def test_a_search_in_distinct_worlds_uses_each_once() -> None:
    result = search(
        "hc", "Karel-OneStroke-v0", budget=2000, n_worlds=100, distinct_worlds=True, progress=False
    )
    everywhere = distinct_worlds("Karel-OneStroke-v0", 36)
    returns = execute([result.program], everywhere, "Karel-OneStroke-v0").returns
    assert result.mean_return == pytest.approx(returns.mean(), abs=1e-12)


def test_equal_worlds_are_merged_unless_their_random_streams_matter() -> None:
    room = World.from_text("#####\n#>..#\n#..1#\n#...#\n#####")
    again = World(room.cells, room.row, room.col, room.heading, random_state=7)
    turned = World(room.cells, room.row, room.col, 2)
    batch = WorldBatch.from_worlds([room, turned, again, room])
    maze = begin_worlds(task_of("Karel-Maze-v1"), batch)
    assert sorted(maze.weights) == [1, 3]
    snake = begin_worlds(task_of("Karel-Snake-v0"), batch)
    assert sorted(snake.weights) == [1, 1, 2]
    assert (np.sort(snake.arrays.rngs.ravel()) == [0, 0, 7]).all()


@pytest.mark.parametrize("content", ["", "# nothing\n", "move\n"])
def test_a_file_without_a_program_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "programs.txt").write_text(content)
    with pytest.raises(ValueError, match="has no program from which a search can start"):
        ProgramSpace().read_programs(tmp_path / "programs.txt")


@pytest.mark.parametrize("method", ["hc", "shc"])
def test_climbs_start_from_given_programs(method: str, tmp_path: Path) -> None:
    file, env_id = tmp_path / "programs.txt", "Karel-StairClimber-v1"
    nearly = CLIMB.replace("turnRight move w)", "turnRight w)")
    file.write_text(f"DEF run m( putMarker m)\n{nearly}\n")
    found = search(method, env_id, budget=3000, seed=1, programs=str(file), progress=False)
    assert found.mean_return == 1
    assert found.iterations[0]["evaluations"] == 2  # both were evaluated first
    file.write_text(f"DEF run m( putMarker m)\n{CLIMB}\n")
    solved = search(method, env_id, budget=3000, programs=str(file), progress=False)
    assert (solved.evaluations, solved.program) == (2, Program.parse(CLIMB))


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_a_share_of_the_climbs_starts_from_given_programs(share: float, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("DEF run m( pickMarker move pickMarker m)")
    options = {"neighbours": 1, "n_worlds": 1, "batch_size": 1, "members": 1, "given_share": share}
    rows = search(
        "hc", "Karel-Harvester-v1", budget=400, programs=str(tmp_path / "two.txt"), **options
    ).iterations
    begun = [row for before, row in pairwise(rows) if row["climbs"] > before.get("climbs", 0)]
    given = [row["current_return"] == pytest.approx(2 / 36) for row in begun]
    assert given[0]
    assert np.mean(given) == pytest.approx(share, abs=0.1)


def test_a_search_from_given_programs_goes_on(tmp_path: Path) -> None:
    file, env_id = tmp_path / "programs.txt", "Karel-DoorKey-v0"
    file.write_text("DEF run m( move m)\nDEF run m( pickMarker m)\nDEF run m( turnLeft m)\n")
    options = {"programs": str(file), "batch_size": 100, "neighbours": 30, "progress": False}
    options["dictionary"] = 0.5
    whole = search("hc", env_id, budget=1000, **options)
    for budget in (2, 3, 150, 1000):
        parts = search("hc", env_id, budget=budget, run_dir=tmp_path, resume=True, **options)
    assert (parts.program, parts.evaluations) == (whole.program, whole.evaluations)
    assert [e["return"] for e in parts.history] == [e["return"] for e in whole.history]


def test_a_search_that_cannot_begin_leaves_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.txt cannot be read"):
        search("hc", "Karel-Maze-v1", programs="nowhere.txt", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
