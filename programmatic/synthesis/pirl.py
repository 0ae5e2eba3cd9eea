"""Neurally directed program search (PIRL): sketches of tree programs that imitate an oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from stable_baselines3.common.vec_env import VecEnv

from karel_gym.envs.signature import Signature, signature_of
from programmatic.machine.policy import Policy
from programmatic.synthesis.episodes import roll_out
from programmatic.synthesis.result import Candidate, SynthesisResult, best_of, draw_seed, evaluated
from programmatic.synthesis.settings import PIRLConfig
from programmatic.synthesis.sketch import (
    Labeled,
    Sketch,
    first_sketches,
    imitate,
    neighbors,
    shape,
    threshold_sketch,
)
from programmatic.synthesis.weighting import check_oracle, oracle_actions
from programmatic.trees.nodes import Leaf, Node, walk
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram


def pirl(
    oracle: Policy,
    env: VecEnv,
    config: PIRLConfig = PIRLConfig(),
    on_iteration: Callable[[dict[str, Any]], None] | None = None,
) -> SynthesisResult:
    """Search for a tree program that imitates an oracle, and then for its best thresholds.

    Bayesian optimization (tree-structured Parzen estimators) finds the numbers of sketches; the
    leaves act as the oracle. While the return grows, the best program's states are added to the
    data, and its neighbors become the next sketches. Finally its thresholds are refined for the
    return.

    Source: Verma, Murali, Singh, Kohli and Chaudhuri, Programmatically Interpretable Reinforcement
    Learning, ICML 2018, algorithm 1.

    Args:
        oracle: An SB3 model without memory, or any policy.
        env: An env with flat observations and discrete actions; its episodes are left unfinished.
        on_iteration: Called with each iteration's row, with the columns of `SynthesisResult`,
            `phase` ("imitation" or "refinement") and `evaluations` (programs compared so far).

    Raises:
        ValueError: The oracle has a memory, or an observation or action is of another kind.
    """
    check_oracle(oracle, "none")
    with _quiet_optuna():
        return best_of(_Search(oracle, env, config).candidates(), config, on_iteration)


class _Search:
    """A search: the states to imitate in, and the number of evaluations."""

    def __init__(self, oracle: Policy, env: VecEnv, config: PIRLConfig) -> None:
        self._oracle = oracle
        self._env = env
        self._config = config
        self._signature: Signature = signature_of(env)
        self._rng = np.random.default_rng(config.seed)
        self._evaluation_seed = draw_seed(self._rng)
        self._seen: list[NDArray[Any]] = []
        self._evaluations = 0

    def candidates(self) -> Iterator[Candidate]:
        """The program of each iteration, and finally that of the refinement."""
        config = self._config
        best: Candidate | None = None
        best_return, waited = -np.inf, 0
        data = self._visit(self._oracle)
        sketches = first_sketches(self._signature, data, config.segments)
        root: Node = imitate(Leaf(0), data)[0]
        for _ in range(config.iterations):
            root = self._best_imitation([root, *(self._optimized(s, data) for s in sketches)], data)
            candidate = self._candidate(root, "imitation", len(data))
            yield candidate
            if best is None or candidate.merit > best.merit:
                best = candidate
            waited = 0 if candidate.row["mean_return"] > best_return else waited + 1
            best_return = max(best_return, candidate.row["mean_return"])
            if waited == config.patience:
                break
            root = candidate.program.root
            data = self._visit(TreePolicy(candidate.program))
            sketches = self._neighbors(root, data)
        assert best is not None
        if config.refinements:
            yield self._candidate(self._refined(best.program.root, data), "refinement", len(data))

    def _visit(self, policy: Policy) -> Labeled:
        """The states that a policy visits and all earlier ones, or a part of them, labeled."""
        seed = draw_seed(self._rng)
        self._seen.append(roll_out(policy, self._env, self._config.rollouts, seed).observations)
        states = np.concatenate(self._seen)
        if len(states) > self._config.max_samples:
            states = states[self._rng.permutation(len(states))[: self._config.max_samples]]
        actions = oracle_actions(self._oracle, states)
        return Labeled(states.astype(np.float64), actions, len(self._signature.actions))

    def _optimized(self, sketch: Sketch, data: Labeled) -> Node:
        """A sketch with the numbers that imitate best."""
        filled = self._minimize(
            lambda numbers: -imitate(sketch.fill(numbers), data)[1], sketch, self._config.trials
        )
        return imitate(filled, data)[0]

    def _refined(self, root: Node, data: Labeled) -> Node:
        """A tree with the thresholds of the best return near its own."""

        def loss(numbers: Sequence[float]) -> float:
            program = TreeProgram(sketch.fill(numbers), self._signature)
            returns = roll_out(
                TreePolicy(program),
                self._env,
                self._config.evaluation_episodes,
                self._evaluation_seed,
            ).returns
            return -float(returns.mean())

        sketch = threshold_sketch(root, self._signature, data.states.std(axis=0) / 2)
        return self._minimize(loss, sketch, self._config.refinements)

    def _neighbors(self, root: Node, data: Labeled) -> list[Sketch]:
        """The sketches of the neighbors that imitate best, one per shape."""
        shares = np.arange(1, self._config.cuts + 1) / (self._config.cuts + 1)
        cuts = [
            [0.5] if feature.boolean else np.unique(np.quantile(column, shares)).tolist()
            for feature, column in zip(self._signature.features, data.states.T, strict=True)
        ]
        found: dict[Node, tuple[float, Node]] = {}
        for neighbor in neighbors(root, cuts, self._config.max_leaves):
            cost, key = self._cost(neighbor, data), shape(neighbor)
            if key not in found or cost < found[key][0]:
                found[key] = cost, neighbor
        ranked = sorted(found.values(), key=lambda entry: entry[0])[: self._config.pool_size]
        reach = data.states.std(axis=0)
        return [threshold_sketch(node, self._signature, reach) for _, node in ranked]

    def _best_imitation(self, roots: Sequence[Node], data: Labeled) -> Node:
        return imitate(min(roots, key=lambda root: self._cost(root, data)), data)[0]

    def _cost(self, root: Node, data: Labeled) -> float:
        """The share of states that a tree gets wrong at best, plus the cost of its leaves."""
        self._evaluations += 1
        n_leaves = sum(isinstance(node, Leaf) for _, node in walk(root))
        return 1 - imitate(root, data)[1] / len(data) + self._config.leaf_cost * n_leaves

    def _candidate(self, root: Node, phase: str, samples: int) -> Candidate:
        program = TreeProgram(root, self._signature).simplified()
        _, row = evaluated(
            program,
            self._oracle,
            self._env,
            self._config.evaluation_episodes,
            self._evaluation_seed,
            samples,
        )
        return Candidate(program, {"phase": phase, **row, "evaluations": self._evaluations})

    def _minimize(
        self, loss: Callable[[Sequence[float]], float], sketch: Sketch, trials: int
    ) -> Node:
        """A sketch with the numbers of the least loss, by Bayesian optimization."""
        holes = {str(i): FloatDistribution(low, high) for i, (low, high) in enumerate(sketch.holes)}
        if not holes:
            return sketch.fill([])
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=draw_seed(self._rng)))
        if sketch.start is not None:
            study.enqueue_trial(dict(zip(holes, sketch.start, strict=True)))
        for _ in range(trials):
            trial = study.ask(dict(holes))
            study.tell(trial, loss([trial.params[name] for name in holes]))
        self._evaluations += trials
        return sketch.fill([study.best_params[name] for name in holes])


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna log warnings only."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
