"""Folders with tables: results.csv and rates.csv of benchmarks, table.csv of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import pandas as pd

from agents.policies import PRETRAINED
from benchmarks.report.findings import (
    NOTHING,
    OWN_WORLDS,
    WITHIN,
    Findings,
    Rates,
    Run,
    Score,
    size_name,
)
from benchmarks.report.origins import Origin, listed, origin_of, range_text
from benchmarks.report.run_folders import read_run, whole_number
from benchmarks.runs.ledger import PROVENANCE, RUNS_FILE
from benchmarks.runs.method_grid import SEARCHES
from benchmarks.speed.rates import RATES_FILE
from benchmarks.statistics.curves import CURVE_COLUMNS, EVALUATIONS, FRAMES, SECONDS
from benchmarks.statistics.tidy import RESULTS_FILE
from karel_gym.registration import is_karel, plain_id, task_of
from programmatic import Program
from programmatic.options import split_name
from programmatic.runs import CONFIG_FILE, RunError, read_config

TABLE_FILE, CURVES_FILE = "table.csv", "curves.csv"
RESULTS_COLUMNS = ("algo", "env_id", "seed", "worlds", "return")
RATES_COLUMNS = ("what", "unit", "per_second", "slowest", "fastest")
TABLE_COLUMNS = ("policy", "episodes", "mean_return", "ci_low", "ci_high")
TEXTS = (*("algo", "env_id", "worlds", "commit", "machine", "run"), *("what", "unit", "policy"))
"""Columns of texts, though some of these may look like numbers."""

Key = tuple[str, str, int | None]


def read_results(folder: Path) -> Findings:
    """The results of a benchmark, and its runs.

    Only run folders inside the benchmark's folder are read. For runs whose folders were not kept,
    the curves are in curves.csv and the programs in the table of runs.
    """
    rows = read_columns(folder / RESULTS_FILE, RESULTS_COLUMNS)
    origin = _origin_of_rows(folder, rows)
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
            # The method and the return are those of the table.
            known = {"method": row["algo"], "settings": "", "search_return": NOTHING}
            found.runs += [replace(run, **known) for run in read_run(folder / place).runs]
            continue
        text = programs.get(place)
        program = None if text is None else Program.parse(text)
        curves = learning.get(key), searching.get(key)
        if any(part is not None for part in (program, *curves)):
            found.runs.append(Run(*key[:2], program, origin, seed, "", *curves))
    return found


def _kept_curves(folder: Path, units: tuple[str, str]) -> dict[Key, pd.DataFrame]:
    """The curves in curves.csv over the first unit, and over the second of the same runs."""
    if not (folder / CURVES_FILE).is_file():
        return {}
    rows = read_columns(folder / CURVES_FILE, CURVE_COLUMNS)
    rows = rows.assign(**{unit: rows["x"].where(rows["unit"] == unit) for unit in units})
    return {
        (str(algo), str(env_id), whole_number(seed)): group[[*units, "return"]]
        for (algo, env_id, seed), group in rows.groupby(["algo", "env_id", "seed"])
        if group[units[0]].notna().any()
    }


def _kept_programs(folder: Path) -> dict[str, str]:
    """The programs that searches found, by the places of their run folders."""
    programs = {}
    for place in (Path(SEARCHES), Path()):  # presets of `returns` have no folder for searches
        if (folder / place / RUNS_FILE).is_file():
            rows = read_columns(folder / place / RUNS_FILE, ("run", "program"), ("run", "program"))
            for row in rows.to_dict("records"):
                programs[(place / row["run"]).as_posix()] = row["program"]
    return programs


def _is_inside(folder: Path, place: str) -> bool:
    """Whether `place` is a run folder inside a folder."""
    path = (folder / place).resolve()
    return bool(place) and path.is_relative_to(folder.resolve()) and (path / CONFIG_FILE).is_file()


def read_rates(folder: Path) -> Findings:
    """The rates in a rates.csv."""
    rows = read_columns(folder / RATES_FILE, RATES_COLUMNS)
    origin = _origin_of_rows(folder, rows)
    return Findings(rates=[Rates(rows[list(RATES_COLUMNS)], origin)])


def read_evaluation(folder: Path) -> Findings:
    """The table of an evaluation, and those of its policies that need no file.

    Other policies are not loaded: models are loaded only from run folders that the user names.
    """
    rows = read_columns(folder / TABLE_FILE, TABLE_COLUMNS)
    config = _config(folder)
    env_id = str(config.get("env_id", "unknown task"))
    command = f"karel-gym evaluate POLICY... --env {env_id} --seed {config.get('seed')}"
    origin = origin_of(folder, config, command, config.get("max_steps"))
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
            if policy == "random" or str(policy).startswith(PRETRAINED):
                found.runs.append(Run(name, env_id, policy, origin, settings=str(policy)))
            elif isinstance(policy, str) and policy.split()[:1] == ["DEF"]:
                found.runs.append(Run(name, env_id, Program.parse(policy), origin))
    return found


def _kind_of_worlds(env_id: str, config: Mapping[str, Any]) -> str:
    """The kind of worlds of an evaluation: their size, and the horizon if it is not the task's."""
    height, width, max_steps = (
        whole_number(config.get(name)) for name in ("height", "width", "max_steps")
    )
    kind, usual, known = OWN_WORLDS, None, plain_id(env_id)
    if height and width and known in gymnasium.registry and is_karel(known):
        task = task_of(known)
        usual = task.horizon(height, width)
        kind = OWN_WORLDS if (height, width) == task.shape else size_name((height, width))
    return kind if max_steps in (None, usual) else f"{kind}{WITHIN}{max_steps} steps"


def _origin_of_rows(folder: Path, rows: pd.DataFrame) -> Origin:
    """The origin of the rows of a benchmark; config.json has what the rows lack."""
    config = _config(folder)
    if "seed" in rows:
        seeds = {seed for text in rows["seed"] if (seed := whole_number(text)) is not None}
        config["seed"] = range_text(sorted(seeds))
    known = {name: listed(rows[name]) for name in PROVENANCE if name in rows}
    config |= {name: text for name, text in known.items() if text}
    command = f"karel-gym {config['command']}" if "command" in config else ""
    return origin_of(folder, config, command, config.get("horizon"))


def _config(folder: Path) -> dict[str, Any]:
    return read_config(folder) if (folder / CONFIG_FILE).exists() else {}


def read_columns(file: Path, columns: Sequence[str], texts: Sequence[str] = TEXTS) -> pd.DataFrame:
    """A CSV file with these columns, and possibly others; those not in `texts` hold numbers.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False, on_bad_lines="skip")
        for name in columns:
            if name not in texts:
                rows[name] = pd.to_numeric(rows[name])
            elif name not in rows:
                raise KeyError(name)
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    except KeyError as error:
        raise RunError(f"{file} is damaged: it has no column {error}") from None
    except ValueError as error:
        raise RunError(f"{file} is damaged: {error}") from None
    return rows
