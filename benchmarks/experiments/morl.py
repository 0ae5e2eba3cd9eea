"""MORL's experiments: three programs of CartPole, their clones, and TRPO from each.

Source: Bhupatiraju, Agrawal and Singh, Towards Mixed Optimization for Reinforcement Learning with
Program Synthesis, NAMPI 2018. Besides its table and its figures: the automatic repair, the whole
loop, and the loop on a Karel task.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from agents.drl.training import train
from agents.morl.imitation import clone
from agents.morl.loop import morl
from agents.morl.models import new_model
from agents.morl.optimisation import optimise
from agents.morl.settings import CloningConfig, MORLConfig, OptimisationConfig
from benchmarks.experiments.morl_report import PAPER_ITERATIONS, report_morl
from benchmarks.experiments.morl_results import morl_results
from benchmarks.runs.ledger import RUNS_FOLDER, FileLedger, Job, Record, do_jobs
from benchmarks.runs.workers import Workers
from benchmarks.settings import MORLSettings
from benchmarks.statistics.tidy import write_results
from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.signature import signature_of
from karel_gym.registration import CARTPOLE, FRESH_SEED
from karel_gym.simulation.cartpole import sample_states
from programmatic.constraints.parser import load_constraints
from programmatic.examples import (
    CARTPOLE_CONSTRAINTS,
    HARVESTER_CONSTRAINTS,
    PROGRAMS,
    program_file,
)
from programmatic.repair.repair import repair
from programmatic.synthesis.episodes import episode_returns
from programmatic.trees.pictures import draw_tree
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from programmatic.trees.rollouts import rollout_returns

SCRATCH = "random weights"
"""The start of learning without a program."""
HARVESTER = "Karel-Harvester-v0"
ENVS = 10  # trajectories of an iteration of TRPO
EPISODES = 25  # of an evaluation, as in the paper
FRESH_EPISODES = 10_000


@dataclass(frozen=True)
class Experiment(Job):
    """An experiment: a dataclass of its settings, with a record in a JSON file."""

    kind: ClassVar[str]

    @property
    def name(self) -> str:
        """The name of the file."""
        own = self.identity
        parts = [str(own[key]) for key in ("kind", "env_id", "start", "seed") if key in own]
        return "-".join(parts).replace(" ", "-")

    @property
    def identity(self) -> Record:
        """The kind and all settings."""
        return {"kind": self.kind, **asdict(self)}

    def run(self, folder: Path) -> Record:
        """Do the experiment; returns its record."""
        return {"experiment": self.identity, **self.results(folder)}

    @abstractmethod
    def results(self, folder: Path) -> Record:
        """Do the experiment; `folder` is for its run folders."""

    def summary(self, record: Record) -> str:
        """The line that is printed when the experiment has ended."""
        return self.name


@dataclass(frozen=True)
class Learning(Experiment):
    """TRPO from the clone of a program, or from random weights."""

    start: str
    seed: int
    epochs: int
    iterations: int
    kind: ClassVar[str] = "learning"

    def results(self, folder: Path) -> Record:
        envs = make_sb3_vec_env(CARTPOLE, ENVS, self.seed, ())
        model = new_model("trpo", envs, self.seed)
        row: Record = {}
        if self.start != SCRATCH:
            program = TreeProgram.load(program_file(self.start), envs.signature)
            row["program_return"] = self._return(TreePolicy(program))
            row["cloning"] = cloning = []

            def note(epoch: Record) -> None:
                cloning.append({**epoch, "mean_return": self._return(model)})

            # As in the paper, only states that the program visits, as many as in 10 whole episodes
            # of a good policy.
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
class RobustClone(Experiment):
    """A clone of the near-optimal program with our own settings of cloning."""

    seed: int
    kind: ClassVar[str] = "robust clone"

    def results(self, folder: Path) -> Record:
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
class Repair(Experiment):
    """The automatic repair of a program, and its return; nothing in it is random."""

    start: str
    kind: ClassVar[str] = "repair"

    def results(self, folder: Path) -> Record:
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
class Loop(Experiment):
    """The whole loop, from nothing."""

    env_id: str
    seed: int
    kind: ClassVar[str] = "loop"

    def results(self, folder: Path) -> Record:
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


def measure_morl(settings: MORLSettings) -> None:
    """Do the experiments that are not done yet; write and print their results."""
    if settings.quick:
        settings = replace(settings, seeds=2, epochs=1_500, iterations=PAPER_ITERATIONS)
    seeds, sizes = range(settings.seeds), (settings.epochs, settings.iterations)
    experiments: list[Experiment] = [
        *(Repair(start) for start in PROGRAMS),
        *(Loop(env_id, seed) for seed in seeds for env_id in (CARTPOLE, HARVESTER)),
        *(RobustClone(seed) for seed in seeds),
        *(Learning(start, seed, *sizes) for seed in seeds for start in (*PROGRAMS, SCRATCH)),
    ]
    ledger = FileLedger(settings.folder / RUNS_FOLDER)
    found = do_jobs(experiments, ledger, Workers(settings.jobs))
    names = (experiment.name for experiment in experiments)
    write_results(morl_results(dict(zip(names, found, strict=True))), settings.folder)
    report_morl(settings, found)


def _silent(line: str) -> None:
    """Print nothing: the loop's report is also in its run folder."""
