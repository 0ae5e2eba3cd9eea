"""Callbacks of a training: checkpoints, logs and evaluations at regular steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import CSVOutputFormat
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.drl.models import save_model
from agents.kernels.compiled import kernel_of
from karel_gym.envs.sb3 import KarelSB3VecEnv
from karel_gym.simulation.episodes import sample_task_worlds
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes, Rollout, play
from programmatic.runs import checkpoint_path, write_text

PROGRESS_FILE, EVALUATIONS_FILE, BEST_FILE = "progress.csv", "evaluations.csv", "best.zip"
STEP_COLUMN = "time/total_timesteps"


class Periodic(BaseCallback):
    """Acts at the start and end of a training, and after about every `every` steps of all envs.

    It waits for the end of an update, so that the model has learned from all steps so far.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self._last: int | None = None

    def act(self) -> None:
        """Do the work of the callback."""
        raise NotImplementedError

    def _on_training_start(self) -> None:
        if self.num_timesteps == 0:
            self._act_once()
        self._last = self.num_timesteps

    def _on_rollout_start(self) -> None:
        # Due at multiples of `every`, so that a resumed training keeps the rhythm.
        if self._last is not None and self.num_timesteps // self.every > self._last // self.every:
            self._act_once()

    def _on_training_end(self) -> None:
        self._act_once()

    def _on_step(self) -> bool:
        return True

    def _act_once(self) -> None:
        if self._last != self.num_timesteps:
            self._last = self.num_timesteps
            self.act()


class Checkpoints(Periodic):
    """Writes checkpoints/step-N.zip in a run folder."""

    def __init__(self, run: Path, every: int) -> None:
        super().__init__(every)
        self.run = run

    def act(self) -> None:
        """Write a checkpoint."""
        save_model(self.model, checkpoint_path(self.run, self.num_timesteps))


class Figures(Periodic):
    """Logs SB3's figures (progress.csv and TensorBoard) at regular steps; SB3 counts updates."""

    def act(self) -> None:
        """Log them, if there are any yet."""
        if self.num_timesteps > 0:
            cast(OnPolicyAlgorithm | OffPolicyAlgorithm, self.model).dump_logs()


class Evaluation(Periodic):
    """Evaluates the policy in the same worlds each time, and keeps the best model.

    The best model has the largest mean return and, among equals, the shortest episodes. Evaluations
    do not change the random numbers of the training. evaluations.csv has a row per evaluation:
    timesteps, mean_return, std_return, success_rate, mean_length (steps), episodes.

    Args:
        run: The run folder.
        env: One env per world.
        every: Training steps between two evaluations.
        seed: Of the start worlds, `sample_worlds(env_id, num_envs, seed)`, and of the draws.
        deterministic: Whether the policy takes its most probable action.
    """

    def __init__(
        self, run: Path, env: KarelSB3VecEnv, every: int, seed: int, deterministic: bool
    ) -> None:
        super().__init__(every)
        self.run = run
        self.env = env
        self.seed = seed
        self.deterministic = deterministic
        self._rows: list[dict[str, float]] = []
        file = run / EVALUATIONS_FILE
        if file.exists():
            self._rows = pd.read_csv(file).to_dict("records")  # type: ignore[assignment]

    def _on_training_start(self) -> None:
        # An interrupted training may have been evaluated after its last checkpoint.
        step = self.num_timesteps
        self._rows = [row for row in self._rows if step and row["timesteps"] <= step]
        super()._on_training_start()

    def act(self) -> None:
        """Evaluate the policy."""
        row = self.evaluate()
        for key in ("mean_return", "success_rate", "mean_length"):
            self.logger.record(f"eval/{key}", row[key])
        better = all(_rank(row) > _rank(other) for other in self._rows)
        if better or not (self.run / BEST_FILE).exists():
            save_model(self.model, self.run / BEST_FILE)
        self._rows.append(row)
        write_text(self.run / EVALUATIONS_FILE, pd.DataFrame(self._rows).to_csv(index=False))

    def evaluate(self) -> dict[str, float]:
        """The row of evaluations.csv for the present policy."""
        outcomes = self._play()
        return {
            "timesteps": self.num_timesteps,
            "mean_return": float(np.mean(outcomes.returns)),
            "std_return": float(np.std(outcomes.returns)),
            "success_rate": float(np.mean(outcomes.solved)),
            "mean_length": float(np.mean(outcomes.lengths)),
            "episodes": self.env.num_envs,
        }

    @property
    def worlds(self) -> WorldBatch:
        """The start worlds of the evaluations, one per env."""
        envs = self.env.envs
        return sample_task_worlds(envs.task, self.env.num_envs, self.seed, *envs.shape)

    def _play(self) -> Outcomes:
        """Play an episode in each world: in a kernel if the policy has one, else in the envs."""
        env, envs = self.env, self.env.envs
        if type(env) is KarelSB3VecEnv:
            kernel = kernel_of(self.model, envs.obs, self.deterministic)
            if kernel is not None:
                return kernel(envs.task, self.worlds, self.seed, envs.episodes.max_steps)
        masks = envs.action_masks if isinstance(self.model, MaskablePPO) else None
        with own_random_numbers(self.model, self.seed):
            env.seed(self.seed)
            env.set_options([{"world": world} for world in self.worlds])
            policy: Any = self.model
            return play(Rollout(policy, env.reset(), env.step, self.deterministic, masks))


@contextmanager
def own_random_numbers(model: BaseAlgorithm, seed: int) -> Iterator[None]:
    """Seed the random numbers of a block, and restore the model's generators after it."""
    numpy_state = np.random.get_state()
    exploration = model.action_space.np_random.bit_generator  # dqn and qrdqn draw from it
    exploration_state = exploration.state
    try:
        with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            yield
    finally:
        np.random.set_state(numpy_state)
        exploration.state = exploration_state


def _rank(row: dict[str, float]) -> tuple[float, float]:
    return row["mean_return"], -row["mean_length"]


class ProgressLog(CSVOutputFormat):
    """SB3's progress.csv; its rows up to a checkpoint's `step` are kept."""

    def __init__(self, file: Path, step: int) -> None:
        kept = pd.DataFrame()
        if step and file.exists() and file.stat().st_size:
            rows = pd.read_csv(file, dtype=str, keep_default_na=False, on_bad_lines="skip")
            kept = rows[pd.to_numeric(rows[STEP_COLUMN], errors="coerce") <= step]
        super().__init__(str(file))
        if len(kept):
            self.keys = list(kept.columns)
            kept.to_csv(self.file, index=False)
            self.file.flush()
