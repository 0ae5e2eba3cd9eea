"""MORL's experiments: three programs of CartPole, their clones, and TRPO from each.

Source: Bhupatiraju, Agrawal and Singh, Towards Mixed Optimization for Reinforcement Learning with
Program Synthesis, NAMPI 2018. In addition: the repair, the whole loop, and the loop on Karel.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from agents.drl.training import train
from agents.morl.imitation import clone
from agents.morl.iteration_folder import ITERATION, OPTIMISED, REPAIRED
from agents.morl.loop import morl
from agents.morl.models import new_model
from agents.morl.optimisation import optimise
from agents.morl.settings import CloningConfig, MORLConfig, OptimisationConfig
from benchmarks.experiments.morl_report import PAPER_ITERATIONS, report_morl
from benchmarks.runs.ledger import PROVENANCE, RUNS_FOLDER, FileLedger, Job, Record, do_jobs
from benchmarks.runs.workers import Workers
from benchmarks.settings import MORLSettings
from benchmarks.statistics.published import OWN_SIZE, SEARCH
from benchmarks.statistics.tidy import results_table, write_results
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

SCRATCH = "random weights"  # the start of learning without a program
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
    def place(self) -> str:
        """The run folder, and the file of the record without its suffix, in results.csv."""
        return f"{RUNS_FOLDER}/{self.name}"

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

    @abstractmethod
    def returns(self, record: Record) -> Iterator[Record]:
        """The returns in a record: entries of a row of results.csv each, beside the record's."""

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

    def returns(self, record: Record) -> Iterator[Record]:
        start, curve = self.start, record["learning"]
        if start in PROGRAMS:
            yield {"algo": f"MORL {start} program", "return": record["program_return"]}
            seconds = record["cloning"][-1]["seconds"]
            clone_return = {"return": record["clone_return"], "seconds": seconds}
            yield {"algo": f"MORL {start} clone", **clone_return}
            for point in curve:
                if point["iteration"] == PAPER_ITERATIONS:
                    yield {"algo": f"MORL {start} optimised", **_point(point)}
        yield {"algo": f"TRPO from {start}", **_point(curve[-1])}

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
            "validation_accuracy": result.validation_accuracy,
            "seconds": seconds,
        }

    def returns(self, record: Record) -> Iterator[Record]:
        yield {"algo": f"MORL {PROGRAMS[-1]} robust clone", "return": record["mean_return"]}


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

    def returns(self, record: Record) -> Iterator[Record]:
        yield {"algo": f"MORL {self.start} repaired", "return": record["after"]}


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
            oracle = train("ppo", self.env_id, seed=self.seed, run_dir=run, resume=True, verbose=0)
        config = MORLConfig(self.env_id, constraints.read_text("utf-8"), seed=self.seed)
        begin = time.perf_counter()
        result = morl(
            config, oracle, run_dir=folder / self.name, resume=True, report=lambda _: None
        )
        return {
            "seconds": time.perf_counter() - begin,
            "iterations": result.iterations,
            "program": str(result.program),
            "proven": result.proven,
            "program_return": result.mean_return,
            "policy_return": result.policy_return,
            "reached": result.reached,
        }

    def returns(self, record: Record) -> Iterator[Record]:
        best = record["proven"], record["program_return"], record["policy_return"]
        names = "proven", f"{REPAIRED}_return", f"{OPTIMISED}_return"
        rows = [row for row in record["iterations"] if tuple(row[name] for name in names) == best]
        policy = f"{self.place}/{ITERATION}{rows[0]['iteration']:02d}/{OPTIMISED}"
        worlds = {"worlds": SEARCH}  # the best iteration was chosen by these returns
        yield {"algo": "MORL program", "return": best[1], "run": self.place, **worlds}
        yield {"algo": "MORL policy", "return": best[2], "run": policy, **worlds}


def measure_morl(settings: MORLSettings) -> None:
    """Do the experiments that are not done yet; write and print their results."""
    seeds, sizes = range(settings.seeds), (settings.epochs, settings.iterations)
    experiments: list[Experiment] = [
        *(Repair(start) for start in PROGRAMS),
        *(Loop(env_id, seed) for seed in seeds for env_id in (CARTPOLE, HARVESTER)),
        *(RobustClone(seed) for seed in seeds),
        *(Learning(start, seed, *sizes) for seed in seeds for start in (*PROGRAMS, SCRATCH)),
    ]
    ledger = FileLedger(settings.folder / RUNS_FOLDER)
    found = do_jobs(experiments, ledger, Workers(settings.jobs))
    write_results(morl_results(experiments, found), settings.folder)
    report_morl(settings, found)


def morl_results(experiments: Sequence[Experiment], found: Sequence[Record]) -> pd.DataFrame:
    """The rows of results.csv, with the names of the paper's table.

    Policies take their most probable actions. Old records have no commit and machine.
    """
    empty: Record = dict.fromkeys(PROVENANCE, "") | {"env_id": CARTPOLE, "worlds": OWN_SIZE}
    empty |= {"seed": pd.NA, "frames": pd.NA, "evaluations": pd.NA, "seconds": float("nan")}
    rows = [
        empty | record | experiment.identity | {"run": f"{experiment.place}.json"} | entries
        for experiment, record in zip(experiments, found, strict=True)
        for entries in experiment.returns(record)
    ]
    return results_table(rows).astype({"seed": "Int64"})


def _point(point: Mapping[str, Any]) -> Record:
    """The entries of a row for a point of a learning curve."""
    names = {"return": "mean_return", "frames": "timesteps", "seconds": "seconds"}
    return {name: point[column] for name, column in names.items()}
