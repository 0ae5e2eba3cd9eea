"""Skills of a high-level policy: programs, each given by a latent or by its number.

A skill of HPRL is a program of LEAPS's latent space; one of HRL is a fixed or a chosen number of
actions; one of HIPO is one of a few programs, or ends the episode.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from agents.hierarchy.actions import LARGEST, LATENTS, LISTED, OPTION_LENGTH, PROGRAM
from agents.hierarchy.option_vae import OptionVAE
from programmatic import Program
from programmatic.dsl.program_files import read_program_file
from programmatic.dsl.sampling import sample_programs
from programmatic.dsl.tokens import ACTION_TOKENS, DEF, M_CLOSE, M_OPEN, PAD, RUN
from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.decoding import with_def
from programmatic.machine.bytecode import tokens_of
from programmatic.machine.execution import NO_LIMIT
from programmatic.search.run_settings import SearchSettings
from programmatic.search.searching import OPTIONS_FILE

COMPRESSED_DIM = 64
"""HPRL's size of the latents that the meta-policy chooses (Liu et al., ICML 2023)."""
COMPRESSION_PROGRAMS = 2000
TERMINATION = "DEF run m( turnLeft turnLeft turnLeft turnLeft m)"


class Skills(ABC):
    """A space of skills, by default of latents.

    Args:
        latent_dim: Size of the latents.
    """

    max_calls = NO_LIMIT
    """Most calls of a skill's run; with a limit, a skill has no share of the episode's actions."""
    programs: tuple[Program, ...] = ()
    """The programs, if they have numbers."""

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """The space of choices; `latent_dim` numbers."""
        return Box(-LARGEST, LARGEST, (self.latent_dim,), np.float32)

    @abstractmethod
    def tokens(self, chosen: NDArray[Any]) -> NDArray[np.int64]:
        """The programs of latents, float32, (N, latent_dim): int64, (N, L), padded with 50."""

    def ends(self, chosen: NDArray[Any]) -> NDArray[np.bool_]:
        """Which choices, (N, ...), end the episode after the skill, (N,)."""
        return np.zeros(len(chosen), dtype=np.bool_)

    def observation_space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of what the policy observes, of that of the env's observations."""
        return space

    def observed(self, observations: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        """What the policy observes, (N, ...), after the choices `previous`, (N, ...)."""
        return observations


class ListedSkills(Skills):
    """Programs of HIPO, chosen by number, and as the last choice the end of the episode.

    The policy also observes its previous choice: planes or features, 1 for the choice and 0 for
    others. The end turns left four times, as in HIPO (Lin et al., NeurIPS 2024).

    Args:
        options: The programs.
        max_calls: Most calls of a program's run.
    """

    def __init__(self, options: Iterable[Program], max_calls: int) -> None:
        self.programs = (*options, Program.parse(TERMINATION))
        self.max_calls = max_calls
        self._rows = tokens_of(self.programs).astype(np.int64)

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """The numbers of the programs; the last one ends the episode."""
        return Discrete(len(self.programs))

    def tokens(self, chosen: NDArray[Any]) -> NDArray[np.int64]:
        """The programs of numbers, int, (N,); see `Skills`."""
        return self._rows[chosen]

    def ends(self, chosen: NDArray[Any]) -> NDArray[np.bool_]:
        """See `Skills`."""
        return np.asarray(chosen == len(self.programs) - 1)

    def observation_space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """See `Skills`."""
        assert isinstance(space, Box)
        n, *rest = space.shape
        return Box(0, 1, (n + len(self.programs), *rest), space.dtype.type)

    def observed(self, observations: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        """See `Skills`; -1 is no choice."""
        one_hot = previous[:, None] == np.arange(len(self.programs))  # (N, K)
        planes = one_hot.reshape(*one_hot.shape, *[1] * (observations.ndim - 2))
        shape = (len(observations), len(self.programs), *observations.shape[2:])
        return np.concatenate(
            [observations, np.broadcast_to(planes, shape).astype(observations.dtype)], axis=1
        )


class OptionSkills(Skills):
    """Options of HRL, each a fixed number of actions, or the first ones of them.

    Args:
        vae: The decoder; by default this package's.
        choose_length: Whether the last number of a choice is that of the option's actions: -1 and
            less is one action, 1 and more are all.
    """

    def __init__(self, vae: OptionVAE | None = None, choose_length: bool = False) -> None:
        self.vae = vae or OptionVAE.load()
        self.choose_length = choose_length
        super().__init__(self.vae.latent_dim + choose_length)

    def tokens(self, chosen: NDArray[Any]) -> NDArray[np.int64]:
        """The programs of latents; see `Skills`."""
        latents = torch.from_numpy(chosen)[:, : self.vae.latent_dim]
        actions = self.vae.decode(latents).numpy()  # (N, L)
        n, length = actions.shape
        programs = np.empty((n, length + 4), dtype=np.int64)
        programs[:, :3] = DEF, RUN, M_OPEN
        programs[:, 3:-1] = np.array(ACTION_TOKENS)[actions]
        programs[:, -1] = M_CLOSE
        if self.choose_length:
            taken = np.rint(1 + (length - 1) * (chosen[:, -1:].clip(-1, 1) + 1) / 2)  # (N, 1)
            column = np.arange(length + 4) - 3
            programs[column == taken] = M_CLOSE
            programs[column > taken] = PAD
        return programs


class ProgramSkills(Skills):
    """Programs of HPRL, given by latents of a compressed embedding, or of components of another.

    HPRL learns the compression, two linear layers, together with the embedding. For embeddings
    without such layers it consists here of the `latent_dim` principal components of the latents of
    random programs, scaled to variance 1.

    Args:
        model: A `ProgramVAE` on the CPU, its file, or "default".
        latent_dim: Size of the skills' latents, unless the embedding compresses.
        max_calls: Most calls of a program's run.

    Raises:
        RunError: The model's file is missing or damaged.
    """

    def __init__(
        self,
        model: ProgramVAE | str | os.PathLike[str] = "default",
        latent_dim: int = COMPRESSED_DIM,
        max_calls: int = NO_LIMIT,
    ) -> None:
        self.max_calls = max_calls
        self.model = model if isinstance(model, ProgramVAE) else ProgramVAE.load(model, "cpu")
        if self.model.layout.units is not None:
            super().__init__(self.model.latent_dim)
            self._center, self._axes = torch.zeros(self.latent_dim), torch.eye(self.latent_dim)
            return
        super().__init__(min(latent_dim, self.model.latent_dim))
        means, _ = self.model.encode(sample_programs(COMPRESSION_PROGRAMS))
        self._center = means.mean(dim=0)  # (Z,)
        _, scales, components = torch.linalg.svd(means - self._center, full_matrices=False)
        scales = scales[: self.latent_dim] / COMPRESSION_PROGRAMS**0.5
        self._axes = scales[:, None] * components[: self.latent_dim]  # (latent_dim, Z)

    def tokens(self, chosen: NDArray[Any]) -> NDArray[np.int64]:
        """The programs of latents; see `Skills`."""
        expanded = self._center + torch.from_numpy(chosen) @ self._axes
        return with_def(self.model.decode_tokens(expanded)).numpy()


@cache
def skills_named(name: str, model: str = "default", max_calls: int = NO_LIMIT) -> Skills:
    """The skills of a name in `LATENTS`; "program" of an embedding: a file or "default"."""
    if name not in LATENTS:
        raise ValueError(f"skills are {' or '.join(map(repr, LATENTS))}, got {name!r}")
    if name == PROGRAM:
        return ProgramSkills(model, max_calls=max_calls)
    return OptionSkills(choose_length=name == OPTION_LENGTH)


def skills_of(settings: Mapping[str, Any]) -> Skills:
    """The skills of a training's settings: action, and possibly model, options and option_calls."""
    calls = settings.get("option_calls") or NO_LIMIT
    if settings["action"] != LISTED:
        return skills_named(settings["action"], settings.get("model", "default"), calls)
    return ListedSkills(map(Program.parse, settings["options"].splitlines()), calls)


def step_numbers(used: NDArray[np.int64], horizon: int) -> NDArray[np.float32]:
    """The observation "step" of N episodes after `used` skills each: float32, (N, horizon)."""
    return (used[:, None] == np.arange(horizon)).astype(np.float32)


def read_options(source: str) -> tuple[str, int | None]:
    """The texts of options, one per line, and the limit of calls of the search that found them.

    Args:
        source: The run folder of `search hipo`, a file of programs, or their texts, one per line.

    Raises:
        ValueError: There are no options, or a line is not a program.
    """
    if source.split()[:1] == ["DEF"]:
        return "\n".join(str(Program.parse(line)) for line in source.splitlines()), None
    if not source:
        raise ValueError("name the options: --options RUN, a run folder of karel-gym search hipo")
    max_calls, path = None, Path(source)
    if path.is_dir():
        config = SearchSettings.stored(path)["config"]
        max_calls, path = config.get("max_calls"), path / OPTIONS_FILE
    report = read_program_file(path)
    if report.skipped or not report.programs:
        raise ValueError(f"{path} must hold programs only: {report}")
    return "\n".join(map(str, report.programs)), max_calls
