"""The vocabulary of programs: 50 words and the pad, numbered as in LEAPS.

The numbers are plain module constants, which compiled kernels use as globals.
Source: Trivedi et al., Learning to Synthesize Programs as Interpretable and Generalizable
Policies, NeurIPS 2021 (the order of its token list).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MAX_TIMES: Final = 19
"""The largest n of `R=n`; the smallest is 0."""
MAX_PROGRAM_TOKENS: Final = 45
"""The most tokens of a program that LEAPS embeds, DEF included."""

TOKENS: Final[tuple[str, ...]] = (
    *("DEF", "run", "m(", "m)"),
    *("move", "turnRight", "turnLeft", "pickMarker", "putMarker"),
    *("r(", "r)"),
    *(f"R={times}" for times in range(MAX_TIMES + 1)),
    *("REPEAT", "c(", "c)", "i(", "i)", "e(", "e)", "IF", "IFELSE", "ELSE"),
    *("frontIsClear", "leftIsClear", "rightIsClear", "markersPresent", "noMarkersPresent"),
    *("not", "w(", "w)", "WHILE"),
    "<pad>",
)
"""The word of each token id; the last is the pad, which occurs in no program."""

TOKEN_IDS: Final[Mapping[str, int]] = MappingProxyType(
    {word: token for token, word in enumerate(TOKENS)}
)
"""The token id of each word."""

DEF: Final = TOKEN_IDS["DEF"]
RUN: Final = TOKEN_IDS["run"]
M_OPEN: Final = TOKEN_IDS["m("]
M_CLOSE: Final = TOKEN_IDS["m)"]
R_OPEN: Final = TOKEN_IDS["r("]
R_CLOSE: Final = TOKEN_IDS["r)"]
R_0: Final = TOKEN_IDS["R=0"]
R_MAX: Final = R_0 + MAX_TIMES
REPEAT: Final = TOKEN_IDS["REPEAT"]
C_OPEN: Final = TOKEN_IDS["c("]
C_CLOSE: Final = TOKEN_IDS["c)"]
I_OPEN: Final = TOKEN_IDS["i("]
I_CLOSE: Final = TOKEN_IDS["i)"]
E_OPEN: Final = TOKEN_IDS["e("]
E_CLOSE: Final = TOKEN_IDS["e)"]
IF: Final = TOKEN_IDS["IF"]
IFELSE: Final = TOKEN_IDS["IFELSE"]
ELSE: Final = TOKEN_IDS["ELSE"]
NOT: Final = TOKEN_IDS["not"]
W_OPEN: Final = TOKEN_IDS["w("]
W_CLOSE: Final = TOKEN_IDS["w)"]
WHILE: Final = TOKEN_IDS["WHILE"]
PAD: Final = TOKEN_IDS["<pad>"]

ACTIONS: Final = ("move", "turnLeft", "turnRight", "pickMarker", "putMarker")
"""The actions' words, in the order of the action numbers."""
ACTION_TOKENS: Final = tuple(TOKEN_IDS[word] for word in ACTIONS)
"""The token id of each action number."""

PERCEPTS: Final = (
    "frontIsClear",
    "leftIsClear",
    "rightIsClear",
    "markersPresent",
    "noMarkersPresent",
)
"""The percepts' words, in the order of the percept numbers."""
PERCEPT_TOKENS: Final = tuple(TOKEN_IDS[word] for word in PERCEPTS)
"""The token id of each percept number."""
