"""`Program`: a value with three sources (text, tokens, file)."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from programmatic import Program, ProgramSyntaxError
from programmatic.dsl import PAD
from tests.strategies import programs

TEXT = "DEF run m( WHILE c( frontIsClear c) w( move w) m)"
IDS = (0, 1, 2, 49, 32, 41, 33, 47, 4, 48, 3)


def test_tokens_are_those_of_the_text() -> None:
    assert Program.parse(TEXT).tokens == IDS


@given(programs(max_tokens=30))
def test_programs_keep_to_the_length_asked_for(program: Program) -> None:
    assert len(program.tokens) <= 30


@given(programs())
def test_all_sources_give_the_same_program(program: Program) -> None:
    for same in (
        Program.parse(str(program)),
        Program.from_tokens(program.tokens),
        Program.from_tokens(np.array([*program.tokens, PAD, PAD])),
        pickle.loads(pickle.dumps(program)),
        copy.deepcopy(program),
    ):
        assert same == program
        assert same.body == program.body
        assert hash(same) == hash(program)
        assert same.tokens == program.tokens
    assert all(type(token) is int for token in program.tokens)


def test_programs_differ_by_their_tokens() -> None:
    a, b = Program.parse("DEF run m( move m)"), Program.parse("DEF run m( turnLeft m)")
    assert a != b
    assert len({a, b, Program.parse("DEF  run\nm( move m)")}) == 2


def test_programs_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Program.parse(TEXT).tokens = IDS  # type: ignore[misc]


def test_repr_makes_the_program_again() -> None:
    program = Program.parse(TEXT)
    assert eval(repr(program)) == program


@pytest.mark.parametrize("text", [None, 3, b"DEF run m( move m)", ["DEF"]])
def test_only_text_is_parsed(text: Any) -> None:
    with pytest.raises(TypeError, match="a program's text must be a str, got"):
        Program.parse(text)


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, lambda ids: np.array(ids, dtype=np.uint8), iter]
)
def test_tokens_come_in_any_sequence(make: Callable[[list[int]], Any]) -> None:
    assert Program.from_tokens(make([*IDS, PAD, PAD])) == Program.parse(TEXT)


@pytest.mark.parametrize(
    ("ids", "position", "message"),
    [
        ([], 0, "expected 'DEF' at the start, got the end of the program"),
        ([PAD] * 45, 0, "expected 'DEF' at the start, got the end of the program"),
        ([0, 1, 2, 4, PAD, 3], 4, "expected a statement or 'm)', got '<pad>'"),
        ([0, 1, 2, 51, 3], 3, "expected a token id in 0 .. 50, got 51"),
        ([0, 1, 2, -1, 3], 3, "expected a token id in 0 .. 50, got -1"),
        ([0, 1, 2, 10**9999, 3], 3, "got an integer of 33216 bits"),
        ([4, 4], 0, "expected 'DEF' at the start, got 'move'"),
    ],
)
def test_wrong_tokens_are_syntax_errors(ids: list[int], position: int, message: str) -> None:
    with pytest.raises(ProgramSyntaxError) as caught:
        Program.from_tokens(ids)
    assert caught.value.position == position
    assert message in str(caught.value)


@pytest.mark.parametrize("ids", [[0.0, 1.0], ["DEF"], "DEF", None, 3, np.zeros((2, 3), int)])
def test_tokens_must_be_integers(ids: Any) -> None:
    with pytest.raises(TypeError, match="a program's tokens must be integers"):
        Program.from_tokens(ids)


@given(program=programs())
def test_files_keep_programs(tmp_path_factory: pytest.TempPathFactory, program: Program) -> None:
    path = tmp_path_factory.mktemp("programs") / "program.txt"
    program.save(path)
    assert Program.load(path) == program
    assert Program.load(str(path)) == program


def test_files_have_any_layout_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "program.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# written on Windows, \xe9 in Latin-1\r\n\r\nDEF run\tm(\r\n"
        b"  # until the wall:\r\n WHILE c( frontIsClear c)\r\n w( move w) m)\r\n#"
    )
    assert Program.load(path) == Program.parse(TEXT)


def test_errors_in_files_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.txt"
    path.write_text("# no program\nDEF run m( WHILE move m)")
    with pytest.raises(ProgramSyntaxError, match=r"broken\.txt at token 4: expected 'c\('"):
        Program.load(path)
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ProgramSyntaxError, match=r"broken\.txt at token 0"):
        Program.load(path)


def test_missing_files_are_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Program.load(tmp_path / "none.txt")
    with pytest.raises(FileNotFoundError):
        Program.parse(TEXT).save(tmp_path / "none" / "program.txt")


def test_save_replaces_the_file_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "program.txt"
    before = Program.parse("DEF run m( turnLeft m)")
    before.save(path)

    def fail(source: Path, target: Path) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            Program.parse(TEXT).save(path)
    assert Program.load(path) == before
    assert os.listdir(tmp_path) == ["program.txt"]
    Program.parse(TEXT).save(path)
    assert Program.load(path) == Program.parse(TEXT)
    assert os.listdir(tmp_path) == ["program.txt"]
