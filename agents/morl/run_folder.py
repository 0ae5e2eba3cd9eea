"""The files in a run folder of MORL's loop that other rooms read, and its best program."""

from __future__ import annotations

from pathlib import Path

from karel_gym.envs.observations import SIGNATURES
from karel_gym.envs.signature import signature_of
from programmatic.runs import CONFIG_FILE, RunError, read_config
from programmatic.trees.program import TreeProgram

PROGRAM_FILE, ITERATIONS_FILE, RESULT_FILE = "program.tree", "iterations.csv", "result.json"
MODEL_FILE = "policy.zip"
"""The model in the folder of a policy."""


def load_program(run: Path) -> TreeProgram:
    """Load the best program of a run folder; a `RunError` if a file is missing or damaged."""
    config = read_config(run)
    try:
        signature = SIGNATURES.get(config.get("obs", "")) or signature_of(str(config["env_id"]))
        return TreeProgram.load(run / PROGRAM_FILE, signature)
    except (KeyError, ValueError) as error:
        raise RunError(f"{run / CONFIG_FILE} or {PROGRAM_FILE} is damaged: {error}") from None
    except OSError as error:
        raise RunError(f"{run / PROGRAM_FILE} cannot be read: {error.strerror}") from None
