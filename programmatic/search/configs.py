"""The options of each search method: dataclasses with the papers' values as defaults.

Papers: LEAPS (Trivedi et al., NeurIPS 2021), whose settings of each task are in settings/cem.yml;
CEBS and HC (Carvalho et al., ICLR 2024), with the values of the authors' published run files;
Scheduled HC: LLM-GS (Liu et al., ICLR 2025).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from karel_gym.world import MAX_MARKERS
from programmatic.horizon import TASK, checked_horizon
from programmatic.options import check_number, check_share, check_types, check_whole


@dataclass(frozen=True)
class SearchConfig:
    """Options of all methods; whole numbers are at least 1."""

    METHOD: ClassVar[str]
    """The method's class, MODULE:CLASS in this package; a `Method`."""
    NEEDS_MODEL: ClassVar[bool] = False
    """Whether it searches the latent space of a model."""
    CPU_ONLY: ClassVar[bool] = False
    """Whether it runs on the processor only."""

    TASK_SETTINGS: ClassVar[str | None] = None
    """The method whose settings of tasks it has; None: its own."""
    SAME_IN_ALL_TASKS: ClassVar[tuple[str, ...]] = ()
    """Options that settings of tasks do not change."""

    n_worlds: int = 10
    """Start worlds in which each program runs; its return is the mean over them."""
    height: int | None = None
    """Height of the worlds in cells, walls included; None: the task's height."""
    width: int | None = None
    """Width of the worlds in cells, walls included; None: the task's width."""
    max_markers: int | None = None
    """The number of markers, 1 to 10, that fill a cell; None: the task's number."""
    distinct_worlds: bool = False
    """Whether all start worlds are different; a task that has fewer gives all of them."""
    horizon: str | int = TASK
    """The limit of a run: task, the task's own horizon, in which envs run too; published, the
    10,000 calls (actions and percepts) of the literature; or a number of actions."""
    target: float | None = None
    """The mean return that ends the search; None: that of a solution, 1. cem and hipo ignore it."""
    seconds: float | None = None
    """The search ends with the iteration in which this time has passed; None: no limit."""
    save_interval: int = 100
    """Iterations between two checkpoints in the run folder."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", checked_horizon(self.horizon))
        check_types(self)
        whole = [f.name for f in fields(self) if f.type in ("int", "int | None")]
        check_whole(self, *(name for name in whole if getattr(self, name) is not None))
        if self.seconds is not None:
            check_number(self, "seconds")
        if self.max_markers is not None:
            check_whole(self, "max_markers", most=MAX_MARKERS)

    @classmethod
    def summary(cls) -> str:
        """The method, by the first line of the docstring of its options.

        Example:
            >>> RandomConfig.summary()
            "The best of random programs, drawn as those of LEAPS's data set are."
        """
        line = (cls.__doc__ or "").partition("\n")[0].removeprefix("Options of ")
        return line[:1].upper() + line[1:]

    def to_json(self) -> dict[str, Any]:
        """The options as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class CEMConfig(SearchConfig):
    """Options of the cross-entropy method in the latent space (LEAPS: Trivedi et al., 2021)."""

    METHOD: ClassVar[str] = "latent.cem:CEM"
    NEEDS_MODEL: ClassVar[bool] = True

    population_size: int = 32
    """Latents sampled in an iteration."""
    elitism_rate: float = 0.1
    """Share of the population that forms the next mean; at least one latent does."""
    sigma: float = 0.5
    """Standard deviation of the first population around the mean."""
    init_type: Literal["normal", "tiny_normal", "ones", "zeros"] = "normal"
    """The first mean: normal, N(0, 1); tiny_normal, N(0, 0.1); ones, 0.01 everywhere; zeros."""
    reduction: Literal["mean", "weighted_mean", "max"] = "weighted_mean"
    """Reduction of the elites to the next mean: mean, weighted_mean (by returns) or max."""
    use_exp_sig_decay: bool = True
    """Whether sigma falls exponentially to final_sigma over the first half of the iterations."""
    final_sigma: float = 0.1
    """The value of sigma after that."""
    iterations: int = 1000
    """Most iterations."""
    patience: int = 10
    """The search ends when the mean was a solution in so many iterations in a row."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "sigma", "final_sigma", "elitism_rate")
        if self.elitism_rate > 1:
            raise ValueError(f"elitism_rate must be at most 1, got {self.elitism_rate!r}")

    def sigma_in(self, iteration: int) -> float:
        """The standard deviation of the population of an iteration."""
        if not self.use_exp_sig_decay:
            return self.sigma
        progress = min(1.0, iteration / (self.iterations / 2))
        return self.sigma * (self.final_sigma / self.sigma) ** progress


@dataclass(frozen=True)
class HIPOConfig(CEMConfig):
    """Options of the search for options that work in any order (HIPO: Lin et al., NeurIPS 2024)."""

    METHOD: ClassVar[str] = "options.hipo:HIPO"

    n_options: int = 3
    """Options to find, one after another."""
    searches: int = 10
    """Searches per option; the result with the highest score becomes the option."""
    searcher: Literal["latents", "programs"] = "latents"
    """What is searched: latents, by CEM; or programs, by hill climbing as in cghc."""
    diversity: float = 1.0
    """Weight of the similarity to other options, the paper's gamma; 0: they may be the same."""
    least_programs: int | None = 10
    """Least programs in a list of options; None: the square of the number of earlier options."""
    max_calls: int = 220
    """Most calls of an option's run."""
    population_size: int = 64
    """Candidates in an iteration: latents around the mean, or neighbours of the program."""
    elitism_rate: float = 0.05
    """Share of the population that forms the next mean; at least one latent does."""
    patience: int = 100
    """A search ends when the score was steady in so many iterations in a row."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.diversity < float("inf"):
            raise ValueError(f"diversity must be a number from 0 up, got {self.diversity!r}")
        object.__setattr__(self, "NEEDS_MODEL", self.searcher == "latents")


@dataclass(frozen=True)
class CGCEMConfig(CEMConfig):
    """Options of CEM with restarts, in few worlds, guided by counterexamples.

    The other options are those of LEAPS, also those of each task, but sigma is always 0.5: with
    LEAPS's 0.25 for TopOff, restarts end in the same local optima.
    """

    METHOD: ClassVar[str] = "latent.cgcem:CGCEM"
    TASK_SETTINGS: ClassVar[str | None] = "cem"
    SAME_IN_ALL_TASKS: ClassVar[tuple[str, ...]] = ("sigma",)

    n_worlds: int = 1000
    """Start worlds that a solution must solve; a program's return is the mean over them."""
    distinct_worlds: bool = True
    """Whether all start worlds are different; a task that has fewer gives all of them."""
    few_worlds: int = 10
    """Worlds in which populations run: one evaluation. A run in all start worlds counts as
    n_worlds / few_worlds evaluations."""
    patience: int = 50
    """The search restarts from a new mean when the elites' mean return has not risen in so many
    iterations in a row."""


@dataclass(frozen=True)
class CEBSConfig(SearchConfig):
    """Options of the cross-entropy beam search in the latent space (Carvalho et al., ICLR 2024)."""

    METHOD: ClassVar[str] = "latent.cebs:CEBS"
    NEEDS_MODEL: ClassVar[bool] = True

    n_worlds: int = 16
    """Start worlds in which each program runs; its return is the mean over them."""
    population_size: int = 64
    """Latents sampled in an iteration: the paper's K."""
    elites: int = 16
    """Latents in the beam: the paper's E."""
    sigma: float = 0.25
    """Standard deviation of a candidate around its elite."""
    patience: int = 5
    """The search restarts from random latents when the elites' mean return has not risen in so many
    iterations in a row."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "sigma")
        if self.elites > self.population_size:
            raise ValueError(
                f"elites must be at most population_size, {self.population_size}; got {self.elites}"
            )


@dataclass(frozen=True)
class LatentHCConfig(SearchConfig):
    """Options of hill climbing in the latent space, with restarts (Carvalho et al., ICLR 2024)."""

    METHOD: ClassVar[str] = "latent.hill_climbing:LatentHC"
    NEEDS_MODEL: ClassVar[bool] = True

    n_worlds: int = 16
    """Start worlds in which each program runs; its return is the mean over them."""
    neighbours: int = 250
    """The search restarts after so many neighbours without a better one: the paper's K."""
    sigma: float = 0.25
    """Standard deviation of a neighbour around the current latent."""
    batch_size: int = 25
    """Neighbours evaluated at once. The search moves to the first better one and ignores the rest
    of the batch. 1: one at a time, as in the paper, and slow."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "sigma")


@dataclass(frozen=True)
class LatentRandomConfig(SearchConfig):
    """Options of the best of random latents: LEAPS-rand-64, or with n_latents=8 LEAPS-rand-8."""

    METHOD: ClassVar[str] = "random_search:RandomSearch"
    NEEDS_MODEL: ClassVar[bool] = True

    n_latents: int = 64
    """Latents sampled."""
    batch_size: int = 250
    """Most programs evaluated at once."""

    @property
    def total(self) -> int:
        """Candidates sampled."""
        return self.n_latents


@dataclass(frozen=True)
class BestSampledConfig(LatentRandomConfig):
    """Options of the best of random latents, HPRL's Best-Sampled (Liu et al., ICML 2023)."""

    n_latents: int = 1000
    """Latents sampled."""


@dataclass(frozen=True)
class RandomConfig(SearchConfig):
    """Options of the best of random programs, drawn as those of LEAPS's data set are."""

    METHOD: ClassVar[str] = "random_search:RandomSearch"

    n_programs: int = 50_000
    """Programs drawn; LEAPS's data set has as many."""
    batch_size: int = 1000
    """Most programs evaluated at once."""

    @property
    def total(self) -> int:
        """Candidates sampled."""
        return self.n_programs


@dataclass(frozen=True)
class ProgramClimbingConfig(SearchConfig):
    """Options of all kinds of hill climbing over programs."""

    METHOD: ClassVar[str] = "programs.portfolio:climbing_for"
    CPU_ONLY: ClassVar[bool] = True

    n_worlds: int = 32
    """Start worlds in which each program runs; its return is the mean over them."""
    space: Literal["published", "larger"] = "published"
    """The programs: published, those of Carvalho et al.; or larger, see
    `programmatic.search.programs.space`."""
    sideways: bool = False
    """Whether the search also moves to neighbours of an equal return; a climb then ends after so
    many neighbours in a row without a gain."""
    programs: str | None = None
    """File or folder of programs from which the climbs start in turn, the best first; see
    `programmatic.dsl.program_files`. None: random ones."""
    given_share: float = 1.0
    """Share of the climbs that start from these programs; the others start from random ones."""
    dictionary: float = 0.0
    """Share of the new subtrees in mutations that are pieces of these programs (statements,
    conditions, numbers of times), as in InnateCoder; the others are random."""
    simplify: bool = False
    """Whether the best program is shortened at the end: the result is the shortest program found
    whose return is as high in each world of the search and in 1,000 others."""
    simplify_budget: int = 1_000_000
    """Programs evaluated in the search for shorter programs."""
    members: int = 4
    """Climbs with seeds of their own that run at once, in a thread each, until one finds a
    solution. The number of cores does not change the result."""
    batch_size: int = 10_000
    """Programs that all members together evaluate in an iteration, a row of the log. With one
    member it does not change the result."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "given_share")
        if self.given_share > 1:
            raise ValueError(f"given_share must be at most 1, got {self.given_share!r}")
        check_share(self, "dictionary")
        if self.dictionary and self.programs is None:
            raise ValueError(
                "dictionary has the pieces of given programs: name them, programs=FILE"
            )

    @property
    def schedule_of_neighbours(self) -> tuple[int, int, int]:
        """The number of neighbours at first and at last, and the evaluations in between."""
        raise NotImplementedError


@dataclass(frozen=True)
class HCConfig(ProgramClimbingConfig):
    """Options of hill climbing over programs, with restarts (Carvalho et al., ICLR 2024)."""

    neighbours: int = 250
    """The search restarts after so many neighbours without a better one: the paper's K."""

    @property
    def schedule_of_neighbours(self) -> tuple[int, int, int]:
        """The same number at all times."""
        return self.neighbours, self.neighbours, 1


@dataclass(frozen=True)
class CGHCConfig(HCConfig):
    """Options of hill climbing over programs in few worlds, guided by counterexamples.

    Worlds in which the best program fails replace others. An ablation chose the defaults.
    """

    n_worlds: int = 1000
    """Start worlds that a solution must solve; a program's return is the mean over them."""
    distinct_worlds: bool = True
    """Whether all start worlds are different; a task that has fewer gives all of them."""
    climb_worlds: int = 32
    """Worlds in which the programs of a climb run: one evaluation. A run in all start worlds counts
    as n_worlds / climb_worlds evaluations."""
    sideways: bool = True
    """Whether the search also moves to neighbours of an equal return; a climb then ends after so
    many neighbours in a row without a gain."""
    neighbours: int = 4000
    """The search restarts after so many neighbours without a better one."""
    edits: float = 0.3
    """Share of neighbours made by an edit, see `programmatic.search.programs.edits`."""
    crossed: float = 0.0
    """Share of the climbs that start from one of the best 16 results of earlier climbs, in which a
    random piece of another one replaces one of its own."""
    temperature: float = 0.0
    """Simulated annealing: a neighbour whose mean return is lower by d is accepted with probability
    exp(-d / T). T falls exponentially from this value to 15 % of it in the course of a climb, which
    has as many neighbours as `neighbours` says. 0: hill climbing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self, "edits", "crossed", "temperature")
        if self.temperature > 0 and not self.sideways:
            raise ValueError("annealing accepts equal returns: temperature needs sideways=True")


@dataclass(frozen=True)
class SHCConfig(ProgramClimbingConfig):
    """Options of hill climbing over programs that restarts later and later (LLM-GS, ICLR 2025)."""

    first_neighbours: int = 32
    """The search restarts after so many neighbours without a better one, at its beginning."""
    last_neighbours: int = 2048
    """The same after the end of the schedule."""
    schedule: int = 1_000_000
    """Programs evaluated by the end of the schedule."""

    @property
    def schedule_of_neighbours(self) -> tuple[int, int, int]:
        """The options' schedule."""
        return self.first_neighbours, self.last_neighbours, self.schedule


METHODS: dict[str, type[SearchConfig]] = {
    "cem": CEMConfig,
    "cebs": CEBSConfig,
    "latent_hc": LatentHCConfig,
    "latent_random": LatentRandomConfig,
    "best_sampled": BestSampledConfig,
    "random": RandomConfig,
    "hc": HCConfig,
    "shc": SHCConfig,
    "cghc": CGHCConfig,
    "cgcem": CGCEMConfig,
    "hipo": HIPOConfig,
}
"""The class of options of each method."""
