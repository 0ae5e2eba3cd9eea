"""MORL's loop: a policy becomes a program, the program is repaired and becomes a policy again.

A run folder has a folder an iteration, iteration-01 and so on, with what each step leaves:

    oracle.json          the policy that the iteration begins with; if it was trained, in oracle/
    synthesised.tree     the program that imitates it; .csv and .json: how
    edited.tree          what a user made of that
    repaired.tree        the program that fulfils the constraints; .json has the proof or the
                         counterexamples, .png the tree with its changes
    cloned/              the policy that imitates the program; .csv and .json: how well
    optimised/           that policy after policy optimisation; .csv and .json: its returns

and besides program.tree, the best program, iterations.csv, result.json and TensorBoard events.

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

from agents.morl.iteration import OPTIMISED, REPAIRED, Edit, Iteration, Report, Row
from agents.morl.run_folder import ITERATIONS_FILE, PROGRAM_FILE, RESULT_FILE
from agents.morl.settings import MORLConfig
from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.signature import signature_of
from programmatic.constraints.parser import parse_constraints
from programmatic.machine.policy import Policy
from programmatic.runs import CONFIG_FILE, begin_run, occupying, write_json, write_text
from programmatic.trees.program import TreeProgram

ITERATION = "iteration-"
"""The name of an iteration's folder, before its number."""


@dataclass(frozen=True)
class MORLResult:
    """What the loop came to."""

    program: TreeProgram
    """The repaired program of the best iteration: a proven one, if there is one, and of those the
    one of the largest return."""
    proven: bool
    """Whether it is proven that it fulfils all constraints."""
    mean_return: float
    """Of the program."""
    policy_return: float
    """Mean return of that iteration's policy after policy optimisation."""
    reached: bool
    """Whether the program is proven, and program and policy have the target return."""
    iterations: list[Row]
    """A row an iteration; see `Iteration.row`."""
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
    """Run the loop until the constraints hold and the return passes the target.

    Args:
        config: The options.
        oracle: The policy that the first iteration begins with, an SB3 model; None: one is trained.
        edit: What a user does to the first iteration's program before it is repaired.
        run_dir: The run folder; by default `config.folder`.
        resume: Go on with the run in the folder, if one is there; its options must be these.
        overwrite: Remove the run in the folder, if one is there.
        report: Called with a line on each step.

    Raises:
        ValueError: The env, an option, the constraints or the program cannot be; of texts the
            message has line and column.
        RunError: A run is in the folder already, or the one to be resumed is another or damaged.
    """
    run = config.folder if run_dir is None else Path(run_dir)
    env, evaluation_env = _make(config, config.num_envs), _make(config, config.episodes)
    signature = signature_of(env)
    constraints = parse_constraints(config.constraints, signature)
    given = None if config.program is None else TreeProgram.parse(config.program, signature)
    goes_on = resume and (run / CONFIG_FILE).exists()
    if goes_on:
        config.check_same(run)
    rows: list[Row] = []
    programs: list[TreeProgram] = []
    with occupying(run), _interruption_told(run):
        if not goes_on:
            begin_run(run, config.config_json(), overwrite)
        with closing(SummaryWriter(str(run))) as events:
            for number in range(1, config.iterations + 1):
                folder = run / f"{ITERATION}{number:02d}"
                steps = Iteration(folder, number, config, constraints, env, evaluation_env, report)
                if given is not None and number == 1:
                    program = steps.begin_with(given)
                else:
                    oracle = steps.begin(oracle)
                    program = steps.synthesise(oracle)
                if edit is not None and number == 1:
                    program = steps.edit(program, edit)
                program = steps.repair(program)
                oracle = steps.optimise(steps.imitate(program))
                rows.append(steps.row)
                programs.append(program)
                write_text(run / ITERATIONS_FILE, pd.DataFrame(rows).to_csv(index=False))
                _log(events, steps.row)
                if _reached(steps.row, config.target):
                    break
        best = max(range(len(rows)), key=lambda i: _merit(rows[i]))
        result = MORLResult(
            programs[best],
            rows[best]["proven"],
            rows[best][f"{REPAIRED}_return"],
            rows[best][f"{OPTIMISED}_return"],
            _reached(rows[best], config.target),
            rows,
            run,
        )
        _save(result, run)
        return result


def _make(config: MORLConfig, num_envs: int) -> VecEnv:
    # What a policy did is judged afterwards: reports on each step would slow its learning down.
    options = {"constraints": (), **config.env_options}
    return make_sb3_vec_env(config.env_id, num_envs, config.seed, **options)


def _reached(row: Row, target: float) -> bool:
    return bool(row["proven"]) and min(_returns(row)) >= target


def _merit(row: Row) -> tuple[bool, float, float]:
    return bool(row["proven"]), *_returns(row)


def _returns(row: Row) -> tuple[float, float]:
    """The mean returns of the iteration's program and of its policy."""
    return row[f"{REPAIRED}_return"], row[f"{OPTIMISED}_return"]


@contextmanager
def _interruption_told(run: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; to go on: karel-gym morl --resume {run}", file=sys.stderr)
        raise


def _log(events: SummaryWriter, row: Row) -> None:
    for name, value in row.items():
        if name != "iteration" and value is not None:
            events.add_scalar(f"morl/{name}", value, row["iteration"])


def _save(result: MORLResult, run: Path) -> None:
    result.program.save(run / PROGRAM_FILE)
    values = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "run_dir"}
    write_json(run / RESULT_FILE, values | {"program": str(result.program)})
