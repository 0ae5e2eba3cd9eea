"""What is in a run folder: the run of a training, of a search, or of another way to a policy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from agents.drl.callbacks import BEST_FILE, EVALUATIONS_FILE
from agents.drl.learning_curve import learning_curve
from agents.drl.settings import TrainConfig
from agents.hierarchy.actions import PRIMITIVE
from agents.morl.run_folder import MODEL_FILES
from agents.morl.run_folder import PROGRAM_FILE as TREE_FILE
from agents.program import PROGRAM_FILE
from benchmarks.report.findings import Findings, Origin, Run
from benchmarks.runs.methods import BASELINES, search_name
from programmatic.horizon import TASK, horizon_text
from programmatic.provenance import PROVENANCE
from programmatic.runs import CONFIG_FILE, RunError, read_config
from programmatic.search.logs import HISTORY_FILE, read_history
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import SearchSettings
from programmatic.search.searching import RESULT_FILE

POLICY_FILES = (PROGRAM_FILE, RESULT_FILE, *MODEL_FILES, TREE_FILE, BEST_FILE)
"""What tells that a folder holds a policy."""
NO_SETTINGS = ("seed", "versions", "device", *PROVENANCE)
"""What runs of one kind may differ in."""
EVENTS = re.compile(r"events\.out\.tfevents\.(\d{9,11})\.")


def read_run(folder: Path) -> Findings:
    """The run in a folder; nothing where it holds no policy of a task.

    Raises:
        RunError: It is no run folder, or a file in it is damaged; the message names it.
    """
    config = read_config(folder)
    command = str(config.get("command", ""))
    if command == TrainConfig.COMMAND:
        return Findings([_training(folder, config)])
    if command == SearchSettings.COMMAND:
        return _search(folder, config)
    if "env_id" not in config or not any((folder / name).exists() for name in POLICY_FILES):
        return Findings()
    name = str(config.get("method") or config.get("algo") or folder.name)
    origin = origin_of(folder, config, f"karel-gym {command}")
    return Findings(
        [Run(name, str(config["env_id"]), folder, origin, whole_number(config.get("seed")))]
    )


def _training(folder: Path, config: Mapping[str, Any]) -> Run:
    command = (
        f"karel-gym train {config.get('algo')} --env {config.get('env_id')} "
        f"--obs {config.get('obs')} --seed {config.get('seed')} "
        f"--steps {config.get('total_timesteps')}"
    )
    return Run(
        baseline_name(config),
        str(config.get("env_id")),
        folder,
        origin_of(folder, config, command),
        whole_number(config.get("seed")),
        _settings_text(config),
        learning=_learning_curve(folder),
    )


def baseline_name(config: Mapping[str, Any]) -> str:
    """The literature's name for a training of these settings, or the algorithm and what it sees.

    Example:
        >>> baseline_name({"algo": "ppo", "obs": "percepts+action"})
        'DRL-action'
        >>> baseline_name({"algo": "ppo", "obs": "grid", "action": "option"})
        'HRL'
        >>> baseline_name({"algo": "a2c", "obs": "grid"})
        'a2c, grid'
    """
    given = config.get("hyperparameters") or {}
    kind = config.get("algo"), config.get("obs"), config.get("action", PRIMITIVE)
    fitting = [
        name
        for name, baseline in BASELINES.items()
        if (baseline.algo, baseline.obs, baseline.action) == kind
        and not baseline.becomes_tree
        and all(given.get(key) == value for key, value in baseline.hyperparameters.items())
    ]
    # Of several the one that asks for most: a fully convolutional policy is a grid policy too.
    fitting.sort(key=lambda name: len(BASELINES[name].hyperparameters))
    return fitting[-1] if fitting else ", ".join(str(part) for part in kind if part != PRIMITIVE)


def _learning_curve(folder: Path) -> pd.DataFrame | None:
    """`frames`, `seconds`, `return` of each evaluation; None before the first."""
    file = folder / EVALUATIONS_FILE
    if not file.exists() or not file.stat().st_size:
        return None
    curve = learning_curve(folder)
    return curve if len(curve) else None


def _search(folder: Path, config: Mapping[str, Any]) -> Findings:
    method, env_id = str(config.get("method")), str(config.get("env_id"))
    name = search_name(method)
    command = f"karel-gym search {method} --env {env_id} --seed {config.get('seed')}"
    if config.get("budget") is not None:
        command += f" --budget {config['budget']}"
    horizon = (config.get("config") or {}).get("horizon")
    if horizon not in (None, TASK):
        command += f" --horizon {horizon}"
    seed = whole_number(config.get("seed"))
    run = Run(
        name,
        env_id,
        None,
        origin_of(folder, config, command, horizon=horizon),
        seed,
        _settings_text(config),
    )
    if not (folder / RESULT_FILE).exists():
        return Findings([replace(run, searching=_curve_so_far(folder / HISTORY_FILE))])
    result = SearchResult.load(folder / RESULT_FILE)
    curve = search_curve(result)
    return Findings(
        [replace(run, policy=result.program, searching=curve, search_return=result.mean_return)]
    )


def _curve_so_far(file: Path) -> pd.DataFrame | None:
    """The curve of a search that has not come to its end; None before its first iteration."""
    rows = pd.DataFrame(read_history(file) if file.exists() else [])
    if rows.empty:
        return None
    return rows.rename(columns={"best_return": "return"})[["evaluations", "seconds", "return"]]


def _settings_text(config: Mapping[str, Any]) -> str:
    """What tells runs of one method apart that are no seeds of each other."""
    return json.dumps({k: v for k, v in config.items() if k not in NO_SETTINGS}, sort_keys=True)


def search_curve(result: SearchResult) -> pd.DataFrame:
    """`evaluations`, `seconds`, `return` each time that a search found a better program.

    The last row is its end.

    Raises:
        RunError: The history is damaged.
    """
    rows = [
        {name: row.get(name) for name in ("evaluations", "seconds", "return")}
        for row in result.history
    ]
    best = rows[-1]["return"] if rows else result.mean_return
    rows.append({"evaluations": result.evaluations, "seconds": result.seconds, "return": best})
    try:
        return pd.DataFrame(rows).astype(float)
    except (TypeError, ValueError) as error:
        raise RunError(f"the history of a search is damaged: {error}") from None


def origin_of(
    folder: Path,
    config: Mapping[str, Any],
    command: str,
    name: str = "",
    horizon: str | int | None = None,
) -> Origin:
    """Where the figures in a folder with a config.json came from.

    Args:
        folder: The folder.
        config: What is in its config.json.
        command: What to show where it does not hold the command line.
        name: Of the origin; by default the folder's.
        horizon: Of the episodes; None: not known.
    """
    used = config.get("versions")
    return Origin(
        name or folder.name,
        str(folder),
        str(config.get("command_line") or command),
        str(config.get("seed", "")),
        str(config.get("commit", "")),
        str(config.get("machine", "")),
        date_of(folder),
        ", ".join(f"{k} {v}" for k, v in used.items()) if isinstance(used, dict) else "",
        "" if horizon is None else horizon_text(horizon),
    )


def date_of(folder: Path) -> str:
    """The day on which the first file of TensorBoard events was begun, or config.json written."""
    begun = [
        int(match[1])
        for path in folder.glob("events.out.tfevents.*")
        if (match := EVENTS.match(path.name))
    ]
    return _day(min(begun)) if begun else day_of(folder / CONFIG_FILE)


def day_of(file: Path) -> str:
    """The day on which a file was written; empty where there is none."""
    return _day(file.stat().st_mtime) if file.exists() else ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")


def whole_number(value: Any) -> int | None:
    """A seed from a table or a configuration; None where there is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def read_columns(file: Path, numbers: Sequence[str], texts: Sequence[str] = ()) -> pd.DataFrame:
    """A table that has certain columns, and maybe others.

    Args:
        file: A CSV file.
        numbers: The columns that there must be. Numbers are in those that are not in `texts` too.
        texts: Columns of texts, though they may look like numbers; an empty one is "".

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False, on_bad_lines="skip")
        for name in numbers:
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
