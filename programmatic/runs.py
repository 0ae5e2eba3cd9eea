"""Run folders: config.json, checkpoints and results, written so that a crash cannot damage them.

    config.json          settings, package versions, commit, machine and command line
    checkpoints/         step-000081920.zip or .safetensors

Files are written under a temporary name and then renamed. One process at a time works in a folder.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from karel_gym.registration import plain_id
from programmatic.provenance import PROVENANCE, provenance

CONFIG_FILE = "config.json"
TRACKING_FILE = "tracking.json"
CHECKPOINT_FOLDER = "checkpoints"
CHECKPOINT_NAME = re.compile(r"step-(\d+)\.\w+")
RUN_FILES = (
    *("*.zip", "best.safetensors", "best.json", "result.json", "program.karel", "program.tree"),
    "options.karel",
    *("policy.safetensors", "policy.json", "imitation.json", "study.db", "best.yml", TRACKING_FILE),
    *("progress.csv", "evaluations.csv", "history.csv", "iterations.csv"),
    *("answers.jsonl", "prompt.txt", "proposals.karel"),
    *("table.csv", "table.json", "episodes.csv", "events.out.tfevents.*", CONFIG_FILE),
)
"""The files of all kinds of runs, except checkpoints."""
RUN_FOLDERS = ("iteration-*", "trials")
"""The folders in run folders: iterations of MORL, trainings of a study."""
RUNS_FOLDER = Path("runs")
PACKAGES = ("karel-gym", "gymnasium", "numpy", "stable-baselines3", "torch")


class RunError(RuntimeError):
    """A run folder or a file in it is missing, damaged or in the way; the message says which."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file that replaces `path` when the block ends without an error.

    Raises:
        RunError: The file cannot be written; `path` is unchanged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     sorted(os.listdir(folder))
        ['a.txt']
    """
    path = Path(path)
    # The suffix stays, because it tells writers the format.
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a JSON file, completely or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


@contextmanager
def occupying(folder: Path) -> Iterator[None]:
    """Create a folder and lock it against other processes while the block runs.

    Windows and some file systems have no such locks.

    Raises:
        RunError: Another process works in the folder, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = None if fcntl is None else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        if lock is not None and not _holds(lock):
            raise RunError(
                f"another process works in {folder}: wait until it ends, or use another folder"
            )
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _holds(lock: int) -> bool:
    """Whether no other process holds the lock on an open folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def usual_folder(*parts: object) -> Path:
    """The default run folder, runs/PART-PART; of an id 'module:ID' only ID is used.

    Example:
        >>> usual_folder("search", "hc", "my_tasks:Karel-Ring-v0", 3).as_posix()
        'runs/search-hc-Karel-Ring-v0-3'
    """
    name = "-".join(plain_id(str(part)) for part in parts)
    return RUNS_FOLDER / name.replace("/", "-")


def new_folder(path: Path) -> Path:
    """Create a folder of this name, or with -2, -3, ... appended; a `RunError` if it cannot."""
    for number in count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunError(f"{folder} cannot be written: {error.strerror}") from None
        return folder
    raise AssertionError


def check_writable(folder: Path) -> None:
    """Raise a `RunError` if a folder cannot be created, or no file can be written to it."""
    parts = (folder.absolute(), *folder.absolute().parents)
    lowest = next(part for part in parts if os.path.exists(part))
    if not lowest.is_dir():
        raise RunError(f"{folder} cannot be written: {lowest} is not a directory")
    if not os.access(lowest, os.W_OK | os.X_OK):
        raise RunError(f"{folder} cannot be written: no permission to write to {lowest}")


def check_folder(run: Path, overwrite: bool = False) -> None:
    """Raise a `RunError` if a folder cannot be written or holds a run to keep."""
    check_writable(run)
    if (run / CONFIG_FILE).exists() and not overwrite:
        raise RunError(
            f"{run} holds a run already: resume it, replace it with --overwrite (in Python, "
            "overwrite=True), or use another folder"
        )


def check_exists(*paths: Path) -> None:
    """Raise a `RunError` if a file or folder to read does not exist."""
    for path in paths:
        if not path.exists():
            raise RunError(f"there is no file or folder {path}")


def check_file(file: Path, overwrite: bool = False, suffixes: Sequence[str] = ()) -> None:
    """Check that a result may be written to a file.

    Raises:
        RunError: The file exists, is a folder, cannot be written, or has none of the suffixes
            (empty allows all).
    """
    if suffixes and file.suffix.lower() not in suffixes:
        raise RunError(f"{file} must end in {' or '.join(suffixes)}")
    if file.is_dir():
        raise RunError(f"{file} is a folder; name a file to write")
    if file.exists() and not overwrite:
        raise RunError(f"{file} exists already: replace it with --overwrite, or use another file")
    check_writable(file.parent)


def begin_run(run: Path, config: dict[str, Any], overwrite: bool = False) -> None:
    """Create a run folder and write config.json, with `versions` and `provenance`.

    `overwrite` removes the files of an earlier run in the folder; other files stay.

    Raises:
        RunError: The folder holds a run and may not be overwritten, or it cannot be created.
    """
    check_folder(run, overwrite)
    if (run / CONFIG_FILE).exists():
        _clear(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
        write_json(run / CONFIG_FILE, {**config, "versions": versions(), **provenance()})
    except OSError as error:
        raise RunError(f"{run} cannot be written: {error.strerror}") from None


def go_on_with_run(run: Path, config: dict[str, Any]) -> None:
    """Write config.json of a resumed run; its provenance stays that of the start.

    The folder must hold a run with a valid config.json, else a `RunError` is raised.
    """
    earlier = read_config(run)
    kept = {name: earlier[name] for name in PROVENANCE if name in earlier}
    write_json(run / CONFIG_FILE, {**config, "versions": versions(), **kept})


def read_config(run: Path) -> dict[str, Any]:
    """The content of a run's config.json; a `RunError` if it is missing or damaged."""
    file = run / CONFIG_FILE
    if not run.is_dir():
        raise RunError(f"there is no run folder {run}")
    if not file.exists():
        raise RunError(f"{run} is no run folder: it has no {CONFIG_FILE}")
    return read_settings_file(file)


def read_settings_file(file: Path) -> dict[str, Any]:
    """The settings in a JSON file; a `RunError` if it is missing or damaged."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RunError(f"{file} is damaged: {error}") from None
    if not isinstance(settings, dict):
        raise RunError(f"{file} is damaged: it holds no settings")
    return settings


def checkpoint_path(run: Path, step: int, suffix: str = ".zip") -> Path:
    """The file of a step's checkpoint; its folder is created."""
    (run / CHECKPOINT_FOLDER).mkdir(exist_ok=True)
    return run / CHECKPOINT_FOLDER / f"step-{step:09d}{suffix}"


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, in the order of their steps."""
    found = [
        (int(match[1]), path)
        for path in (run / CHECKPOINT_FOLDER).glob("step-*")
        if (match := CHECKPOINT_NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def latest_checkpoint(run: Path) -> Path:
    """The checkpoint of the highest step; a `RunError` if there is none."""
    found = checkpoints(run)
    if not found:
        raise RunError(f"{run / CHECKPOINT_FOLDER} holds no checkpoint to resume from")
    return found[-1]


def _clear(run: Path) -> None:
    found = [path for pattern in RUN_FILES for path in run.glob(pattern)]
    for path in [*checkpoints(run), *found]:
        path.unlink()
    for folder in (path for pattern in RUN_FOLDERS for path in run.glob(f"{pattern}/")):
        shutil.rmtree(folder)
