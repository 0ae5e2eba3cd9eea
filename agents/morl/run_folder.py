"""The files in a run folder of MORL's loop that others look for, and its best program."""

from __future__ import annotations

from pathlib import Path

from karel_gym.envs.observations import SIGNATURES
from karel_gym.envs.signature import signature_of
from programmatic.runs import CONFIG_FILE, RunError, read_config
from programmatic.trees.program import TreeProgram

PROGRAM_FILE, ITERATIONS_FILE, RESULT_FILE = "program.tree", "iterations.csv", "result.json"
POLICY_FILE = "policy.json"
"""In a folder that holds a policy."""


def load_program(run: Path) -> TreeProgram:
    """The best program of a run folder.

    Raises:
        RunError: The folder has no configuration, or it or the program is damaged.
    """
    config = read_config(run)
    try:
        signature = SIGNATURES.get(config.get("obs", "")) or signature_of(str(config["env_id"]))
        return TreeProgram.load(run / PROGRAM_FILE, signature)
    except (KeyError, ValueError) as error:
        raise RunError(f"{run / CONFIG_FILE} or {PROGRAM_FILE} is damaged: {error}") from None
    except OSError as error:
        raise RunError(f"{run / PROGRAM_FILE} cannot be read: {error.strerror}") from None
