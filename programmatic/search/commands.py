"""The command `karel-gym search`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from karel_gym.registration import FRESH_SEED, FRESH_WORLDS, task_of
from programmatic.flags import Flags, Options
from programmatic.runs import usual_folder
from programmatic.search.configs import ProgramClimbingConfig, SearchConfig
from programmatic.search.run_settings import SearchSettings, config_of

if TYPE_CHECKING:
    from programmatic.search.objective import Objective
    from programmatic.search.result import SearchResult


def search(
    settings: Flags[SearchSettings],
    seeds: int = 1,
    run: Path | None = None,
    resume: tuple[Path, ...] = (),
    overwrite: bool = False,
    worlds: int | None = None,
    horizon: str | None = None,
    programs: Path | None = None,
    max_markers: int | None = None,
    options: Options = {},  # noqa: B006
) -> None:
    """Search for a program that solves a task, or resume interrupted searches.

    From a chat window to a solved task:

    1. karel-gym propose --env TASK prints a prompt.
    2. Paste the prompt into a chat with a language model.
    3. Paste the answer, or several, into the file answers.md.
    4. karel-gym search shc --env TASK --programs answers.md searches from the programs in it.
    5. karel-gym run runs/search-shc-TASK-0/program.karel --env TASK runs the program that it found.

    Args:
        settings: The search.
        seeds: Number of searches, one after another, of this seed and the following ones.
        run: The run folder; by default runs/search-METHOD-TASK-SEED. With several seeds, the folder
            of the run folders.
        resume: Run folders of searches to resume, with their own settings; only --budget and
            --device may be given.
        overwrite: Replace the runs in the run folders.
        worlds: Start worlds in which each program runs; by default the method's own number.
        horizon: The limit of a run: task (default), the task's own horizon, in which envs run too;
            published, the 10,000 calls (actions and percepts) of the literature; or a number of
            actions.
        programs: File or folder of programs, in Python or the language, from which the climbs of
            cghc, hc and shc start: .py, .karel, .md, .jsonl. They may come from a language model
            (karel-gym propose); what cannot be read is reported. With --options dictionary=0.8,
            mutations use pieces of them.
        max_markers: The number of markers, 1 to 10, that fill a cell; by default the task's.
        options: Other options of the method, such as population_size=64 sigma=0.25; by default
            those of the task and the papers.
    """
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    if resume:
        others = (worlds, horizon, programs, max_markers)
        if run or overwrite or seeds > 1 or any(v is not None for v in others) or options:
            raise ValueError("with --resume, only --budget and --device may be given")
        runs = {folder: settings.resumed(folder) for folder in resume}
    elif not settings.env_id:
        raise ValueError("name the task with --env, or a run folder with --resume")
    else:
        file = None if programs is None else str(programs)
        chosen = {"n_worlds": worlds, "horizon": horizon, "programs": file}
        chosen |= {"max_markers": max_markers} | dict(options)
        chosen = {name: value for name, value in chosen.items() if value is not None}
        config = config_of(settings.method, settings.env_id, chosen)
        task_of(settings.env_id)  # an unknown task is reported before torch is loaded
        model = settings.model if config.NEEDS_MODEL else None
        settings = replace(settings, config=config, model=model)
        runs = {}
        for seed in range(settings.seed, settings.seed + seeds):
            usual = usual_folder("search", settings.method, settings.env_id, seed)
            folder = usual if run is None else run / usual.name if seeds > 1 else run
            runs[folder] = replace(settings, seed=seed)
    _report_programs([own.config for own in runs.values()])
    from programmatic.search.searching import run_search

    searches = [
        partial(run_search, own, folder, bool(resume), overwrite) for folder, own in runs.items()
    ]
    results = _search_in_turn(list(runs.values()), searches)
    fresh = [result.fresh_return for result in results]
    best = max(range(len(runs)), key=lambda i: (results[i].mean_return, fresh[i]))
    if len(runs) > 1:
        _print_table(list(runs), results, fresh)
    _print_result(results[best], fresh[best], list(runs)[best])


def _report_programs(configs: Sequence[SearchConfig]) -> None:
    """Print the reports on the files of programs from which searches start."""
    files = {(c.space, c.programs) for c in configs if isinstance(c, ProgramClimbingConfig)}
    for space, file in sorted((space, file) for space, file in files if file):
        from programmatic.search.programs.space import SPACES

        print(SPACES[space].read_programs(file), file=sys.stderr)


def _search_in_turn(
    settings: Sequence[SearchSettings], searches: Sequence[Callable[..., SearchResult]]
) -> list[SearchResult]:
    """Do one search after another, with a live view on a terminal; if interrupted, print the best.

    Methods that may use a GPU have a progress bar in place of the view.
    """
    from contextlib import nullcontext

    from programmatic.search.live import LiveView, SearchStatus
    from programmatic.search.programs.method import compile_for

    is_viewed = all(own.config.CPU_ONLY for own in settings)
    if is_viewed:
        for env_id, full in dict.fromkeys((own.env_id, own.config.max_markers) for own in settings):
            compile_for(env_id, full)
    title = ", ".join(dict.fromkeys(f"{own.method} on {own.env_id}" for own in settings))
    view = LiveView(title) if is_viewed and sys.stdout.isatty() else None
    statuses = [SearchStatus(str(own.seed)) for own in settings]

    def watch(status: SearchStatus, objective: Objective) -> None:
        status.tally, status.seconds = objective.tally, objective.seconds
        if view is not None:
            view.show(statuses)

    progress = False if is_viewed else None
    try:
        with view or nullcontext():
            return [
                start(watch=partial(watch, status), progress=progress)
                for status, start in zip(statuses, searches, strict=True)
            ]
    except KeyboardInterrupt:
        tallies = [status.tally for status in statuses if status.tally and status.tally.best]
        for tally in sorted(tallies, key=lambda tally: tally.best_return)[-1:]:
            assert tally.best is not None
            best = f"the best so far: mean return {tally.best_return:.3f}"
            print(f"{tally.best.pretty()}\n\n{best}")
        raise


def _print_table(
    folders: Sequence[Path], results: Sequence[SearchResult], fresh: Sequence[float]
) -> None:
    print(f"{'seed':>6}  {'return':>7}  {'fresh':>7}  {'programs':>13}  {'seconds':>9}  run folder")
    for folder, result, fresh_return in zip(folders, results, fresh, strict=True):
        print(
            f"{result.seed:>6}  {result.mean_return:>7.3f}  {fresh_return:>7.3f}  "
            f"{result.evaluations:>13,}  {result.seconds:>9.1f}  {folder}"
        )
    means = (sum(values) / len(values) for values in ([r.mean_return for r in results], fresh))
    print("  mean  " + "  ".join(f"{mean:>7.3f}" for mean in means) + "\n")


def _print_result(result: SearchResult, fresh_return: float, folder: Path) -> None:
    n_worlds = result.config["n_worlds"]
    worlds = f"the up to {n_worlds:,}" if result.config["distinct_worlds"] else f"the {n_worlds}"
    print(result.program.pretty())
    for i, option in enumerate(result.options, 1):
        print(f"\noption {i}\n{option.pretty()}")
    print(
        f"\n{result.env_id}, {result.method}, seed {result.seed}, at most {result.limits}:\n"
        f"  mean return  {result.mean_return:.3f} in {worlds} worlds of the search "
        f"(seed {result.seed})\n"
        f"               {fresh_return:.3f} in {FRESH_WORLDS:,} fresh worlds (seed {FRESH_SEED})\n"
        f"  evaluations  {result.evaluations:,} programs\n"
        f"  length       {len(result.program.tokens)} tokens\n"
        f"  time         {result.seconds:.1f} s\n"
        f"  run folder   {folder}"
    )
