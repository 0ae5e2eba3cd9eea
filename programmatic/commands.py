"""The command `karel-gym run`."""

from __future__ import annotations

from typing import Annotated, Literal

import tyro

from karel_gym.registration import sample_worlds, task_of
from karel_gym.robot import ACTIONS
from programmatic.dsl import Program
from programmatic.horizon import TASK, limits_of
from programmatic.machine import execute
from programmatic.machine import trace as trace_run


def run(
    program: Annotated[str, tyro.conf.Positional],
    env: str,
    worlds: int = 100,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    horizon: str = TASK,
    device: Literal["cpu", "cuda"] = "cpu",
    trace: int | None = None,
) -> None:
    """Run a program in random worlds of a task.

    Args:
        program: The program in quotes, or a file that holds it.
        env: The task's id.
        worlds: How many worlds.
        height: Height of the worlds in cells, walls included; the task's own by default.
        width: Width of the worlds in cells, walls included; the task's own by default.
        seed: Of the worlds.
        horizon: The limit of a run: task, the task's own horizon, in which envs run too; published,
            the 10,000 calls (actions and percepts) of the literature; or a number of actions.
        device: Where the program runs; cuda needs a GPU and the extra `cuda`.
        trace: Number of a world whose run is told action by action.
    """
    parsed = Program.read(program)
    starts = sample_worlds(env, worlds, seed, height, width)
    limits = limits_of(horizon, task_of(env).horizon(*starts.shape))
    result = execute([parsed], starts, env, *limits, device=device)
    returns = result.returns[0]
    print(parsed.pretty())
    print(
        f"\n{env}, {worlds} worlds of {starts.shape[0]}x{starts.shape[1]}, seed {seed}, at most "
        f"{limits}:\n"
        f"  mean return  {returns.mean():.3f} (lowest {returns.min():.3f}, "
        f"highest {returns.max():.3f})\n"
        f"  actions      {result.actions.mean():.1f} a run\n"
        f"  calls        {result.calls.mean():.1f} a run, actions included\n"
        f"  terminated   {result.terminated.mean():.0%} of the runs"
    )
    if trace is None:
        return
    if not 0 <= trace < worlds:
        raise ValueError(f"--trace must be the number of a world, 0 to {worlds - 1}; got {trace}")
    print(f"\nworld {trace}:\n{starts[trace]}")
    for number, step in enumerate(trace_run(parsed, starts[trace], env, *limits), 1):
        print(
            f"\n{number}. {ACTIONS[step.action]} (token {step.span[0]}), reward {step.reward:+.3f}"
        )
        print(step.world)
