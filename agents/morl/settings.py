"""The settings of MORL's loop and of the steps that learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import gymnasium
import tyro

from agents.morl.flags import Hidden, Learner, Synthesis, TextOfFile
from karel_gym.registration import CARTPOLE, plain_id
from programmatic.options import check_choice, check_number, check_share, check_whole
from programmatic.runs import usual_folder
from programmatic.settings import RunSettings
from programmatic.synthesis.settings import PIRLConfig, ViperConfig

ORACLES = (*get_args(Learner), "dqn", "qrdqn")
"""The algorithms of oracles: those without memory and masks."""


@dataclass(frozen=True)
class OracleConfig:
    """The settings of the training of an oracle."""

    algo: str = "ppo"
    """Algorithm: ppo, trpo, a2c, dqn or qrdqn."""
    target_return: float | None = None
    """Mean return of an evaluation at which the training ends; None: after all steps."""
    max_timesteps: int = 100_000
    """Most steps of all envs together."""
    evaluation_interval: int = 5_000
    """Steps of all envs together between two evaluations."""
    evaluation_episodes: int = 100
    """Episodes per evaluation, the same in all."""
    net_arch: Sequence[int] = (64, 64)
    """Units of each hidden layer."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the algorithm; see `new_model`."""
    seed: int = 0
    """Seed of the weights and the learning."""

    def __post_init__(self) -> None:
        check_choice(self, "algo", ORACLES)
        check_whole(self, "max_timesteps", "evaluation_interval", "evaluation_episodes")
        check_whole(self, "seed", least=0)


@dataclass(frozen=True)
class CloningConfig:
    """The settings of behavioral cloning."""

    epochs: int = 100
    """Passes over the training states after each round of collecting them."""
    batch_size: int = 256
    """States per step."""
    learning_rate: float = 1e-3
    """Learning rate of Adam."""
    samples: int = 5_000
    """States to collect in each round."""
    noise_share: float = 0.5
    """Share of these states that are visited states with added noise."""
    noise: float = 1.0
    """Largest noise, in standard deviations of each feature; uniform, none for boolean features."""
    validation_share: float = 0.1
    """Share of the states that are kept for validation."""
    validation_interval: int = 1
    """Epochs between two validations."""
    dagger_iterations: int = 0
    """Further rounds, which collect the states that the clone visits (DAgger)."""
    scale_inputs: bool = True
    """Whether to first scale the input layers to the mean and deviation of each feature.
    Without it, small features such as a pole's angle in rad are learned slowly."""
    fit_value: bool = True
    """Whether the critic learns the program's discounted returns."""
    seed: int = 0
    """Seed of episodes, noise and batches."""

    def __post_init__(self) -> None:
        check_whole(self, "epochs", "batch_size", "validation_interval")
        check_whole(self, "samples", least=2)
        check_whole(self, "dagger_iterations", "seed", least=0)
        check_number(self, "learning_rate", "noise")
        check_share(self, "noise_share", "validation_share")
        if self.validation_share == 0:
            raise ValueError("validation_share must be above 0: it chooses the best weights")


@dataclass(frozen=True)
class OptimisationConfig:
    """The settings of policy optimization; the defaults are those of MORL (Bhupatiraju et al.)."""

    iterations: int = 25
    """Updates of the policy."""
    evaluation_interval: int = 1
    """Iterations between two evaluations."""
    evaluation_episodes: int = 25
    """Episodes per evaluation, the same in all."""
    deterministic: bool = True
    """Whether the policy takes its most probable actions in evaluations."""
    keep_best: bool = False
    """Whether the model ends with the weights of its best evaluation, the first included."""
    seed: int = 0
    """Seed of the learning; evaluations have a seed of their own."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "evaluation_interval", "evaluation_episodes")
        check_whole(self, "seed", least=0)


@dataclass(frozen=True)
class MORLConfig(RunSettings):
    """The settings of MORL's loop. The seeds of its steps are drawn from its own."""

    COMMAND: ClassVar[str] = "morl"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("iterations", "target_return")

    env_id: Annotated[str, tyro.conf.arg(name="env")] = CARTPOLE
    """Env id: CartPole-MORL-v0, a Karel task (with percepts),
    or any other env with flat observations and discrete actions."""
    constraints: TextOfFile = ""
    """Constraints that the program must satisfy."""
    program: TextOfFile | None = None
    """Program to begin with, instead of a policy."""
    iterations: int = 3
    """Largest number of passes through synthesis, repair, imitation and policy optimization."""
    target_return: Annotated[float | None, tyro.conf.arg(name="target")] = None
    """Mean return of program and policy at which the loop ends, if the program is proven.
    By default the env's reward threshold."""
    synthesis: Synthesis = "viper"
    """Method that turns a policy into a program; pirl is a program search."""
    algo: Learner = "trpo"
    """Algorithm that trains the policy further."""
    episodes: int = 100
    """Episodes per evaluation, the same in all."""
    num_envs: int = 10
    """Number of parallel envs."""
    timeout: float = 60.0
    """Time limit of a repair in seconds."""
    max_guards: int = 2
    """Largest number of tests that a repair may add to a program."""
    seed: int = 0
    """Seed of all random numbers; equal settings give equal results on one machine."""
    env_options: Hidden[Mapping[str, Any]] = field(default_factory=dict)
    """Arguments of the env, such as height and width."""
    oracle: Annotated[Hidden[OracleConfig], tyro.conf.arg(name="no-flag")] = field(
        default_factory=OracleConfig
    )
    """Training of the first policy if none is given."""
    viper: Hidden[ViperConfig] = field(
        default_factory=lambda: ViperConfig(iterations=20, max_depth=4)
    )
    """Synthesis by VIPER."""
    pirl: Hidden[PIRLConfig] = field(default_factory=PIRLConfig)
    """Synthesis by PIRL."""
    cloning: Hidden[CloningConfig] = field(default_factory=CloningConfig)
    """Imitation."""
    optimisation: Hidden[OptimisationConfig] = field(
        default_factory=lambda: OptimisationConfig(keep_best=True)
    )
    """Policy optimization."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "episodes", "num_envs")
        check_whole(self, "max_guards", "seed", least=0)
        check_number(self, "timeout")
        check_choice(self, "synthesis", get_args(Synthesis))
        check_choice(self, "algo", get_args(Learner))

    @property
    def target(self) -> float:
        """Mean return at which the loop ends; infinite without a target."""
        if self.target_return is not None:
            return self.target_return
        spec = gymnasium.registry.get(plain_id(self.env_id))
        threshold = None if spec is None else spec.reward_threshold
        return float("inf") if threshold is None else float(threshold)

    @property
    def folder(self) -> Path:
        """The default run folder."""
        return usual_folder(self.COMMAND, self.env_id, self.seed)
