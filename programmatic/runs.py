"""The run folder: what a training or a search leaves, written so that a crash cannot damage it.

    config.json          every setting of the run, the versions of the packages, and where it
                         comes from: commit, machine, and the command line if there was one
    checkpoints/         step-000081920.zip, or .safetensors: where an interrupted run can go on

A file is first written under another name and then renamed: it is there as a whole or not at all.
One process at a time works in a folder.
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
CHECKPOINT_FOLDER = "checkpoints"
CHECKPOINT_NAME = re.compile(r"step-(\d+)\.\w+")
RUN_FILES = (
    *("*.zip", "best.safetensors", "best.json", "result.json", "program.karel", "program.tree"),
    *("policy.safetensors", "policy.json", "imitation.json", "study.db", "best.yml"),
    *("progress.csv", "evaluations.csv", "history.csv", "iterations.csv"),
    *("table.csv", "table.json", "episodes.csv", "events.out.tfevents.*", CONFIG_FILE),
)
"""The files that runs of all kinds write into their folders, checkpoints apart."""
RUN_FOLDERS = ("iteration-*", "trials")
"""The folders that runs write into theirs: of MORL's iterations, and of a study's trainings."""
RUNS_FOLDER = Path("runs")
PACKAGES = ("karel-gym", "gymnasium", "numpy", "stable-baselines3", "torch")


class RunError(RuntimeError):
    """A run folder or a file in it is missing, damaged or in the way; the message says which."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends without an error.

    Raises:
        RunError: It cannot be written; what was at `path` stays.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     sorted(os.listdir(folder))
        ['a.txt']
    """
    path = Path(path)
    # The suffix stays: writers of zips, images and tables go by it.
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
    """Write a text file, as a whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a JSON file, as a whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


@contextmanager
def occupying(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes from working in it while the block runs.

    The operating system holds the lock on the folder and releases it when the process ends,
    however it ends. Windows and file systems without locks have none.

    Args:
        folder: A run folder, or the folder of a benchmark.

    Raises:
        RunError: Another process works in the folder, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = None if fcntl is None else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        if lock is not None and not _holds(lock):
            raise RunError(
                f"another process works in {folder}: wait for its end, or name another folder"
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
    """The versions of Python and of the installed ones among `packages`."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def usual_folder(*parts: object) -> Path:
    """The folder of a run whose user names none: runs/PART-PART; an id 'module:ID' is the ID only.

    Example:
        >>> usual_folder("search", "hc", "my_tasks:Karel-Ring-v0", 3).as_posix()
        'runs/search-hc-Karel-Ring-v0-3'
    """
    name = "-".join(plain_id(str(part)) for part in parts)
    return RUNS_FOLDER / name.replace("/", "-")


def new_folder(path: Path) -> Path:
    """Make a folder of this name; if there is one, of this name with -2, -3, ... behind it.

    Raises:
        RunError: It cannot be made.
    """
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


def check_folder(run: Path, overwrite: bool = False) -> None:
    """Check that a run may be written to a folder.

    Raises:
        RunError: It holds a run that may not be overwritten.
    """
    if (run / CONFIG_FILE).exists() and not overwrite:
        raise RunError(
            f"{run} holds a run already: resume it, replace it with --overwrite (in Python, "
            "overwrite=True), or name another folder"
        )


def check_exists(*paths: Path) -> None:
    """Check that files or folders to read exist.

    Raises:
        RunError: One does not.
    """
    for path in paths:
        if not path.exists():
            raise RunError(f"there is no file or folder {path}")


def check_file(file: Path, overwrite: bool = False, suffixes: Sequence[str] = ()) -> None:
    """Check that a result may be written to a file.

    Args:
        file: The file.
        overwrite: Whether it may be there already.
        suffixes: How its name may end; empty: in any way.

    Raises:
        RunError: It may not be there, it is a folder, or its name ends in another way.
    """
    if suffixes and file.suffix.lower() not in suffixes:
        raise RunError(f"{file} must end in {' or '.join(suffixes)}")
    if file.is_dir():
        raise RunError(f"{file} is a folder; name a file to write")
    if file.exists() and not overwrite:
        raise RunError(f"{file} exists already: replace it with --overwrite, or name another file")


def begin_run(run: Path, config: dict[str, Any], overwrite: bool = False) -> None:
    """Make the folder of a run and write its configuration, with `versions` and `provenance`.

    Args:
        run: The folder.
        config: The settings, as JSON values.
        overwrite: Whether an earlier run there may be removed: its configuration, checkpoints,
            models, results, logs and TensorBoard events. Other files stay.

    Raises:
        RunError: A run is there already and may not be removed, or the folder cannot be made.
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
    """Write the configuration of a run that goes on; where it comes from stays as it was begun.

    Args:
        run: The folder.
        config: The settings, as JSON values.

    Raises:
        RunError: The folder is missing or no run's, or its configuration is damaged.
    """
    earlier = read_config(run)
    kept = {name: earlier[name] for name in PROVENANCE if name in earlier}
    write_json(run / CONFIG_FILE, {**config, "versions": versions(), **kept})


def read_config(run: Path) -> dict[str, Any]:
    """The configuration of a run.

    Raises:
        RunError: The folder is missing or no run's, or its configuration is damaged.
    """
    file = run / CONFIG_FILE
    if not run.is_dir():
        raise RunError(f"there is no run folder {run}")
    if not file.exists():
        raise RunError(f"{run} is no run folder: it has no {CONFIG_FILE}")
    return read_settings_file(file)


def read_settings_file(file: Path) -> dict[str, Any]:
    """The settings in a JSON file.

    Raises:
        RunError: It is missing or damaged; the message names it.
    """
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
    """Where the checkpoint of a step belongs; the folder is made."""
    (run / CHECKPOINT_FOLDER).mkdir(exist_ok=True)
    return run / CHECKPOINT_FOLDER / f"step-{step:09d}{suffix}"


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, by step."""
    found = [
        (int(match[1]), path)
        for path in (run / CHECKPOINT_FOLDER).glob("step-*")
        if (match := CHECKPOINT_NAME.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def latest_checkpoint(run: Path) -> Path:
    """The checkpoint of the highest step.

    Raises:
        RunError: There is none.
    """
    found = checkpoints(run)
    if not found:
        raise RunError(f"{run / CHECKPOINT_FOLDER} holds no checkpoint to go on from")
    return found[-1]


def _clear(run: Path) -> None:
    found = [path for pattern in RUN_FILES for path in run.glob(pattern)]
    for path in [*checkpoints(run), *found]:
        path.unlink()
    for folder in (path for pattern in RUN_FOLDERS for path in run.glob(f"{pattern}/")):
        shutil.rmtree(folder)
