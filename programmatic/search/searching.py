"""`search` and `resume`: one interface to all methods."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

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
    write_text,
)
from programmatic.search.checkpoints import load_checkpoint, save_checkpoint
from programmatic.search.latent.space import Decoder
from programmatic.search.logs import SearchLog
from programmatic.search.methods import Method, method_for
from programmatic.search.objective import BudgetSpentError, Objective
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import SearchSettings, config_of
from programmatic.threads import torch_threads

RESULT_FILE, PROGRAM_FILE = "result.json", "program.karel"
OPTIONS_FILE = "options.karel"
ENDLESS_BUDGET = 1_000_000
"""The default budget of methods that do not end by themselves, as in Carvalho et al."""

Watch = Callable[[Objective], None]
"""A function called after each iteration; it may end the search by raising KeyboardInterrupt."""


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
        method: "cem" (LEAPS), "cgcem", "cebs", "latent_hc", "latent_random" or "best_sampled", in
            the latent space of a model; "cghc", "hc", "shc" or "random", in the space of programs;
            "hipo", in either, which also finds options, written to options.karel. See their
            configs.
        env_id: The task's id.
        seed: Of the start worlds and of all random numbers.
        budget: Most programs to evaluate; None: no limit, or 1,000,000 for endless methods.
        model: The latent space: a `ProgramVAE`, its file, or "default"; for latent methods only.
        run_dir: The run folder; None: nothing is written.
        resume: Continue the run in the run folder, if there is one; its settings must be these.
        overwrite: Remove the run in the run folder, if there is one.
        device: Where latents, decoding and, with numba-cuda, programs are: "auto", "cpu", "cuda".
        progress: Whether to show a progress bar; by default on a terminal.
        watch: A function called after every iteration with the `Objective` and its tally.
        options: Options of the method's config, such as `CEMConfig`; by default the task's values,
            then the paper's.

    Raises:
        ValueError: The method, the task or an option is unknown or invalid.
        RunError: A run is in the folder already, or the one to be resumed is another or damaged.

    Example:
        >>> result = search("random", "Karel-Harvester-v0", n_programs=200)
        >>> result.evaluations, result.mean_return > 0.1
        (200, True)
        >>> search("hc", "Karel-Harvester-v1", budget=100_000).mean_return > 0.99
        True
    """
    config = config_of(method, env_id, options)
    file: str | None = None
    decoder: Decoder | None = None
    if isinstance(model, str | os.PathLike):
        file = os.fspath(model) if config.NEEDS_MODEL else None
    else:
        decoder = model
    settings = SearchSettings(method, env_id, seed, budget, file, device, config)  # type: ignore[arg-type]
    return run_search(settings, run_dir, resume, overwrite, decoder, progress, watch)


def resume(
    run_dir: str | os.PathLike[str],
    *,
    budget: int | None = None,
    model: Decoder | None = None,
    device: str | None = None,
    progress: bool | None = None,
    watch: Watch | None = None,
) -> SearchResult:
    """Resume the search in a run folder from its latest checkpoint, with its own settings.

    Args:
        run_dir: The run folder.
        budget: Most programs to evaluate, earlier ones included; by default that of the run.
        model: The model, if the search was begun with an object and not a file.
        device: "auto", "cpu" or "cuda"; by default that of the run.
        progress: Whether to show a progress bar; by default on a terminal.
        watch: See `search`.

    Raises:
        RunError: The folder is missing or not of a search, its configuration or checkpoint is
            damaged, or the model is missing.
        ValueError: The budget or the device is invalid.
    """
    settings = SearchSettings.read(Path(run_dir))
    if budget is not None:
        settings = replace(settings, budget=budget)
    if device is not None:
        settings = replace(settings, device=device)  # type: ignore[arg-type]
    return run_search(settings, run_dir, True, False, model, progress, watch)


def run_search(
    settings: SearchSettings,
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    decoder: Decoder | None = None,
    progress: bool | None = None,
    watch: Watch | None = None,
) -> SearchResult:
    """Do a search, or what is left of it; see `search` for the arguments.

    Raises:
        ValueError: A setting is invalid.
        RunError: See `search` and `resume`.
    """
    settings.check()
    run = None if run_dir is None else Path(run_dir)
    if resume and run is None:
        raise ValueError("resume needs the run folder: name it with run_dir")
    config = settings.config
    objective = Objective(settings.env_id, config, settings.seed, settings.budget)
    if not config.NEEDS_MODEL:
        decoder = None
    elif decoder is None:
        decoder = _load_model(settings.model, settings.device, run)
    objective.device = _place_of_programs(decoder, settings.device)
    method = method_for(config, objective, settings.seed, decoder)
    if objective.budget is None:
        objective.budget = method.evaluations or ENDLESS_BUDGET
    goes_on = resume and run is not None and (run / CONFIG_FILE).exists()
    if run is not None and goes_on:
        settings.check_same(run)
    with (
        nullcontext() if run is None else occupying(run),
        nullcontext() if decoder is None else torch_threads(1),
    ):
        if run is not None and goes_on:
            go_on_with_run(run, settings.config_json())
        elif run is not None:
            begin_run(run, settings.config_json(), overwrite)
        log, options = _iterate(method, run, progress, watch)
    found, best_return = objective.tally.best, objective.tally.best_return
    assert found is not None  # every budget allows one program
    best = method.finished(found)
    if best != found:
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
        {"model": settings.model, "budget": settings.budget, **config.to_json()},
        settings.seed,
        options,
    )
    if run is not None:
        best.save(run / PROGRAM_FILE)
        if options:
            lines = (f"# option {i}\n{option.pretty()}\n\n" for i, option in enumerate(options, 1))
            write_text(run / OPTIONS_FILE, "".join(lines))
        result.save(run / RESULT_FILE)
    return result


def _iterate(
    method: Method, run: Path | None, progress: bool | None, watch: Watch | None
) -> tuple[SearchLog, list[Program]]:
    """Step until the method is done or the budget is spent; write the log and checkpoints.

    Returns the log and the options found.
    """
    objective, state = method.objective, method.start()
    if run is not None and checkpoints(run):
        state, tally, seconds = load_checkpoint(latest_checkpoint(run), method)
        objective.restore(tally, seconds)
    kept = state, objective.tally  # as they were between two iterations

    def save() -> None:
        if run is not None:
            save_checkpoint(run, *kept, objective.seconds)

    with closing(SearchLog(run, state.iteration)) as log, _bar(method, progress) as bar:
        try:
            limit = method.config.seconds or float("inf")
            while not method.is_done(state) and (objective.seconds < limit or not log.rows):
                iteration = state.iteration
                if iteration % method.config.save_interval == 0:
                    save()
                state, figures = method.step(state)
                kept = state, objective.tally
                log.add(
                    {
                        "iteration": iteration,
                        "evaluations": objective.tally.evaluations,
                        "seconds": round(objective.seconds, 6),
                        "best_return": objective.tally.best_return,
                        **figures,
                    }
                )
                bar.set_postfix_str(f"best {objective.tally.best_return:.3f}", refresh=False)
                bar.update(objective.tally.evaluations - bar.n)
                if watch is not None:
                    watch(objective)
        except BudgetSpentError:
            pass
        except KeyboardInterrupt:
            save()
            if run is not None:
                print(
                    f"interrupted after {kept[1].evaluations:,} programs; "
                    f"to go on: karel-gym search --resume {run}",
                    file=sys.stderr,
                )
            raise
        save()  # a resumed run with a larger budget repeats the iteration that was cut short
    return log, method.options(kept[0])


def _load_model(model: str | None, device: str, run: Path | None) -> Decoder:
    if model is None:
        raise RunError(f"the search in {run} was begun with a model that was no file: give it")
    from programmatic.leaps import ProgramVAE

    return ProgramVAE.load(model, device=device)


def _place_of_programs(decoder: Decoder | None, device: str) -> str:
    """The device that runs programs: that of the decoder, if numba-cuda is installed."""
    if decoder is None:
        return "cuda" if device == "cuda" else "cpu"
    if decoder.device.type != "cuda":
        return "cpu"
    try:
        device_named("cuda")
    except RuntimeError:
        return "cpu"
    return "cuda"


def _bar(method: Method, progress: bool | None) -> Any:
    objective = method.objective
    limits = [n for n in (objective.budget, method.evaluations) if n is not None]
    show = sys.stdout.isatty() if progress is None else progress
    done = objective.tally.evaluations
    return tqdm(total=min(limits), initial=done, unit="program", disable=not show)
