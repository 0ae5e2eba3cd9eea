"""The command `karel-gym propose`."""

from __future__ import annotations

from pathlib import Path

from programmatic.flags import Again, Flags
from programmatic.language_models.prompts import prompt_of
from programmatic.language_models.settings import ProposeSettings
from programmatic.runs import usual_folder


def propose(settings: Flags[ProposeSettings], again: Flags[Again], run: Path | None = None) -> None:
    """Print a prompt that asks for a program, or ask a language model for programs.

    Without --model nothing is asked: paste the prompt into a chat, and its answers into a file for
    karel-gym search --programs.

    Args:
        settings: The settings.
        again: What to do with a run in the run folder; with --resume only --answers, --timeout and
            --retries may be given.
        run: Run folder; by default runs/propose-MODEL-TASK-SEED.
    """
    if again.resume is not None:
        settings = settings.resumed(again.resume, run=run, overwrite=again.overwrite)
    elif not settings.env_id:
        raise ValueError("name the task with --env, or a run folder with --resume")
    settings.check()
    if settings.model is None:
        print(prompt_of(settings.env_id, settings.syntax, settings.seed))
        return
    from programmatic.language_models.asking import PROPOSALS_FILE
    from programmatic.language_models.asking import propose as ask

    folder = again.resume or run
    if folder is None:
        folder = usual_folder("propose", settings.model, settings.env_id, settings.seed)
    report = ask(settings, folder, again.resume is not None, again.overwrite)
    print(
        f"{report}\nto search from them: karel-gym search shc --env {settings.env_id} "
        f"--programs {folder / PROPOSALS_FILE}"
    )
