"""Jobs are all done, whoever does them, and whatever happens to the workers."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.runs.workers import MAX_DEATHS, WorkerDiedError, Workers, results_of

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs the extra [ray]"
)
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at processes in /proc"
)
TWO = [
    pytest.param(Workers(2), id="processes"),
    pytest.param(Workers(2, "ray"), id="ray", marks=[needs_ray, pytest.mark.long]),
]


class Job(NamedTuple):
    """A number to be squared by a worker that leaves its process number in a folder; it dies of the
    job the first `deaths` times."""

    number: int
    folder: Path
    deaths: int = 0


def square(job: Job) -> int:
    tries = len(list(job.folder.glob(f"{job.number}-*")))
    (job.folder / f"{job.number}-{tries}").write_text(f"{os.getpid()}")
    if tries < job.deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return job.number**2


def tries(folder: Path, number: int) -> int:
    return len(list(folder.glob(f"{number}-*")))


@pytest.mark.parametrize("workers", [pytest.param(Workers(), id="in this process"), *TWO])
def test_every_job_is_done_once(workers: Workers, tmp_path: Path) -> None:
    jobs = [Job(number, tmp_path) for number in range(5)]
    assert sorted(results_of(square, jobs, workers)) == [(n, n**2) for n in range(5)]
    assert [tries(tmp_path, n) for n in range(5)] == [1] * 5
    here = {path.read_text() for path in tmp_path.iterdir()} == {f"{os.getpid()}"}
    assert here == (workers == Workers())


@pytest.mark.parametrize("workers", TWO)
def test_a_worker_that_dies_loses_its_job_alone(workers: Workers, tmp_path: Path) -> None:
    jobs = [Job(number, tmp_path, deaths=1 if number == 2 else 0) for number in range(6)]
    assert sorted(results_of(square, jobs, workers)) == [(n, n**2) for n in range(6)]
    assert [tries(tmp_path, n) for n in range(6)] == [1, 1, 2, 1, 1, 1]


@pytest.mark.parametrize("workers", TWO)
def test_a_job_that_kills_every_worker_is_given_up(workers: Workers, tmp_path: Path) -> None:
    jobs = [Job(7, tmp_path, deaths=99)]
    with pytest.raises(WorkerDiedError, match=r"3 workers died, one after the other, of Job"):
        list(results_of(square, jobs, workers))
    assert tries(tmp_path, 7) == MAX_DEATHS


def refuse(number: int) -> int:
    raise ValueError(f"{number} cannot be")


@pytest.mark.parametrize("workers", [pytest.param(Workers(), id="in this process"), *TWO])
def test_errors_come_through_as_they_are(workers: Workers) -> None:
    with pytest.raises(ValueError, match=r"^7 cannot be$"):
        list(results_of(refuse, [7], workers))


def threads(_: int) -> tuple[str | None, int, int]:
    import torch

    from karel_gym.simulation.devices import most_threads

    return os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads(), most_threads()


@pytest.mark.parametrize("workers", TWO)
def test_workers_take_one_thread_each(workers: Workers) -> None:
    assert list(results_of(threads, [0], workers)) == [(0, ("1", 1, 1))]


def nap(file: Path) -> None:
    file.write_text(f"{os.getpid()}")
    time.sleep(60)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def save(file: Path) -> None:
    """Sleep, and take a while to save something when it is interrupted."""
    file.write_text(f"{os.getpid()}")
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)  # a second interrupt would cut this off
        file.with_suffix(".saved").touch()
        raise


@contextmanager
def at_work(job: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process with two workers that are at jobs of this name, and the workers' numbers."""
    files = [folder / "a", folder / "b"]
    code = f"""
import signal, sys
from pathlib import Path
from benchmarks.runs.workers import Workers, results_of
from tests.benchmarks.runs.test_workers import {job}
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
try:
    list(results_of({job}, [Path(file) for file in {[str(file) for file in files]}], Workers(2)))
except KeyboardInterrupt:
    sys.exit(130)
"""
    command = [sys.executable, "-c", code]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_until(lambda: all(file.exists() and file.read_text() for file in files))
        yield parent, [int(file.read_text()) for file in files]
    finally:
        parent.kill()
        parent.communicate()


@needs_proc
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    with at_work("nap", tmp_path) as (parent, workers):
        parent.kill()
        wait_until(lambda: not any(map(is_alive, workers)))


@needs_proc
@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_interrupted_workers_save_what_they_have_and_end(whole_group: bool, tmp_path: Path) -> None:
    with at_work("save", tmp_path) as (parent, workers):
        (os.killpg if whole_group else os.kill)(parent.pid, signal.SIGINT)
        _, told = parent.communicate(timeout=120)
        assert (parent.returncode, told) == (130, "")
        assert not any(map(is_alive, workers))
    assert {path.name for path in tmp_path.glob("*.saved")} == {"a.saved", "b.saved"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jobs": 0}, "jobs must be at least 1, got 0"),
        ({"backend": "dask"}, "backend must be processes or ray, got 'dask'"),
        ({"address": "auto"}, "it needs the backend ray"),
    ],
)
def test_what_cannot_be_is_said(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Workers(**settings)
