"""VIPER on Karel: a trained policy of percepts becomes a decision tree."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from agents.drl.settings import TrainConfig
from agents.drl.training import load
from agents.hierarchy.actions import PRIMITIVE
from agents.morl.run_folder import ITERATIONS_FILE, PROGRAM_FILE
from karel_gym.envs.observations import SIGNATURES
from karel_gym.envs.sb3 import KarelSB3VecEnv
from programmatic.runs import begin_run, check_folder, occupying, write_text
from programmatic.synthesis.settings import ViperConfig
from programmatic.synthesis.viper import viper
from programmatic.trees.program import TreeProgram

COMMAND = "viper"
KAREL = ViperConfig(iterations=20, rollouts=50, evaluation_episodes=50)
"""Fewer iterations than in Pong: there are only 32 percepts."""
NUM_ENVS = 50


def extract_tree(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: ViperConfig = KAREL,
    overwrite: bool = False,
) -> TreeProgram:
    """Extract a tree from the best policy of a training, in the worlds of the training.

    Args:
        run: Run folder of a training that observes percepts, with the previous action or not.
        out: Folder for config.json, program.tree and iterations.csv, which `agents.load` reads.
        config: The settings of VIPER.
        overwrite: Remove the run in `out` if it exists.

    Raises:
        RunError: The run folder is missing or damaged, or `out` holds a run.
        ValueError: The policy observes grids, chooses skills, or has a memory.

    Example:
        >>> tree = extract_tree("runs/maze", "runs/maze-tree")  # doctest: +SKIP
    """
    folder, training = Path(out), TrainConfig.read(Path(run))
    check_folder(folder, overwrite)
    with closing(env_of_training(training, NUM_ENVS)) as env:
        result = viper(load(run, "cpu"), env, config)
    stored = {"env_id": training.env_id, "obs": training.obs, "oracle": str(run)}
    with occupying(folder):
        begin_run(folder, {"command": COMMAND, **stored, **asdict(config)}, overwrite)
        result.program.save(folder / PROGRAM_FILE)
        write_text(folder / ITERATIONS_FILE, pd.DataFrame(result.iterations).to_csv(index=False))
    return result.program


def env_of_training(
    training: TrainConfig, num_envs: int, seed: int | None = None
) -> KarelSB3VecEnv:
    """Envs with the settings of a training; a `ValueError` for grids and skills."""
    if training.obs not in SIGNATURES or training.action != PRIMITIVE:
        raise ValueError(
            f"a tree tests percepts and takes primitive actions; the policy in {training.run} "
            f"observes {training.obs}, and its actions are {training.action}"
        )
    return KarelSB3VecEnv(
        training.env_id,
        num_envs,
        seed,
        obs=training.obs,
        height=training.height,
        width=training.width,
        max_steps=training.max_steps,
    )
