"""The command `karel-gym search`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from karel_gym.registration import FRESH_SEED
from programmatic.options import parse_options
from programmatic.runs import usual_folder

if TYPE_CHECKING:
    from programmatic.search.result import SearchResult

FRESH_WORLDS = 1000
PARALLEL = ("cghc", "hc", "shc")
"""The methods whose searches keep to one thread each, so that several run side by side."""


@dataclass(frozen=True)
class PlannedRun:
    """A search that is to be done in a run folder."""

    folder: Path
    method: str
    env_id: str
    seed: int
    start: Callable[..., SearchResult]
    """Does it; takes `watch` and `progress`."""


def search(
    method: Annotated[str, tyro.conf.Positional] = "cghc",
    *,
    env: str = "",
    seed: int = 0,
    seeds: int = 1,
    budget: float | None = None,
    model: str = "default",
    run: Path | None = None,
    resume: tuple[Path, ...] = (),
    overwrite: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    worlds: int | None = None,
    horizon: str = "",
    options: tuple[str, ...] = (),
) -> None:
    """Search for a program that solves a task, or go on with interrupted searches.

    Args:
        method: The method: cghc, hc or shc, which climb over programs; cem (LEAPS), cebs,
            latent_hc, latent_random or best_sampled, which search a latent space; or random.
        env: The task's id.
        seed: Of the start worlds and of all random numbers.
        seeds: How many searches, of this seed and of those that follow it; hc and shc do them in
            parallel.
        budget: Most programs to evaluate in each; by default until the method ends, or 1,000,000
            with cebs, latent_hc, cghc, hc and shc.
        model: The file of the model whose latent space is searched, or default.
        run: The run folder; by default runs/search-METHOD-TASK-SEED. Of several seeds, each has
            its own folder in this one.
        resume: Run folders whose searches go on, with their own settings.
        overwrite: Remove what is in the run folders.
        device: Where latents, decoding and, with numba-cuda, programs are.
        worlds: Start worlds in which each program runs; by default the method's own number.
        horizon: The limit of a run: task, the task's own horizon, in which envs run too, which is
            the default; published, the 10,000 calls (actions and percepts) of the literature; or a
            number of actions.
        options: Other options of the method, such as population_size=64 sigma=0.25; by default the
            task's and the papers'.
    """
    total = None if budget is None else int(budget)
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    if resume:
        runs = _plan_resumed(resume, total, None if device == "auto" else device)
    elif not env:
        raise ValueError("name the task with --env, or a run folder with --resume")
    else:
        chosen = parse_options(options) | ({} if worlds is None else {"n_worlds": worlds})
        chosen |= {"horizon": horizon} if horizon else {}
        settings = {"budget": total, "model": model, "overwrite": overwrite, "device": device}
        numbers = range(seed, seed + seeds)
        runs = [_plan_new(method, env, n, run, seeds, settings | chosen) for n in numbers]
    if all(planned.method in PARALLEL for planned in runs):
        results = _search_in_parallel(runs)
    else:
        results = [planned.start() for planned in runs]
    fresh = [_fresh_return(result) for result in results]
    best = max(range(len(runs)), key=lambda i: (results[i].mean_return, fresh[i]))
    if len(runs) > 1:
        _print_table(runs, results, fresh)
    _print_result(results[best], fresh[best], runs[best].folder)


def _plan_new(
    method: str, env: str, seed: int, run: Path | None, seeds: int, settings: dict[str, Any]
) -> PlannedRun:
    from programmatic.search.searching import search as search_for

    usual = usual_folder("search", method, env, seed)
    folder = usual if run is None else run / usual.name if seeds > 1 else run
    start = partial(search_for, method, env, seed=seed, run_dir=folder, **settings)
    return PlannedRun(folder, method, env, seed, start)


def _plan_resumed(
    folders: Sequence[Path], budget: int | None, device: str | None
) -> list[PlannedRun]:
    from programmatic.search.run_settings import read_settings
    from programmatic.search.searching import resume as go_on

    runs = []
    for folder in folders:
        stored = read_settings(folder)
        start = partial(go_on, folder, budget=budget, device=device)
        runs.append(PlannedRun(folder, stored.method, stored.env_id, stored.seed, start))
    return runs


def _search_in_parallel(runs: Sequence[PlannedRun]) -> list[SearchResult]:
    """Do searches side by side, with a live view on a terminal.

    Raises:
        KeyboardInterrupt: They were interrupted; the best program so far is printed.
    """
    from contextlib import nullcontext

    from programmatic.search.live import LiveView
    from programmatic.search.programs.method import compile_for
    from programmatic.search.side_by_side import search_side_by_side

    for env_id in dict.fromkeys(planned.env_id for planned in runs):
        compile_for(env_id)
    searches = [(str(planned.seed), partial(_start_quietly, planned.start)) for planned in runs]
    title = ", ".join(dict.fromkeys(f"{run.method} on {run.env_id}" for run in runs))
    view = LiveView(title) if sys.stdout.isatty() else None
    with view or nullcontext():
        statuses = search_side_by_side(searches, None if view is None else view.show)
    results = [status.result for status in statuses if status.result is not None]
    if len(results) == len(runs):
        return results
    tallies = [status.tally for status in statuses if status.tally and status.tally.best]
    for tally in sorted(tallies, key=lambda tally: tally.best_return)[-1:]:
        assert tally.best is not None
        print(f"{tally.best.pretty()}\n\nthe best so far: mean return {tally.best_return:.3f}")
    raise KeyboardInterrupt


def _start_quietly(start: Callable[..., SearchResult], watch: Any) -> SearchResult:
    return start(watch=watch, progress=False)


def _fresh_return(result: SearchResult) -> float:
    """The mean return in fresh worlds."""
    from karel_gym.registration import sample_worlds
    from programmatic.machine import execute

    config = result.config
    size = config["height"], config["width"]
    worlds = sample_worlds(result.env_id, FRESH_WORLDS, FRESH_SEED, *size)
    return float(execute([result.program], worlds, result.env_id, *result.limits).returns.mean())


def _print_table(
    runs: Sequence[PlannedRun], results: Sequence[SearchResult], fresh: Sequence[float]
) -> None:
    print(f"{'seed':>6}  {'return':>7}  {'fresh':>7}  {'programs':>13}  {'seconds':>9}  run folder")
    for planned, result, fresh_return in zip(runs, results, fresh, strict=True):
        print(
            f"{result.seed:>6}  {result.mean_return:>7.3f}  {fresh_return:>7.3f}  "
            f"{result.evaluations:>13,}  {result.seconds:>9.1f}  {planned.folder}"
        )
    means = (sum(values) / len(values) for values in ([r.mean_return for r in results], fresh))
    print("  mean  " + "  ".join(f"{mean:>7.3f}" for mean in means) + "\n")


def _print_result(result: SearchResult, fresh_return: float, folder: Path) -> None:
    n_worlds = result.config["n_worlds"]
    worlds = f"the up to {n_worlds:,}" if result.config["distinct_worlds"] else f"the {n_worlds}"
    print(result.program.pretty())
    print(
        f"\n{result.env_id}, {result.method}, seed {result.seed}, at most {result.limits}:\n"
        f"  mean return  {result.mean_return:.3f} in {worlds} worlds of the search "
        f"(seed {result.seed})\n"
        f"               {fresh_return:.3f} in {FRESH_WORLDS:,} fresh worlds (seed {FRESH_SEED})\n"
        f"  evaluations  {result.evaluations:,} programs\n"
        f"  time         {result.seconds:.1f} s\n"
        f"  run folder   {folder}"
    )
