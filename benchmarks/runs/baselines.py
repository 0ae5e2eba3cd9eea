"""The deep RL baselines: the rows of the literature's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from agents.drl.callbacks import EVALUATIONS_FILE
from agents.drl.settings import TrainConfig
from agents.hierarchy.actions import PRIMITIVE
from agents.morl.run_folder import ITERATIONS_FILE
from programmatic.runs import CONFIG_FILE

TREE_FOLDER = "tree"
"""Where the tree of a run is, in the run folder."""


@dataclass(frozen=True)
class Baseline:
    """A way to learn: a row of the literature's tables.

    Args:
        algo: The algorithm.
        obs: What the policy observes.
        hyperparameters: With other values than in hyperparams/ALGO.yml.
        action: What an action of the policy is; see `TrainConfig`.
        steps: Length of a training, None: what the hyperparameters say.
        becomes_tree: Whether VIPER turns the policy into a tree, which is what is judged.
    """

    algo: str
    obs: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    action: str = PRIMITIVE
    steps: int | None = None
    becomes_tree: bool = False

    def config(self, env_id: str, seed: int, steps: int | None = None) -> TrainConfig:
        """The training; `steps` is its length, None: `self.steps`."""
        return TrainConfig(
            self.algo,
            env_id,
            obs=self.obs,
            action=self.action,
            total_timesteps=steps or self.steps,
            seed=seed,
            device="cpu",
            hyperparameters=self.hyperparameters,
        )

    def policy(self, run: Path) -> Path:
        """What is to be judged when the training in a run folder has ended: a run folder."""
        if not self.becomes_tree:
            return run
        from agents.morl.extraction import extract_tree  # which needs the extra [morl]

        tree = run / TREE_FOLDER
        if not (tree / CONFIG_FILE).exists():
            extract_tree(run, tree)
        return tree

    def best_return(self, run: Path) -> float:
        """The mean return of what is to be judged, in the worlds that it was chosen in."""
        file = ITERATIONS_FILE if self.becomes_tree else EVALUATIONS_FILE
        return float(pd.read_csv(self.policy(run) / file)["mean_return"].max())


LITERATURE = {
    "DRL": Baseline("ppo", "grid"),
    "DRL-abs": Baseline("ppo", "percepts"),
    "DRL-abs-t": Baseline("ppo_lstm", "percepts"),
    "DRL-FCN": Baseline("ppo", "grid", {"policy": "FcnPolicy"}, steps=200_000),
    "HRL": Baseline("ppo", "grid", action="option"),
    "HRL-abs": Baseline("ppo", "percepts", action="option"),
    "VIPER": Baseline("ppo", "percepts", becomes_tree=True),
    "HPRL-PPO": Baseline("ppo_lstm", "grid", action="program"),
    "DRL-action": Baseline("ppo", "percepts+action"),
}
"""LEAPS's (Trivedi et al., 2021), that of HPRL (Liu et al., 2023), and the sparse observations with
the previous action of Rajabpour et al. (2025)."""
OTHER_ALGORITHMS = {
    name: Baseline(algo, "percepts+action")
    for name, algo in {
        "A2C": "a2c",
        "DQN": "dqn",
        "QR-DQN": "qrdqn",
        "TRPO": "trpo",
        "MaskablePPO": "maskable_ppo",
        "RecurrentPPO": "ppo_lstm",
    }.items()
}
"""The other algorithms, all with percepts and the previous action."""
BASELINES = LITERATURE | OTHER_ALGORITHMS
