"""Answers of a language model behind an endpoint with OpenAI's interface."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from programmatic.dsl.program_files import ProgramReport, read_program_file
from programmatic.language_models.prompts import prompt_of
from programmatic.language_models.settings import ProposeSettings
from programmatic.runs import RunError, begin_run, go_on_with_run, occupying, write_text

ANSWERS_FILE, PROMPT_FILE, PROPOSALS_FILE = "answers.jsonl", "prompt.txt", "proposals.karel"
KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "none"  # endpoints on one's own machine ask for no key, but the client needs a text
MAX_FAILURES = 3


def propose(
    settings: ProposeSettings, run: Path, resume: bool = False, overwrite: bool = False
) -> ProgramReport:
    """Ask for answers and write them and the programs in them to a run folder.

    Answers are text: nothing in them is executed. A request that fails after all retries is
    reported on stderr; the key stays out of all files and messages.

    Args:
        settings: The settings.
        run: The run folder.
        resume: Ask only for the answers that the folder lacks.
        overwrite: Replace the run in the folder.

    Raises:
        RunError: No answer was got, or the folder has another run.
        ModuleNotFoundError: The extra [llm] is not installed.
    """
    import openai

    settings.check()
    prompt = prompt_of(settings.env_id, settings.syntax, settings.seed)
    key = os.environ.get(KEY_VARIABLE) or NO_KEY
    client = openai.OpenAI(
        api_key=key,
        base_url=settings.base_url,
        timeout=settings.timeout,
        max_retries=settings.retries,
    )
    with client, occupying(run):
        if resume:
            go_on_with_run(run, settings.config_json())
        else:
            begin_run(run, settings.config_json(), overwrite)
        write_text(run / PROMPT_FILE, prompt + "\n")
        answers = _read_answers(run / ANSWERS_FILE) if resume else {}
        failures, failure = 0, ""
        for number in range(settings.answers):
            if number in answers or failures == MAX_FAILURES:
                continue
            try:
                answers[number] = _answer(client, settings, prompt, settings.seed + number)
            except (openai.OpenAIError, ValueError) as error:
                failures += 1
                message = str(error) if key == NO_KEY else str(error).replace(key, "***")
                failure = " ".join(message.split())[:500]
                print(f"answer {number + 1}: {failure}", file=sys.stderr)
            else:
                failures = 0
                rows = [{"number": n, "answer": answers[n]} for n in sorted(answers)]
                write_text(run / ANSWERS_FILE, "".join(json.dumps(row) + "\n" for row in rows))
        if not answers:
            raise RunError(f"{settings.model} gave no answer: {failure}")
        report = read_program_file(run / ANSWERS_FILE)
        shown = (f"# {entry.place}\n{entry.program.pretty()}\n" for entry in report.found)
        write_text(run / PROPOSALS_FILE, "\n".join(shown))
    return report


def _answer(client: Any, settings: ProposeSettings, prompt: str, seed: int) -> str:
    """One answer; a ValueError if the endpoint sends something else."""
    completion = client.chat.completions.create(
        model=settings.model,
        messages=[{"role": "user", "content": prompt}],
        temperature=settings.temperature,
        seed=seed,
    )
    choices = getattr(completion, "choices", None) or [None]
    text = getattr(getattr(choices[0], "message", None), "content", None)
    if not isinstance(text, str):
        raise ValueError("the endpoint sent no text: is its address right, such as .../v1?")
    return text


def _read_answers(file: Path) -> dict[int, str]:
    if not file.exists():
        return {}
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return {int(row["number"]): str(row["answer"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged: {error}") from None
