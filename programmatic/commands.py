"""The command `karel-gym run`."""

from __future__ import annotations

from typing import Annotated, Literal

import tyro

from karel_gym.registration import sample_worlds, task_of
from programmatic.dsl import ACTIONS, Program
from programmatic.horizon import TASK, limits_of


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
    """Run a program in random worlds of a task and print its returns.

    Args:
        program: Program in quotes, or a file with a program.
        env: Task id.
        worlds: Number of worlds.
        height: Height of the worlds in cells, walls included; by default the task's.
        width: Width of the worlds in cells, walls included; by default the task's.
        seed: Seed of the worlds.
        horizon: Limit of a run: task (the task's horizon), a number of actions,
            or published (10,000 actions and percepts, as in the literature).
        device: Device on which the program runs; cuda needs a GPU and the extra [cuda].
        trace: Print each action in the world of this number.
    """
    from programmatic import machine  # numba is slow to import

    if trace is not None and not 0 <= trace < worlds:
        raise ValueError(f"--trace must be the number of a world, 0 to {worlds - 1}; got {trace}")
    parsed = Program.read(program)
    starts = sample_worlds(env, worlds, seed, height, width)
    limits = limits_of(horizon, task_of(env).horizon(*starts.shape))
    result = machine.execute([parsed], starts, env, *limits, device=device)
    returns = result.returns[0]
    print(parsed.pretty())
    print(
        f"\n{env}, {worlds} worlds of {starts.shape[0]}x{starts.shape[1]}, seed {seed}, at most "
        f"{limits}:\n"
        f"  mean return  {returns.mean():.3f} (lowest {returns.min():.3f}, "
        f"highest {returns.max():.3f})\n"
        f"  actions      {result.actions.mean():.1f} per run\n"
        f"  calls        {result.calls.mean():.1f} per run, actions included\n"
        f"  terminated   {result.terminated.mean():.0%} of the runs"
    )
    if trace is None:
        return
    print(f"\nworld {trace}:\n{starts[trace]}")
    for number, step in enumerate(machine.trace(parsed, starts[trace], env, *limits), 1):
        action = ACTIONS[step.action]
        print(f"\n{number}. {action} (token {step.span[0]}), reward {step.reward:+.3f}")
        print(step.world)
