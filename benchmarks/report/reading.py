"""The arguments of a report: run folders, folders of them, tables, programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from agents.policies import POLICY_SUFFIX, PRETRAINED
from benchmarks.report.findings import Findings, Run, with_distinct_names
from benchmarks.report.origins import Origin, day_of
from benchmarks.report.run_folders import read_run
from benchmarks.report.tables import TABLE_FILE, read_evaluation, read_rates, read_results
from benchmarks.speed.rates import RATES_FILE
from benchmarks.statistics.tidy import RESULTS_FILE
from karel_gym.registration import plain_id
from programmatic import Program
from programmatic.options import split_name
from programmatic.runs import CONFIG_FILE, RunError

RANDOM = "random"
BEGINNING = "DEF"  # the first word of a program
DEPTH = 4  # levels of folders that are searched below a named one
READERS = {
    CONFIG_FILE: read_run,
    RESULTS_FILE: read_results,
    RATES_FILE: read_rates,
    TABLE_FILE: read_evaluation,
}
"""The file that marks a folder of each kind, and the reader of the folder."""


def read_all(sources: Iterable[str], env_id: str | None = None) -> Findings:
    """The contents of folders, or policies without a folder, each run and score once.

    `NAME=` before a source names the method; `env_id` is the task of policies without a folder.

    Raises:
        ValueError: A source is none of these, or a program has no task.
        RunError: A folder holds nothing to report, or a damaged file.
    """
    found, seen = Findings(), set[Path]()
    for source in sources:
        name, place = split_name(source)
        held = _held(place, env_id, seen)
        found.add(held if name is None else held.named(name))
    found.runs = with_distinct_names(
        replace(run, env_id=plain_id(run.env_id)) for run in found.runs
    )
    found.scores = [replace(score, env_id=plain_id(score.env_id)) for score in found.scores]
    found.scores = list(dict.fromkeys(found.scores))  # one evaluation may be in several folders
    found.scores += [run.score for run in found.runs if run.score is not None]
    return found


def _held(place: str, env_id: str | None, seen: set[Path]) -> Findings:
    """The contents of a source without its name."""
    if place == RANDOM or place.startswith(PRETRAINED):
        return _policy(place, place, env_id, place)
    if place.split()[:1] == [BEGINNING]:
        return _policy("program", Program.parse(place), env_id, "the command line")
    path = Path(place)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # too long for a file name, or with a null character
        exists = False
    if not exists:
        raise ValueError(
            f"{place!r} is neither an existing folder, nor an existing program file, nor a program "
            f"(DEF run m( ... m)), nor {PRETRAINED}ALGO, nor {RANDOM!r}"
        )
    if path.is_dir():
        return _in_folder(path, seen)
    policy = path if path.suffix == POLICY_SUFFIX else Program.load(path)
    return _policy(path.stem, policy, env_id, place, day_of(path))


def _policy(name: str, policy: object, env_id: str | None, where: str, date: str = "") -> Findings:
    if env_id is None:
        raise ValueError(f"name the task of {name} with --env")
    origin = Origin(name, where, date=date)
    return Findings([Run(name, env_id, policy, origin, settings=str(policy))])


def _in_folder(folder: Path, seen: set[Path]) -> Findings:
    found = _read(folder, seen, DEPTH)
    if not any(other.is_relative_to(folder.resolve()) for other in seen):
        raise RunError(
            f"{folder} holds nothing to report: no run of a training or a search ({CONFIG_FILE}), "
            f"no {RESULTS_FILE} or {RATES_FILE} of a benchmark, no {TABLE_FILE} of an evaluation"
        )
    return found


def _read(folder: Path, seen: set[Path], depth: int) -> Findings:
    """The contents of a folder; if it holds nothing itself, those of the folders in it."""
    found = Findings()
    if folder.resolve() in seen:
        return found
    for name, read in READERS.items():
        if (folder / name).is_file():
            found.add(read(folder))
    if found.runs or found.scores or found.rates:
        seen.add(folder.resolve())
    elif depth:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
            found.add(_read(inner, seen, depth - 1))
    return found
