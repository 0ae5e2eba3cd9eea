"""The command `karel-gym search`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
import yaml

FRESH_WORLDS = 1000
FRESH_SEED = 2**40  # far from the seeds that people give


def search(
    method: Annotated[str, tyro.conf.Positional] = "cem",
    *,
    env: str = "",
    seed: int = 0,
    budget: float | None = None,
    model: str = "default",
    run: Path | None = None,
    resume: Path | None = None,
    overwrite: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    worlds: int | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Search for a program that solves a task, or go on with an interrupted search.

    Args:
        method: The method: cem (LEAPS), cebs, latent_hc, latent_random, best_sampled or random.
        env: The task's id.
        seed: Of the start worlds and of all random numbers.
        budget: Most programs to evaluate; by default until the method ends, or 1,000,000 with
            cebs and latent_hc.
        model: The file of the model whose latent space is searched, or default.
        run: The run folder; by default runs/search-METHOD-TASK-SEED.
        resume: A run folder whose search goes on, with its own settings.
        overwrite: Remove what is in the run folder.
        device: Where latents, decoding and, with numba-cuda, programs are.
        worlds: Start worlds in which each program runs; by default the method's own number.
        options: Other options of the method, such as population_size=64 sigma=0.25; by default the
            task's and the papers'.
    """
    from programmatic.machine import execute
    from programmatic.search.searching import resume as go_on
    from programmatic.search.searching import search as search_for

    total = None if budget is None else int(budget)
    if resume is not None:
        folder = resume
        result = go_on(resume, budget=total, device=None if device == "auto" else device)
    elif not env:
        raise ValueError("name the task with --env, or a run folder with --resume")
    else:
        folder = run or Path("runs") / f"search-{method}-{env.rpartition(':')[2]}-{seed}"
        chosen = parse_options(options) | ({} if worlds is None else {"n_worlds": worlds})
        result = search_for(
            method,
            env,
            seed=seed,
            budget=total,
            model=model,
            run_dir=folder,
            overwrite=overwrite,
            device=device,
            **chosen,
        )
    from karel_gym.registration import sample_worlds

    config = result.config
    size = config["height"], config["width"]
    fresh = sample_worlds(result.env_id, FRESH_WORLDS, FRESH_SEED, *size)
    limits = config["max_calls"], config["max_actions"]
    fresh_return = execute([result.program], fresh, result.env_id, *limits).returns.mean()
    print(result.program.pretty())
    print(
        f"\n{result.env_id}, {result.method}, seed {result.seed}:\n"
        f"  mean return  {result.mean_return:.3f} in the {config['n_worlds']} worlds of the search "
        f"(seed {result.seed})\n"
        f"               {fresh_return:.3f} in {FRESH_WORLDS:,} fresh worlds (seed {FRESH_SEED})\n"
        f"  evaluations  {result.evaluations:,} programs\n"
        f"  time         {result.seconds:.1f} s\n"
        f"  run folder   {folder}"
    )


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """The options that texts of the form name=value give; values are read as YAML.

    Raises:
        ValueError: A text is not of this form.

    Example:
        >>> parse_options(["sigma=0.25", "init_type=ones"])
        {'sigma': 0.25, 'init_type': 'ones'}
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"an option is of the form name=value, got {text!r}")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"the value of the option {text!r} cannot be read") from None
    return options
