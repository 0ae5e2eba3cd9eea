"""Rates of execution, stepping and training."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.settings import ThroughputSettings
from benchmarks.speed.devices import finish, on_device
from benchmarks.speed.rates import PlannedRate, measure_rates, plain_interpreter
from karel_gym import KarelSB3VecEnv, sample_worlds
from karel_gym.envs.signature import signature_of
from karel_gym.registration import CARTPOLE
from karel_gym.simulation.cartpole import sample_states
from karel_gym.simulation.devices import device_named
from programmatic import ExecutionResult, Program, execute
from programmatic.dsl.sampling import sample_programs
from programmatic.examples import FOLDER, program_file
from programmatic.trees.program import TreeProgram
from programmatic.trees.rollouts import rollout_returns

MEASURED_PROGRAMS = {
    "Karel-Maze-v0": Program.parse((FOLDER / "leaps_maze.karel").read_text()),
    "Karel-Harvester-v0": Program.parse((FOLDER / "harvester_rows.karel").read_text()),
}
NUM_ENVS = 1024
STEPS = 200
PPO_ENVS = 64
PPO_STEPS = 60 * PPO_ENVS * 64  # sixty updates


def measure_throughput(settings: ThroughputSettings) -> None:
    """Measure the rates of execution, of stepping and of training."""
    if settings.reference:
        plain_interpreter(settings.reference)  # an error comes before any work
    megabytes = memory_of_worlds() / 1e6
    measure_rates(throughput_rates(settings), settings, million_worlds_mb=megabytes)
    print(f"One million worlds of 8x8 take {megabytes:.0f} MB.")


def throughput_rates(settings: ThroughputSettings) -> Iterator[PlannedRate]:
    """All rates."""
    yield from execution_rates()
    if torch.cuda.is_available():
        yield from token_rates("cuda")
    if settings.reference:
        yield from plain_python_rates(settings.reference)
    yield from random_program_rates()
    yield from tree_rates()
    yield from stepping_rates()
    if not settings.quick:
        yield from training_rates()


def execution_rates(copies: int = 512, n_worlds: int = 16) -> Iterator[PlannedRate]:
    """Rates of `execute`, in rollouts and in calls, of two programs in `n_worlds` worlds each."""
    for env_id, program in MEASURED_PROGRAMS.items():
        run = partial(execute, [program] * copies, sample_worlds(env_id, n_worlds), env_id)
        what = f"execute, {env_id}, {copies} programs x {n_worlds} worlds"
        yield PlannedRate(what, "rollouts", partial(_total, run, "rollouts"))
        yield PlannedRate(what, "calls", partial(_total, run, "calls"))


def _total(run: Callable[[], ExecutionResult], unit: str) -> int:
    result = run()
    return int(result.calls.sum()) if unit == "calls" else result.returns.size


def random_program_rates(n_programs: int = 8192, n_worlds: int = 32) -> Iterator[PlannedRate]:
    """Rates of `execute` on random programs, some of which never end."""
    env_id = "Karel-DoorKey-v0"
    programs, worlds = sample_programs(n_programs), sample_worlds(env_id, n_worlds)
    endless = (execute(programs, worlds, env_id).calls == 10_000).mean()
    what = f"execute, {env_id}, random programs, {endless:.0%} of runs never end"
    yield PlannedRate(what, "rollouts", lambda: execute(programs, worlds, env_id).returns.size)


def token_rates(device: str, copies: int = 65_536, n_worlds: int = 16) -> Iterator[PlannedRate]:
    """Rates of `execute` on a device, with the programs' tokens in its memory."""
    where = torch.device(device)
    for env_id, program in MEASURED_PROGRAMS.items():
        worlds = sample_worlds(env_id, n_worlds)
        tokens = np.array([program.tokens] * copies, dtype=np.int8)
        several = device_named(device).from_host(tokens)

        def run(several: Any = several, worlds: Any = worlds, env_id: str = env_id) -> int:
            execute(several, worlds, env_id, device=device)
            finish(where)
            return copies * n_worlds

        what = f"execute{on_device(where)}, {env_id}, {copies} x {n_worlds}"
        yield PlannedRate(what, "rollouts", run)


def plain_python_rates(reference: str, n_worlds: int = 16) -> Iterator[PlannedRate]:
    """Rates of a plain Python interpreter on the programs of `execution_rates`."""
    interpreter = plain_interpreter(reference)
    for env_id, program in MEASURED_PROGRAMS.items():
        worlds = [world.to_json() for world in sample_worlds(env_id, n_worlds)]

        def run(program: Any = program, worlds: Any = worlds, env_id: str = env_id) -> int:
            for world in worlds:
                interpreter.run(program, world, env_id)
            return len(worlds)

        yield PlannedRate(f"plain Python interpreter, {env_id}", "rollouts", run)


def tree_rates(copies: int = 100, n_episodes: int = 1000) -> Iterator[PlannedRate]:
    """Rates of compiled rollouts of a tree program in CartPole-MORL, in episodes and in steps."""
    signature = signature_of(CARTPOLE)
    trees = [TreeProgram.load(program_file("near_optimal"), signature)] * copies
    run = partial(rollout_returns, trees, sample_states(n_episodes, 0))
    what = f"tree programs, {CARTPOLE}, {copies} programs x {n_episodes} episodes"
    yield PlannedRate(what, "episodes", lambda: run().size)
    yield PlannedRate(what, "steps", lambda: run().sum())


def stepping_rates() -> Iterator[PlannedRate]:
    """Rates of stepping vector envs with random actions, besides those of other suites."""
    yield from vector_env_rates()
    cartpole = gymnasium.make_vec("CartPole-MORL-v0", num_envs=NUM_ENVS)
    yield _stepping_rate(f"vector env, CartPole-MORL-v0, {NUM_ENVS} envs", cartpole, STEPS)
    cartpole = gymnasium.make_vec("CartPole-v1", num_envs=NUM_ENVS)
    yield _stepping_rate(f"vector env, Gymnasium's CartPole-v1, {NUM_ENVS} envs", cartpole, STEPS)
    if importlib.util.find_spec("minigrid") is not None:
        importlib.import_module("minigrid")
        minigrid = gymnasium.make_vec(
            "MiniGrid-Empty-8x8-v0", num_envs=16, vectorization_mode="sync"
        )
        yield _stepping_rate("SyncVectorEnv, MiniGrid-Empty-8x8-v0, 16 envs", minigrid, 20)


def vector_env_rates(
    device: str = "cpu", sizes: Sequence[int] = (NUM_ENVS,)
) -> Iterator[PlannedRate]:
    """Rates of stepping vector envs of these sizes on a device, with random actions."""
    where = torch.device(device)
    for n, obs in product(sizes, ("percepts", "grid")):
        envs = gymnasium.make_vec("Karel-Maze-v0", num_envs=n, obs=obs, device=device)
        what = f"vector env{on_device(where)}, Karel-Maze-v0, {obs}, {n} envs"
        yield _stepping_rate(what, envs, STEPS, device)


def _stepping_rate(
    what: str, envs: gymnasium.vector.VectorEnv[Any, Any, Any], steps: int, device: str = "cpu"
) -> PlannedRate:
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [device_named(device).from_host(envs.action_space.sample()) for _ in range(steps)]

    def run() -> int:
        for action in actions:
            envs.step(action)
        finish(torch.device(device))
        return steps * envs.num_envs

    return PlannedRate(what, "steps", run)


def training_rates() -> Iterator[PlannedRate]:
    """Rates of PPO on a task, and of the same PPO on an env whose steps cost nothing."""
    from benchmarks.speed.free_env import FreeVecEnv

    task = KarelSB3VecEnv("Karel-Maze-v0", PPO_ENVS, seed=0, obs="percepts")
    free = FreeVecEnv(task)
    for what, env in (("Karel-Maze-v0", task), ("an env that returns constants", free)):
        yield PlannedRate(
            f"PPO, percepts, {PPO_ENVS} envs, {what}", "frames", partial(_train, env), repeats=3
        )


def _train(env: Any) -> int:
    from stable_baselines3 import PPO

    from agents.drl.hyperparameters import arguments, read_hyperparameters
    from programmatic.threads import torch_threads

    values = read_hyperparameters("ppo", "Karel-Maze-v0", "percepts")
    for name in ("n_envs", "n_timesteps", "env_kwargs"):
        values.pop(name, None)
    with torch_threads(1):
        PPO(env=env, device="cpu", seed=0, **arguments(values)).learn(PPO_STEPS)
    return PPO_STEPS


def memory_of_worlds(n: int = 1_000_000) -> int:
    """Bytes of `n` worlds of 8x8."""
    worlds = sample_worlds("Karel-Harvester-v0", n)
    arrays: list[np.ndarray[Any, Any]] = [worlds.cells, worlds.robots, worlds.random_states]
    return sum(array.nbytes for array in arrays)
