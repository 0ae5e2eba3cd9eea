"""Types of flags that several commands of MORL share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from programmatic.runs import check_exists

Synthesis = Literal["viper", "pirl"]
Learner = Literal["trpo", "ppo", "a2c"]

ProgramFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(help="File of the program.")]
ConstraintsFile = Annotated[Path, tyro.conf.arg(help="File of the constraints.")]
Env = Annotated[
    str,
    tyro.conf.arg(help="Env id: CartPole-MORL-v0, a Karel task, or an env with flat observations."),
]
NumEnvs = Annotated[int, tyro.conf.arg(help="Number of parallel envs.")]
Timeout = Annotated[float, tyro.conf.arg(help="Time limit in seconds.")]
Run = Annotated[Path, tyro.conf.arg(help="Run folder; the policy is written to it.")]
ReplaceRun = Annotated[bool, tyro.conf.arg(help="Remove the run in the run folder.")]
ReplaceFile = Annotated[bool, tyro.conf.arg(help="Replace the file if it exists.")]

T = TypeVar("T")
Hidden = Annotated[T, tyro.conf.Fixed, tyro.conf.SuppressFixed]
"""A setting without a flag; --options sets it."""


def _read(texts: Sequence[str]) -> str:
    file = Path(texts[0])
    check_exists(file)
    return file.read_text("utf-8")


TextOfFile = Annotated[
    str,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="FILE",
        instance_from_str=_read,
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    ),
]
"""A text; the flag names its file."""
