"""`search`: one interface to every method, and runs that can go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm import tqdm

from karel_gym.registration import sample_worlds
from karel_gym.simulation.devices import device_named
from programmatic.dsl import Program
from programmatic.machine.bytecode import tokens_of
from programmatic.runs import (
    CONFIG_FILE,
    RunError,
    begin_run,
    checkpoints,
    go_on_with_run,
    latest_checkpoint,
    occupying,
)
from programmatic.search.checkpoints import load_checkpoint, save_checkpoint
from programmatic.search.configs import (
    CEBSConfig,
    CEMConfig,
    LatentHCConfig,
    LatentRandomConfig,
    ProgramClimbingConfig,
    RandomConfig,
    SearchConfig,
    config_of,
)
from programmatic.search.latent.cebs import CEBS
from programmatic.search.latent.cem import CEM
from programmatic.search.latent.hill_climbing import LatentHC
from programmatic.search.logs import SearchLog
from programmatic.search.objective import BudgetSpentError, Objective
from programmatic.search.programs.counterexamples import climbing_for
from programmatic.search.programs.simplification import simplify
from programmatic.search.programs.space import SPACES
from programmatic.search.programs.start_programs import read_programs
from programmatic.search.random_search import RandomSearch
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import (
    RunSettings,
    check,
    check_same,
    config_json,
    read_settings,
)
from programmatic.search.spaces import Decoder, GrammarSpace, LatentSpace, seed_of
from programmatic.threads import torch_threads

RESULT_FILE, PROGRAM_FILE = "result.json", "program.karel"
WITHOUT_MODEL = ("random", "hc", "shc", "cghc")
"""The methods that search no latent space."""
ENDLESS_BUDGET = 1_000_000
"""Programs that a method without an end of its own evaluates by default, as in Carvalho et al."""
WORLDS_TO_SIMPLIFY_IN = 1000
ENDLESS = (CEBSConfig, LatentHCConfig, ProgramClimbingConfig)
"""The options of these methods."""


Watch = Callable[[Objective], None]
"""What is told after every iteration how far a search is; it may end the search by raising
KeyboardInterrupt."""


class Method(Protocol):
    """A search method: a state, and how it moves on. A state has its number, `iteration`."""

    @property
    def state_class(self) -> type[Any]:
        """The class of its states."""

    @property
    def evaluations(self) -> int | None:
        """How many programs it evaluates at most; None: it has no end of its own."""

    def start(self) -> Any:
        """The state before the first iteration."""

    def is_done(self, state: Any) -> bool:
        """Whether the search has come to its end."""

    def step(self, state: Any) -> tuple[Any, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""


def search(
    method: str,
    env_id: str,
    *,
    seed: int = 0,
    budget: int | None = None,
    model: str | os.PathLike[str] | Decoder = "default",
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    progress: bool | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> SearchResult:
    """Search for a program that solves a task.

    The run folder has config.json, result.json, program.karel, history.csv (a row an iteration),
    TensorBoard events, and checkpoints/step-N.safetensors. Ctrl-C writes a checkpoint before it
    ends the search. On a CPU, equal seeds give equal results, whether or not a search was
    interrupted and on any number of cores.

    Args:
        method: "cem" (LEAPS), "cebs", "latent_hc", "latent_random" or "best_sampled", in the latent
            space of a model; "cghc", "hc", "shc" or "random", in the space of programs. See their
            configs.
        env_id: The task's id.
        seed: Of the start worlds and of all random numbers.
        budget: Most programs to evaluate; None: until the method ends by itself, or 1,000,000 with
            methods that do not.
        model: The latent space: a `ProgramVAE`, its file, or "default". Methods in the space of
            programs need none.
        run_dir: The run folder; None: nothing is written.
        resume: Go on with the run in the run folder, if one is there; its settings must be these.
        overwrite: Remove the run in the run folder, if one is there.
        device: Where latents, decoding and, with numba-cuda, programs are: "auto", "cpu", "cuda".
        progress: Whether to show a progress bar; by default on a terminal.
        watch: What is called after every iteration with the `Objective`, whose tally tells how far
            the search is.
        options: Those of the method's config, such as `CEMConfig`; the task's and then the paper's
            values stand where there are none.

    Raises:
        ValueError: The method, the task or an option is unknown or cannot be.
        RunError: A run is in the folder already, or the one to be resumed is another or damaged.

    Example:
        >>> result = search("random", "Karel-Harvester-v0", n_programs=200)
        >>> result.evaluations, result.mean_return > 0.1
        (200, True)
        >>> search("hc", "Karel-Harvester-v1", budget=100_000).mean_return > 0.99
        True
    """
    settings = RunSettings(
        method,
        env_id,
        seed,
        budget,
        _file_of(model) if method not in WITHOUT_MODEL else None,
        device,
        config_of(method, env_id, options),
    )
    check(settings)
    if device == "cuda" and isinstance(settings.config, ProgramClimbingConfig):
        raise ValueError(f"{method} runs on the processor only; device cannot be cuda")
    objective = Objective(env_id, settings.config, seed, _budget(settings))
    run = None if run_dir is None else Path(run_dir)
    if resume and run is None:
        raise ValueError("resume needs the run folder: name it with run_dir")
    decoder = None if method in WITHOUT_MODEL else _load_model(model, device)
    given = _given_programs(settings.config)
    goes_on = resume and run is not None and (run / CONFIG_FILE).exists()
    if run is not None and goes_on:
        check_same(run, settings)
    with nullcontext() if run is None else occupying(run):
        if run is not None and goes_on:
            go_on_with_run(run, config_json(settings))
        elif run is not None:
            begin_run(run, config_json(settings), overwrite)
        return _search(settings, objective, decoder, given, run, progress, watch)


def resume(
    run_dir: str | os.PathLike[str],
    *,
    budget: int | None = None,
    model: Decoder | None = None,
    device: str | None = None,
    progress: bool | None = None,
    watch: Watch | None = None,
) -> SearchResult:
    """Go on with the search in a run folder from its latest checkpoint, with its own settings.

    Args:
        run_dir: The run folder.
        budget: Most programs to evaluate, those before included; by default what the run had.
        model: The model, where the search was begun with one that was no file.
        device: "auto", "cpu" or "cuda"; by default what the run had.
        progress: Whether to show a progress bar; by default on a terminal.
        watch: See `search`.

    Raises:
        RunError: The folder is missing or no search's, or its configuration or checkpoint is
            damaged; or the model is missing.
        ValueError: The budget or the device cannot be.
    """
    stored = read_settings(Path(run_dir))
    if stored.model is None and model is None and stored.method not in WITHOUT_MODEL:
        raise RunError(f"the search in {run_dir} was begun with a model that was no file: give it")
    return search(
        stored.method,
        stored.env_id,
        seed=stored.seed,
        budget=stored.budget if budget is None else budget,
        model=model or stored.model or "default",
        run_dir=run_dir,
        resume=True,
        device=device or stored.device,
        progress=progress,
        watch=watch,
        **stored.config.to_json(),
    )


def _search(
    settings: RunSettings,
    objective: Objective,
    decoder: Decoder | None,
    given: Sequence[Program],
    run: Path | None,
    progress: bool | None,
    watch: Watch | None,
) -> SearchResult:
    memory = torch.device("cpu") if decoder is None else decoder.device
    objective.device = _machine(decoder, settings.device)
    method = _method(settings, decoder, given, objective)
    state = method.start()
    if run is not None and checkpoints(run):
        state, tally, seconds = load_checkpoint(latest_checkpoint(run), method.state_class, memory)
        objective.restore(tally, seconds)
    log = SearchLog(run, state.iteration)
    try:
        threads = nullcontext() if decoder is None else torch_threads(1)
        with threads, _bar(method, objective, progress) as bar:
            told: list[Watch] = [] if bar.disable else [partial(_advance, bar)]
            told += [] if watch is None else [watch]
            _iterate(method, state, objective, log, run, settings.config.save_interval, told)
    finally:
        log.close()
    best, best_return = objective.tally.best, objective.tally.best_return
    assert best is not None  # every budget allows for one program
    if isinstance(settings.config, ProgramClimbingConfig) and settings.config.simplify:
        best = _simplified(best, objective, seed_of(settings.seed, 2))
        best_return = float(objective.mean_returns(tokens_of([best]))[0])
    result = SearchResult(
        settings.method,
        settings.env_id,
        best,
        best_return,
        objective.tally.evaluations,
        list(objective.tally.history),
        log.rows,
        objective.seconds,
        {"model": settings.model, "budget": settings.budget, **settings.config.to_json()},
        settings.seed,
    )
    if run is not None:
        best.save(run / PROGRAM_FILE)
        result.save(run / RESULT_FILE)
    return result


def _iterate(
    method: Method,
    state: Any,
    objective: Objective,
    log: SearchLog,
    run: Path | None,
    save_interval: int,
    told: Sequence[Watch],
) -> None:
    """Step until the method is done or the budget is spent, and write checkpoints."""
    kept = state, objective.tally  # as they were between two iterations
    try:
        while not method.is_done(state):
            if run is not None and state.iteration % save_interval == 0:
                save_checkpoint(run, *kept, objective.seconds)
            iteration = state.iteration
            state, figures = method.step(state)
            log.add(
                {
                    "iteration": iteration,
                    "evaluations": objective.tally.evaluations,
                    "seconds": round(objective.seconds, 6),
                    "best_return": objective.tally.best_return,
                    **figures,
                }
            )
            kept = state, objective.tally
            for watch in told:
                watch(objective)
    except BudgetSpentError:
        pass
    except KeyboardInterrupt:
        if run is not None:
            save_checkpoint(run, *kept, objective.seconds)
            print(
                f"interrupted after {kept[1].evaluations:,} programs; "
                f"to go on: karel-gym search --resume {run}",
                file=sys.stderr,
            )
        raise
    # A run that goes on with a larger budget does the iteration again that this one cut short.
    if run is not None:
        save_checkpoint(run, *kept, objective.seconds)


def _advance(bar: Any, objective: Objective) -> None:
    """Show on a progress bar how far a search is."""
    bar.set_postfix_str(f"best {objective.tally.best_return:.3f}", refresh=False)
    bar.update(objective.tally.evaluations - bar.n)


def _method(
    settings: RunSettings, decoder: Decoder | None, given: Sequence[Program], objective: Objective
) -> Method:
    config, seed = settings.config, settings.seed
    if isinstance(config, RandomConfig):
        return RandomSearch(GrammarSpace(), objective, seed, config.batch_size, config.n_programs)
    if isinstance(config, ProgramClimbingConfig):
        return climbing_for(config, objective, seed, given)
    assert decoder is not None
    space = LatentSpace(decoder)
    if isinstance(config, CEMConfig):
        return CEM(config, space, objective, seed)
    if isinstance(config, CEBSConfig):
        return CEBS(config, space, objective, seed)
    if isinstance(config, LatentHCConfig):
        return LatentHC(config, space, objective, seed)
    assert isinstance(config, LatentRandomConfig)
    return RandomSearch(space, objective, seed, config.batch_size, config.n_latents)


def _simplified(program: Program, objective: Objective, seed: int) -> Program:
    """The program, shortened as far as it does the same in the search's worlds and in others."""
    config = objective.config
    size = config.height, config.width
    others = sample_worlds(objective.env_id, WORLDS_TO_SIMPLIFY_IN, seed, *size)
    return simplify(program, [*objective.worlds, *others], objective.env_id, *objective.limits)


def _given_programs(config: SearchConfig) -> list[Program]:
    """The programs that climbs start from, if a file of them is given."""
    if not isinstance(config, ProgramClimbingConfig) or config.programs is None:
        return []
    return read_programs(config.programs, SPACES[config.space])


def _budget(settings: RunSettings) -> int | None:
    if settings.budget is None and isinstance(settings.config, ENDLESS):
        return ENDLESS_BUDGET
    return settings.budget


def _file_of(model: Any) -> str | None:
    return os.fspath(model) if isinstance(model, str | os.PathLike) else None


def _load_model(model: Any, device: str) -> Decoder:
    if not isinstance(model, str | os.PathLike):
        return model
    from programmatic.leaps import ProgramVAE

    return ProgramVAE.load(model, device=device)


def _machine(decoder: Decoder | None, device: str) -> str:
    """Where programs run: where they are decoded, if what it takes is installed."""
    if decoder is None:
        return "cuda" if device == "cuda" else "cpu"
    if decoder.device.type != "cuda":
        return "cpu"
    try:
        device_named("cuda")
    except RuntimeError:
        return "cpu"
    return "cuda"


@contextmanager
def _bar(method: Method, objective: Objective, progress: bool | None) -> Iterator[Any]:
    limits = [n for n in (objective.budget, method.evaluations) if n is not None]
    show = sys.stdout.isatty() if progress is None else progress
    done = objective.tally.evaluations
    with tqdm(total=min(limits), initial=done, unit="program", disable=not show) as bar:
        yield bar
