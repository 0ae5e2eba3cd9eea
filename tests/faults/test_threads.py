"""Envs, programs and searches in threads and in forked and spawned processes: equal results."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import karel_gym
from karel_gym import sample_worlds
from programmatic import Program, execute
from tests.faults.works import WORKS

SECONDS = 240
"""More than any of these may take, kernels included; a deadlock takes longer."""
METHODS = ["fork", "spawn", "forkserver"] if sys.platform != "win32" else ["spawn"]


SEEDS = (0, 1, 2, 3)


def check(executor: Executor, *works: Any) -> None:
    with executor:
        jobs = {work: [executor.submit(work, seed) for seed in SEEDS] for work in works}
        for work, futures in jobs.items():
            found = [future.result(timeout=SECONDS) for future in futures]
            assert found == [work(seed) for seed in SEEDS], work


def test_threads_work_side_by_side() -> None:
    check(ThreadPoolExecutor(4), *WORKS)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_processes_work_side_by_side(method: str) -> None:
    for work in WORKS:  # with threads and kernels in this process, too, which forks
        work(9)
    check(ProcessPoolExecutor(2, multiprocessing.get_context(method)), *WORKS)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_goes_on_where_its_parent_is() -> None:
    program = Program.parse("DEF run m( WHILE c( markersPresent c) w( pickMarker move w) m)")
    execute([program] * 1000, sample_worlds("Karel-Harvester-v0", 8), "Karel-Harvester-v0")
    check(ProcessPoolExecutor(2, multiprocessing.get_context("fork")), *WORKS[:3])


def test_one_kernel_is_compiled_by_several_threads() -> None:
    """Threads that ask for a kernel at once, before it is compiled."""
    ids = ["Karel-Seeder-v0", "Karel-WallAvoider-v0"] * 4
    with ThreadPoolExecutor(8) as executor:
        worlds = list(executor.map(lambda env_id: sample_worlds(env_id, 3, 5), ids))
    assert all(np.array_equal(batch.cells, worlds[i % 2].cells) for i, batch in enumerate(worlds))
    assert karel_gym.sample_worlds is sample_worlds
