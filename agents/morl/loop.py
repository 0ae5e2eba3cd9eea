"""MORL's loop: a policy becomes a program, the program is repaired and becomes a policy again.

The run folder has a folder per iteration, iteration-01 and so on, with the results of each step:

    oracle.json          the policy that the iteration begins with; a trained one is in oracle/
    synthesised.tree     the program that imitates it, with .csv and .json
    edited.tree          the program after an edit by the user
    repaired.tree        the program that satisfies the constraints; .json has the proofs or
                         counterexamples, .png the tree and its changes
    cloned/              the policy that imitates the program, with .csv and .json
    optimised/           that policy after policy optimization, with .csv and .json

and program.tree (the best program), iterations.csv, result.json and TensorBoard events.

Source: Bhupatiraju, Agrawal and Singh, Towards Mixed Optimization for Reinforcement Learning with
Program Synthesis, NAMPI 2018.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
from stable_baselines3.common.vec_env import VecEnv
from torch.utils.tensorboard import SummaryWriter

from agents.morl.editing import Edit
from agents.morl.iteration import Iteration
from agents.morl.iteration_folder import OPTIMISED, REPAIRED, IterationFolder, Report, Row
from agents.morl.run_folder import ITERATIONS_FILE, PROGRAM_FILE, RESULT_FILE
from agents.morl.settings import MORLConfig
from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.signature import signature_of
from programmatic.constraints.parser import parse_constraints
from programmatic.machine.policy import Policy
from programmatic.runs import CONFIG_FILE, begin_run, occupying, write_json, write_text
from programmatic.trees.program import TreeProgram


@dataclass(frozen=True)
class MORLResult:
    """The result of the loop, which is that of its best iteration."""

    program: TreeProgram
    """The repaired program. A proven one is better than any other; then the return decides."""
    proven: bool
    """Whether the program provably satisfies all constraints."""
    mean_return: float
    """Mean return of the program."""
    policy_return: float
    """Mean return of the iteration's policy after policy optimization."""
    reached: bool
    """Whether the program is proven, and program and policy reach the target return."""
    iterations: list[Row]
    """One row per iteration; see `IterationFolder.row`."""
    run_dir: Path
    """The run folder."""


def morl(
    config: MORLConfig,
    oracle: Policy | None = None,
    edit: Edit | None = None,
    run_dir: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = print,
) -> MORLResult:
    """Run the loop until the constraints hold and the return reaches the target.

    Args:
        config: The settings.
        oracle: SB3 model that the first iteration begins with; by default one is trained.
        edit: Edit of the first iteration's program before it is repaired.
        run_dir: Run folder; default `config.folder`.
        resume: Resume the run in the folder if it exists; its settings must be the same.
        overwrite: Remove the run in the folder if it exists.
        report: Called with a line on each finished step.

    Raises:
        ValueError: The env, a setting, the constraints or the program are invalid; errors in texts
            have a line and a column.
        RunError: The folder holds a run, or the run to resume has other settings or is damaged.
    """
    run = config.folder if run_dir is None else Path(run_dir)
    env, evaluation_env = _make(config, config.num_envs), _make(config, config.episodes)
    signature = signature_of(env)
    constraints = parse_constraints(config.constraints, signature)
    given = None if config.program is None else TreeProgram.parse(config.program, signature)
    resumes = resume and (run / CONFIG_FILE).exists()
    if resumes:
        config.check_same(run)
    rows: list[Row] = []
    programs: list[TreeProgram] = []
    with occupying(run), _hint_when_interrupted(run):
        if not resumes:
            begin_run(run, config.config_json(), overwrite)
        with closing(SummaryWriter(str(run))) as events:
            for number in range(1, config.iterations + 1):
                files = IterationFolder(run, number, report)
                steps = Iteration(files, config, constraints, env, evaluation_env)
                if given is not None and number == 1:
                    program = steps.begin_with(given)
                else:
                    oracle = steps.begin(oracle)
                    program = steps.synthesise(oracle)
                if edit is not None and number == 1:
                    program = steps.edit(program, edit)
                program = steps.repair(program)
                oracle = steps.optimise(steps.imitate(program))
                rows.append(files.row)
                programs.append(program)
                write_text(run / ITERATIONS_FILE, pd.DataFrame(rows).to_csv(index=False))
                _log(events, files.row)
                if _reached(files.row, config.target):
                    break
        row, program = max(zip(rows, programs, strict=True), key=lambda pair: _merit(pair[0]))
        proven, mean_return, policy_return = _merit(row)
        reached = _reached(row, config.target)
        result = MORLResult(program, proven, mean_return, policy_return, reached, rows, run)
        _save(result, run)
        return result


def _make(config: MORLConfig, num_envs: int) -> VecEnv:
    # Constraints are checked after the episodes: infos on each step would slow down the learning.
    options = {"constraints": (), **config.env_options}
    return make_sb3_vec_env(config.env_id, num_envs, config.seed, **options)


def _merit(row: Row) -> tuple[bool, float, float]:
    """Whether the program of an iteration is proven, and the returns of program and policy."""
    return bool(row["proven"]), row[f"{REPAIRED}_return"], row[f"{OPTIMISED}_return"]


def _reached(row: Row, target: float) -> bool:
    proven, *returns = _merit(row)
    return proven and min(returns) >= target


@contextmanager
def _hint_when_interrupted(run: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; to resume: karel-gym morl --resume {run}", file=sys.stderr)
        raise


def _log(events: SummaryWriter, row: Row) -> None:
    for name, value in row.items():
        if name != "iteration" and value is not None:
            events.add_scalar(f"morl/{name}", value, row["iteration"])


def _save(result: MORLResult, run: Path) -> None:
    result.program.save(run / PROGRAM_FILE)
    values = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "run_dir"}
    write_json(run / RESULT_FILE, values | {"program": str(result.program)})
