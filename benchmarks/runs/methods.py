"""The methods of the grid by their names in the tables: deep RL baselines and searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from programmatic.runs import CONFIG_FILE
from programmatic.search.configs import METHODS

if TYPE_CHECKING:
    from agents.drl.settings import TrainConfig

TREE_FOLDER = "tree"  # the folder of a run's tree in the run folder
STANDS_FOR_OPTIONS = "DEF run m( move m)"


@dataclass(frozen=True)
class Baseline:
    """A deep RL baseline.

    Args:
        algo: The algorithm.
        obs: Observations of the policy.
        summary: A sentence for glossaries: the method and its paper.
        hyperparameters: Hyperparameters with other values than in hyperparams/ALGO.yml.
        action: The kind of action; see `TrainConfig`.
        steps: Frames of a training; None: those of the hyperparameters.
        becomes_tree: Whether VIPER turns the policy into a tree, which is then evaluated.
        options_search: For the action "options": settings of the search `hipo` that finds them.
        conf_file: File of hyperparameters in place of hyperparams/ALGO.yml.
    """

    algo: str
    obs: str
    summary: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    action: str = "primitive"
    steps: int | None = None
    becomes_tree: bool = False
    options_search: Mapping[str, Any] | None = None
    conf_file: Path | None = None

    def config(self, env_id: str, seed: int, steps: int | None = None) -> TrainConfig:
        """The settings of a training; `steps` is its length, None: `self.steps`.

        Options that a search finds are one program that stands for them.
        """
        from agents.drl.settings import TrainConfig

        return TrainConfig(
            self.algo,
            env_id,
            obs=self.obs,
            action=self.action,
            options="" if self.options_search is None else STANDS_FOR_OPTIONS,
            total_timesteps=steps or self.steps,
            seed=seed,
            device="cpu",
            hyperparameters=self.hyperparameters,
            conf_file=self.conf_file,
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
    "DRL": Baseline("ppo", "grid", "PPO with a CNN that sees the whole world (LEAPS, 2021)."),
    "DRL-abs": Baseline(
        "ppo_lstm", "percepts", "PPO on a program's percepts, with an LSTM (LEAPS, 2021)."
    ),
    "DRL-abs-MLP": Baseline("ppo", "percepts", "DRL-abs with an MLP in place of the LSTM."),
    "DRL-FCN": Baseline(
        "ppo", "grid", "DRL, fully convolutional (LEAPS).", {"policy": "FcnPolicy"}, steps=200_000
    ),
    "HRL": Baseline(
        "ppo", "grid", "DRL that chooses options of five actions (LEAPS, 2021).", action="option"
    ),
    "HRL-abs": Baseline(
        "ppo", "percepts", "HRL on percepts in place of the world (LEAPS, 2021).", action="option"
    ),
    "HRL-stop": Baseline(
        *("ppo", "percepts", "HRL-abs that also chooses how many actions of an option to take."),
        action="option-length",
    ),
    "VIPER": Baseline(
        "ppo",
        "percepts",
        "A tree that imitates DRL-abs-MLP (Bastani et al., 2018).",
        becomes_tree=True,
    ),
    "HPRL-PPO": Baseline(
        "ppo_lstm", "grid", "HPRL with a policy that observes the world.", action="program"
    ),
    "DRL-action": Baseline(
        "ppo", "percepts+action", "DRL-abs-MLP with the last action (Rajabpour et al., 2025)."
    ),
}
"""The baselines of LEAPS (2021). DRL-action is of Rajabpour et al. (2025); DRL-abs-MLP, HRL-stop
and HPRL-PPO are rows of ours."""
PUBLISHED_ONLY = {
    "DRL-abs-t": "DRL-abs with transfer from other tasks (LEAPS, 2021).",
    "Naïve": "A network that is trained to write a program, without an embedding (LEAPS, 2021).",
    "LEAPS-rand-8": "The best of 8 random latents of LEAPS's embedding (LEAPS, 2021).",
    "LEAPS-rand-64": "The best of 64 random latents of LEAPS's embedding (LEAPS, 2021).",
    "HPRL-SAC": "Soft actor-critic that chooses programs (Liu et al., ICML 2023).",
}
"""Methods of published rows that no command measures under this name, with a sentence each."""
OTHER_ALGORITHMS = {
    name: Baseline(algo, "percepts+action", f"{title}, on percepts and the last action.")
    for name, (algo, title) in {
        "A2C": ("a2c", "Advantage actor-critic (Mnih et al., ICML 2016)"),
        "DQN": ("dqn", "Deep Q-network (Mnih et al., Nature 2015)"),
        "QR-DQN": ("qrdqn", "DQN with quantile regression (Dabney et al., AAAI 2018)"),
        "TRPO": ("trpo", "Trust region policy optimization (Schulman et al., ICML 2015)"),
        "MaskablePPO": ("maskable_ppo", "PPO without useless actions (Huang and Ontañón, 2022)"),
        "RecurrentPPO": ("ppo_lstm", "PPO with an LSTM (Stable-Baselines3)"),
    }.items()
}
"""The other algorithms, all with percepts and the previous action."""
OF_OPTIONS = {
    name: Baseline(
        "ppo",
        "grid",
        f"PPO that chooses programs, {found} (Lin et al., NeurIPS 2024).",
        action="options",
        options_search={"searches": 5, "iterations": 300, "searcher": searcher},
    )
    for name, searcher, found in (
        ("HIPO-programs", "programs", "as HIPO, but found by hill climbing over programs"),
        ("HIPO", "latents", "found in LEAPS's embedding"),
    )
}
"""Policies whose options a search finds first. A run of given options has the last name."""
BY_STEP = {
    "HPRL": Baseline(
        *("ppo", "step", "PPO that chooses programs by the step only (Liu et al., ICML 2023)."),
        action="program",
    ),
    "HPRL-published": Baseline(
        *("ppo", "step", "HPRL with all settings of Liu et al. (ICML 2023), in their worlds."),
        action="program",
        conf_file=Path("hprl-published"),
    ),
}
"""The baselines of HPRL (Liu et al., 2023)."""
BASELINES = LITERATURE | OTHER_ALGORITHMS | OF_OPTIONS | BY_STEP

PROPOSAL_FOLDER = Path(__file__).parents[1] / "proposals"
QUALITIES = {"mutated": "{task}.karel", "plausible": "{task}.md", "random": "{task}.karel"}
"""The qualities of proposals and their files: mutated reference programs, plausible but wrong
answers in Python, written by hand, and random programs."""
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
    "larger space, crossed elites": ("cghc", {"space": "larger", "crossed": 0.5}),
    "annealing": ("cghc", {"space": "larger", "temperature": 0.002, "neighbours": 1_000_000}),
    "hc, sideways": ("hc", {"sideways": True}),
    "hc": ("hc", {}),
    "shc": ("shc", {}),
}
"""Variants of the search for programs: method and options; hc and shc are as published."""
PROPOSALS = {
    f"{method} from {quality}{', dictionary' if dictionary else ''}": (
        method,
        {"programs": str(PROPOSAL_FOLDER / quality / file), "dictionary": dictionary},
    )
    for method in ("cghc", "shc")
    for quality, file in QUALITIES.items()
    for dictionary in (0.0, 0.8)
}
"""Searches from sets of proposals, with and without a dictionary of their pieces."""
SEARCHES = {"LEAPS": ("cem", {}), **ABLATION, **PROPOSALS}
"""The searches with names of their own; all others are named by their method."""
MORL = {
    "MORL": "A stage of MORL: program, repair, clone or policy (Bhupatiraju et al., 2018).",
    "TRPO from": "TRPO that begins with a clone of a program of MORL.",
}
"""The first words of the names of MORL's results, with a sentence each."""
LATENT_SEARCHES = ("LEAPS", "cebs", "latent_hc", "latent_random", "random")


def search_of(name: str) -> tuple[str, Mapping[str, Any]]:
    """The method and the options of the search with this name in the tables."""
    return SEARCHES.get(name, (name, {}))


def search_name(method: str) -> str:
    """The name of a search method in the tables."""
    return "LEAPS" if method == "cem" else method


def method_summary(name: str) -> str:
    """A sentence about the method with this name in tables, in any case; empty if unknown.

    Words after a known name do not matter: "LEAPS run again by HPRL", "random #2".

    Example:
        >>> method_summary("HC")
        'Hill climbing over programs, with restarts (Carvalho et al., ICLR 2024).'
        >>> method_summary("without sideways").endswith("; sideways=False.")
        True
        >>> method_summary("my own")
        ''
    """
    known = {name: baseline.summary for name, baseline in BASELINES.items()}
    known |= MORL | PUBLISHED_ONLY
    known |= {method: config.summary() for method, config in METHODS.items()}
    for variant, (method, options) in SEARCHES.items():
        shown = {key: value for key, value in options.items() if key != "programs"}
        settings = "".join(f"; {key}={value}" for key, value in shown.items())
        known[variant] = f"{METHODS[method].summary().removesuffix('.')}{settings}."
    words = f"{name} ".casefold()
    named = [key for key in known if words.startswith(f"{key} ".casefold())]
    return known[max(named, key=len)] if named else ""
