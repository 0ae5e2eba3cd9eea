"""The tour behind `make demo`: train PPO on a maze task and compare it with a program."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from agents import train
from agents.animation import animate
from agents.commands import EvaluateConfig, print_table, save_results
from agents.drl.learning_curve import plot_learning_curve
from agents.evaluation import evaluate_episodes, summarise
from benchmarks.report.writing import write_report
from karel_gym import sample_worlds
from karel_gym.registration import FRESH_SEED, task_of
from programmatic import Program
from programmatic.examples import FOLDER

ENV_ID = "Karel-Maze-v0"
EPISODES = 100
SIZES = (8, 16)
SEED = 0
SHOWN_WORLD = 2  # the world of the animation: its marker is far from the robot


def main(folder: Path = Path("results/demo")) -> None:
    """Run the tour; `folder` is for its results."""
    console = Console()
    start = time.perf_counter()
    console.rule("[bold]PPO learns the maze from percepts")
    run = folder / "ppo"
    train("ppo", ENV_ID, obs="percepts", seed=SEED, run_dir=run, overwrite=True, verbose=0)
    plot_learning_curve(run, folder / "learning_curve.png")
    program = Program.parse((FOLDER / "leaps_maze.karel").read_text())
    policies = {"PPO": run, "LEAPS's program": program, "random": "random"}
    named = tuple(f"{name}={policy}" for name, policy in policies.items())
    for size in SIZES:
        seen = "the size it was trained on" if size == SIZES[0] else "a size PPO never saw"
        console.rule(f"[bold]{EPISODES} mazes of {size}x{size}: {seen}")
        episodes = evaluate_episodes(policies, ENV_ID, EPISODES, FRESH_SEED, size, size)
        table = summarise(episodes)
        horizon = task_of(ENV_ID).horizon(size, size)
        where = f"{EPISODES} worlds of {size}x{size}, at most {horizon:,} actions"
        print_table(table, f"{ENV_ID}, {where}, seed {FRESH_SEED}")
        config = EvaluateConfig(named, ENV_ID, EPISODES, FRESH_SEED, horizon, size, size)
        save_results(folder / f"{size}x{size}", table, episodes, config, overwrite=True)
    worlds = list(sample_worlds(ENV_ID, SHOWN_WORLD + 1, FRESH_SEED))[SHOWN_WORLD:]
    animate(policies, ENV_ID, worlds, folder / "maze.gif", FRESH_SEED, max_frames=100)
    console.print(f"\nLEAPS's program:\n{program.pretty()}\n")
    report = folder / "report.html"
    tables = [str(folder / f"{size}x{size}") for size in SIZES]
    write_report([*named, *tables], report, ENV_ID, "PPO and a program in the maze")
    console.print(f"In {folder}: tables, learning_curve.png and maze.gif.")
    console.print(f"The demo took {time.perf_counter() - start:.0f} s; see all of it in {report}")


if __name__ == "__main__":
    main()
