"""Workers: jobs run in this process, in several processes, or on a Ray cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from typing import Any, Literal, TypeVar

from karel_gym.cli.command_line import COMMAND_LINE_VARIABLE, command_line

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_DEATHS = 3  # workers that may die of a job before it is given up
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""Environment variables of a worker: it takes one core."""
GRACE = 10.0  # seconds that interrupted workers have to write their checkpoints


class WorkerDiedError(RuntimeError):
    """Too many workers died of one job."""


@dataclass(frozen=True)
class Workers:
    """The number and kind of workers.

    Args:
        jobs: Jobs that run at once; 1 without Ray: in this process.
        backend: Processes of this machine, or Ray.
        address: Address of the Ray cluster, whose cores then limit the jobs at once. None: Ray is
            started for this process, with `jobs` workers.

    Raises:
        ValueError: A value is invalid, or an address is given without Ray.
    """

    jobs: int = 1
    backend: Literal["processes", "ray"] = "processes"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {self.jobs}")
        if self.backend not in ("processes", "ray"):
            raise ValueError(f"backend must be processes or ray, got {self.backend!r}")
        if self.address is not None and self.backend != "ray":
            raise ValueError("address is that of a Ray cluster: it needs the backend ray")


def results_of(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: Workers | None = None
) -> Iterator[tuple[int, Result]]:
    """Do jobs; yield the index and the result of each as it ends.

    A worker that dies loses only its current job, which another worker then repeats. With several
    workers, `work`, jobs and results are pickled. An error in a job ends everything; interrupted
    workers have some seconds to save their state.

    Raises:
        WorkerDiedError: Several workers in a row died of the same job.
        ConnectionError: There is no Ray cluster at the address.

    Example:
        >>> list(results_of(abs, [-1, 2]))
        [(0, 1), (1, 2)]
    """
    workers = workers or Workers()
    if not jobs:
        return iter(())
    if workers.backend == "ray":
        return _by_ray(work, jobs, workers)
    if workers.jobs == 1:
        return ((index, work(job)) for index, job in enumerate(jobs))
    return _by_processes(work, jobs, min(workers.jobs, len(jobs)))


def _by_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], n: int
) -> Iterator[tuple[int, Result]]:
    workers = [_Worker(work) for _ in range(n)]
    free, waiting = list(workers), deque(range(len(jobs)))
    running: dict[Any, tuple[int, _Worker]] = {}
    deaths: Counter[int] = Counter()
    try:
        while waiting or running:
            while waiting and free:
                index, worker = waiting.popleft(), free.pop()
                worker.pipe.send(jobs[index])
                running[worker.pipe] = index, worker
            for pipe in connection.wait(list(running)):
                index, worker = running.pop(pipe)
                try:
                    result, error, trace = worker.pipe.recv()
                except (EOFError, ConnectionError):
                    deaths[index] += 1
                    if deaths[index] == MAX_DEATHS:
                        raise _died(jobs[index]) from None
                    waiting.appendleft(index)
                    workers.append(_Worker(work))
                    free.append(workers[-1])
                    continue
                if error is not None:
                    raise error from RuntimeError(trace)
                free.append(worker)
                yield index, result
    except (KeyboardInterrupt, GeneratorExit):
        for _, worker in running.values():
            os.kill(worker.process.pid or 0, signal.SIGINT)
        end = time.monotonic() + GRACE
        for _, worker in running.values():
            worker.process.join(max(end - time.monotonic(), 0))
        raise
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


class _Worker:
    """A process that does jobs, one at a time, and sends their results through a pipe."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, other), daemon=True)
        with _environment(ONE_THREAD), _interrupts_waiting():
            self.process.start()
        other.close()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Block SIGINT; a process that is started in the block inherits this until `_serve`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Callable[[Any], Any], pipe: Any) -> None:
    """Do the jobs that come through a pipe.

    The worker has its own process group, so that a second Ctrl-C on the terminal cannot stop it
    while it writes a checkpoint.
    """
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its usual lock is a semaphore that killed workers leak
    os.setpgrp()
    signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):  # the parent has ended
        while True:
            job = pipe.recv()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            outcome: tuple[Any, Exception | None, str]
            try:
                outcome = work(job), None, ""
            except KeyboardInterrupt:
                raise SystemExit(1) from None
            except Exception as error:
                outcome = None, error, traceback.format_exc()
            signal.signal(signal.SIGINT, _leave)
            pipe.send(outcome)


def _leave(*_: object) -> None:
    os._exit(1)


def _end_with_parent() -> None:
    """End this process with its parent: a resumed run must not find it still at work."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _by_ray(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: Workers
) -> Iterator[tuple[int, Result]]:
    import ray
    from ray.exceptions import RayTaskError, WorkerCrashedError

    cores = {} if workers.address else {"num_cpus": workers.jobs, "include_dashboard": False}
    ray.init(workers.address, log_to_driver=False, logging_level="ERROR", **cores)
    line = command_line()
    variables = ONE_THREAD | ({} if line is None else {COMMAND_LINE_VARIABLE: line})
    try:

        @ray.remote(num_cpus=1, max_retries=MAX_DEATHS - 1, runtime_env={"env_vars": variables})
        def do(job: Job) -> Result:
            return work(job)

        indices = {do.remote(job): index for index, job in enumerate(jobs)}
        while indices:
            (ended,), _ = ray.wait(list(indices), num_returns=1)
            index = indices.pop(ended)
            try:
                result = ray.get(ended)
            except WorkerCrashedError:
                raise _died(jobs[index]) from None
            except RayTaskError as error:
                raise error.cause from None
            yield index, result
    finally:
        ray.shutdown()


def _died(job: Any) -> WorkerDiedError:
    return WorkerDiedError(
        f"{MAX_DEATHS} workers died, one after the other, of {job}: there may not be enough memory "
        "for so many at once"
    )
