"""Options as text: NAME=VALUE, PART.NAME=VALUE, NAME=RUN, and as flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tyro

from programmatic.flags import Count, Options
from programmatic.options import parse_options, split_name, with_options


@dataclass(frozen=True)
class Step:
    depth: int = 2


@dataclass(frozen=True)
class Config:
    rate: float = 0.5
    steps: Count = 10
    budget: Count | None = None
    options: Options = field(default_factory=dict)
    step: Step = Step()


def test_values_are_yaml() -> None:
    options = parse_options(["a=1", "b=[1, 2]", "c=x=y", "d=", "e=true"])
    assert options == {"a": 1, "b": [1, 2], "c": "x=y", "d": None, "e": True}


@pytest.mark.parametrize("text", ["a", "=1", "a=[", ""])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME=VALUE|not valid YAML"):
        parse_options([text])


def test_options_reach_the_parts_of_a_dataclass() -> None:
    changed = with_options(Config(), {"rate": 1, "step.depth": 3})
    assert changed == Config(1.0, step=Step(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 3}, "no option 'depth'; did you mean step.depth"),
        ({"step": 3}, "no option 'step'"),
        ({"rate.x": 3}, "no option 'rate.x'"),
        ({"step.depth": "deep"}, "depth must be of the type int, got 'deep'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_options(Config(), options)


def test_a_run_may_have_a_name(tmp_path: Path) -> None:
    assert split_name("a=runs/b") == ("a", "runs/b")
    assert split_name("runs/b") == (None, "runs/b")
    program = "DEF run m( REPEAT R=3 r( move r) m)"
    assert split_name(program) == (None, program)
    assert split_name(f"a={program}") == ("a", program)
    (tmp_path / "lr=3").mkdir()
    assert split_name(str(tmp_path / "lr=3")) == (None, str(tmp_path / "lr=3"))


@pytest.mark.parametrize("text", ["1e6", "1_000_000", "1000000"])
def test_large_numbers_can_be_short(text: str) -> None:
    words = ["--steps", text, "--budget", text, "--options", "a=1", "b=c"]
    config = tyro.cli(Config, args=words)
    assert config == Config(steps=10**6, budget=10**6, options={"a": 1, "b": "c"})


@pytest.mark.parametrize("text", ["0.5", "nan", "1e400", "x"])
def test_no_whole_number_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(Config, args=["--steps", text])
    assert "whole number" in capsys.readouterr().err
