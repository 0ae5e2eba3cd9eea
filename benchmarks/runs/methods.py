"""The methods of the grid by their names in the tables: deep RL baselines and searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from programmatic.runs import CONFIG_FILE

if TYPE_CHECKING:
    from agents.drl.settings import TrainConfig

TREE_FOLDER = "tree"  # the folder of a run's tree in the run folder


@dataclass(frozen=True)
class Baseline:
    """A deep RL baseline.

    Args:
        algo: The algorithm.
        obs: Observations of the policy.
        hyperparameters: Hyperparameters with other values than in hyperparams/ALGO.yml.
        action: The kind of action; see `TrainConfig`.
        steps: Frames of a training; None: those of the hyperparameters.
        becomes_tree: Whether VIPER turns the policy into a tree, which is then evaluated.
    """

    algo: str
    obs: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    action: str = "primitive"
    steps: int | None = None
    becomes_tree: bool = False

    def config(self, env_id: str, seed: int, steps: int | None = None) -> TrainConfig:
        """The settings of a training; `steps` is its length, None: `self.steps`."""
        from agents.drl.settings import TrainConfig

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
        """The run folder of the policy to evaluate, when the training in `run` has ended."""
        if not self.becomes_tree:
            return run
        from agents.morl.extraction import extract_tree  # needs the extra [morl]

        tree = run / TREE_FOLDER
        if not (tree / CONFIG_FILE).exists():
            extract_tree(run, tree)
        return tree

    def best_return(self, run: Path) -> float:
        """The policy's mean return in the worlds that it was chosen in."""
        import pandas as pd

        from agents.drl.callbacks import EVALUATIONS_FILE
        from agents.morl.run_folder import ITERATIONS_FILE

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
"""The baselines of LEAPS (2021) and HPRL (2023); DRL-action is of Rajabpour et al. (2025)."""
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

ABLATION: dict[str, tuple[str, Mapping[str, Any]]] = {
    "cghc": ("cghc", {}),
    "without edits": ("cghc", {"edits": 0.0}),
    "without counterexamples": ("cghc", {"n_worlds": 32}),
    "without sideways": ("cghc", {"sideways": False}),
    "250 neighbours": ("cghc", {"neighbours": 250}),
    "1,000 neighbours": ("cghc", {"neighbours": 1000}),
    "16,000 neighbours": ("cghc", {"neighbours": 16_000}),
    "16 worlds a climb": ("cghc", {"climb_worlds": 16}),
    "larger space": ("cghc", {"space": "larger"}),
    "hc, sideways": ("hc", {"sideways": True}),
    "hc": ("hc", {}),
    "shc": ("shc", {}),
}
"""Variants of the search for programs: method and options; hc and shc are as published."""
SEARCHES = {"LEAPS": ("cem", {}), **ABLATION}
"""The searches with names of their own; all others are named by their method."""
LATENT_SEARCHES = ("LEAPS", "cebs", "latent_hc", "latent_random", "random")


def search_of(name: str) -> tuple[str, Mapping[str, Any]]:
    """The method and the options of the search with this name in the tables."""
    return SEARCHES.get(name, (name, {}))


def search_name(method: str) -> str:
    """The name of a search method in the tables."""
    return "LEAPS" if method == "cem" else method
