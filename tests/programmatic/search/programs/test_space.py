"""The space of programs: what random programs and neighbours are, and how probable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from programmatic import Program
from programmatic.dsl import PAD, PERCEPTS, Action, Condition, IfElse, Repeat, Statement
from programmatic.machine.bytecode import compile, compile_tokens
from programmatic.search.programs.mutation import END, N_COLUMNS, START, list_places
from programmatic.search.programs.space import SPACES, ProgramSpace
from tests.programmatic.search.programs.reference_space import (
    ReferenceSpace,
    places_of,
    text_of,
    tree_of,
)

N = 6_000
PARENTS = [
    "DEF run m( move m)",
    "DEF run m( REPEAT R=2 r( move turnLeft r) WHILE c( not c( markersPresent c) c) w( move w) m)",
    "DEF run m( IFELSE c( frontIsClear c) i( move i) ELSE e( turnLeft move putMarker e) m)",
    "DEF run m( move move move move move turnLeft m)",
    "DEF run m( IF c( leftIsClear c) i( WHILE c( frontIsClear c) w( IF c( rightIsClear c) i( move "
    "turnRight i) turnLeft w) i) WHILE c( noMarkersPresent c) w( turnLeft move pickMarker w) m)",
]


def programs(tokens: np.ndarray) -> list[Program]:
    return [Program.from_tokens(row) for row in tokens.tolist()]


def conditions(body: Iterable[Statement]) -> list[tuple[Statement, Condition]]:
    """The conditions of a body, each with what it belongs to."""
    found = []
    for node in body:
        if isinstance(node, Action):
            continue
        if not isinstance(node, Repeat):
            found.append((node, node.condition))
        for block in (node.then, node.otherwise) if isinstance(node, IfElse) else (node.body,):
            found += conditions(block)
    return found


def check_in_space(program: Program, space: ProgramSpace) -> None:
    space.check(program)
    for node, condition in conditions(program.body):
        assert condition.negations <= 1
        if isinstance(node, IfElse) and not space.negated_ifelse:
            assert condition.negations == 0


@pytest.mark.parametrize("name", SPACES)
def test_random_programs_and_neighbours_are_programs_of_the_space(name: str) -> None:
    space = SPACES[name]
    sampled = programs(space.random(3000, seed=1))
    for program in sampled:
        check_in_space(program, space)
    longest = max(sampled, key=lambda program: len(program.tokens))
    assert len(longest.tokens) > 40
    for program in [*sampled[:300], longest]:
        for neighbour in programs(space.neighbours(program, 20, seed=2)):
            check_in_space(neighbour, space)


def test_the_larger_space_has_what_the_published_one_lacks() -> None:
    sampled = programs(SPACES["larger"].random(20_000, seed=1))
    negated = [
        condition.negations
        for program in sampled
        for node, condition in conditions(program.body)
        if isinstance(node, IfElse)
    ]
    assert np.mean(negated) == pytest.approx(0.1, abs=0.03)
    nested = "".join(f"IF c( {percept} c) i( " for percept in PERCEPTS[:4])
    deep = Program.parse(f"DEF run m( {nested}move{' i)' * 4} m)")
    SPACES["larger"].check(deep)
    with pytest.raises(ValueError, match="4 nested control structures; the space allows 3"):
        SPACES["published"].check(deep)


def test_a_program_does_not_depend_on_how_many_are_drawn() -> None:
    space = ProgramSpace()
    assert np.array_equal(space.random(10, seed=3), space.random(200, seed=3)[:10])
    assert not np.array_equal(space.random(10, seed=3), space.random(10, seed=4))
    parent = Program.parse(PARENTS[1])
    few, many = (space.neighbours(parent, n, seed=3) for n in (10, 200))
    assert np.array_equal(few, many[:10])


def agreement(ours: list[str], theirs: list[str]) -> float:
    """The p-value of the chi-square test that two samples have one distribution."""
    counts, others = Counter(ours), Counter(theirs)
    common = [text for text, n in (counts + others).most_common() if n >= 20][:200]
    table = np.array([[sample[text] for text in common] for sample in (counts, others)])
    rest = len(ours) - table.sum(axis=1)
    if rest.any():
        table = np.column_stack([table, rest])
    return float(chi2_contingency(table).pvalue)


def shape(text: str) -> str:
    """What is told of programs that are too many to be counted one by one."""
    return " ".join(word for word in text.split() if word.isupper() or word.endswith("("))


@pytest.mark.parametrize("name", SPACES)
def test_random_programs_are_as_probable_as_in_the_reference(name: str) -> None:
    space = SPACES[name]
    reference = ReferenceSpace(7, space.max_height, space.negated_ifelse)
    ours = [str(program) for program in programs(space.random(N, seed=11))]
    theirs = [text_of(reference.program()) for _ in range(N)]
    assert agreement(ours, theirs) > 0.001
    assert agreement([*map(shape, ours)], [*map(shape, theirs)]) > 0.001
    lengths = [[str(len(text.split())) for text in texts] for texts in (ours, theirs)]
    assert agreement(*lengths) > 0.001


@pytest.mark.parametrize("parent", PARENTS)
def test_neighbours_are_as_probable_as_in_the_reference(parent: str) -> None:
    reference, tree = ReferenceSpace(5), tree_of(parent.split())
    assert text_of(tree) == parent
    ours = [str(p) for p in programs(ProgramSpace().neighbours(Program.parse(parent), N, seed=12))]
    theirs = [text_of(reference.neighbour(tree)) for _ in range(N)]
    assert agreement(ours, theirs) > 0.001
    assert agreement([*map(shape, ours)], [*map(shape, theirs)]) > 0.001
    lengths = [[str(len(text.split())) for text in texts] for texts in (ours, theirs)]
    assert agreement(*lengths) > 0.001


def test_a_wrong_distribution_would_be_noticed() -> None:
    parent, space = Program.parse(PARENTS[1]), ProgramSpace(subtree_height=1)
    reference, tree = ReferenceSpace(5), tree_of(PARENTS[1].split())
    ours = [str(program) for program in programs(space.neighbours(parent, N, seed=12))]
    theirs = [text_of(reference.neighbour(tree)) for _ in range(N)]
    assert agreement([*map(shape, ours)], [*map(shape, theirs)]) < 1e-9


def test_the_nodes_are_those_of_the_tree() -> None:
    for program in programs(SPACES["larger"].random(300, seed=6)):
        tokens = np.array(program.tokens)
        places = np.zeros((2 * len(tokens), N_COLUMNS), dtype=np.int64)
        stack = np.zeros(1024, dtype=np.int64)
        n = list_places.py_func(tokens, len(tokens), True, places, stack)
        words = str(program).split()
        ours = [" ".join(words[row[START] : row[END]]) for row in places[:n]]
        tree = tree_of(words)
        assert sorted(ours) == sorted(text_of(holder[i]) for holder, i in places_of(tree))


def test_token_arrays_compile_to_the_bytecode_of_parsed_programs() -> None:
    tokens = ProgramSpace().random(2000, seed=9)
    codes, expected = compile_tokens(tokens), compile(programs(tokens))
    assert np.array_equal(codes[:, : expected.shape[1]], expected)
    assert (tokens[:, expected.shape[1] :] == PAD).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"DEF run m( {'move ' * 7}m)", "7 statements in a block; the space allows 6"),
        (
            f"DEF run m( {'IF c( frontIsClear c) i( ' * 4}move{' i)' * 4} m)",
            "4 nested control structures; the space allows 3",
        ),
        (
            f"DEF run m( {'REPEAT R=3 r( move move move move move r) ' * 5}m)",
            "49 tokens; the space allows 45",
        ),
    ],
)
def test_programs_beyond_the_limits_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProgramSpace().neighbours(Program.parse(text), 1, seed=0)
