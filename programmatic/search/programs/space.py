"""The space of programs for hill climbing: random programs and their neighbours.

Source: Carvalho et al., Reclaiming the Source of Programmatic Policies: Programmatic versus Latent
Spaces (ICLR 2024), and its published code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.kernels import allocating_kernel, inner
from karel_gym.simulation.rng import states_of
from programmatic.dsl import Program, Statement
from programmatic.dsl import tokens as t
from programmatic.dsl.program_files import ProgramReport, read_program_file
from programmatic.search.programs.dictionary import NO_DICTIONARY, Dictionary
from programmatic.search.programs.edits import neighbour
from programmatic.search.programs.mutation import N_COLUMNS, list_places
from programmatic.search.programs.statements import NO_ROOM, STACK_SIZE, draw_statements


class ProgramSpace(NamedTuple):
    """The programs within some limits, and their neighbours.

    A neighbour of a program has a random subtree, or a piece of the dictionary, in place of a
    random node (uniformly drawn) of the same kind, or is made by an edit, see
    `programmatic.search.programs.edits`. Neighbours beyond the limits are drawn again.

    Example:
        >>> space = ProgramSpace()
        >>> program = Program.from_tokens(space.random(1, seed=1)[0])
        >>> space.check(program)
        >>> space.neighbours(program, 3, seed=2).shape
        (3, 45)
    """

    max_tokens: int = 45
    """Most tokens, DEF included."""
    max_height: int = 4
    """The deepest nesting of control structures, plus 1 for the program."""
    max_sequence: int = 6
    """Most statements of a block."""
    subtree_height: int = 2
    """The deepest nesting in a new subtree; one less in a sequence."""
    subtree_sequence: int = 4
    """Most statements of a block in a new subtree; a new sequence may have one more, as in the
    published code."""
    negated_ifelse: bool = False
    """Whether the condition of an IFELSE may be negated."""
    edits: int = 0
    """Percentage of the neighbours made by an edit; 0 in the published space."""
    dictionary: Dictionary = NO_DICTIONARY
    """Pieces of programs that may be the new subtrees; none in the published space."""

    def random(self, n: int, seed: int) -> NDArray[np.int8]:
        """Random programs: tokens, int8, (n, max_tokens), padded with 50.

        Program i is the same whatever `n` is.
        """
        tokens = np.full((n, self.max_tokens), t.PAD, dtype=np.int8)
        draw_space_programs(self, tokens, states_of(seed, n)[:, None])
        return tokens

    def neighbours(self, program: Program, n: int, seed: int) -> NDArray[np.int8]:
        """Random neighbours of a program: tokens, int8, (n, max_tokens), padded with 50.

        Raises:
            ValueError: The program is beyond the limits.
        """
        self.check(program)
        tokens = np.full((n, self.max_tokens), t.PAD, dtype=np.int8)
        parent = np.array(program.tokens, dtype=np.int8)
        draw_neighbours(self, parent, tokens, states_of(seed, n)[:, None])
        return tokens

    def read_programs(self, path: str | os.PathLike[str]) -> ProgramReport:
        """The programs of the space in a file or folder, such as proposals of a language model.

        See `programmatic.dsl.program_files.read_program_file`; the report lists what is skipped.

        Raises:
            ValueError: A file cannot be read, or there is no program of the space.
        """
        report = read_program_file(Path(path), self.check)
        if not report.found:
            raise ValueError(f"{report}\n{path} has no program from which a search can start")
        return report

    def check(self, program: Program) -> None:
        """Raise a ValueError unless the program is within the limits."""
        sequence, nesting = _extent(program.body)
        for what, found, limit in (
            ("tokens", len(program.tokens), self.max_tokens),
            ("statements in a block", sequence, self.max_sequence),
            ("nested control structures", nesting, self.max_height - 1),
        ):
            if found > limit:
                raise ValueError(f"the program has {found} {what}; the space allows {limit}")


SPACES = {
    "published": ProgramSpace(),
    "larger": ProgramSpace(max_height=6, max_sequence=12, negated_ifelse=True),
}
"""The space of Carvalho et al., and one with deeper programs, longer blocks and negated IFELSE
conditions."""


@inner
def draw_program(space: Any, tokens: Any, stack: Any, rng: Any) -> int:
    """Draw a program into `tokens`, int8, (L,); returns the number of tokens."""
    tokens[0], tokens[1], tokens[2] = t.DEF, t.RUN, t.M_OPEN
    links = space.max_sequence - 1
    while True:
        end, _, _ = draw_statements(
            tokens,
            3,
            space.max_tokens - 1,
            1,
            links,
            space.max_height,
            links,
            space.negated_ifelse,
            stack,
            rng,
        )
        if end != NO_ROOM:
            tokens[end] = t.M_CLOSE
            return end + 1


@allocating_kernel
def draw_space_programs(space: Any, tokens: Any, rngs: Any) -> None:
    """Fill `tokens`, int8, (N, max_tokens), pads, with random programs; `rngs` is (N, 1)."""
    stack = np.empty(STACK_SIZE, dtype=np.int64)
    for i in range(len(tokens)):
        length = draw_program(space, tokens[i], stack, rngs[i])
        tokens[i, length:] = t.PAD


@allocating_kernel
def draw_neighbours(space: Any, parent: Any, tokens: Any, rngs: Any) -> None:
    """Fill `tokens`, int8, (N, max_tokens), with neighbours of a program; `rngs` is (N, 1)."""
    stack = np.empty(STACK_SIZE, dtype=np.int64)
    places = np.empty((2 * parent.size, N_COLUMNS), dtype=np.int64)
    n_places = list_places(parent, parent.size, space.negated_ifelse, places, stack)
    for i in range(len(tokens)):
        length, _ = neighbour(
            parent, parent.size, places, n_places, space, tokens[i], stack, rngs[i]
        )
        tokens[i, length:] = t.PAD


def _extent(body: tuple[Statement, ...]) -> tuple[int, int]:
    """The length of the longest block, and the depth of nested control structures."""
    longest, nesting = len(body), 0
    for block in (block for node in body for block in node.blocks):
        inside = _extent(block)
        longest, nesting = max(longest, inside[0]), max(nesting, inside[1] + 1)
    return longest, nesting
