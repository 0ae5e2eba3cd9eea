"""The settings of VIPER and of neurally directed program search (PIRL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from programmatic.options import check_choice, check_share, check_whole
from programmatic.trees.nodes import MAX_DEPTH

Weighting = Literal["values", "log_probs", "none"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)


@dataclass(frozen=True)
class ViperConfig:
    """The options of VIPER; the defaults are those of the authors' experiment on Pong."""

    iterations: int = 80
    """Trees, the first of which learns from the oracle's own episodes."""
    rollouts: int = 10
    """Episodes that an iteration adds to the data set."""
    max_samples: int = 200_000
    """States that a tree learns from, at most; they are drawn by weight."""
    max_depth: int = 12
    """Tests on the way to a leaf, at most."""
    max_leaf_nodes: int | None = None
    """Leaves of a tree, at most; None: no limit."""
    weighting: Weighting = "values"
    """What makes a state weigh: values, V(s) - min_a Q(s, a); log_probs, the same of the logarithm
    of the oracle's probabilities; none, nothing."""
    evaluation_episodes: int = 50
    """Episodes that all trees are compared in."""
    seed: int = 0
    """Of episodes, draws and trees."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "rollouts", "max_samples", "evaluation_episodes")
        check_whole(self, "max_depth")
        if self.max_depth > MAX_DEPTH:
            raise ValueError(f"max_depth must be at most {MAX_DEPTH}, got {self.max_depth}")
        if self.max_leaf_nodes is not None:
            check_whole(self, "max_leaf_nodes", least=2)
        check_choice(self, "weighting", WEIGHTINGS)
        check_whole(self, "seed", least=0)


@dataclass(frozen=True)
class PIRLConfig:
    """The options of neurally directed program search."""

    iterations: int = 10
    """Programs that imitate, at most: the first of a sketch, the others next to the one before."""
    patience: int = 3
    """Programs in a row without a better return, after which the imitation ends."""
    rollouts: int = 10
    """Episodes whose states are added to those that are imitated in."""
    max_samples: int = 4_000
    """States that are imitated in, at most: then a random part of all that were seen."""
    trials: int = 30
    """Numbers that Bayesian optimization tries in a sketch."""
    pool_size: int = 8
    """Neighbours of a program whose numbers are optimised: those that imitate best as they are."""
    cuts: int = 15
    """Thresholds that a new test of a feature is first tried with, from quantile to quantile."""
    segments: int = 4
    """Steps of the stairs that a PD condition becomes."""
    max_leaves: int = 8
    """Leaves of a program, at most; a PD condition has two a segment."""
    leaf_cost: float = 0.002
    """Share of the states that a leaf more must set right."""
    refinements: int = 60
    """Thresholds that Bayesian optimization tries, at the end, for the return itself; 0: none."""
    evaluation_episodes: int = 50
    """Episodes that all programs are compared in."""
    seed: int = 0
    """Of episodes, draws and the optimization."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "patience", "rollouts", "max_samples", "trials")
        check_whole(self, "pool_size", "cuts", "segments", "evaluation_episodes")
        check_whole(self, "max_leaves", least=2)
        check_whole(self, "refinements", "seed", least=0)
        check_share(self, "leaf_cost")
