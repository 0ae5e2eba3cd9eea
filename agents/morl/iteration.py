"""One pass of MORL's loop: synthesis, repair, imitation and policy optimisation, kept in files.

A step is done when its .json is there: an interrupted run repeats only the step that was cut off.
Its random numbers depend on the seed, the iteration and the step alone, so that it ends as it
would have ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.morl.imitation import clone
from agents.morl.models import load_policy, new_model, save_policy
from agents.morl.optimisation import optimise, train_oracle
from agents.morl.settings import MORLConfig
from programmatic.constraints.statements import Constraints
from programmatic.machine.policy import Policy
from programmatic.repair.repair import MAX_ORACLE_STATES, repair
from programmatic.runs import RunError, read_settings_file, write_json, write_text
from programmatic.synthesis.episodes import Rollouts, roll_out
from programmatic.synthesis.pirl import pirl
from programmatic.synthesis.viper import viper
from programmatic.trees.difference import difference
from programmatic.trees.pictures import draw_tree
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from programmatic.verification.cartpole_dynamics import dynamics_of
from programmatic.verification.verdicts import all_proven
from programmatic.verification.verification import verify

Row = dict[str, Any]
Report = Callable[[str], None]
Edit = Callable[[TreeProgram], TreeProgram]

ORACLE, SYNTHESISED, EDITED, REPAIRED = "oracle", "synthesised", "edited", "repaired"
CLONED, OPTIMISED = "cloned", "optimised"
STEP_NAMES = (ORACLE, SYNTHESISED, EDITED, REPAIRED, CLONED, OPTIMISED)
STATES_FILE, ACTION_COLUMN = "oracle_states.csv", "action"
EVALUATION_SEED = 2**29
"""Of the episodes in which all are compared: far from the seeds of the steps."""


class Iteration:
    """One pass through the four steps, each of which is done once and then read from its files.

    Args:
        folder: Of the iteration.
        number: From 1 up.
        config: Of the loop.
        constraints: What must hold of the program.
        env: Where policies learn and data is collected.
        evaluation_env: Where policies and programs are evaluated.
        report: Called with a line on each step that has been done.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        config: MORLConfig,
        constraints: Constraints,
        env: VecEnv,
        evaluation_env: VecEnv,
        report: Report,
    ) -> None:
        self.folder = folder
        self.number = number
        self.config = config
        self.constraints = constraints
        self.env = env
        self.evaluation_env = evaluation_env
        self.report = report

    def begin(self, oracle: Policy | None) -> Policy | None:
        """The policy that the iteration begins with: the one given, or one that is trained.

        Some of the states that it visits are kept for the repair, with what it does there. It is
        None where one was given when the run began, and is not given again.
        """

        def do() -> Row:
            policy = oracle
            if policy is None:
                options = replace(self.config.oracle, seed=self._seed(ORACLE))
                if options.target_return is None and np.isfinite(self.config.target):
                    options = replace(options, target_return=self.config.target)
                trained = train_oracle(self.env, self.evaluation_env, options)
                self._write_rows(ORACLE, trained.curve)
                policy = trained.model
                save_policy(trained.model, self.folder / ORACLE)
            seen = self._play(policy)
            self._write_states(seen)
            return {"mean_return": float(seen.returns.mean()), **self._violations(seen)}

        self._step(ORACLE, do)
        if oracle is None and (self.folder / ORACLE).exists():
            return load_policy(self.folder / ORACLE, self.env)
        return oracle

    def synthesise(self, oracle: Policy | None) -> TreeProgram:
        """The program that imitates a policy.

        Raises:
            RunError: It is still to be found, and there is no policy.
        """
        file = self.folder / f"{SYNTHESISED}.tree"

        def do() -> Row:
            if oracle is None:
                raise RunError(f"{self.folder} began with a policy of yours: give it again")
            seed = self._seed(SYNTHESISED)
            if self.config.synthesis == "viper":
                result = viper(oracle, self.env, replace(self.config.viper, seed=seed))
            else:
                result = pirl(oracle, self.env, replace(self.config.pirl, seed=seed))
            self._write_rows(SYNTHESISED, result.iterations)
            result.program.save(file)
            return self._program_row(result.program)

        self._step(SYNTHESISED, do)
        return self._load(file)

    def begin_with(self, program: TreeProgram) -> TreeProgram:
        """A program that is there already, in place of a synthesis."""
        file = self.folder / f"{SYNTHESISED}.tree"

        def do() -> Row:
            program.save(file)
            return self._program_row(program)

        self._step(SYNTHESISED, do)
        return self._load(file)

    def edit(self, program: TreeProgram, edit: Edit) -> TreeProgram:
        """What a user makes of a program."""
        file = self.folder / f"{EDITED}.tree"

        def do() -> Row:
            edited = edit(program)
            edited.save(file)
            edits = list(map(str, difference(program, edited)))
            return {"edits": edits, **self._program_row(edited)}

        self._step(EDITED, do)
        return self._load(file)

    def repair(self, program: TreeProgram) -> TreeProgram:
        """The program that fulfils the constraints, or the best that was found in time.

        What a change has made needless in it is left out, and the rest is verified again.
        """
        file = self.folder / f"{REPAIRED}.tree"

        def do() -> Row:
            dynamics = dynamics_of(self.config.env_id)
            result = repair(
                program,
                self.constraints,
                *self._read_states(),
                timeout=self.config.timeout,
                max_guards=self.config.max_guards,
                dynamics=dynamics,
            )
            draw_tree(result.program, self.folder / f"{REPAIRED}.png", result.edits)
            simple = result.program.simplified()
            verdicts = result.verdicts
            if simple != result.program:
                verdicts = verify(simple, self.constraints, self.config.timeout, dynamics)
            simple.save(file)
            return {
                **result.as_dict(),
                "program": str(simple),
                "proven": all_proven(verdicts),
                "verdicts": [verdict.as_dict() for verdict in verdicts],
                **self._program_row(simple),
            }

        self._step(REPAIRED, do)
        return self._load(file)

    def imitate(self, program: TreeProgram) -> OnPolicyAlgorithm:
        """The policy that imitates a program."""

        def do() -> Row:
            seed = self._seed(CLONED)
            model = new_model(self.config.algo, self.env, seed)
            result = clone(program, model, self.env, replace(self.config.cloning, seed=seed))
            self._write_rows(CLONED, result.history)
            accuracy = max(row["validation_accuracy"] for row in result.history)
            return {"validation_accuracy": accuracy, **self._save(result.model, CLONED)}

        self._step(CLONED, do)
        return self._load_model(CLONED)

    def optimise(self, model: OnPolicyAlgorithm) -> OnPolicyAlgorithm:
        """The policy after policy optimisation."""

        def do() -> Row:
            options = replace(self.config.optimisation, seed=self._seed(OPTIMISED))
            self._write_rows(OPTIMISED, optimise(model, self.evaluation_env, options))
            return self._save(model, OPTIMISED)

        self._step(OPTIMISED, do)
        return self._load_model(OPTIMISED)

    @property
    def row(self) -> Row:
        """The iteration in a line of iterations.csv, its steps as far as they are done."""
        row: Row = {"iteration": self.number}
        done = {step: self._result(step) for step in STEP_NAMES}
        for step, result in done.items():
            row[f"{step}_return"] = None if result is None else result["mean_return"]
        repaired, optimised = done[REPAIRED] or {}, done[OPTIMISED] or {}
        row["proven"] = repaired.get("proven")
        row["edits"] = len(repaired.get("edits", ()))
        row["violation_rate"] = optimised.get("violation_rate")
        row["seconds"] = sum(result["seconds"] for result in done.values() if result)
        return row

    def _step(self, name: str, do: Callable[[], Row]) -> None:
        if self._result(name) is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        row = do()
        row["seconds"] = time.perf_counter() - begin
        write_json(self.folder / f"{name}.json", row)
        self.report(f"iteration {self.number}, {name}: {_in_words(row)}")

    def _result(self, name: str) -> Row | None:
        file = self.folder / f"{name}.json"
        return read_settings_file(file) if file.exists() else None

    def _seed(self, step: str) -> int:
        words = [self.config.seed, self.number, STEP_NAMES.index(step)]
        return int(np.random.SeedSequence(words).generate_state(1)[0]) // 8

    def _play(self, policy: Policy) -> Rollouts:
        return roll_out(policy, self.evaluation_env, self.config.episodes, EVALUATION_SEED)

    def _program_row(self, program: TreeProgram) -> Row:
        seen = self._play(TreePolicy(program))
        return {
            "mean_return": float(seen.returns.mean()),
            "leaves": len(program.leaves),
            "depth": program.depth,
        }

    def _violations(self, seen: Rollouts) -> Row:
        """In which share of its steps a policy breaks a constraint."""
        steps = seen.observations, seen.actions, seen.next_observations
        broken = np.zeros(len(seen.actions), dtype=np.bool_)
        for constraint in self.constraints:
            broken |= ~constraint.holds(*steps)
        return {"violation_rate": float(broken.mean())}

    def _save(self, model: OnPolicyAlgorithm, name: str) -> Row:
        save_policy(model, self.folder / name)
        seen = self._play(model)
        return {"mean_return": float(seen.returns.mean()), **self._violations(seen)}

    def _load_model(self, name: str) -> OnPolicyAlgorithm:
        model = load_policy(self.folder / name, self.env)
        assert isinstance(model, OnPolicyAlgorithm)
        return model

    def _load(self, file: Path) -> TreeProgram:
        return TreeProgram.load(file, self.constraints.signature)

    def _write_rows(self, name: str, rows: Sequence[Row]) -> None:
        write_text(self.folder / f"{name}.csv", pd.DataFrame(rows).to_csv(index=False))

    def _write_states(self, seen: Rollouts) -> None:
        rng = np.random.default_rng(self._seed(ORACLE))
        n = len(seen.actions)
        chosen = np.sort(rng.choice(n, size=min(n, MAX_ORACLE_STATES), replace=False))
        table = pd.DataFrame(
            seen.observations[chosen], columns=list(self.constraints.signature.feature_names)
        ).assign(**{ACTION_COLUMN: seen.actions[chosen]})
        write_text(self.folder / STATES_FILE, table.to_csv(index=False))

    def _read_states(self) -> tuple[NDArray[np.float32] | None, NDArray[np.int64] | None]:
        """States that the oracle visited, (M, D), and its actions, (M,); None without an oracle."""
        file = self.folder / STATES_FILE
        if not file.exists():
            return None, None
        table = pd.read_csv(file)
        actions = table.pop(ACTION_COLUMN).to_numpy(np.int64)
        return table.to_numpy(np.float32), actions


def _in_words(row: Row) -> str:
    """A step's result in a line."""
    words = [f"mean return {row['mean_return']:.1f}"]
    if "leaves" in row:
        words.append(f"{row['leaves']} leaves")
    if "edits" in row:
        words.append(f"{len(row['edits'])} edits")
    if "status" in row:
        words.append(row["status"])
    if "violation_rate" in row:
        words.append(f"{row['violation_rate']:.2%} of its steps break a constraint")
    return f"{', '.join(words)} ({row['seconds']:.1f} s)"
