"""`SearchResult`: the result of a search."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karel_gym.registration import FRESH_SEED, FRESH_WORLDS, sample_worlds, task_of
from programmatic.dsl import Program
from programmatic.horizon import Limits, limits_of
from programmatic.options import check_types
from programmatic.runs import RunError, write_json


@dataclass(frozen=True)
class SearchResult:
    """The result of a search.

    Example:
        >>> result = SearchResult("random", "Karel-Maze-v0", Program.parse("DEF run m( move m)"),
        ...     0.25, 64, [], [], 0.1, {}, seed=0)
        >>> SearchResult.from_json(result.to_json()) == result
        True
    """

    method: str
    """The method's name."""
    env_id: str
    """The task's id."""
    program: Program
    """The best program evaluated: the shortest of those with the highest mean return. Of climbs
    over programs: the best that the search moved to, shortened if the option `simplify` is set."""
    mean_return: float
    """Its mean return over the worlds of the search."""
    evaluations: int
    """Programs evaluated."""
    history: list[dict[str, Any]]
    """One entry per improvement: `evaluations` so far, `seconds` so far, the program's `return`,
    and its text, `program`."""
    iterations: list[dict[str, Any]]
    """One row per iteration, as in history.csv; see `programmatic.search.logs`."""
    seconds: float
    """Wall time."""
    config: dict[str, Any]
    """All options, the model and the budget, as JSON values."""
    seed: int
    """Seed of the worlds and of the search."""
    options: list[Program] = field(default_factory=list)
    """The options that "hipo" found, in their order."""

    @property
    def limits(self) -> Limits:
        """The limits of a run in the worlds of the search."""
        task = task_of(self.env_id)
        sides = self.config["height"], self.config["width"]
        height, width = (side or own for side, own in zip(sides, task.shape, strict=True))
        return limits_of(self.config["horizon"], task.horizon(height, width))

    @property
    def fresh_return(self) -> float:
        """The program's mean return in `FRESH_WORLDS` worlds of `FRESH_SEED`."""
        from programmatic.machine import execute  # slow: it loads numba

        size = self.config["height"], self.config["width"]
        worlds = sample_worlds(self.env_id, FRESH_WORLDS, FRESH_SEED, *size)
        full = self.config.get("max_markers")
        run = execute([self.program], worlds, self.env_id, *self.limits, max_markers=full)
        return float(run.returns.mean())

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        options = {"options": [str(option) for option in self.options]} if self.options else {}
        values = {name: value for name, value in vars(self).items() if name != "options"}
        return {**values, "program": str(self.program), **options}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SearchResult:
        """The result in what `to_json` returned.

        Raises:
            ProgramSyntaxError: The program is invalid.
            KeyError, TypeError, ValueError: A value is missing, unknown, or of another type.
        """
        given = {**values}
        options = [Program.parse(text) for text in given.get("options", [])]
        programs = {"program": Program.parse(given["program"]), "options": options}
        result = cls(**{**given, **programs})
        check_types(result)
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to a JSON file, atomically."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SearchResult:
        """The result in a JSON file.

        Raises:
            RunError: The file is missing or damaged; the message names it.
        """
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is not the result of a search: {error}") from None
