"""The data set: what is in it, that it is reproducible, its files, and its command."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from karel_gym.cli import main
from karel_gym.simulation import devices
from karel_gym.world import WALL
from programmatic import Program
from programmatic.dsl.tokens import PAD
from programmatic.leaps.data import generation
from programmatic.leaps.data.coverage import CERTAIN, draw_world
from programmatic.leaps.data.dataset import DTYPES, ProgramDataset, split_of
from programmatic.leaps.data.demonstrations import STOP, grids_of, replay
from programmatic.leaps.data.generation import generate
from programmatic.leaps.settings import DatasetConfig
from programmatic.runs import RunError
from tests.programmatic.leaps.reference_runs import PlainRun, conditions_of, grid_of

CONFIG = DatasetConfig(programs=200, seed=3)


@cache
def dataset() -> ProgramDataset:
    return generate(CONFIG)


def assert_equal(a: ProgramDataset, b: ProgramDataset, names: Any = DTYPES) -> None:
    for name in names:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


def test_programs_are_unique_and_within_the_limits() -> None:
    tokens = dataset().tokens
    assert len(dataset()) == len({row.tobytes() for row in tokens}) == 200
    assert tokens.shape == (200, 45)
    for row, n_tokens in zip(tokens, dataset().n_tokens, strict=True):
        assert len(Program.from_tokens(row.tolist()).tokens) == n_tokens


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, height=5, width=11, demonstrations=4, min_states=1, max_states=9, seed=5),
    ],
)
def test_demonstrations_are_whole_runs_that_cover_every_branch(config: DatasetConfig) -> None:
    data = generate(config)
    assert data.actions.shape == (200, config.demonstrations, config.max_states - 1)
    for i in range(len(data)):
        program = Program.from_tokens(data.tokens[i].tolist())
        outcomes: dict[tuple[int, int], set[bool]] = defaultdict(set)
        for d in range(config.demonstrations):
            grid = grid_of(data.cells[i, d], config.width, data.robots[i, d])
            run = PlainRun(grid, config.max_states).of(program)
            assert run.halted
            assert len(run.states) <= config.max_states
            assert len(run.states) >= config.min_states or conditions_of(program.body)
            assert data.lengths[i, d] == len(run.actions)
            padding = [STOP] * (config.max_states - 1 - len(run.actions))
            assert data.actions[i, d].tolist() == run.actions + padding
            for span, seen in run.outcomes.items():
                outcomes[span] |= seen
        assert outcomes == {span: {False, True} for span in conditions_of(program.body)}
        assert data.lengths[i].max() > 0


def test_some_programs_branch_and_some_do_not() -> None:
    bodies = [Program.from_tokens(row.tolist()).body for row in dataset().tokens]
    assert {bool(conditions_of(body)) for body in bodies} == {False, True}
    branch = np.array([bool(conditions_of(body)) for body in bodies])
    for lengths, least in ((dataset().lengths[branch], 0), (dataset().lengths[~branch], 3)):
        assert lengths.min() == least
        assert lengths.max() > 15


@pytest.mark.parametrize(
    ("filters", "pattern"),
    [
        ({"drop_turn_pairs": True}, r"turnLeft turnRight|turnRight turnLeft"),
        ({"drop_marker_loops": True}, r"w\( putMarker w\)"),
        ({"min_times": 2, "max_times": 5}, r"R=([016-9]|1.)\b"),
        ({"max_tokens": 20}, r"(\S+ ){20}\S+"),
    ],
)
def test_filters_drop_what_they_name(filters: dict[str, Any], pattern: str) -> None:
    def found(config: DatasetConfig) -> list[str]:
        texts = [str(Program.from_tokens(row.tolist())) for row in generate(config).tokens]
        return [text for text in texts if re.search(pattern, text)]

    assert found(CONFIG)
    assert not found(replace(CONFIG, **filters))


def test_no_demonstration_repeats_an_action_too_often() -> None:
    def longest(config: DatasetConfig) -> int:
        actions = generate(config).actions.reshape(-1, 19).tolist()
        runs = ((a, len(list(run))) for row in actions for a, run in groupby(row))
        return max(n for action, n in runs if action != STOP)

    assert longest(CONFIG) > 8
    assert longest(replace(CONFIG, max_repeats=8)) == 8


def test_a_program_does_not_depend_on_how_many_there_are() -> None:
    few = generate(replace(CONFIG, programs=30))
    assert_equal(few, dataset().subset(slice(30)), set(DTYPES) - {"split"})
    other = generate(replace(CONFIG, programs=30, seed=4))
    assert not np.array_equal(few.tokens, other.tokens)


def test_further_programs_are_all_for_training() -> None:
    few = generate(replace(CONFIG, programs=40))
    more = generate(replace(CONFIG, programs=40, extra=20))
    for part in ("valid", "test"):
        assert_equal(more.part(part), few.part(part), set(DTYPES))  # type: ignore[arg-type]
    assert_equal(more, dataset().subset(slice(60)), set(DTYPES) - {"split"})
    assert len(more.part("train")) == len(few.part("train")) + 20


@pytest.mark.parametrize("n_threads", [1, 2])
def test_nothing_depends_on_how_the_work_is_shared_out(
    n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "most_threads", lambda: n_threads)
    monkeypatch.setattr(generation, "AT_ONCE", 300)
    data = generate(CONFIG)
    assert_equal(data, dataset())
    assert data.config == dataset().config


def test_the_record_counts_every_program_that_was_drawn() -> None:
    config = dataset().config
    assert config["drawn"] == 200 + config["repeated"] + config["dropped"]
    assert config["repeated"] > 0
    assert config["dropped"] > 0


def test_worlds_have_the_probabilities_of_the_original() -> None:
    rng = np.array([7], dtype=np.uint64)
    n, chance = 3000, round(0.1 * CERTAIN)
    cells, robots = np.empty((n, 64), dtype=np.uint8), np.empty((n, 2), dtype=np.int64)
    for i in range(n):
        robots[i] = draw_world(cells[i], 8, chance, chance, rng)
    walls = (cells == WALL).reshape(n, 8, 8)
    assert walls[:, [0, -1]].all()
    assert walls[:, :, [0, -1]].all()
    assert walls[:, 1:-1, 1:-1].mean() == pytest.approx(0.1, abs=0.005)
    free = cells[cells != WALL]
    assert set(free.tolist()) == {0, 1}
    assert free.mean() == pytest.approx(0.1, abs=0.005)
    assert (cells[np.arange(n), robots[:, 0]] != WALL).all()
    np.testing.assert_allclose(np.bincount(robots[:, 1]) / n, 0.25, atol=0.03)
    visits = np.bincount(robots[:, 0], minlength=64).reshape(8, 8)[1:-1, 1:-1] / n
    np.testing.assert_allclose(visits, 1 / 36, atol=0.015)


def test_the_parts_are_70_15_and_15_percent() -> None:
    split = split_of(1000, 5)
    assert np.bincount(split).tolist() == [700, 150, 150]
    assert np.array_equal(split, split_of(1000, 5))
    assert not np.array_equal(split, split_of(1000, 6))
    assert np.bincount(split[:100]).min() > 5  # no part is a run of rows
    parts = [dataset().part(name) for name in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [140, 30, 30]
    rows = [row.tobytes() for part in parts for row in part.tokens]
    assert sorted(rows) == sorted(row.tobytes() for row in dataset().tokens)
    with pytest.raises(ValueError, match="'train', 'valid', 'test'"):
        dataset().part("validation")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"programs": 0}, "programs must be in 1 to"),
        ({"min_states": 21}, "min_states must be in 1 to 20"),
        ({"max_states": 200}, "max_states must be in 2 to 128"),
        ({"wall_probability": 1.0}, "wall_probability must be in 0 to 0.9"),
        ({"max_trials": 9}, "max_trials must be in 10 to"),
        ({"max_tokens": 46}, "max_tokens must be in 5 to 45"),
        ({"sequences": 71}, "sequences must be in 0 to 70"),
        ({"min_times": 4, "max_times": 3}, "min_times must be in 0 to 3"),
        ({"max_repeats": 0}, "max_repeats must be a whole number from 1 up"),
        ({"seed": -1}, "seed must be in 0 to"),
        ({"width": 2}, "3 to 1000 cells high and wide"),
        ({"width": 1000, "height": 1000}, "at most 32,768 cells"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(replace(CONFIG, **settings))


def test_a_search_in_vain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "AT_ONCE", 64)
    monkeypatch.setattr(generation, "MOST_IN_VAIN", 3)
    with pytest.raises(ValueError, match=r"last 192 programs .* 1 demonstrations of 126 to 128"):
        generate(
            DatasetConfig(
                2, demonstrations=1, max_trials=1, min_states=126, max_states=128, max_tokens=5
            )
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens", np.zeros((200, 44), np.int8)), ("robots", np.zeros((200, 10, 2)))],
)
def test_arrays_of_other_shapes_or_types_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be int"):
        replace(dataset(), **{name: value})


def test_a_file_gives_back_the_data_set(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "data.h5"
    dataset().save(file)
    loaded = ProgramDataset.load(file)
    assert_equal(loaded, dataset())
    assert loaded.config == dataset().config
    assert (loaded.height, loaded.width) == (8, 8)
    with h5py.File(file) as opened:
        assert json.loads(opened.attrs["config"])["seed"] == 3
        assert {opened[name].compression for name in DTYPES} == {"gzip"}
    assert file.stat().st_size < 0.5 * sum(getattr(loaded, name).nbytes for name in DTYPES)
    assert [path.name for path in file.parent.iterdir()] == ["data.h5"]


def _delete_array(file: h5py.File) -> None:
    del file["robots"]


def _delete_size(file: h5py.File) -> None:
    file.attrs["config"] = "{}"


def _shorten(file: h5py.File) -> None:
    del file["lengths"]
    file["lengths"] = np.ones((3, 10), dtype=np.int8)


def _put(name: str, value: int) -> Any:
    def change(file: h5py.File) -> None:
        array = file[name][()]
        array[(1,) * array.ndim] = value
        file[name][...] = array

    return change


def _crowd(file: h5py.File) -> None:
    file["cells"][0, 0] = np.where(file["cells"][0, 0] == WALL, WALL, 11)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_delete_array, "lacks the arrays robots"),
        (_delete_size, "lacks the size"),
        (_shorten, r"lengths must be int8 of shape \(200, 10\)"),
        (_put("tokens", 4), r"programs\[1\]"),
        (_put("cells", 99), "the border of every world must be wall"),
        (_crowd, "more at row"),
        (_put("robots", 7), "robots must be inside the border, with a heading of 0 to 3"),
        (_put("actions", 5), "actions of a demonstration must be in 0 to 4"),
        (_put("lengths", 1), "actions must be 5 after their end"),
        (_put("lengths", 20), "lengths must be in 0 to 19"),
        (_put("split", 3), "split must be in 0 to 2"),
    ],
)
def test_damage_is_told(tmp_path: Path, change: Any, message: str) -> None:
    file = tmp_path / "data.h5"
    dataset().save(file)
    with h5py.File(file, "r+") as opened:
        change(opened)
    with file.open("r+b") as opened_again:
        opened_again.write(b" " * 512)  # the checksum: other programs write none
    with pytest.raises(RunError, match=rf"data\.h5 is no data set, or it is damaged: .*{message}"):
        ProgramDataset.load(file)


def test_what_is_no_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file; `karel-gym dataset"):
        ProgramDataset.load(tmp_path / "nowhere.h5")
    with pytest.raises(RunError, match=r"it has no data\.hdf5"):
        ProgramDataset.load(tmp_path)
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(RunError, match=r"text\.h5 is no data set, or it is damaged"):
        ProgramDataset.load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "data.hdf5", "w"):
        pass
    with pytest.raises(RunError, match=r"nor, beside it, the id\.txt"):
        ProgramDataset.load(tmp_path)
    file = tmp_path / "cut.h5"
    dataset().save(file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(RunError, match=r"cut\.h5 is no data set, or it is damaged"):
        ProgramDataset.load(file)


def write_original(folder: Path, data: ProgramDataset, ids: list[str]) -> dict[str, Any]:
    """Write a data set in the layout of LEAPS; returns the states of each program."""
    written = {}
    with h5py.File(folder / "data.hdf5", "w") as file:
        for i, name in enumerate(ids):
            longest = int(data.lengths[i].max())
            arrays = data.cells[i], 8, data.robots[i], data.actions[i, :, :longest]
            cells, robots = replay(*arrays, data.lengths[i])
            states = np.moveaxis(grids_of(cells, 8, robots), 2, -1).astype(bool)
            shown = np.arange(longest + 1) <= data.lengths[i][:, None]
            written[name] = states * shown[..., None, None, None]
            group = file.create_group(name)
            group["program"] = data.tokens[i, : data.n_tokens[i]]
            group["s_h"] = written[name]
            group["s_h_len"] = data.lengths[i].astype(np.int16) + 1
            group["a_h"] = np.where(arrays[3] == STOP, 0, arrays[3])
            group["a_h_len"] = data.lengths[i].astype(np.int16)
        file.create_group("data_info")["max_demo_length"] = 20
    (folder / "id.txt").write_text("".join(f"{name} and more\n" for name in ids))
    return written


IDS = ["no_0_prog_len_9", "no_2", "no_1", "no_10"]


@pytest.mark.parametrize("path", [".", "data.hdf5"])
def test_the_layout_of_leaps_is_read(tmp_path: Path, path: str) -> None:
    data = dataset().subset(slice(len(IDS)))
    written = write_original(tmp_path, data, IDS)
    loaded = ProgramDataset.load(tmp_path / path)
    assert_equal(loaded, data, set(DTYPES) - {"split"})
    assert loaded.config["source"] == "LEAPS"
    for i, name in enumerate(IDS):
        arrays = loaded.cells[i], 8, loaded.robots[i], loaded.actions[i]
        cells, robots = replay(*arrays, loaded.lengths[i])
        grids = grids_of(cells, 8, robots)
        for d, length in enumerate(loaded.lengths[i]):
            states = written[name][d, : length + 1]
            assert np.array_equal(np.moveaxis(grids[d, : length + 1], 1, -1), states)


def test_long_programs_of_leaps_are_left_out(tmp_path: Path) -> None:
    write_original(tmp_path, dataset(), IDS)
    with h5py.File(tmp_path / "data.hdf5", "r+") as file:
        del file[IDS[1]]["program"]
        file[IDS[1]]["program"] = [*range(3), *[4] * 45, 3]
    loaded = ProgramDataset.load(tmp_path)
    assert_equal(loaded, dataset().subset([0, 2, 3]), ["tokens", "cells", "lengths"])
    assert loaded.config["left_out"] == 1


def _other_size(file: h5py.File) -> None:
    states = file["no_1/s_h"][()]
    del file["no_1/s_h"]
    file["no_1/s_h"] = states[:, :, :7]


def _no_robot(file: h5py.File) -> None:
    file["no_1/s_h"][...] = False


def _delete(name: str) -> Any:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def _longer(file: h5py.File) -> None:
    file["no_1/s_h_len"][...] = 99


def _flat(file: h5py.File) -> None:
    del file["no_1/s_h"]
    file["no_1/s_h"] = np.zeros((10, 20, 64, 16), dtype=bool)


def _tokens(file: h5py.File) -> None:
    file["no_1/program"][0] = 17


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_delete("no_1"), r"id\.txt names the program no_1, but there is no group"),
        (_delete("no_1/a_h"), "the group no_1 lacks a_h"),
        (_other_size, "worlds of one size"),
        (_no_robot, "one robot"),
        (_longer, "lengths in the group no_1 do not fit"),
        (_flat, r"no_1 must have .* s_h \(D, T, H, W, 16\)"),
        (_tokens, r"programs\[2\]"),
    ],
)
def test_damage_to_the_layout_of_leaps_is_told(tmp_path: Path, change: Any, message: str) -> None:
    write_original(tmp_path, dataset(), IDS)
    with h5py.File(tmp_path / "data.hdf5", "r+") as file:
        change(file)
    with pytest.raises(RunError, match=message):
        ProgramDataset.load(tmp_path)


def test_an_empty_list_of_ids_is_told(tmp_path: Path) -> None:
    write_original(tmp_path, dataset(), IDS)
    (tmp_path / "id.txt").write_text("\n \n")
    with pytest.raises(RunError, match="names no program"):
        ProgramDataset.load(tmp_path)


def test_the_command_writes_a_file_and_tells_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "data.h5"
    arguments = ["dataset", "--programs", "200", "--seed", "3", "--out", str(file)]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    data = ProgramDataset.load(file)
    assert_equal(data, dataset())
    mean_tokens = (data.tokens != PAD).sum() / 200
    for line in (
        "200 programs with 10 demonstrations each, seed 3",
        f"tokens       {mean_tokens:.1f} per program",
        f"states       {data.lengths.mean() + 1:.1f} per demonstration",
        f"{file}, {file.stat().st_size / 1e6:.1f} MB",
    ):
        assert line in captured.out
    assert re.search(r"dropped +\d\d% of the [\d,]+ different programs", captured.out)
    assert re.search(r"seconds +\d+\.\d\n", captured.out)
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--demonstrations", "5"]) == 0
    assert ProgramDataset.load(file).lengths.shape == (200, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--programs", "0", "--out", "a.h5"], "programs must be in 1 to"),
        (["--out", "."], "is a folder"),
        (["--out", "file/a.h5"], "file"),
    ],
)
def test_errors_of_the_command_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in the way")
    assert main(["dataset", *arguments]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert message in error


def test_a_data_set_that_was_changed_is_refused_before_hdf5_reads_it(tmp_path: Path) -> None:
    generate(DatasetConfig(programs=20)).save(tmp_path / "a.h5")
    data = bytearray((tmp_path / "a.h5").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.h5").write_bytes(data)
    with pytest.raises(RunError, match="was cut off or changed"):
        ProgramDataset.load(tmp_path / "a.h5")
