"""The settings of the benchmarks, from which their flags are made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from benchmarks.runs.methods import ABLATION, BASELINES, LATENT_SEARCHES, LITERATURE, PROPOSALS
from programmatic.flags import Count, Options
from programmatic.horizon import TASK
from programmatic.leaps.settings import LATENT_DIM, SHIPPED
from programmatic.options import check_whole
from programmatic.runs import CONFIG_FILE, RunError
from programmatic.settings import RunSettings

if TYPE_CHECKING:
    from typing_extensions import Self

TASK_NAMES = ("StairClimber", "FourCorners", "TopOff", "Maze", "CleanHouse", "Harvester")
"""The tasks of LEAPS."""
PROPOSAL_TASKS = (
    *TASK_NAMES, "DoorKey", "OneStroke", "Seeder", "Snake", "PathFollow", "WallAvoider",
)  # fmt: skip
"""The tasks for which there are sets of proposals."""
QUICK: dict[str, Any] = {"seeds": 2, "steps": 10_000, "budget": 10_000}
QUICK_TASKS = ("Maze", "Harvester")
"""Tasks with small worlds."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings(RunSettings):
    """Base class of the settings of a benchmark."""

    NOT_STORED: ClassVar[tuple[str, ...]] = ("run",)

    run: Path | None = None
    """The run folder; by default results/NAME. Runs and rates that it holds are not repeated."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.run or Path("results") / self.COMMAND.removeprefix("benchmark ")

    def quickened(self) -> Self:
        """The settings with the smaller numbers of `quick`, if they have it."""
        return self

    def check_folder(self) -> None:
        """Raise a `RunError` if the run folder holds a run of another command."""
        if not (self.folder / CONFIG_FILE).exists():
            return
        try:
            self.stored(self.folder)
        except RunError as error:
            raise RunError(f"{error}; name another folder with --run") from None


@dataclass(frozen=True, kw_only=True)
class ThroughputSettings(BenchmarkSettings):
    """Measure the rates of execution, stepping and training on this machine."""

    COMMAND: ClassVar[str] = "benchmark throughput"

    quick: bool = False
    """Leave out the rates of training, which take most of the time."""
    reference: str = ""
    """A module with a plain Python interpreter to compare with, such as tests.reference."""


@dataclass(frozen=True, kw_only=True)
class GPUSettings(BenchmarkSettings):
    """Measure all rates on a CUDA device, and run the tests that need one."""

    COMMAND: ClassVar[str] = "benchmark gpu"

    parts: tuple[Literal["execute", "envs", "generation", "pretraining", "pytest"], ...] = (
        *("execute", "envs", "generation", "pretraining", "pytest"),
    )
    """Parts: the rates of execute, of vector envs, of decoding and generations of the cross-entropy
    method, and of pretraining; and pytest, the tests marked gpu, which need a clone with the extra
    [test]. Each has its output in PART.txt in the run folder."""
    device: Literal["cuda", "cpu"] = "cuda"
    """Device; cpu: the same rates of the processor, to compare."""
    minutes: float = 8.0
    """Most minutes for all parts; a part may take half of what is left, the last one all of it."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        if not self.parts:
            raise ValueError("name at least one part")
        if not self.minutes > 0:
            raise ValueError(f"minutes must be greater than 0, got {self.minutes}")


@dataclass(frozen=True, kw_only=True)
class PretrainingSettings(BenchmarkSettings):
    """Measure how fast LEAPS's program embedding is pretrained."""

    COMMAND: ClassVar[str] = "benchmark pretraining"

    programs: int = 2_000
    """Programs in the data set, which is made for the benchmark."""
    batch_size: int = 256
    """Programs in a training step."""
    demonstrations: int = 10
    """Demonstrations per program that L_L uses."""
    latent_dim: int = LATENT_DIM
    """Size of the latents and of all recurrent states."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device; auto: a GPU if torch finds one."""
    threads: int | None = None
    """CPU threads of torch; None: torch's default."""
    repeats: int = 3
    """Measurements of each rate."""
    seed: int = 0
    """Seed of the data set, the weights and the batches."""


PROGRAM_SEARCH_TASKS = (
    *("StairClimber-v1", "Maze-v1", "TopOff-v1", "FourCorners-v1", "Harvester-v1"),
    *("CleanHouse-v1", "DoorKey-v0", "OneStroke-v0", "Seeder-v0", "Snake-v0", "PathFollow-v0"),
    "WallAvoider-v0",
)
"""The twelve tasks as the literature since 2024 defines them."""


@dataclass(frozen=True, kw_only=True)
class ProgramSearchSettings(BenchmarkSettings):
    """Measure how many programs per second hill climbing evaluates in one thread."""

    COMMAND: ClassVar[str] = "benchmark program_search"

    tasks: tuple[str, ...] = PROGRAM_SEARCH_TASKS
    """Tasks: their ids without "Karel-"."""
    evaluations: Count = 100_000
    """Programs that are drawn and evaluated per measurement, each in 32 worlds."""
    repeats: int = 5
    """Measurements per task, after one that does not count."""
    reference: str = ""
    """A module with a plain Python interpreter to compare with, such as tests.reference."""
    plain_seconds: float = 2.0
    """Least time for which the plain Python interpreter runs, in seconds."""
    seed: int = 0
    """Seed of the worlds and of the search."""


@dataclass(frozen=True, kw_only=True)
class GenerationSettings(BenchmarkSettings):
    """Measure the time that one generation of the cross-entropy method takes."""

    COMMAND: ClassVar[str] = "benchmark generation"

    populations: tuple[int, ...] = (32, 512, 4096)
    """Numbers of latents in a generation."""
    task: str = "Karel-Harvester-v0"
    """The task's id."""
    worlds: int = 10
    """Start worlds in which each program runs."""
    repeats: int = 7
    """Generations that are measured, each of other latents."""
    model: str = "default"
    """The file of the model, a variant's name, or default."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "worlds", "repeats")
        if not self.populations or min(self.populations) < 1:
            raise ValueError(f"populations must be numbers from 1 up, got {self.populations}")


@dataclass(frozen=True, kw_only=True)
class MORLSettings(BenchmarkSettings):
    """Measure MORL: the paper's programs, their clones, TRPO from each, the repair and the loop."""

    COMMAND: ClassVar[str] = "benchmark morl"

    seeds: int = 5
    """Runs of each experiment, with the seeds from 0 up."""
    epochs: Count = 15_000
    """Epochs of the cloning, each a step on all states."""
    iterations: int = 250
    """Iterations of TRPO, each of 10 trajectories of 200 steps."""
    jobs: int = 2
    """Experiments at once, a process each; the measured times include this load."""
    quick: bool = False
    """Two seeds, 1,500 epochs and 25 iterations: minutes instead of an hour."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "seeds", "epochs", "iterations", "jobs")

    def quickened(self) -> Self:
        """The settings with smaller numbers if `quick`."""
        return replace(self, seeds=2, epochs=1_500, iterations=25) if self.quick else self


@dataclass(frozen=True, kw_only=True)
class SearchesSettings(BenchmarkSettings):
    """Base class of the settings of benchmarks that search on several tasks with several seeds."""

    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    env_version: Literal["v0", "v1"] = "v0"
    """Version of the tasks that are given by name: v0 is LEAPS's."""
    seeds: int = 5
    """Runs per method and task, with the seeds from 0 up."""
    budget: Count | None = None
    """Most programs that a search evaluates; None: the method's default."""
    worlds: int | None = None
    """Start worlds in which each program of a search runs; by default the method's own number."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon, as for networks; published, the
    10,000 calls (actions and percepts) of the literature; or a number of actions."""
    options: Options = field(default_factory=dict)
    """Other options of the searches, for all methods that have them or for one: n_worlds=64 or
    hc.sideways=true; {task} in programs=FILE is the task's name."""
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    """Device of latents, decoding and, with numba-cuda, programs."""
    jobs: int = 1
    """Runs at once, a core each; 1: one after the other, in this process."""
    backend: Literal["processes", "ray"] = "processes"
    """Where jobs run: in processes of this machine, or on a Ray cluster (extra [ray])."""
    address: str | None = None
    """The Ray cluster's address, HOST:PORT, ray://HOST:PORT or auto; its nodes must share the disk
    of the run folder. By default Ray is started for this command."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "seeds", "jobs")
        if not self.tasks:
            raise ValueError("name at least one task")


TARGETS = {"Seesaw": 0.74, "UpNDown": 0.78, "Farmer": 0.73, "InfDoorKey": 0.75, "InfHarvester": 0.8}
"""Returns in the tasks of Karel-Long with which they count as solved."""


@dataclass(frozen=True, kw_only=True)
class SolutionTimeSettings(SearchesSettings):
    """Measure the time to a solution of searches for programs that use several cores."""

    COMMAND: ClassVar[str] = "benchmark solution_times"

    tasks: tuple[str, ...] = (*(f"Karel-{name}" for name in PROGRAM_SEARCH_TASKS), *TARGETS)
    methods: tuple[Literal["cghc", "hc", "shc"], ...] = ("cghc",)
    """Methods; see karel-gym search."""
    seeds: int = 20
    """Runs per method and task, with the seeds from first_seed up."""
    first_seed: int = 100
    """The first seed; the options of cghc were chosen with smaller ones."""
    trials: int = 3
    """Seeds after which a task that none of them has solved is left."""
    budget: Count | None = 1_000_000_000
    seconds: float = 60.0
    """Most seconds of a search."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "trials")


@dataclass(frozen=True, kw_only=True)
class VariantSettings(SearchesSettings):
    """Compare the variants of LEAPS: reconstruction, smoothness of behavior, and search."""

    COMMAND: ClassVar[str] = "benchmark variants"

    models: tuple[str, ...] = SHIPPED
    """Names of weights in the package, or files of weights."""
    programs: int = 2000
    """Programs whose neighborhood is measured."""
    data_seed: int = 1
    """Seed of those programs and their demonstrations; the training data has another."""
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        if not self.models:
            raise ValueError("name at least one variant or file of weights")


@dataclass(frozen=True, kw_only=True)
class ReturnsSettings(SearchesSettings):
    """Measure the returns of searches and deep RL baselines, beside the published returns."""

    COMMAND: ClassVar[str] = "benchmark returns"
    SEARCHES: ClassVar[str] = "searches"
    """The folder of the searches in the run folder."""
    FILLS_BUDGET: ClassVar[bool] = False
    """Whether searches with a number of iterations get as many as the budget allows."""

    methods: tuple[str, ...] = (*LITERATURE, "LEAPS", "cebs", "hc", "shc", "cghc", "random")
    """Methods: deep RL baselines by their rows in the literature's tables, such as DRL, DRL-abs or
    DRL-action, or by their algorithm, such as A2C or QR-DQN, which observes percepts+action;
    searches by their method (see karel-gym search), LEAPS for cem, or by a row of the ablation."""
    steps: Count | None = None
    """Frames of a training; by default those in hyperparams/ALGO.yml."""
    budget: Count | None = 1_000_000
    model: str = "default"
    """The model whose latent space is searched: a file, a variant's name, or default."""
    quick: bool = False
    """Two seeds, trainings of 10,000 frames and searches of 10,000 programs, on Maze and Harvester
    unless tasks are given; networks without a kernel are not evaluated in 100x100. Minutes instead
    of hours: a check that everything runs, not a measurement."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        if not self.methods:
            raise ValueError("name at least one method")

    def quickened(self) -> Self:
        """The settings with those of `QUICK` if `quick`."""
        if not self.quick:
            return self
        tasks = QUICK_TASKS if self.tasks == TASK_NAMES else self.tasks
        return replace(self, **QUICK, tasks=tasks)


@dataclass(frozen=True, kw_only=True)
class GeneralisationSettings(ReturnsSettings):
    """Measure how the methods generalize from worlds of the task's own size to 100x100.

    The runs are those of `karel-gym benchmark returns`; the table is in its folder generalisation.
    """


@dataclass(frozen=True, kw_only=True)
class PresetSettings(ReturnsSettings):
    """Base class of presets of `returns` that print a table of searches."""

    SEARCHES: ClassVar[str] = ""

    device: Literal["auto", "cpu", "cuda"] = "auto"

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        if trainings := [name for name in self.methods if name in BASELINES]:
            raise ValueError(f"{self.COMMAND} compares searches, got {', '.join(trainings)}")


@dataclass(frozen=True, kw_only=True)
class LatentSearchSettings(PresetSettings):
    """Measure the returns of searches in latent spaces, beside the published returns of LEAPS."""

    COMMAND: ClassVar[str] = "benchmark latent_search"

    methods: tuple[str, ...] = ("LEAPS",)
    budget: Count | None = None


@dataclass(frozen=True, kw_only=True)
class BudgetSettings(PresetSettings):
    """Compare searches in latent spaces at equal numbers of evaluated programs."""

    COMMAND: ClassVar[str] = "benchmark budgets"
    FILLS_BUDGET: ClassVar[bool] = True

    methods: tuple[str, ...] = LATENT_SEARCHES
    budget: Count | None = 30_000
    worlds: int | None = 16


@dataclass(frozen=True, kw_only=True)
class AblationSettings(PresetSettings):
    """Compare the default search for programs with variants that lack one of its parts."""

    COMMAND: ClassVar[str] = "benchmark ablation"

    methods: tuple[str, ...] = tuple(ABLATION)
    tasks: tuple[str, ...] = ("DoorKey", "OneStroke", "Snake", "PathFollow")
    seeds: int = 10


@dataclass(frozen=True, kw_only=True)
class ProposalSettings(AblationSettings):
    """Compare searches for programs with and without proposals, as of language models."""

    COMMAND: ClassVar[str] = "benchmark proposals"

    methods: tuple[str, ...] = ("cghc", "shc", *PROPOSALS)
    tasks: tuple[str, ...] = PROPOSAL_TASKS
    env_version: Literal["v0", "v1"] = "v1"
