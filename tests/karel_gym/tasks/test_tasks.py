"""Start worlds against what the tasks say of them: thousands of worlds, in several sizes."""

from __future__ import annotations

import numpy as np
import pytest

from karel_gym import sample_worlds
from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.rng import states_of
from tests.karel_gym.tasks.start_worlds import CHECKS, MANY, golden_worlds
from tests.sizes import larger

FEW = 30  # worlds of the large size
LARGE = (100, 100)
# The same start world for every seed.
SINGLE = {
    *("Karel-FourCorners-v0", "Karel-Harvester-v0", "Karel-Seesaw-v0", "Karel-UpNDown-v0"),
    *("Karel-Farmer-v0", "Karel-InfHarvester-v0"),
}


def sizes(env_id: str) -> list[tuple[int, int]]:
    """The default size, the smallest one, two that are not square or not even, and a large one."""
    task = task_of(env_id)
    if task.fixed_shape:
        return [task.shape]
    others = [larger(task, 3, 5), larger(task, 6, 1), LARGE]
    return list(dict.fromkeys([task.shape, task.min_shape, *others]))


CASES = [(env_id, size) for env_id in TASKS for size in sizes(env_id)]


@pytest.mark.parametrize(("env_id", "size"), CASES)
def test_start_worlds_are_what_the_task_says(env_id: str, size: tuple[int, int]) -> None:
    _, task, version = env_id.split("-")
    batch = sample_worlds(env_id, FEW if size == LARGE else MANY, 1, *size)
    assert batch.shape == size
    assert {world.shape for world in batch} == {size}  # each is a World, with all that it checks
    CHECKS[task](batch, version)


@pytest.mark.parametrize("env_id", TASKS)
def test_walls_are_those_of_recorded_worlds(env_id: str) -> None:
    task = env_id.split("-")[1]
    if task == "Maze":
        pytest.skip("every maze is another one")
    for world in golden_worlds(task):
        assert np.array_equal(sample_worlds(env_id, 1, 0, *world.shape).walls[0], world.walls)


@pytest.mark.parametrize("env_id", TASKS)
def test_the_same_seed_gives_the_same_worlds_at_every_batch_size(env_id: str) -> None:
    worlds = list(sample_worlds(env_id, 100, 7))
    assert list(sample_worlds(env_id, 100, 7)) == worlds
    for n in (1, 2, 31):
        assert list(sample_worlds(env_id, n, 7)) == worlds[:n]


@pytest.mark.parametrize("env_id", TASKS)
def test_different_seeds_and_indices_differ(env_id: str) -> None:
    batches = [list(sample_worlds(env_id, 50, seed)) for seed in (0, 1, 2**64 - 1)]
    states = [world.random_state for batch in batches for world in batch]
    assert len(set(states)) == 150
    if env_id not in SINGLE:
        looks = [[str(world) for world in batch] for batch in batches]
        assert looks[0] != looks[1] != looks[2] != looks[0]
        assert len(set(looks[0])) > 1


def test_the_states_of_all_seeds_differ() -> None:
    seeds = [*range(100), *(2**i for i in range(7, 64)), 2**64 - 1]
    states = np.concatenate([states_of(seed, 500) for seed in seeds])
    assert len(np.unique(states)) == len(states)


@pytest.mark.parametrize("env_id", TASKS)
def test_sizes_that_a_task_does_not_have_are_refused(env_id: str) -> None:
    task = task_of(env_id)
    height, width = task.min_shape
    for size in ((height - 1, width), (height, width - 1), (1001, width), (height, -5)):
        with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}"):
            sample_worlds(env_id, 1, 0, *size)
    if task.fixed_shape:
        with pytest.raises(ValueError, match=f"{height}x{width} only"):
            sample_worlds(env_id, 1, 0, height + 1, width)


def test_faulty_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="'Karel-Labyrinth-v0' is no Karel task"):
        sample_worlds("Karel-Labyrinth-v0", 1)
    with pytest.raises(ValueError, match="CartPole-v1"):
        sample_worlds("CartPole-v1", 1)
    for n in (0, -1):
        with pytest.raises(ValueError, match="n must be at least 1"):
            sample_worlds("Karel-Maze-v0", n)
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="seed"):
            sample_worlds("Karel-Maze-v0", 1, seed)
