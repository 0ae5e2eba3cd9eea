"""MORL's experiments: three programs of CartPole, their clones, and what is learned from there.

Source: Bhupatiraju, Agrawal and Singh, Towards Mixed Optimization for Reinforcement Learning with
Program Synthesis, NAMPI 2018. Beside its table and its figures: the automatic repair, the whole
loop, and the loop on a Karel task.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from joblib import Parallel, delayed

from agents.drl.training import train
from agents.morl.imitation import clone
from agents.morl.loop import morl
from agents.morl.models import new_model
from agents.morl.optimisation import optimise
from agents.morl.settings import CloningConfig, MORLConfig, OptimisationConfig
from benchmarks.experiments.morl_report import PAPER_ITERATIONS, report_morl
from benchmarks.experiments.morl_results import morl_results
from benchmarks.experiments.morl_settings import MORLSettings
from benchmarks.runs.planned_runs import RUNS_FOLDER, Row
from benchmarks.runs.search_runs import seed_range
from benchmarks.statistics.tidy import write_results
from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.signature import signature_of
from karel_gym.registration import CARTPOLE
from karel_gym.simulation.cartpole import sample_states
from programmatic.constraints.parser import load_constraints
from programmatic.examples import (
    CARTPOLE_CONSTRAINTS,
    HARVESTER_CONSTRAINTS,
    PROGRAMS,
    program_file,
)
from programmatic.provenance import code_and_machine
from programmatic.repair.repair import repair
from programmatic.runs import occupying, read_settings_file, write_json
from programmatic.synthesis.episodes import episode_returns
from programmatic.trees.pictures import draw_tree
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from programmatic.trees.rollouts import rollout_returns

SCRATCH = "random weights"
"""What learning begins with where there is no program."""
HARVESTER = "Karel-Harvester-v0"
ENVS = 10  # trajectories of an iteration of TRPO
EPISODES = 25  # of an evaluation, as in the paper
FRESH_EPISODES, FRESH_SEED = 10_000, 2**40


class Experiment(Protocol):
    """A part of the measurement that is done as a whole."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """Of its file."""

    def run(self, folder: Path) -> Row:
        """Do it.

        Args:
            folder: Where it may leave a run folder.
        """


@dataclass(frozen=True)
class Learning:
    """From a program to its clone to what TRPO makes of it, or from random weights."""

    start: str
    seed: int
    epochs: int
    iterations: int
    kind: ClassVar[str] = "learning"

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.start.replace(' ', '-')}-{self.seed}"

    def run(self, folder: Path) -> Row:
        envs = make_sb3_vec_env(CARTPOLE, ENVS, self.seed, ())
        model = new_model("trpo", envs, self.seed)
        row: Row = {}
        if self.start != SCRATCH:
            program = TreeProgram.load(program_file(self.start), envs.signature)
            row["program_return"] = self._return(TreePolicy(program))
            row["cloning"] = cloning = []

            def note(epoch: Row) -> None:
                cloning.append({**epoch, "mean_return": self._return(model)})

            # As in the paper only states that the program visits, as many as 10 whole episodes of a
            # good policy have.
            samples = ENVS * 200
            config = CloningConfig(
                epochs=self.epochs,
                batch_size=samples,
                samples=samples,
                noise_share=0.0,
                validation_interval=max(self.epochs // 150, 1),
                seed=self.seed,
            )
            clone(program, model, envs, config, note)
            row["clone_return"] = self._return(model)
            row["clone_sampled_return"] = self._return(model, deterministic=False)
        learned = OptimisationConfig(self.iterations, evaluation_episodes=EPISODES, seed=self.seed)
        row["learning"] = optimise(
            model, make_sb3_vec_env(CARTPOLE, EPISODES, constraints=()), learned
        )
        row["optimised_sampled_return"] = self._return(model, deterministic=False)
        return row

    def _return(self, policy: Any, deterministic: bool = True) -> float:
        seed = 1000 * (self.seed + 1)
        return float(episode_returns(policy, CARTPOLE, EPISODES, seed, deterministic).mean())


@dataclass(frozen=True)
class RobustClone:
    """A clone of the near-optimal program with our own settings of cloning."""

    seed: int
    kind: ClassVar[str] = "robust clone"

    @property
    def name(self) -> str:
        return f"robust-clone-{self.seed}"

    def run(self, folder: Path) -> Row:
        envs = make_sb3_vec_env(CARTPOLE, ENVS, self.seed, ())
        program = TreeProgram.load(program_file(PROGRAMS[-1]), envs.signature)
        begin = time.perf_counter()
        model = new_model("trpo", envs, self.seed)
        result = clone(program, model, envs, CloningConfig(seed=self.seed))
        seconds = time.perf_counter() - begin
        returns = episode_returns(model, CARTPOLE, 100, FRESH_SEED)
        return {
            "mean_return": float(returns.mean()),
            "validation_accuracy": max(r["validation_accuracy"] for r in result.history),
            "seconds": seconds,
        }


@dataclass(frozen=True)
class Repair:
    """The automatic repair of each program, and its return; nothing in it is random."""

    start: str
    kind: ClassVar[str] = "repair"

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.start}"

    def run(self, folder: Path) -> Row:
        signature = signature_of(CARTPOLE)
        before = TreeProgram.load(program_file(self.start), signature)
        result = repair(before, load_constraints(CARTPOLE_CONSTRAINTS, signature))
        returns = rollout_returns([before, result.program], sample_states(FRESH_EPISODES, 1))
        draw_tree(result.program, folder.parent / f"{self.name}.png", result.edits)
        return {
            "before": float(returns[0].mean()),
            "after": float(returns[1].mean()),
            **result.as_dict(),
        }


@dataclass(frozen=True)
class Loop:
    """The whole loop, from nothing."""

    env_id: str
    seed: int
    kind: ClassVar[str] = "loop"

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.env_id}-{self.seed}"

    def run(self, folder: Path) -> Row:
        constraints, oracle = CARTPOLE_CONSTRAINTS, None
        if self.env_id == HARVESTER:
            constraints = HARVESTER_CONSTRAINTS
            run = folder / f"ppo-{self.env_id}-{self.seed}"
            oracle = train("ppo", self.env_id, seed=self.seed, run_dir=run, resume=True)
        config = MORLConfig(self.env_id, constraints.read_text("utf-8"), seed=self.seed)
        begin = time.perf_counter()
        result = morl(config, oracle, run_dir=folder / self.name, resume=True, report=_silent)
        return {
            "seconds": time.perf_counter() - begin,
            "iterations": result.iterations,
            "program": str(result.program),
            "proven": result.proven,
            "program_return": result.mean_return,
            "policy_return": result.policy_return,
            "reached": result.reached,
        }


def run_experiments(settings: MORLSettings) -> None:
    """Do the experiments that are not done yet, and write and print what all have shown.

    Raises:
        RunError: The file of an experiment is damaged.
        ValueError: There is no seed.
    """
    if settings.quick:
        settings = replace(settings, seeds=2, epochs=1_500, iterations=PAPER_ITERATIONS)
    seeds = seed_range(settings.seeds)
    sizes = settings.epochs, settings.iterations
    experiments: list[Experiment] = [
        *(Repair(start) for start in PROGRAMS),
        *(Loop(env_id, seed) for seed in seeds for env_id in (CARTPOLE, HARVESTER)),
        *(RobustClone(seed) for seed in seeds),
        *(Learning(start, seed, *sizes) for seed in seeds for start in (*PROGRAMS, SCRATCH)),
    ]
    folder = settings.out / RUNS_FOLDER
    with occupying(folder):
        work = Parallel(n_jobs=settings.jobs)
        rows = work(delayed(done)(each, folder) for each in experiments)
        names = (each.name for each in experiments)
        write_results(morl_results(dict(zip(names, rows, strict=True))), settings.out)
        report_morl(settings, rows)


def done(experiment: Any, folder: Path) -> Row:
    """What an experiment has shown: read from its file, or done now and written there."""
    file = folder / f"{experiment.name}.json"
    asked = {"kind": experiment.kind, **asdict(experiment)}
    if file.exists():
        row = read_settings_file(file)
        if row.get("experiment") == asked:
            return row
    origin, begin = code_and_machine(), time.perf_counter()
    row = {"experiment": asked, **experiment.run(folder), **origin}
    write_json(file, row)
    print(f"{experiment.name}: {time.perf_counter() - begin:.0f} s", flush=True)
    return row


def _silent(line: str) -> None:
    """What the loop reports is in its run folder."""
