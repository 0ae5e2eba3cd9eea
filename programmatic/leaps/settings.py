"""The settings of `karel-gym dataset` and `karel-gym pretrain`; the defaults are those of LEAPS."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Literal, get_args

from karel_gym.world_rules import check_size
from programmatic.dsl.tokens import MAX_PROGRAM_TOKENS, MAX_TIMES
from programmatic.flags import Count
from programmatic.options import check_number, check_types, check_whole
from programmatic.settings import RunSettings

LATENT_DIM = 256

Variant = Literal["leaps", "p", "pr", "pl"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
"""LEAPS with all losses, and with the losses P alone, P and R, P and L."""
SHIPPED: tuple[str, ...] = (*VARIANTS, "pl64")
"""The names of the weights in the package; pl64 compresses to 64 dimensions, as HPRL's."""


@dataclass(frozen=True)
class DatasetConfig:
    """The settings of a data set."""

    programs: Count = 50_000
    """Programs that are split into training, validation and test programs."""
    extra: Count = 0
    """Additional training programs. The validation and test programs do not depend on it."""
    demonstrations: int = 10
    """Demonstrations per program."""
    height: int = 8
    """Height of the worlds in cells, walls included."""
    width: int = 8
    """Width of the worlds in cells, walls included."""
    wall_probability: float = 0.1
    """Probability of a wall on each inner cell, at most 0.9."""
    marker_probability: float = 0.1
    """Probability of a marker on each free cell."""
    min_states: int = 4
    """Fewest states of a demonstration, including its start, if the program has no condition."""
    max_states: int = 20
    """Most states of a demonstration, including its start."""
    max_trials: int = 100
    """Worlds to try for a program's demonstrations before the program is dropped."""
    max_tokens: int = MAX_PROGRAM_TOKENS
    """Most tokens of a program, DEF included. HPRL: 39."""
    sequences: int = 50
    """Percentage of statements that are sequences; 70 less it are actions. HPRL: 40."""
    min_times: int = 0
    """Smallest count of a REPEAT. HPRL: 2."""
    max_times: int = MAX_TIMES
    """Largest count of a REPEAT. HPRL: 5."""
    drop_turn_pairs: bool = False
    """Drop programs with a turnLeft beside a turnRight, as HPRL does."""
    drop_marker_loops: bool = False
    """Drop programs with a WHILE around nothing but putMarker, as HPRL does."""
    max_repeats: int | None = None
    """Drop programs whose demonstrations do one action more times in a row. HPRL: 8."""
    seed: int = 0
    """Seed of the programs, the worlds and the split. Equal seeds give equal data sets."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        check_types(self)
        check_size(self.height, self.width)
        limits = {
            "programs": (1, 2**31),
            "extra": (0, 2**31),
            "demonstrations": (1, 1000),
            "wall_probability": (0, 0.9),
            "marker_probability": (0, 1),
            "min_states": (1, self.max_states),
            "max_states": (2, 128),
            "max_trials": (self.demonstrations, 2**31),
            "max_tokens": (5, MAX_PROGRAM_TOKENS),
            "sequences": (0, 70),
            "min_times": (0, self.max_times),
            "max_times": (0, MAX_TIMES),
            "seed": (0, 2**64 - 1),
        }
        for name, (lowest, highest) in limits.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(
                    f"{name} must be in {lowest} to {highest}, got {getattr(self, name)}"
                )
        if self.max_repeats is not None:
            check_whole(self, "max_repeats")
        if self.height * self.width > 2**15:
            raise ValueError(
                f"worlds of a data set have at most {2**15:,} cells, got {self.height}x{self.width}"
            )


@dataclass(frozen=True)
class PretrainConfig(RunSettings):
    """The settings of a pretraining."""

    COMMAND = "pretrain"
    MAY_DIFFER = ("epochs",)
    ADDED = (
        *("fresh_programs", "schedule", "executor_from", "executor_epochs"),
        *("units", "tanh", "latent_noise", "percept_weight"),
    )

    data: Path = Path("leaps.h5")
    """Data set: a file of `karel-gym dataset`, or the folder of the original data set."""
    variant: Variant = "leaps"
    """Losses: L_P (p), L_P and L_R (pr), L_P and L_L (pl), or all three (leaps)."""
    epochs: int = 150
    """Passes over the training programs."""
    epoch_programs: Count | None = None
    """Training programs per epoch, drawn again for each epoch; by default all."""
    fresh_programs: Count = 0
    """Random programs per epoch without demonstrations, for L_P. They include those that never halt
    or have one action. Repeated ones count once; validation and test programs are left out. The
    data set's limits apply to them, but not its filters."""
    batch_size: int = 256
    """Programs per step."""
    learning_rate: float = 1e-3
    """Initial learning rate of Adam."""
    schedule: Literal["step", "cosine"] = "step"
    """Learning rate over epochs: `decay` every `decay_every` epochs, or a cosine that ends at 0."""
    decay_every: int = 10
    """Epochs between two decays of the schedule "step"."""
    decay: float = 0.95
    """Factor of each decay of the schedule "step"."""
    kl_weight: float = 0.1
    """Weight of the KL divergence, which is averaged over the latent dimensions."""
    behaviour_weight: float = 1.0
    """Weight of L_R."""
    latent_behaviour_weight: float = 1.0
    """Weight of L_L."""
    percept_weight: float = 0.0
    """Weight of a loss that is not in LEAPS: the executor's view of a state shows its percepts."""
    behaviour_from: float = 0.8
    """Add L_R once this share of the validation programs is reconstructed exactly."""
    demonstrations: int = 10
    """Demonstrations of each program that a step of L_L uses."""
    executor_from: int = 0
    """Epochs before L_L begins. The cosine schedule of the executor begins then, too."""
    executor_epochs: int = 0
    """Epochs from there on that train the executor alone, on latents of the unchanged encoder."""
    latent_dim: int = LATENT_DIM
    """Size of the latents and of the executor's recurrent states."""
    units: int | None = None
    """Units of the program GRUs, which linear layers connect with the latents (HPRL: 256, for
    latents of 64); by default as many as the latents' size, without such layers."""
    tanh: bool = False
    """Let decoder and executor take the tanh of the latents (as HPRL)."""
    latent_noise: float = 1.0
    """Standard deviation of the noise of drawn latents, in the encoder's sigmas (HPRL: 0.1)."""
    max_gradient_norm: float | None = None
    """Norm to which gradients are clipped; by default they are not clipped."""
    start: Path | None = None
    """Initial weights, in any format that `ProgramVAE.load` reads; by default random."""
    valid_programs: int = 1000
    """Validation programs to measure after each epoch. The epoch with the highest sum of program
    and action accuracy gives the weights that are kept."""
    seed: int = 0
    """Seed of weights, batches and noise. Equal seeds give equal weights on a CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the networks."""
    threads: int | None = None
    """CPU threads of torch; by default torch chooses. With 1, runs repeat to the last bit."""

    @property
    def uses_behaviour(self) -> bool:
        """Whether L_R is one of the losses."""
        return self.variant in ("pr", "leaps")

    @property
    def uses_latent_behaviour(self) -> bool:
        """Whether L_L is one of the losses."""
        return self.variant in ("pl", "leaps")

    def trains_executor(self, epoch: int) -> bool:
        """Whether L_L is one of the losses of an epoch, counted from 0."""
        return self.uses_latent_behaviour and epoch >= self.executor_from

    def rests_vae(self, epoch: int) -> bool:
        """Whether an epoch trains the executor alone."""
        return self.trains_executor(epoch) and epoch < self.executor_from + self.executor_epochs

    def learning_rates(self, epoch: int) -> tuple[float, float]:
        """The learning rates in an epoch: of encoder and decoder, and of the executor."""
        if self.schedule == "step":
            factors = [self.decay ** (epoch // self.decay_every)] * 2
        else:
            spans = [(epoch - first, self.epochs - first) for first in (0, self.executor_from)]
            factors = [0.5 + 0.5 * cos(pi * max(0, done) / max(1, all_)) for done, all_ in spans]
        return self.learning_rate * factors[0], self.learning_rate * factors[1]

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "fresh_programs", "executor_from", "executor_epochs", least=0)
        check_whole(self, "epochs", "batch_size", "decay_every", "demonstrations", "latent_dim")
        if self.epoch_programs is not None:
            check_whole(self, "epoch_programs")
        if self.units is not None:
            check_whole(self, "units")
        check_number(self, "learning_rate", "decay", "latent_noise")
        check_whole(self, "seed", least=0, most=2**32 - 1)
