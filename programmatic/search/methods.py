"""Base class of the search methods."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from programmatic.dsl import Program
from programmatic.search.latent.space import Decoder, LatentSpace
from programmatic.search.objective import Objective


class Method(ABC):
    """A search method: a first state, and the step from one state to the next.

    A state is a frozen dataclass of tensors and JSON values; one of its fields is `iteration`.

    Args:
        config: The method's options.
        objective: Evaluates programs.
        seed: Of the random numbers.
        model: The decoder of latents; None where the config needs no model.
    """

    state_class: type[Any]
    evaluations: int | None = None
    """Most programs that it evaluates; None: it ends with a solution or the budget only."""

    def __init__(
        self, config: Any, objective: Objective, seed: int, model: Decoder | None = None
    ) -> None:
        self.config = config
        self.objective = objective
        self.seed = seed
        self.model = model
        self.space: Any = None if model is None else LatentSpace(model)

    def start(self) -> Any:
        """The first state."""
        return self.state_class(0)

    def is_done(self, state: Any) -> bool:
        """Whether the search has ended."""
        return self.objective.is_solved

    @abstractmethod
    def step(self, state: Any) -> tuple[Any, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""

    def options(self, state: Any) -> list[Program]:
        """The options found so far; only "hipo" finds any."""
        return []

    def finished(self, best: Program) -> Program:
        """The result of the search whose best program is `best`."""
        return best


def method_for(config: Any, objective: Objective, seed: int, model: Decoder | None) -> Method:
    """The method that a config names; see `Method` for the arguments."""
    module, _, name = config.METHOD.partition(":")
    make = getattr(importlib.import_module(f"programmatic.search.{module}"), name)
    method: Method = make(config, objective, seed, model)
    return method


def seed_of(seed: int, *which: int) -> int:
    """The seed of draw number `which` of a search, 0 .. 2**63 - 1; a resumed search draws the same.

    Example:
        >>> seed_of(0, 1) == seed_of(0, 1) != seed_of(0, 2)
        True
    """
    return int(np.random.SeedSequence([seed, *which]).generate_state(1, np.uint64)[0] >> 1)
