"""The settings of questions to a language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import tyro

from programmatic.options import check_number, check_whole
from programmatic.settings import RunSettings


@dataclass(frozen=True)
class ProposeSettings(RunSettings):
    """The settings of questions to a language model."""

    COMMAND: ClassVar[str] = "propose"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("answers", "timeout", "retries")

    env_id: Annotated[str, tyro.conf.arg(name="env")] = ""
    """The task's id."""
    model: str | None = None
    """The name of the model to ask; by default none is asked, and the prompt is printed."""
    base_url: str | None = None
    """The address of an endpoint with OpenAI's interface, such as http://localhost:8000/v1; by
    default OpenAI's. The key is that of the environment variable OPENAI_API_KEY, if any."""
    answers: int = 10
    """Answers to ask for."""
    syntax: Literal["python", "karel"] = "python"
    """The language of the proposals: python, or karel, the project's own."""
    temperature: float = 1.0
    """Temperature of the answers."""
    timeout: float = 120.0
    """Seconds after which a request is repeated."""
    retries: int = 3
    """Repetitions of a request that fails or is refused for now."""
    seed: int = 0
    """Seed of the world in the prompt and of the first answer; the next answers take the following
    seeds."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "answers")
        check_whole(self, "seed", "retries", least=0)
        check_number(self, "timeout", "temperature")
        if self.base_url and "@" in urlsplit(self.base_url).netloc:
            raise ValueError("base_url must have no user and no key: set OPENAI_API_KEY")
