"""`ProgramAgent`: a program with the interface of a Stable-Baselines3 model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from programmatic import Program, ProgramPolicy
from programmatic.machine.policy import ProgramState
from programmatic.runs import RunError, write_json
from programmatic.search.result import SearchResult
from programmatic.search.run_settings import config_of

PROGRAM_FILE = "program.json"
RESULT_FILE = "result.json"  # of a search's run folder


class ProgramAgent(ProgramPolicy):
    """A program as an agent: `learn`, `predict`, `save` and `load`.

    Args:
        program: The program, or its text; None: `learn` searches for it.
        env_id: The task to learn a program for.
        method: The search method; see `programmatic.search.search`.
        seed: Of the search.
        model: The latent space of the search: a `ProgramVAE`, its file, or "default".
        device: Device of the search: "auto", "cpu" or "cuda".
        options: Options of the method, such as `population_size`.

    Attributes:
        result: The `SearchResult` of `learn`; None before.

    Raises:
        ProgramSyntaxError: The text is not a program.
        ValueError: There is neither a program nor a task, or the method or an option is unknown.

    Example:
        >>> agent = ProgramAgent(env_id="Karel-Harvester-v0", method="random")
        >>> agent.learn(total_evaluations=200).result.evaluations
        200
    """

    def __init__(
        self,
        program: Program | str | None = None,
        *,
        env_id: str | None = None,
        method: str = "cem",
        seed: int = 0,
        model: Any = "default",
        device: str = "auto",
        **options: Any,
    ) -> None:
        self.env_id = env_id
        self.method = method
        self.seed = seed
        self.model = model
        self.device = device
        self.options = options
        self.result: SearchResult | None = None
        self._program: Program | None = None
        if program is not None:
            super().__init__(Program.parse(program) if isinstance(program, str) else program)
        elif env_id is None:
            raise ValueError("give a program, or env_id, the task to learn one for")
        if env_id is not None:
            config_of(method, env_id, options)

    @property
    def program(self) -> Program:
        """The program; a `RuntimeError` if there is none yet."""
        if self._program is None:
            raise RuntimeError("this agent has no program yet: call learn() first")
        return self._program

    @program.setter
    def program(self, program: Program) -> None:
        self._program = program

    def learn(
        self,
        total_evaluations: int | None = None,
        *,
        run_dir: str | os.PathLike[str] | None = None,
        resume: bool = False,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> ProgramAgent:
        """Search for a program, and return the agent.

        Args:
            total_evaluations: Most programs to evaluate; None: until the method ends.
            run_dir: The run folder of the search; None: nothing is written.
            resume: Continue the search in the run folder, if there is one.
            overwrite: Remove the run in the run folder.
            progress: Whether to show a progress bar; by default on a terminal.

        Raises:
            RuntimeError: The agent was made without `env_id`.
            ValueError, RunError: See `programmatic.search.search`.
        """
        from programmatic.search import search  # torch is slow to import

        if self.env_id is None:
            raise RuntimeError("this agent has no task to learn: make it with env_id")
        self.result = search(
            self.method,
            self.env_id,
            seed=self.seed,
            budget=total_evaluations,
            model=self.model,
            run_dir=run_dir,
            resume=resume,
            overwrite=overwrite,
            device=self.device,
            progress=progress,
            **self.options,
        )
        super().__init__(self.result.program)
        return self

    def predict(
        self,
        observation: NDArray[Any],
        state: ProgramState | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], ProgramState]:
        """The next action in each episode; see `ProgramPolicy.predict`.

        Raises:
            RuntimeError: There is no program yet.
            ValueError: The observation has no shape that fits.
        """
        _ = self.program
        return super().predict(observation, state, episode_start, deterministic)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent into a run folder; a `RuntimeError` if there is no program yet."""
        values: dict[str, Any] = {"program": str(self.program)}
        if self.result is not None:
            values |= {"env_id": self.env_id, "method": self.method, "seed": self.seed}
            values["result"] = self.result.to_json()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PROGRAM_FILE, values)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProgramAgent:
        """Load the agent that was saved in a run folder, or the result of a search there.

        An agent that has learned keeps its `result` and its options.

        Raises:
            RunError: The folder holds no program, or a damaged one.
        """
        file = Path(path) / PROGRAM_FILE
        try:
            if not file.exists() and file.with_name(RESULT_FILE).exists():
                file = file.with_name(RESULT_FILE)
                return cls._of(SearchResult.load(file))
            values = json.loads(file.read_text(encoding="utf-8"))
            if "result" in values:
                return cls._of(SearchResult.from_json(values["result"]))
            return cls(values["program"])
        except OSError as error:
            raise RunError(f"{file} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} holds no program: {error}") from None

    @classmethod
    def _of(cls, result: SearchResult) -> ProgramAgent:
        options = dict(result.config)
        del options["budget"]
        agent = cls(
            result.program,
            env_id=result.env_id,
            method=result.method,
            seed=result.seed,
            model=options.pop("model") or "default",
            **options,
        )
        agent.result = result
        return agent
