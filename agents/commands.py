"""The commands `karel-gym train`, `tune`, `export` and `evaluate`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
import yaml

from agents.drl.settings import TrainConfig, TuneConfig
from karel_gym.registration import FRESH_WORLDS, is_karel, sample_worlds, task_of
from programmatic.flags import Again, Flags
from programmatic.runs import (
    RUNS_FOLDER,
    begin_run,
    check_file,
    check_folder,
    check_writable,
    new_folder,
    usual_folder,
    write_text,
)
from programmatic.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd

    from agents.comparison import Comparison

# torch, Stable-Baselines3 and pandas are slow to import: a command imports what it needs.

PIPE_WIDTH = 120  # columns of a table that is not shown on a terminal


def train(config: Flags[TrainConfig], again: Flags[Again]) -> None:
    """Train a deep RL baseline, or resume an interrupted training.

    With --resume only --steps, --device, --torch-threads, --checkpoint-every, --eval-every,
    --verbose and --track may be given.
    """
    from agents.drl.training import resume_run, train_run

    if again.resume is not None:
        model = resume_run(config.resumed(again.resume, overwrite=again.overwrite))
    else:
        check_env(config.env_id)
        model = train_run(config, overwrite=again.overwrite)
    print(f"trained {model.num_timesteps:,} steps; run folder: {vars(model)['run_dir']}")


def tune(config: Flags[TuneConfig], again: Flags[Again]) -> None:
    """Search for better hyperparameters with Optuna, or resume an interrupted study.

    With --resume only --trials and --device may be given.
    """
    from agents.drl.tuning import BEST_BLOCK_FILE
    from agents.drl.tuning import tune as find

    if again.resume is not None:
        config = config.resumed(again.resume, overwrite=again.overwrite)
    check_env(config.env_id)
    config = config.with_obs()
    block = find(config, again.resume is not None, again.overwrite)
    print(yaml.safe_dump(block, sort_keys=False).rstrip())
    words = ["train", config.algo, "--env", config.env_id, "--obs", config.obs]
    words += ["--conf-file", str(config.run / BEST_BLOCK_FILE)]
    print(f"study: {config.run}; to train with these hyperparameters:")
    print(f"karel-gym {shlex.join(words)}")


def export(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    out: Path = Path("policy.safetensors"),
    env: str | None = None,
    episodes: int = FRESH_WORLDS,
    overwrite: bool = False,
) -> None:
    """Write the policy of a training as one small file that others can load safely.

    Args:
        run: Run folder of a training, or a model's zip.
            A zip that karel-gym did not write can run any code.
        out: File to write, *.safetensors.
        env: Id of the task; by default that of the training.
        episodes: Number of fresh worlds in which the policy is evaluated.
        overwrite: Replace an existing file.
    """
    from agents.exporting import export as write

    origin = write(run, out, env_id=env, episodes=episodes, overwrite=overwrite)
    print(f"mean return {origin['mean_return']:.3f} in {episodes:,} fresh worlds")
    print(f"policy: {out} ({out.stat().st_size / 1000:.1f} kB)")


def check_env(env_id: str) -> None:
    """Raise a `ValueError` if a command got no task."""
    if not env_id:
        raise ValueError("name the task with --env, or a run folder with --resume")


@dataclass(frozen=True)
class EvaluateConfig(RunSettings):
    """The settings of a comparison of policies."""

    COMMAND = "evaluate"

    policies: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Run folders, programs in quotes or their files (trees: *.tree), random,
    SB3 models (*.zip), exported policies (*.safetensors), and pretrained:ALGO.
    NAME=RUN gives a policy another name in the table."""
    env_id: Annotated[str, tyro.conf.arg(name="env")]
    """Id of a Karel task, or of another env with flat observations and discrete actions."""
    episodes: int = 100
    """Number of episodes, each with its own start world."""
    seed: int = 0
    """Seed of the worlds and of policies that draw their actions."""
    max_steps: int | None = None
    """Horizon of an episode in actions; by default the task's."""
    height: int | None = None
    """Height of the worlds in cells, walls included; by default the task's."""
    width: int | None = None
    """Width of the worlds in cells, walls included; by default the task's."""
    max_markers: int | None = None
    """The number of markers, 1 to 10, that fill a cell; by default the task's."""

    @property
    def size(self) -> str:
        """The size of the worlds as text."""
        return f"{self.height}x{self.width}"


def evaluate(
    config: Flags[EvaluateConfig],
    run: Path | None = None,
    render: Path | None = None,
    render_worlds: int = 2,
    overwrite: bool = False,
) -> None:
    """Compare policies on the same start worlds.

    Args:
        config: The settings.
        run: Run folder for config.json, table.csv, table.json and episodes.csv.
            By default a new folder runs/evaluate-ENV-HEIGHTxWIDTH-SEED.
        render: Animation of the policies side by side to write: a .gif, .png or .mp4 file.
        render_worlds: Number of worlds in the animation.
        overwrite: Replace the results in the run folder and the animation.
    """
    if not config.policies:
        raise ValueError(
            "name at least one policy: a run folder, a program in quotes, pretrained:ppo, or random"
        )
    from agents.animation import FORMATS, animate
    from agents.evaluation import evaluate_episodes, summarise

    env_id, seed = config.env_id, config.seed
    if render is not None and not is_karel(env_id):
        raise ValueError(f"only Karel tasks can be animated side by side, not {env_id}")
    if render is not None:
        check_file(render, overwrite, FORMATS)
    if run is None:
        check_writable(RUNS_FOLDER)
    else:
        check_folder(run, overwrite)
    results = evaluate_episodes(
        config.policies,
        env_id,
        config.episodes,
        seed,
        config.height,
        config.width,
        max_steps=config.max_steps,
        max_markers=config.max_markers,
    )
    table = summarise(results, seed)
    where, usual = f"{config.episodes} episodes", env_id
    if is_karel(env_id):
        worlds = sample_worlds(env_id, config.episodes, seed, config.height, config.width)
        height, width = worlds.shape
        max_steps = config.max_steps or task_of(env_id).horizon(height, width)
        config = replace(config, height=height, width=width, max_steps=max_steps)
        where = f"{config.episodes} worlds of {config.size}, at most {max_steps:,} actions"
        usual = f"{env_id}-{config.size}"
    print_table(table, f"{env_id}, {where}, seed {seed}")
    run = run or new_folder(usual_folder(config.COMMAND, usual, seed))
    save_results(run, table, results, config, overwrite)
    print(f"tables: {run}")
    if render is not None:
        shown = [worlds[i] for i in range(min(render_worlds, config.episodes))]
        animate(
            config.policies,
            env_id,
            shown,
            render,
            seed,
            max_steps=config.max_steps,
            max_markers=config.max_markers,
        )
        print(f"animation: {render}")


def save_results(
    run: Path,
    table: pd.DataFrame,
    episodes: pd.DataFrame,
    config: EvaluateConfig,
    overwrite: bool = False,
) -> None:
    """Write a comparison's table, episodes and settings; a `RunError` if the folder holds a run."""
    begin_run(run, config.config_json(), overwrite)
    write_text(run / "table.csv", table.to_csv(index=False))
    write_text(run / "table.json", table.to_json(orient="records", indent=2) + "\n")
    write_text(run / "episodes.csv", episodes.to_csv(index=False))


def print_table(table: Comparison, title: str) -> None:
    """Print the table of `agents.evaluate`."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    console.print(table.shown(title))
