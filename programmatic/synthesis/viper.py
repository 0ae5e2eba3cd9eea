"""VIPER: a decision tree imitates an oracle, learned from the states that the tree visits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier
from stable_baselines3.common.vec_env import VecEnv

from karel_gym.envs.signature import signature_of
from programmatic.machine.policy import Policy
from programmatic.synthesis.episodes import roll_out
from programmatic.synthesis.result import Candidate, SynthesisResult, best_of, draw_seed, evaluated
from programmatic.synthesis.settings import ViperConfig
from programmatic.synthesis.weighting import (
    check_oracle,
    needs_look_ahead,
    oracle_actions,
    state_weights,
)
from programmatic.trees.learned_trees import from_sklearn
from programmatic.trees.policy import TreePolicy


def viper(
    oracle: Policy,
    env: VecEnv,
    config: ViperConfig = ViperConfig(),
    on_iteration: Callable[[dict[str, Any]], None] | None = None,
) -> SynthesisResult:
    """Extract a tree program from an oracle.

    Each iteration lets a policy act (the oracle first, then the latest tree), labels the states
    with the oracle's actions, and fits a tree to a weighted sample of all states so far. The result
    is the tree with the best return; ties go to the smallest, then to the most faithful.

    Source: Bastani, Pu and Solar-Lezama, Verifiable Reinforcement Learning via Policy Extraction,
    NeurIPS 2018, algorithm 1.

    Args:
        oracle: An SB3 model without memory; with weighting "none", any policy.
        env: An env with flat observations and discrete actions; weights from a critic need its
            `look_ahead`, as `make_sb3_vec_env` gives it. Episodes in it are left unfinished.
        on_iteration: Called with each iteration's row.

    Raises:
        ValueError: The oracle or the env lacks something that VIPER needs.
    """
    check_oracle(oracle, config.weighting)
    return best_of(_candidates(oracle, env, config), config, on_iteration)


def _candidates(oracle: Policy, env: VecEnv, config: ViperConfig) -> Iterator[Candidate]:
    """The tree of each iteration."""
    signature = signature_of(env)
    rng = np.random.default_rng(config.seed)
    evaluation_seed = draw_seed(rng)
    ahead = needs_look_ahead(oracle, config.weighting)
    data = DataSet()
    actor: Policy = oracle
    for _ in range(config.iterations):
        seen = roll_out(actor, env, config.rollouts, draw_seed(rng), look_ahead=ahead)
        weights = state_weights(oracle, seen.observations, config.weighting, seen.look_ahead)
        data.add(seen.observations, oracle_actions(oracle, seen.observations), weights)
        classifier = DecisionTreeClassifier(
            max_depth=config.max_depth,
            max_leaf_nodes=config.max_leaf_nodes,
            random_state=draw_seed(rng),
        )
        classifier.fit(*data.sample(config.max_samples, rng))
        program = from_sklearn(classifier, signature).simplified()
        actor = TreePolicy(program)
        yield evaluated(
            program, oracle, env, config.evaluation_episodes, evaluation_seed, len(data)
        )


class DataSet:
    """All states so far, with the oracle's actions and their weights."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[Any], NDArray[np.int64], NDArray[np.float64]]] = []

    def __len__(self) -> int:
        return sum(len(actions) for _, actions, _ in self._parts)

    def add(
        self, observations: NDArray[Any], actions: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> None:
        """Add S states, (S, D), with their actions, (S,), and weights, (S,)."""
        self._parts.append((observations, actions, weights))

    def sample(
        self, most: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Draw as many states as there are, but at most `most`, in proportion to their weights."""
        observations, actions, weights = map(np.concatenate, zip(*self._parts, strict=True))
        total = weights.sum()
        shares = weights / total if total > 0 else None  # all weigh 0: alike
        drawn = rng.choice(len(actions), size=min(len(actions), most), p=shares)
        return observations[drawn].astype(np.float32), actions[drawn]
