"""Candidates for options: latents around a mean, or neighbours of a program."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.tasks.task import Task
from programmatic.dsl import PAD, Program
from programmatic.search.configs import CGHCConfig, HIPOConfig
from programmatic.search.latent.cem import reduce_elites
from programmatic.search.latent.space import LatentSpace
from programmatic.search.objective import highest
from programmatic.search.options.lists import N_PAIRS, action_pairs
from programmatic.search.programs.space import SPACES


class Candidates(Protocol):
    """A space of candidates; a point of it is a tensor, (D,)."""

    n_features: int
    """Size F of the vectors whose cosine is the similarity of two candidates."""

    def first(self, seed: int) -> Tensor:
        """A random point, (D,)."""

    def around(self, point: Tensor, n: int, sigma: float, seed: int) -> Tensor:
        """Points near another, (n, D)."""

    def tokens(self, points: Tensor) -> NDArray[np.integer[Any]]:
        """The programs of points, (P, D): integers, (P, L), padded with 50."""

    def features(self, points: Tensor, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The vectors, (P, F), of points, (P, D), whose bytecode is given."""

    def following(self, points: Tensor, scores: NDArray[np.float64]) -> Tensor:
        """The point, (D,), from which the search goes on; the first of the points is the last."""


class LatentCandidates:
    """Latents, searched by the cross-entropy method; similar latents are similar options."""

    def __init__(self, space: LatentSpace, config: HIPOConfig) -> None:
        self.space = space
        self.config = config
        self.n_features = space.model.latent_dim

    def first(self, seed: int) -> Tensor:
        return self.space.random(1, seed)[0]

    def around(self, point: Tensor, n: int, sigma: float, seed: int) -> Tensor:
        return self.space.around(point, n, sigma, seed)

    def tokens(self, points: Tensor) -> NDArray[np.integer[Any]]:
        tokens: NDArray[np.int64] = self.space.programs(points).cpu().numpy()
        return tokens

    def features(self, points: Tensor, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        return points.double().cpu().numpy()

    def following(self, points: Tensor, scores: NDArray[np.float64]) -> Tensor:
        n = max(1, round(self.config.population_size * self.config.elitism_rate))
        best = 1 + highest(scores[1:], n)
        return reduce_elites(points[best], scores[best], self.config.reduction)


class ProgramCandidates:
    """Programs, searched by hill climbing over neighbours as in `cghc`, sideways moves included.

    Options are similar if they do the same actions one after another: the features of a program
    count the pairs of its successive actions in the start worlds.
    """

    n_features = N_PAIRS

    def __init__(self, task: Task, worlds: WorldArrays, config: HIPOConfig) -> None:
        self.task = task
        self.worlds = worlds
        self.max_calls = config.max_calls
        self.space = SPACES["published"]._replace(edits=round(100 * CGHCConfig.edits))

    def first(self, seed: int) -> Tensor:
        return torch.from_numpy(self.space.random(1, seed)[0])

    def around(self, point: Tensor, n: int, sigma: float, seed: int) -> Tensor:
        parent = Program.from_tokens(point[point != PAD].tolist())
        return torch.from_numpy(self.space.neighbours(parent, n, seed))

    def tokens(self, points: Tensor) -> NDArray[np.integer[Any]]:
        tokens: NDArray[np.int8] = points.numpy()
        return tokens

    def features(self, points: Tensor, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        return action_pairs(self.task, codes, self.worlds, self.max_calls)

    def following(self, points: Tensor, scores: NDArray[np.float64]) -> Tensor:
        best = 1 + int(highest(scores[1:], 1)[0])
        return points[best if scores[best] >= scores[0] else 0]
