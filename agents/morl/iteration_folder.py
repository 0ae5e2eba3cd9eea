"""The folder of an iteration of MORL's loop: finished steps, and the oracle's states.

A step is finished when its .json exists; a resumed run repeats only the step that was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from programmatic.runs import read_settings_file, write_json, write_text

Row = dict[str, Any]
Report = Callable[[str], None]

ORACLE, SYNTHESISED, EDITED, REPAIRED = "oracle", "synthesised", "edited", "repaired"
CLONED, OPTIMISED = "cloned", "optimised"
STEP_NAMES = (ORACLE, SYNTHESISED, EDITED, REPAIRED, CLONED, OPTIMISED)
ITERATION = "iteration-"
"""Prefix of the name of an iteration's folder, before its number."""
STATES_FILE, ACTION_COLUMN = "oracle_states.csv", "action"


@dataclass(frozen=True)
class IterationFolder:
    """The files of an iteration."""

    run: Path
    """The run folder of the loop."""
    number: int
    """Number of the iteration, from 1 up."""
    report: Report
    """Called with a line on each finished step."""

    @property
    def path(self) -> Path:
        """The folder."""
        return self.run / f"{ITERATION}{self.number:02d}"

    def step(self, name: str, do: Callable[[], Row]) -> None:
        """Do a step and write its result to NAME.json, unless it is finished."""
        if self.result(name) is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        row = do()
        row["seconds"] = time.perf_counter() - begin
        write_json(self.path / f"{name}.json", row)
        self.report(f"iteration {self.number}, {name}: {_summary(row)}")

    def result(self, name: str) -> Row | None:
        """The result of a finished step; None if it is not finished."""
        file = self.path / f"{name}.json"
        return read_settings_file(file) if file.exists() else None

    @property
    def row(self) -> Row:
        """The iteration's row of iterations.csv; entries of unfinished steps are None."""
        done = {step: self.result(step) or {} for step in STEP_NAMES}
        return {
            "iteration": self.number,
            **{f"{step}_return": result.get("mean_return") for step, result in done.items()},
            "proven": done[REPAIRED].get("proven"),
            "edits": len(done[REPAIRED].get("edits", ())),
            "violation_rate": done[OPTIMISED].get("violation_rate"),
            "seconds": sum(result.get("seconds", 0.0) for result in done.values()),
        }

    def write_rows(self, name: str, rows: Sequence[Row]) -> None:
        """Write a table to NAME.csv."""
        write_text(self.path / f"{name}.csv", pd.DataFrame(rows).to_csv(index=False))

    def write_states(
        self, states: NDArray[Any], actions: NDArray[np.int64], features: Sequence[str]
    ) -> None:
        """Write states of the oracle, (M, D), and its actions there, (M,)."""
        table = pd.DataFrame(states, columns=list(features)).assign(**{ACTION_COLUMN: actions})
        write_text(self.path / STATES_FILE, table.to_csv(index=False))

    def read_states(self) -> tuple[NDArray[np.float32] | None, NDArray[np.int64] | None]:
        """The states and actions that `write_states` wrote; None if there was no oracle."""
        file = self.path / STATES_FILE
        if not file.exists():
            return None, None
        table = pd.read_csv(file)
        actions = table.pop(ACTION_COLUMN).to_numpy(np.int64)
        return table.to_numpy(np.float32), actions


def _summary(row: Row) -> str:
    """The result of a step in a line."""
    parts = [f"mean return {row['mean_return']:.1f}"]
    if "leaves" in row:
        parts.append(f"{row['leaves']} leaves")
    if "edits" in row:
        parts.append(f"{len(row['edits'])} edits")
    if "status" in row:
        parts.append(row["status"])
    if "violation_rate" in row:
        parts.append(f"{row['violation_rate']:.2%} of the steps violate a constraint")
    return f"{', '.join(parts)} ({row['seconds']:.1f} s)"
