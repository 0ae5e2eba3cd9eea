"""The options of MORL's loop, and their way into and out of config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import gymnasium

from agents.morl.imitation import CloningConfig
from agents.morl.optimisation import OptimisationConfig
from agents.morl.oracles import OracleConfig
from karel_gym.registration import plain_id
from programmatic.options import check_choice, check_number, check_types, check_whole
from programmatic.runs import CONFIG_FILE, PACKAGES, RunError, read_config, usual_folder, versions
from programmatic.synthesis.settings import PIRLConfig, ViperConfig

COMMAND = "morl"
SYNTHESES = ("viper", "pirl")
LEARNERS = ("trpo", "ppo", "a2c")
STEPS = {
    "oracle": OracleConfig,
    "viper": ViperConfig,
    "pirl": PIRLConfig,
    "cloning": CloningConfig,
    "optimisation": OptimisationConfig,
}
"""The options that belong to one step."""


@dataclass(frozen=True)
class MORLConfig:
    """The options of the loop. The seeds of its steps are drawn from its own."""

    env_id: str
    """The env's id."""
    constraints: str = ""
    """What must hold of the programs, as text; see `constraints.parse_constraints`."""
    program: str | None = None
    """The text of a program that the first iteration begins with, in place of a synthesis."""
    iterations: int = 3
    """Passes through the four steps, at most."""
    target_return: float | None = None
    """The loop ends when program and policy have this mean return, and the program is proven; None:
    the env's reward_threshold, and if it has none all iterations are done."""
    synthesis: str = "viper"
    """How a policy becomes a program: viper or pirl."""
    algo: str = "trpo"
    """What optimises the clone: trpo, ppo or a2c."""
    episodes: int = 100
    """Of each evaluation; the same in all."""
    num_envs: int = 10
    """Envs that policies learn in at once."""
    timeout: float = 60.0
    """Seconds that a repair may take."""
    max_guards: int = 2
    """Tests that a repair may add to a program, at most."""
    seed: int = 0
    """Of everything; equal options give equal results on one machine."""
    env_options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the env, such as height and width."""
    oracle: OracleConfig = field(default_factory=OracleConfig)
    """How the first policy is trained, if none is given."""
    viper: ViperConfig = field(default_factory=lambda: ViperConfig(iterations=20, max_depth=4))
    """Of the synthesis by VIPER."""
    pirl: PIRLConfig = field(default_factory=PIRLConfig)
    """Of the synthesis by PIRL."""
    cloning: CloningConfig = field(default_factory=CloningConfig)
    """Of the imitation."""
    optimisation: OptimisationConfig = field(
        default_factory=lambda: OptimisationConfig(keep_best=True)
    )
    """Of the policy optimisation."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "episodes", "num_envs")
        check_whole(self, "max_guards", "seed", least=0)
        check_number(self, "timeout")
        check_choice(self, "synthesis", SYNTHESES)
        check_choice(self, "algo", LEARNERS)

    @property
    def target(self) -> float:
        """The mean return at which the loop ends; infinite if there is none."""
        if self.target_return is not None:
            return self.target_return
        spec = gymnasium.registry.get(plain_id(self.env_id))
        threshold = None if spec is None else spec.reward_threshold
        return float("inf") if threshold is None else float(threshold)

    @property
    def folder(self) -> Path:
        """The usual run folder."""
        return usual_folder(COMMAND, self.env_id, self.seed)

    def to_json(self) -> dict[str, Any]:
        """What config.json of a run holds: JSON values, lists in place of tuples."""
        values = {"command": COMMAND, **asdict(self), "versions": versions(PACKAGES)}
        return json.loads(json.dumps(values))


def read_morl_config(run: Path) -> MORLConfig:
    """The options of the loop in a run folder.

    Raises:
        RunError: The folder is missing or no loop's, or its configuration is damaged.
    """
    stored = read_config(run)
    if stored.get("command") != COMMAND:
        raise RunError(f"{run / CONFIG_FILE} is not of MORL's loop: its command is not {COMMAND!r}")
    try:
        values = {f.name: stored[f.name] for f in fields(MORLConfig)}
        steps = {name: config(**values.pop(name)) for name, config in STEPS.items()}
        config = MORLConfig(**values, **steps)
        for each in (config, *steps.values()):
            check_types(each)
        return config
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run / CONFIG_FILE} is damaged: {error!r}") from None
