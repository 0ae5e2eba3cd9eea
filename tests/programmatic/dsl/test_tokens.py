"""The vocabulary keeps the numbers of LEAPS, which its data sets and weights rely on."""

from __future__ import annotations

import pytest

from programmatic.dsl import ACTION_TOKENS, ACTIONS, PAD, PERCEPT_TOKENS, PERCEPTS, TOKENS, tokens


@pytest.mark.parametrize(
    ("word", "token"),
    [
        *[("DEF", 0), ("run", 1), ("m(", 2), ("m)", 3), ("move", 4), ("turnRight", 5)],
        *[("turnLeft", 6), ("pickMarker", 7), ("putMarker", 8), ("r(", 9), ("r)", 10)],
        *[("R=0", 11), ("R=9", 20), ("R=19", 30), ("REPEAT", 31), ("c(", 32), ("c)", 33)],
        *[("i(", 34), ("i)", 35), ("e(", 36), ("e)", 37), ("IF", 38), ("IFELSE", 39)],
        *[("ELSE", 40), ("frontIsClear", 41), ("leftIsClear", 42), ("rightIsClear", 43)],
        *[("markersPresent", 44), ("noMarkersPresent", 45), ("not", 46), ("w(", 47)],
        *[("w)", 48), ("WHILE", 49), ("<pad>", 50)],
    ],
)
def test_words_have_their_leaps_numbers(word: str, token: int) -> None:
    assert TOKENS[token] == word
    assert tokens.TOKEN_IDS[word] == token


def test_words_are_distinct() -> None:
    assert len(set(TOKENS)) == len(TOKENS) == PAD + 1 == 51


@pytest.mark.parametrize(
    ("constant", "word"),
    [
        *[("DEF", "DEF"), ("RUN", "run"), ("REPEAT", "REPEAT"), ("IF", "IF"), ("NOT", "not")],
        *[("IFELSE", "IFELSE"), ("ELSE", "ELSE"), ("WHILE", "WHILE"), ("PAD", "<pad>")],
        *[("R_0", "R=0"), ("R_MAX", "R=19")],
        *[(f"{letter.upper()}_OPEN", f"{letter}(") for letter in "mrciew"],
        *[(f"{letter.upper()}_CLOSE", f"{letter})") for letter in "mrciew"],
    ],
)
def test_constants_name_their_words(constant: str, word: str) -> None:
    assert TOKENS[getattr(tokens, constant)] == word


def test_actions_and_percepts_are_in_the_order_of_their_numbers() -> None:
    assert ACTIONS == ("move", "turnLeft", "turnRight", "pickMarker", "putMarker")
    assert [TOKENS[token] for token in ACTION_TOKENS] == list(ACTIONS)
    assert PERCEPTS[:3] == ("frontIsClear", "leftIsClear", "rightIsClear")
    assert PERCEPTS[3:] == ("markersPresent", "noMarkersPresent")
    assert [TOKENS[token] for token in PERCEPT_TOKENS] == list(PERCEPTS)
