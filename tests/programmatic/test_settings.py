"""Settings of runs: into config.json and back, and whether a run can go on with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from programmatic.runs import RunError, begin_run, read_config, write_json
from programmatic.settings import RunSettings


@dataclass(frozen=True)
class Step:
    depth: int = 2
    sizes: tuple[int, ...] = (3, 4)


@dataclass(frozen=True)
class Settings(RunSettings):
    COMMAND: ClassVar[str] = "build"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("epochs", "step.depth")
    NOT_STORED: ClassVar[tuple[str, ...]] = ("progress",)
    ADDED: ClassVar[tuple[str, ...]] = ("start",)

    kind: Literal["small", "large"] = "small"
    epochs: int = 3
    start: Path | None = None
    rate: float = 0.5
    options: Mapping[str, Any] = field(default_factory=dict)
    step: Step = Step()
    progress: bool = False


OTHER = Settings("large", 5, Path("a/b.zip"), 1, {"gamma": 0.9}, Step(1, (7,)), progress=True)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    begin_run(tmp_path / "run", OTHER.config_json())
    return tmp_path / "run"


@pytest.mark.parametrize("settings", [Settings(), OTHER])
def test_they_come_back_as_they_were(settings: Settings, tmp_path: Path) -> None:
    begin_run(tmp_path, settings.config_json())
    assert Settings.read(tmp_path) == replace(settings, progress=False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "5", "epochs must be of the type int, got '5'"),
        ("kind", "huge", "kind must be one of small, large, got 'huge'"),
        ("start", 3, "start must be of the type"),
        ("options", [], "options must be of the type"),
        ("step", {"depth": None}, "step.depth must be of the type int, got None"),
        ("step", {"sizes": [1, "2"]}, "step.sizes must be of the type"),
        ("step", 4, "step must be of the type Step, got 4"),
    ],
)
def test_the_message_names_the_damaged_field(
    name: str, value: Any, message: str, run: Path
) -> None:
    write_json(run / "config.json", read_config(run) | {name: value})
    with pytest.raises(RunError, match=rf"config\.json is damaged: {message}"):
        Settings.read(run)


def test_a_missing_field_is_named(run: Path) -> None:
    stored = read_config(run)
    write_json(run / "config.json", {n: stored[n] for n in stored if n not in ("kind", "rate")})
    with pytest.raises(RunError, match="it lacks kind, rate"):
        Settings.read(run)


def test_a_field_that_earlier_versions_did_not_store_has_its_default(run: Path) -> None:
    config = read_config(run)
    del config["start"]
    write_json(run / "config.json", config)
    assert Settings.read(run) == replace(OTHER, start=None, progress=False)


def test_a_run_of_another_command_is_refused(run: Path) -> None:
    write_json(run / "config.json", read_config(run) | {"command": "search"})
    with pytest.raises(RunError, match=r"not a run of karel-gym build: .* is 'search'"):
        Settings.read(run)


def test_all_differing_settings_are_listed(run: Path) -> None:
    OTHER.check_same(run)
    replace(OTHER, epochs=9, progress=False, step=Step(9, (7,))).check_same(run)
    changed = replace(OTHER, kind="small", options={"gamma": 0.8}, step=Step(1, (8,)))
    with pytest.raises(RunError) as error:
        changed.check_same(run)
    assert str(error.value).endswith(
        "kind was 'large', not 'small'; options.gamma was 0.9, not 0.8; step.sizes was [7], not [8]"
    )


def test_a_resumed_run_takes_only_what_may_differ(run: Path) -> None:
    assert Settings(epochs=8).resumed(run) == replace(OTHER, epochs=8, progress=False)
    with pytest.raises(ValueError, match="leave out --kind, --rate, --overwrite"):
        Settings("large", rate=2.0, epochs=8).resumed(run, overwrite=True, plan=None)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        json.dumps(Settings(options={"a": object()}).to_json())
