"""One iteration of MORL's loop: synthesis, repair, imitation and policy optimization.

The random numbers of a step depend only on the seed, the iteration and the step, so that a resumed
run ends like an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.morl.editing import Edit
from agents.morl.imitation import clone
from agents.morl.iteration_folder import (
    CLONED,
    EDITED,
    OPTIMISED,
    ORACLE,
    REPAIRED,
    STEP_NAMES,
    SYNTHESISED,
    IterationFolder,
    Row,
)
from agents.morl.models import load_policy, new_model, save_policy
from agents.morl.optimisation import optimise, train_oracle
from agents.morl.settings import MORLConfig
from programmatic.constraints.statements import Constraints
from programmatic.machine.policy import Policy
from programmatic.repair.repair import MAX_ORACLE_STATES, repair
from programmatic.runs import RunError
from programmatic.synthesis.episodes import Rollouts, roll_out
from programmatic.synthesis.pirl import pirl
from programmatic.synthesis.result import SynthesisResult
from programmatic.synthesis.viper import viper
from programmatic.trees.difference import difference
from programmatic.trees.pictures import draw_tree
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from programmatic.verification.dynamics import dynamics_of
from programmatic.verification.verdicts import all_proven
from programmatic.verification.verification import verify

METHODS: dict[str, Callable[..., SynthesisResult]] = {"viper": viper, "pirl": pirl}
EVALUATION_SEED = 2**29
"""Seed of the episodes in which policies and programs are compared: far from those of the steps."""


@dataclass(frozen=True)
class Iteration:
    """The steps of an iteration; each is done once and then read from its files."""

    files: IterationFolder
    config: MORLConfig
    constraints: Constraints
    env: VecEnv
    """Env to learn and to collect data in."""
    evaluation_env: VecEnv
    """Env to evaluate policies and programs in."""

    def begin(self, oracle: Policy | None) -> Policy | None:
        """The policy to begin with: the given one, or a trained one; its states are written.

        None: one was given when the run began, and none is given now.
        """
        folder = self.files.path / ORACLE

        def do() -> Row:
            policy = oracle
            if policy is None:
                options = replace(self.config.oracle, seed=self._seed(ORACLE))
                if options.target_return is None and np.isfinite(self.config.target):
                    options = replace(options, target_return=self.config.target)
                policy, curve = train_oracle(self.env, self.evaluation_env, options)
                self.files.write_rows(ORACLE, curve)
                save_policy(policy, folder)
            seen = self._play(policy)
            self._write_states(seen)
            return {"mean_return": float(seen.returns.mean()), **self._violations(seen)}

        self.files.step(ORACLE, do)
        return load_policy(folder, self.env) if oracle is None and folder.exists() else oracle

    def synthesise(self, oracle: Policy | None) -> TreeProgram:
        """The program that imitates a policy; a `RunError` if the step needs one and has none."""

        def find() -> tuple[TreeProgram, Row]:
            if oracle is None:
                raise RunError(f"{self.files.path} began with a policy of yours: give it again")
            method = self.config.synthesis
            options = replace(getattr(self.config, method), seed=self._seed(SYNTHESISED))
            result = METHODS[method](oracle, self.env, options)
            self.files.write_rows(SYNTHESISED, result.iterations)
            return result.program, {}

        return self._program_step(SYNTHESISED, find)

    def begin_with(self, program: TreeProgram) -> TreeProgram:
        """A given program, instead of a synthesis."""
        return self._program_step(SYNTHESISED, lambda: (program, {}))

    def edit(self, program: TreeProgram, edit: Edit) -> TreeProgram:
        """The program after an edit by the user."""

        def find() -> tuple[TreeProgram, Row]:
            edited = edit(program)
            return edited, {"edits": list(map(str, difference(program, edited)))}

        return self._program_step(EDITED, find)

    def repair(self, program: TreeProgram) -> TreeProgram:
        """The program that satisfies the constraints, or the best one found in time, simplified."""

        def find() -> tuple[TreeProgram, Row]:
            dynamics = dynamics_of(self.config.env_id)
            result = repair(
                program,
                self.constraints,
                *self.files.read_states(),
                timeout=self.config.timeout,
                max_guards=self.config.max_guards,
                dynamics=dynamics,
            )
            draw_tree(result.program, self.files.path / f"{REPAIRED}.png", result.edits)
            simple = result.program.simplified()
            verdicts = result.verdicts
            if simple != result.program:
                verdicts = verify(simple, self.constraints, self.config.timeout, dynamics)
            return simple, {
                **result.as_dict(),
                "program": str(simple),
                "proven": all_proven(verdicts),
                "verdicts": [verdict.as_dict() for verdict in verdicts],
            }

        return self._program_step(REPAIRED, find)

    def imitate(self, program: TreeProgram) -> OnPolicyAlgorithm:
        """The policy that imitates a program."""

        def train() -> tuple[OnPolicyAlgorithm, Row]:
            seed = self._seed(CLONED)
            model = new_model(self.config.algo, self.env, seed)
            result = clone(program, model, self.env, replace(self.config.cloning, seed=seed))
            self.files.write_rows(CLONED, result.history)
            return result.model, {"validation_accuracy": result.validation_accuracy}

        return self._model_step(CLONED, train)

    def optimise(self, model: OnPolicyAlgorithm) -> OnPolicyAlgorithm:
        """The policy after policy optimization."""

        def train() -> tuple[OnPolicyAlgorithm, Row]:
            options = replace(self.config.optimisation, seed=self._seed(OPTIMISED))
            self.files.write_rows(OPTIMISED, optimise(model, self.evaluation_env, options))
            return model, {}

        return self._model_step(OPTIMISED, train)

    def _program_step(self, name: str, find: Callable[[], tuple[TreeProgram, Row]]) -> TreeProgram:
        file = self.files.path / f"{name}.tree"

        def do() -> Row:
            program, row = find()
            program.save(file)
            seen = self._play(TreePolicy(program))
            size = {"leaves": len(program.leaves), "depth": program.depth}
            return {**row, "mean_return": float(seen.returns.mean()), **size}

        self.files.step(name, do)
        return TreeProgram.load(file, self.constraints.signature)

    def _model_step(
        self, name: str, train: Callable[[], tuple[OnPolicyAlgorithm, Row]]
    ) -> OnPolicyAlgorithm:
        def do() -> Row:
            model, row = train()
            save_policy(model, self.files.path / name)
            seen = self._play(model)
            return {**row, "mean_return": float(seen.returns.mean()), **self._violations(seen)}

        self.files.step(name, do)
        model = load_policy(self.files.path / name, self.env)
        assert isinstance(model, OnPolicyAlgorithm)
        return model

    def _seed(self, step: str) -> int:
        words = [self.config.seed, self.files.number, STEP_NAMES.index(step)]
        return int(np.random.SeedSequence(words).generate_state(1)[0]) // 8

    def _play(self, policy: Policy) -> Rollouts:
        return roll_out(policy, self.evaluation_env, self.config.episodes, EVALUATION_SEED)

    def _violations(self, seen: Rollouts) -> Row:
        """The share of the steps in which a policy violates a constraint."""
        steps = seen.observations, seen.actions, seen.next_observations
        violated = np.zeros(len(seen.actions), dtype=np.bool_)
        for constraint in self.constraints:
            violated |= ~constraint.holds(*steps)
        return {"violation_rate": float(violated.mean())}

    def _write_states(self, seen: Rollouts) -> None:
        rng = np.random.default_rng(self._seed(ORACLE))
        n = len(seen.actions)
        chosen = np.sort(rng.choice(n, size=min(n, MAX_ORACLE_STATES), replace=False))
        features = self.constraints.signature.feature_names
        self.files.write_states(seen.observations[chosen], seen.actions[chosen], features)
