"""Where jobs are done: in this process, in several processes, or on a Ray cluster.

A worker that dies loses the one job that it was at, which is then done again.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from karel_gym.cli.command_line import COMMAND_LINE_VARIABLE, command_line

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_DEATHS = 3
"""Workers that may die of a job before it is given up."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""The environment of a worker: as many of them as cores leave each of them one."""
GRACE = 10.0  # seconds that interrupted workers have to write their checkpoints
LOOK_EVERY = 1.0  # seconds between a worker's looks at whether its parent lives


class WorkerDiedError(RuntimeError):
    """A job has been the death of too many workers."""


@dataclass(frozen=True)
class Workers:
    """Who does the jobs.

    Args:
        jobs: How many jobs are done at once; 1 without Ray: in this process.
        backend: Processes of this machine, or Ray.
        address: Of the Ray cluster: its head's host:port, ray://host:port, or auto for the one that
            this machine belongs to; then the cluster's cores say how many jobs are done at once.
            None: a Ray of this process's own, of `jobs` workers.

    Raises:
        ValueError: There is no such backend, or the numbers do not go together.
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
    """Do jobs, and give the place of each in `jobs` and what came of it, as they end.

    With several workers, `work`, the jobs and what comes of them are pickled. An error of a job
    ends the whole; workers that are interrupted have some seconds to save what they have.

    Args:
        work: Does a job.
        jobs: What there is to do.
        workers: Who does it; None: this process.

    Raises:
        WorkerDiedError: A job has killed one worker after the other.
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
        return ((place, work(job)) for place, job in enumerate(jobs))
    return _by_processes(work, jobs, min(workers.jobs, len(jobs)))


def _by_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], n: int
) -> Iterator[tuple[int, Result]]:
    """An executor for each of the n processes: the death of one leaves the others at work."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

    def new_executor() -> Any:
        return ProcessPoolExecutor(
            1, initializer=_begin_worker, initargs=(os.getpid(),), env=ONE_THREAD
        )

    interruptible = partial(_do_interruptibly, work)
    free = [new_executor() for _ in range(n)]
    waiting = deque(range(len(jobs)))
    running: dict[Future[Result], tuple[int, Any]] = {}
    deaths: Counter[int] = Counter()
    try:
        while waiting or running:
            while waiting and free:
                with _interrupts_waiting():  # a process may be started
                    place, executor = waiting.popleft(), free.pop()
                    running[executor.submit(interruptible, jobs[place])] = place, executor
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                place, executor = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    executor.shutdown(wait=False)
                    free.append(new_executor())
                    deaths[place] += 1
                    if deaths[place] == MAX_DEATHS:
                        raise _died(jobs[place]) from None
                    waiting.appendleft(place)
                    continue
                free.append(executor)
                yield place, result
    except (KeyboardInterrupt, GeneratorExit):
        _interrupt(executor for _, executor in running.values())
        wait(running, GRACE)
        raise
    finally:
        for executor in [*free, *(executor for _, executor in running.values())]:
            executor.shutdown(kill_workers=True)


def _by_ray(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: Workers
) -> Iterator[tuple[int, Result]]:
    import ray
    from ray.exceptions import RayTaskError, WorkerCrashedError

    cores = {} if workers.address else {"num_cpus": workers.jobs, "include_dashboard": False}
    ray.init(workers.address, log_to_driver=False, logging_level="ERROR", **cores)
    try:
        env = {"env_vars": _environment()}

        @ray.remote(num_cpus=1, max_retries=MAX_DEATHS - 1, runtime_env=env)
        def do(job: Job) -> Result:
            return work(job)

        places = {do.remote(job): place for place, job in enumerate(jobs)}
        while places:
            (ended,), _ = ray.wait(list(places), num_returns=1)
            place = places.pop(ended)
            try:
                result = ray.get(ended)
            except WorkerCrashedError:
                raise _died(jobs[place]) from None
            except RayTaskError as error:
                raise error.cause from None
            yield place, result
    finally:
        ray.shutdown()


def _environment() -> dict[str, str]:
    """That of a worker that this process does not start itself: it is to know the command too."""
    line = command_line()
    return ONE_THREAD | ({} if line is None else {COMMAND_LINE_VARIABLE: line})


def _died(job: Any) -> WorkerDiedError:
    return WorkerDiedError(
        f"{MAX_DEATHS} workers died, one after the other, of {job}: memory may not be enough for "
        "so many at once"
    )


def _interrupt(executors: Iterable[Any]) -> None:
    """Interrupt their workers."""
    for executor in executors:
        for process in list(executor._processes or ()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT)


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Interrupts wait for the end of the block; in processes that it starts, for `_begin_worker`:
    one that is interrupted before would tell so at length."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(parent: int) -> None:
    """Let this process end with its parent, and be interrupted by nobody else.

    Ctrl-C on a terminal interrupts all processes of a group: in a group of its own the worker gets
    one interrupt, from its parent, and not another that would cut off the writing of a checkpoint.
    """
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a killed worker leaves behind
    os.setpgrp()
    signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with_parent(parent)


def _leave(*_: object) -> None:
    """End a process that is at no job: there is nothing to be saved."""
    os._exit(1)


def _do_interruptibly(work: Callable[[Job], Result], job: Job) -> Result:
    """Do a job, to which an interrupt is a KeyboardInterrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return work(job)
    finally:
        signal.signal(signal.SIGINT, _leave)


def _end_with_parent(parent: int) -> None:
    """Let this process end when its parent does, lest a run that goes on meets it at its work."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
