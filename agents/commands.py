"""The commands `karel-gym train`, `karel-gym tune` and `karel-gym evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import tyro
import yaml
from rich.console import Console

from agents.animation import FORMATS, animate
from agents.comparison import Comparison
from agents.evaluation import evaluate_episodes, summarise
from karel_gym.registration import is_karel, sample_worlds, task_of
from programmatic.runs import (
    begin_run,
    check_file,
    check_folder,
    new_folder,
    usual_folder,
    write_text,
)

PIPE_WIDTH = 120  # columns of a table that is not shown on a terminal


def train(
    algo: Annotated[str, tyro.conf.Positional] = "ppo",
    *,
    env: str = "",
    obs: Literal["percepts", "percepts+action", "grid"] | None = None,
    action: Literal["primitive", "option", "program"] = "primitive",
    steps: float | None = None,
    seed: int = 0,
    run: Path | None = None,
    resume: Path | None = None,
    overwrite: bool = False,
    num_envs: int | None = None,
    height: int | None = None,
    width: int | None = None,
    reward: Literal["default", "dense", "sparse"] | None = None,
    train_max_steps: int | None = None,
    horizon: int | None = None,
    checkpoint_every: int | None = None,
    eval_every: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    hyperparameters: dict[str, str] = {},  # noqa: B006 (tyro reads it, nobody changes it)
) -> None:
    """Train a deep RL baseline, or go on with an interrupted training.

    Args:
        algo: The algorithm: a2c, dqn, maskable_ppo, ppo, ppo_lstm (recurrent), qrdqn or trpo.
        env: The task's id.
        obs: What the policy observes; percepts+action: the previous action too. By default what the
            id binds, or else percepts.
        action: What an action of the policy is: one of the robot's (primitive), the latent of five
            of them (option), or the latent of a program (program).
        steps: Steps to train for, of all envs together; by default what hyperparams/ALGO.yml says.
            A step is an action of the policy.
        seed: Of the network, the worlds and the actions.
        run: The run folder; by default runs/ALGO-ENV-OBS-SEED, with the action behind OBS unless it
            is primitive.
        resume: A run folder whose training goes on, with its own settings.
        overwrite: Remove what is in the run folder.
        num_envs: Envs stepped at once; by default what hyperparams/ALGO.yml says.
        height: Height of the worlds in cells, walls included; by default what
            hyperparams/ALGO.yml says, else the task's own.
        width: Width of the worlds in cells, walls included; by default as the height.
        reward: The reward to train on; by default what hyperparams/ALGO.yml says, else the default
            one. Only Maze and StairClimber have the dense one.
        train_max_steps: Horizon of the episodes that are trained on; by default what
            hyperparams/ALGO.yml says, or the task's own.
        horizon: Options or programs an episode; by default what hyperparams/ALGO.yml says, else any
            number.
        checkpoint_every: Steps between two checkpoints; by default a tenth of the training.
        eval_every: Steps between two evaluations; by default a tenth of the training, but at
            least 10,000.
        device: Where the network runs.
        hyperparameters: Names and values in place of those in hyperparams/ALGO.yml.
    """
    from agents.drl.settings import TrainConfig
    from agents.drl.training import resume as go_on
    from agents.drl.training import train_run

    total = None if steps is None else int(steps)
    if resume is not None:
        model = go_on(resume, total, device=None if device == "auto" else device)
    elif not env:
        raise ValueError("name the task with --env, or a run folder with --resume")
    else:
        values = {name: yaml.safe_load(text) for name, text in hyperparameters.items()}
        config = TrainConfig(
            algo,
            env,
            obs=obs or "",
            action=action,
            total_timesteps=total,
            seed=seed,
            run_dir=run,
            num_envs=num_envs,
            height=height,
            width=width,
            reward=reward,
            train_max_steps=train_max_steps,
            horizon=horizon,
            checkpoint_every=checkpoint_every,
            eval_every=eval_every,
            device=device,
            hyperparameters=values,
        )
        model = train_run(config, overwrite=overwrite)
    print(f"trained {model.num_timesteps:,} steps; run folder: {vars(model)['run_dir']}")


def tune(
    algo: Annotated[str, tyro.conf.Positional] = "ppo",
    *,
    env: str,
    obs: Literal["percepts", "percepts+action", "grid"] | None = None,
    trials: int = 30,
    steps: float = 2e5,
    seed: int = 0,
    run: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Look for better hyperparameters with Optuna.

    Args:
        algo: The algorithm.
        env: The task's id.
        obs: What the policy observes; by default what the id binds, or else percepts.
        trials: How many trainings, those done before included.
        steps: Frames of a training.
        seed: Of the draws, and of every training.
        run: The folder; by default runs/tune-ALGO-ENV-OBS-SEED.
        resume: Go on with the study in the folder.
        overwrite: Remove the study in the folder.
        device: Where the network runs.
    """
    from agents.drl.tuning import TuneConfig
    from agents.drl.tuning import tune as look

    config = TuneConfig(algo, env, obs or "", trials, int(steps), seed, run, device)
    print(yaml.safe_dump(look(config, resume, overwrite), sort_keys=False).rstrip())
    print(f"study: {config.run}")


def evaluate(
    policies: Annotated[tuple[str, ...], tyro.conf.Positional],
    env: str,
    episodes: int = 100,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    max_steps: int | None = None,
    out: Path | None = None,
    render: Path | None = None,
    render_worlds: int = 2,
    overwrite: bool = False,
) -> None:
    """Compare policies on the same start worlds.

    Args:
        policies: Run folders, programs in quotes or their files (*.tree for trees), zips of SB3
            models, or random.
        env: The id of a Karel task, or of another env with flat observations and numbered actions.
        episodes: How many episodes, each from a start world of its own.
        height: Height of the worlds in cells, walls included; the task's own by default.
        width: Width of the worlds in cells, walls included; the task's own by default.
        seed: Of the worlds and of policies that draw.
        max_steps: Horizon of an episode, in actions; the task's own by default.
        out: Folder for config.json, table.csv, table.json and episodes.csv; by default
            runs/evaluate-ENV-HEIGHTxWIDTH-SEED, or if that is there, with -2, -3, ... behind it.
        render: File for an animation of the policies side by side: .gif, .png or .mp4.
        render_worlds: How many worlds the animation shows.
        overwrite: Replace the results in the folder, and the animation's file.
    """
    if not policies:
        raise ValueError("name at least one policy: a run folder, a program in quotes, or random")
    if render is not None and not is_karel(env):
        raise ValueError(f"only Karel tasks can be animated side by side, not {env}")
    if render is not None:
        check_file(render, overwrite, FORMATS)
    if out is not None:
        check_folder(out, overwrite)
    results = evaluate_episodes(policies, env, episodes, seed, height, width, max_steps=max_steps)
    table = summarise(results, seed)
    config = {"command": "evaluate", "policies": policies, "env_id": env, "episodes": episodes}
    config |= {"seed": seed, "max_steps": max_steps}
    where, size = "", ""
    if is_karel(env):
        worlds = sample_worlds(env, episodes, seed, height, width)
        max_steps = max_steps or task_of(env).horizon(*worlds.shape)
        config |= {"height": worlds.shape[0], "width": worlds.shape[1], "max_steps": max_steps}
        size = f"{worlds.shape[0]}x{worlds.shape[1]}"
        where, size = f"{episodes} worlds of {size}, at most {max_steps:,} actions", f"-{size}"
    print_table(table, f"{env}, {where or f'{episodes} episodes'}, seed {seed}")
    out = out or new_folder(usual_folder("evaluate", f"{env}{size}", seed))
    save_results(out, table, results, config, overwrite)
    print(f"tables: {out}")
    if render is not None:
        shown = [worlds[i] for i in range(min(render_worlds, episodes))]
        animate(policies, env, shown, render, seed, max_steps=max_steps)
        print(f"animation: {render}")


def save_results(
    folder: Path,
    table: pd.DataFrame,
    episodes: pd.DataFrame,
    config: dict[str, object],
    overwrite: bool = False,
) -> None:
    """Write a comparison: its table as CSV and JSON, its episodes as CSV, and its configuration
    with its `provenance`.

    Raises:
        RunError: A run is in the folder already and may not be overwritten, or the folder cannot
            be written.
    """
    begin_run(folder, config, overwrite)
    write_text(folder / "table.csv", table.to_csv(index=False))
    write_text(folder / "table.json", table.to_json(orient="records", indent=2) + "\n")
    write_text(folder / "episodes.csv", episodes.to_csv(index=False))


def print_table(table: Comparison, title: str) -> None:
    """Print the table of `agents.evaluate`."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    console.print(table.shown(title))
