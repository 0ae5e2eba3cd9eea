"""The settings of a search, and their way into and out of config.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programmatic.options import check_types
from programmatic.runs import CONFIG_FILE, RunError, read_config, versions
from programmatic.search.configs import SearchConfig, config_of

COMMAND = "search"
DEVICES = ("auto", "cpu", "cuda")
MAY_DIFFER = ("budget", "device", "save_interval")  # when a run goes on


@dataclass(frozen=True)
class RunSettings:
    """All settings of a search."""

    method: str
    env_id: str
    seed: int
    budget: int | None
    model: str | None
    """The model's file, or "default"; None: it was given as an object, or there is none."""
    device: str
    config: SearchConfig

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {**vars(self), "config": self.config.to_json()}


def check(settings: RunSettings) -> None:
    """Check the seed, the budget and the device.

    Raises:
        ValueError: One of them cannot be.
    """
    check_types(settings)
    seed, budget = settings.seed, settings.budget
    if not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ValueError(f"seed must be a whole number from 0 to 2**64 - 1, got {seed!r}")
    if budget is not None and (not isinstance(budget, int) or budget < 1):
        raise ValueError(f"budget must be a whole number from 1 up, got {budget!r}")
    if settings.device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {settings.device!r}")


def config_json(settings: RunSettings) -> dict[str, Any]:
    """What config.json of a search holds."""
    return {"command": COMMAND, **settings.to_json(), "versions": versions()}


def read_settings(run: Path) -> RunSettings:
    """The settings of the search in a run folder.

    Raises:
        RunError: The folder is missing or no search's, or its configuration is damaged.
    """
    stored = read_config(run)
    if stored.get("command") != COMMAND:
        raise RunError(f"{run / CONFIG_FILE} is not of a search: its command is not {COMMAND!r}")
    try:
        values = {name: stored[name] for name in RunSettings.__dataclass_fields__}
        values["config"] = config_of(values["method"], values["env_id"], values["config"])
        settings = RunSettings(**values)
        check(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run / CONFIG_FILE} is damaged: {error}") from None
    return settings


def check_same(run: Path, now: RunSettings) -> None:
    """Check that the search in a run folder can go on with these settings.

    Raises:
        RunError: It was begun with others; the message lists them.
    """
    earlier = read_settings(run)
    before, after = _flat(earlier), _flat(now)
    differing = [name for name in after if after[name] != before[name]]
    if differing:
        listed = "; ".join(
            f"{name} was {before[name]!r}, not {after[name]!r}" for name in differing
        )
        raise RunError(f"the search in {run} cannot go on with other settings: {listed}")


def _flat(settings: RunSettings) -> dict[str, Any]:
    values = settings.to_json()
    values |= values.pop("config")
    return {name: value for name, value in values.items() if name not in MAY_DIFFER}
