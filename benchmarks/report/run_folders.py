"""Run folders: trainings, searches, and other ways to a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from agents.drl.callbacks import BEST_FILE, EVALUATIONS_FILE
from agents.drl.learning_curve import learning_curve
from agents.drl.settings import TrainConfig
from agents.hierarchy.actions import PRIMITIVE
from agents.morl.run_folder import MODEL_FILE
from agents.morl.run_folder import PROGRAM_FILE as TREE_FILE
from agents.program import PROGRAM_FILE
from benchmarks.report.findings import NOTHING, Findings, Run
from benchmarks.report.origins import origin_of
from benchmarks.runs.methods import BASELINES, search_name
from programmatic.horizon import TASK
from programmatic.provenance import PROVENANCE
from programmatic.runs import RunError, read_config
from programmatic.search.configs import METHODS
from programmatic.search.logs import HISTORY_FILE, read_history
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import SearchSettings
from programmatic.search.searching import RESULT_FILE

POLICY_FILES = (PROGRAM_FILE, RESULT_FILE, MODEL_FILE, TREE_FILE, BEST_FILE)
"""A folder with one of these holds a policy."""
NO_SETTINGS = ("seed", "versions", "device", *PROVENANCE)
"""The entries of config.json in which seeds of one experiment may differ."""


def read_run(folder: Path) -> Findings:
    """The run in a folder; nothing if it holds no policy of a task.

    Raises:
        RunError: It is no run folder, or a file in it is damaged; the message names it.
    """
    config = read_config(folder)
    command = str(config.get("command", ""))
    if command == TrainConfig.COMMAND:
        return Findings([_training(folder, config)])
    if command == SearchSettings.COMMAND:
        return Findings([_search(folder, config)])
    if "env_id" not in config or not any((folder / name).exists() for name in POLICY_FILES):
        return Findings()
    name = str(config.get("method") or config.get("algo") or folder.name)
    origin = origin_of(folder, config, f"karel-gym {command}")
    seed = whole_number(config.get("seed"))
    return Findings([Run(name, str(config["env_id"]), folder, origin, seed)])


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
    """The literature's name of a training with these settings, or its algorithm and observation.

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
    # Of several, take the most specific: a fully convolutional policy is a grid policy too.
    fitting.sort(key=lambda name: len(BASELINES[name].hyperparameters))
    return fitting[-1] if fitting else ", ".join(str(part) for part in kind if part != PRIMITIVE)


def _learning_curve(folder: Path) -> pd.DataFrame | None:
    """`frames`, `seconds`, `return` of each evaluation; None before the first."""
    file = folder / EVALUATIONS_FILE
    if not file.exists() or not file.stat().st_size:
        return None
    curve = learning_curve(folder)
    return curve if len(curve) else None


def _search(folder: Path, config: Mapping[str, Any]) -> Run:
    method, env_id = str(config.get("method")), str(config.get("env_id"))
    command = f"karel-gym search {method} --env {env_id} --seed {config.get('seed')}"
    if config.get("budget") is not None:
        command += f" --budget {config['budget']}"
    options = config.get("config") or {}
    horizon = options.get("horizon")
    if horizon not in (None, TASK):
        command += f" --horizon {horizon}"
    if hasattr(METHODS.get(method), "members"):
        command += f" --options members={options.get('members', 1)}"
    result = None
    if (folder / RESULT_FILE).exists():
        result = SearchResult.load(folder / RESULT_FILE)
    return Run(
        search_name(method),
        env_id,
        None if result is None else result.program,
        origin_of(folder, config, command, horizon),
        whole_number(config.get("seed")),
        _settings_text(config),
        searching=_curve_so_far(folder / HISTORY_FILE) if result is None else search_curve(result),
        search_return=NOTHING if result is None else result.mean_return,
    )


def _curve_so_far(file: Path) -> pd.DataFrame | None:
    """The curve of an unfinished search; None before its first iteration."""
    rows = pd.DataFrame(read_history(file) if file.exists() else [])
    if rows.empty:
        return None
    return rows.rename(columns={"best_return": "return"})[["evaluations", "seconds", "return"]]


def search_curve(result: SearchResult) -> pd.DataFrame:
    """The `evaluations`, `seconds` and `return` of each improvement of a search, and of its end."""
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


def _settings_text(config: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in config.items() if k not in NO_SETTINGS}, sort_keys=True)


def whole_number(value: Any) -> int | None:
    """A seed in a table or a configuration; None if there is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
