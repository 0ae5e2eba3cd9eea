"""`ProgramAgent`: a program that stands wherever a Stable-Baselines3 model stands."""

from __future__ import annotations

import json
import os
from pathlib import Path

from programmatic import Program, ProgramPolicy
from programmatic.runs import RunError, write_json

PROGRAM_FILE = "program.json"


class ProgramAgent(ProgramPolicy):
    """A program as an agent: `predict`, `save` and `load`.

    Args:
        program: The program, or its text.

    Raises:
        ProgramSyntaxError: The text is no program.
    """

    def __init__(self, program: Program | str) -> None:
        super().__init__(Program.parse(program) if isinstance(program, str) else program)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent into a run folder, which is made if it is not there."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PROGRAM_FILE, {"program": str(self.program)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProgramAgent:
        """The agent in a run folder.

        Raises:
            RunError: The folder holds no program, or a damaged one; the message names the file.
        """
        file = Path(path) / PROGRAM_FILE
        try:
            return cls(json.loads(file.read_text(encoding="utf-8"))["program"])
        except OSError as error:
            raise RunError(f"{file} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} holds no program: {error}") from None
