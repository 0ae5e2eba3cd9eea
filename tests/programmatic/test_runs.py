"""The run folder: whole files, configurations, checkpoints by step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from programmatic.runs import (
    RunError,
    begin_run,
    check_file,
    check_folder,
    checkpoint_path,
    checkpoints,
    latest_checkpoint,
    new_folder,
    occupying,
    read_config,
    replacing,
    versions,
    write_json,
    write_text,
)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")

    def fail() -> None:
        with replacing(file) as temporary:
            temporary.write_text("new, but not")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_checkpoints_are_in_the_order_of_their_steps(tmp_path: Path) -> None:
    begin_run(tmp_path, {})
    with pytest.raises(RunError, match="holds no checkpoint"):
        latest_checkpoint(tmp_path)
    steps = [5, 10_000_000_000, 0, 700]
    for step in steps:
        checkpoint_path(tmp_path, step).touch()
    (tmp_path / "checkpoints" / "step-x.zip").touch()
    (tmp_path / "checkpoints" / ".step-000000900-1.zip").touch()
    expected = [checkpoint_path(tmp_path, step) for step in sorted(steps)]
    assert checkpoints(tmp_path) == expected
    assert latest_checkpoint(tmp_path) == expected[-1]


def test_a_run_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    begin_run(run, {"a": 1})
    checkpoint_path(run, 3).touch()
    (run / "mine.txt").touch()
    with pytest.raises(RunError, match="holds a run already"):
        begin_run(run, {"a": 2})
    assert read_config(run)["a"] == 1
    begin_run(run, {"a": 2}, overwrite=True)
    assert read_config(run)["a"] == 2
    assert checkpoints(run) == []
    assert (run / "mine.txt").exists()


def test_what_a_run_of_any_kind_leaves_is_removed(tmp_path: Path) -> None:
    begin_run(tmp_path, {})
    for name in ("iteration-01", "trials"):
        (tmp_path / name / "deep").mkdir(parents=True)
    for name in ("table.csv", "study.db", "policy.json"):
        (tmp_path / name).touch()
    begin_run(tmp_path, {}, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_new_folder_takes_no_other_place(tmp_path: Path) -> None:
    folders = [new_folder(tmp_path / "runs" / "evaluate-0") for _ in range(3)]
    assert [folder.name for folder in folders] == ["evaluate-0", "evaluate-0-2", "evaluate-0-3"]
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        new_folder(tmp_path / "file" / "run")


def test_a_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    check_file(file, suffixes=(".html",))
    file.touch()
    check_file(file, overwrite=True)
    with pytest.raises(RunError, match="exists already: replace it with --overwrite"):
        check_file(file)
    with pytest.raises(RunError, match=r"must end in \.gif or \.png"):
        check_file(file, suffixes=(".gif", ".png"))
    with pytest.raises(RunError, match="is a folder"):
        check_file(tmp_path, overwrite=True)


def test_a_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be written: .*file is not a directory"):
        check_folder(tmp_path / "file" / "run")
    with pytest.raises(RunError, match=r"cannot be written: .*file is not a directory"):
        check_file(tmp_path / "file" / "a.gif")
    check_folder(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()
    with pytest.raises(RunError, match="cannot be written"):
        begin_run(tmp_path / "file" / "run", {})
    with pytest.raises(RunError, match="cannot be written"), occupying(tmp_path / "file" / "run"):
        pass
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RunError, match=f"no permission to write to {tmp_path}"):
        check_folder(tmp_path / "new" / "run")


OCCUPY = """
import sys, time
from pathlib import Path
from programmatic.runs import occupying
with occupying(Path(sys.argv[1])):
    print("there", flush=True)
    time.sleep(100)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks on folders")
def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    command = [sys.executable, "-c", OCCUPY, str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"there\n"
        with pytest.raises(RunError, match="another process works in"), occupying(run):
            pytest.fail("two processes are in the folder")
        other.kill()
    with occupying(run), occupying(tmp_path):
        assert list(run.iterdir()) == []
    with occupying(run):
        pass


def test_configurations_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run folder"):
        read_config(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"it has no config\.json"):
        read_config(tmp_path)
    for content in (b"{", b"[]", b"\xff\xfe"):
        (tmp_path / "config.json").write_bytes(content)
        with pytest.raises(RunError, match=r"config\.json is damaged"):
            read_config(tmp_path)


def test_versions() -> None:
    assert {"python", "numpy"} <= set(versions())
    assert "no-such-package" not in versions(["no-such-package"])
