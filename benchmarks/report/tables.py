"""What is in folders of tables: a benchmark's results.csv and rates.csv, and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.report.findings import (
    NOTHING,
    OWN_WORLDS,
    Findings,
    Origin,
    Rates,
    Run,
    Score,
    listed,
    range_text,
    size_name,
)
from benchmarks.report.run_folders import origin_of, read_columns, read_run, whole_number
from benchmarks.runs.grid import SEARCHES
from benchmarks.runs.ledger import PROVENANCE, RUNS_FILE
from benchmarks.speed.rates import RATES_FILE
from benchmarks.statistics.curves import CURVE_COLUMNS, EVALUATIONS, FRAMES, SECONDS
from benchmarks.statistics.tidy import RESULTS_FILE
from karel_gym.registration import TASKS, task_of
from programmatic import Program
from programmatic.options import split_name
from programmatic.runs import CONFIG_FILE, read_config

TABLE_FILE, CURVES_FILE = "table.csv", "curves.csv"
RESULTS_COLUMNS = ("algo", "env_id", "seed", "worlds", "return")
RATES_COLUMNS = ("what", "unit", "per_second", "slowest", "fastest")
TABLE_COLUMNS = ("policy", "episodes", "mean_return", "ci_low", "ci_high")
TEXTS = ("algo", "env_id", "worlds", "commit", "machine", "run", "what", "unit", "policy")


def read_results(folder: Path) -> Findings:
    """The results of a benchmark, and its runs.

    Run folders that the table names are read only where they are inside the benchmark's. Where
    they were not kept, the curves are those in curves.csv and programs those in the runs' table.

    Raises:
        RunError: A table or a run folder is damaged.
    """
    rows = read_columns(folder / RESULTS_FILE, RESULTS_COLUMNS, TEXTS)
    origin = _origin_of_rows(folder, rows, "benchmark")
    found = Findings(origins=[origin])
    learning = _kept_curves(folder, (FRAMES, SECONDS))
    searching = _kept_curves(folder, (EVALUATIONS, SECONDS))
    programs = _kept_programs(folder)
    seen = set()
    for row in rows.to_dict("records"):
        seed, place = whole_number(row["seed"]), row.get("run", "")
        key = row["algo"], row["env_id"], seed
        if pd.notna(row["return"]):
            found.scores.append(Score(*key[:2], row["worlds"], float(row["return"]), seed))
        if key in seen:
            continue
        seen.add(key)
        if _is_inside(folder, place):
            # The table says what belongs together, and what was reached.
            told = {"method": row["algo"], "settings": "", "search_return": NOTHING}
            found.runs += [replace(run, **told) for run in read_run(folder / place).runs]
            continue
        text = programs.get(place)
        run = Run(
            *key[:2],
            None if text is None else Program.parse(text),
            origin,
            seed,
            learning=learning.get(key),
            searching=searching.get(key),
        )
        if any(part is not None for part in (run.policy, run.learning, run.searching)):
            found.runs.append(run)
    return found


Key = tuple[str, str, int | None]


def _kept_curves(folder: Path, units: tuple[str, str]) -> dict[Key, pd.DataFrame]:
    """The curves in curves.csv over the first unit, and over the second of the same runs."""
    if not (folder / CURVES_FILE).is_file():
        return {}
    rows = read_columns(folder / CURVES_FILE, CURVE_COLUMNS, TEXTS)
    rows = rows.assign(**{unit: rows["x"].where(rows["unit"] == unit) for unit in units})
    return {
        (str(algo), str(env_id), whole_number(seed)): group[[*units, "return"]]
        for (algo, env_id, seed), group in rows.groupby(["algo", "env_id", "seed"])
        if group[units[0]].notna().any()
    }


def _kept_programs(folder: Path) -> dict[str, str]:
    """The programs that searches found, by the place of their run folders."""
    if not (folder / SEARCHES / RUNS_FILE).is_file():
        return {}
    rows = read_columns(folder / SEARCHES / RUNS_FILE, ("run", "program"), ("run", "program"))
    places = (f"{SEARCHES}/{run}" for run in rows["run"])
    return dict(zip(places, rows["program"], strict=True))


def _is_inside(folder: Path, place: str) -> bool:
    """Whether there is a run folder at a place in a folder, and not outside of it."""
    path = (folder / place).resolve()
    return bool(place) and path.is_relative_to(folder.resolve()) and (path / CONFIG_FILE).is_file()


def read_rates(folder: Path) -> Findings:
    """The rates in a rates.csv.

    Raises:
        RunError: The table is damaged.
    """
    rows = read_columns(folder / RATES_FILE, RATES_COLUMNS, TEXTS)
    origin = _origin_of_rows(folder, rows, "benchmark throughput")
    return Findings(rates=[Rates(rows[list(RATES_COLUMNS)], origin)])


def read_evaluation(folder: Path) -> Findings:
    """The table that an evaluation left, and those of its policies that are programs or random.

    What its config.json says where other policies are is not followed: models are loaded from run
    folders only that the user names.

    Raises:
        RunError: The table is damaged.
    """
    rows = read_columns(folder / TABLE_FILE, TABLE_COLUMNS, TEXTS)
    config = _config(folder)
    env_id = str(config.get("env_id", "unknown task"))
    command = f"karel-gym evaluate POLICY... --env {env_id} --seed {config.get('seed')}"
    origin = origin_of(folder, config, command, horizon=config.get("max_steps"))
    worlds = _kind_of_worlds(env_id, config)
    found = Findings(origins=[origin])
    for row in rows.dropna().to_dict("records"):
        interval = float(row["ci_low"]), float(row["ci_high"])
        value, episodes = float(row["mean_return"]), int(row["episodes"])
        found.scores.append(Score(row["policy"], env_id, worlds, value, None, *interval, episodes))
    policies = config.get("policies")
    if isinstance(policies, list) and len(policies) == len(rows):
        for name, text in zip(rows["policy"], policies, strict=True):
            policy = split_name(text)[1] if isinstance(text, str) else text
            if policy == "random":
                found.runs.append(Run(name, env_id, policy, origin))
            elif isinstance(policy, str) and policy.split()[:1] == ["DEF"]:
                found.runs.append(Run(name, env_id, Program.parse(policy), origin))
    return found


def _kind_of_worlds(env_id: str, config: Mapping[str, Any]) -> str:
    """What the worlds of an evaluation are called in the results table."""
    shape = config.get("height"), config.get("width")
    if env_id not in TASKS or not all(isinstance(side, int) for side in shape):
        return OWN_WORLDS
    height, width = (int(side) for side in shape if side is not None)
    return OWN_WORLDS if (height, width) == task_of(env_id).shape else size_name((height, width))


def _origin_of_rows(folder: Path, rows: pd.DataFrame, command: str) -> Origin:
    """Where the rows of a benchmark came from; what they do not tell is told by config.json.

    Args:
        folder: The benchmark's.
        rows: Maybe with seeds, commits and machines.
        command: What the benchmark is called where config.json does not tell.
    """
    config = _config(folder)
    if "seed" in rows:
        seeds = {seed for text in rows["seed"] if (seed := whole_number(text)) is not None}
        config["seed"] = range_text(sorted(seeds))
    told = {name: listed(rows[name]) for name in PROVENANCE if name in rows}
    config |= {name: text for name, text in told.items() if text}
    command = f"karel-gym {config.get('command', command)}"
    return origin_of(folder, config, command, horizon=config.get("horizon"))


def _config(folder: Path) -> dict[str, Any]:
    return read_config(folder) if (folder / CONFIG_FILE).exists() else {}
