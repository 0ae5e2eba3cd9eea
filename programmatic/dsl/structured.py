"""Programs with the control flow of Python, lowered to the words of the language.

The language has no `and`, `or`, `break`, `continue`, `return` and endless loop. Percepts change
nothing, so tests may be repeated and rounds that only test do no harm; this gives the equivalents:

    while True: P; if g: break; Y        P; while not g: (Y; P)
    for n: P; if g: break; Y             P; n - 1 times: (if not g: (Y; P)); if not g: Y
    while a or b: B                      while a: B; while b: (B; while a: B)

`while True` is `while a or not a`. A `while` with several exits, as `while a and b`, has none.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby, islice
from typing import Final, NamedTuple

from programmatic.dsl.control_flow import (
    CONTINUE,
    RETURN,
    Block,
    Branch,
    Jump,
    Loop,
    Place,
    Scope,
    Statement,
    Times,
    block_words,
)
from programmatic.dsl.formulas import (
    EVERY,
    TRUE,
    Both,
    Constant,
    Either,
    Formula,
    Test,
    alternatives,
    both,
    either,
    negated,
    states,
)
from programmatic.dsl.parser import MAX_TOKENS
from programmatic.dsl.tokens import MAX_TIMES

MAX_STEPS: Final = 50_000
BOUND: Final = MAX_TIMES
"""Rounds of a loop that has no equivalent in the language, if an approximation is allowed."""


class UnsayableError(ValueError):
    """Control flow that has no equivalent in the language.

    Args:
        message: The fault, and what would be right.
        place: Line and column; None: the program as a whole.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message, place)
        self.message, self.place = message, place


class Exit(NamedTuple):
    """A loop's body: `before; if test: after; break; else: behind`."""

    before: Block
    test: Formula
    after: Block  # ends with a return if the exit is one
    behind: Block


class Lowering:
    """Rewriting of a program as one without jumps whose loops test one percept.

    Args:
        bounded: Whether a loop that has no equivalent becomes one of at most `BOUND` rounds, and
            one without end `BOUND` squared, which is shorter than its equivalent.

    Attributes:
        notes: The approximations.
    """

    def __init__(self, bounded: bool) -> None:
        self.bounded = bounded
        self.notes: list[str] = []
        self.steps = 0

    def words(self, program: Block) -> list[str]:
        """The words of a program, DEF included.

        Raises:
            UnsayableError: The program has no equivalent in the language, or a too long one.
        """
        body = _without(self.block(program), RETURN)
        found = ["DEF", "run", "m("]
        for word in block_words(body):
            found.append(word)
            if len(found) == MAX_TOKENS:
                raise UnsayableError(TOO_LONG)
        return [*found, "m)"]

    def block(self, statements: Block) -> Block:
        """The statements; only the last one jumps, by itself or as the last of its branches."""
        done: Block = ()
        for i, statement in enumerate(_folded(statements) if self.bounded else statements):
            done += self.statement(statement)
            if _jumps(done):
                return self._then(done, statements[i + 1 :])
        return done

    def statement(self, statement: Statement) -> Block:
        """One statement."""
        self._step()
        if isinstance(statement, Scope):
            return _without(self.block(statement.body), RETURN)
        if isinstance(statement, Branch):
            then, otherwise = self.block(statement.then), self.block(statement.otherwise)
            if isinstance(statement.test, Constant):
                return then if statement.test.value else otherwise
            return (Branch(statement.test, then, otherwise),)
        if isinstance(statement, Loop):
            body = _without(self.block(statement.body), CONTINUE)
            return self._loop(statement.test, body, statement.place)
        if isinstance(statement, Times):
            return self._times(statement)
        return (statement,)

    def _then(self, first: Block, rest: Block) -> Block:
        """`first`, and where it does not jump `rest`."""
        self._step()
        last = first[-1:]
        if last and isinstance(last[0], Jump):
            return first
        if last and isinstance(last[0], Branch) and _jumps(last):
            branch = last[0]
            then, otherwise = self._then(branch.then, rest), self._then(branch.otherwise, rest)
            return (*first[:-1], Branch(branch.test, then, otherwise))
        return first + self.block(rest)

    def _times(self, statement: Times) -> Block:
        body, place = _without(self.block(statement.body), CONTINUE), statement.place
        found = self._exit(body, place)
        if found is None:
            return _repeats(statement.n, body, place)
        if statement.n == 0:
            return ()
        before, test, after, behind = found
        if test == TRUE:
            return before + after
        goes_on = Branch(negated(test), behind + before)
        if not before and not after:
            return _repeats(statement.n, self.block((goes_on,)), place)
        rounds = Times(statement.n - 1, (goes_on,), place)
        last = Branch(test, after, behind)
        return before + self.block((rounds, last) if statement.n > 1 else (last,))

    def _loop(self, test: Formula, body: Block, place: Place) -> Block:
        found = self._exit(body, place)
        if found is None:
            return self._while(test, body, place)
        before, leaves, after, behind = found
        if test == TRUE:
            return before + self._while(negated(leaves), behind + before, place) + after
        if not before:
            checked = self.block((Branch(test, after),)) if after else ()
            return self._while(both(test, negated(leaves)), behind, place) + checked
        if not behind:
            rounds = self._while(both(negated(leaves), test), before, place)
            checked = self.block((Branch(leaves, after),)) if after else ()
            return (Branch(test, before + rounds + checked),)
        raise UnsayableError(
            "this loop has two exits with actions between them: leave it by its condition only, "
            "or repeat its body with for _ in range(n)",
            place,
        )

    def _exit(self, body: Block, place: Place) -> Exit | None:
        """The exit of a loop's body; None if it has none."""
        self._step()
        if not _jumps(body):
            return None
        *start, last = body
        before = tuple(start)
        if isinstance(last, Jump):
            return Exit(before, TRUE, (RETURN,) if last == RETURN else (), ())
        assert isinstance(last, Branch)
        test, other = last.test, negated(last.test)
        first, second = self._exit(last.then, place), self._exit(last.otherwise, place)
        first, second = _merged(first), _merged(second)
        if (first and first.before) or (second and second.before):
            raise UnsayableError(
                "this loop has exits before and after actions: leave it at one place", place
            )
        if second is None:
            assert first is not None
            if first.test == TRUE:
                return Exit(before, test, first.after, last.otherwise)
            goes_on = Branch(test, first.behind, last.otherwise)
            return Exit(before, both(test, first.test), first.after, (goes_on,))
        if first is None:
            if second.test == TRUE:
                return Exit(before, other, second.after, last.then)
            goes_on = Branch(test, last.then, second.behind)
            return Exit(before, both(other, second.test), second.after, (goes_on,))
        leaves = either(both(test, first.test), both(other, second.test))
        after: Block = first.after
        if first.after != second.after:
            after = (Branch(test, first.after, second.after),)
        behind: Block = first.behind or second.behind
        if first.behind and second.behind:
            behind = (Branch(test, first.behind, second.behind),)
        return Exit(before, TRUE if states(leaves) == EVERY else leaves, after, behind)

    def _while(self, test: Formula, body: Block, place: Place) -> Block:
        """A loop without jumps."""
        self._step()
        if isinstance(test, Test):
            return (Loop(test, body, place),)
        found = states(test)
        if found == 0:
            return ()
        if found == EVERY:
            if self.bounded:
                self._note(place, f"an endless loop has {BOUND**2} rounds")
                return _repeats(BOUND**2, body, place)
            first = _first_test(body)
            tests = [first, negated(first)]
            tests.sort(key=lambda one: _size(_knowing(body, states(one))))
        else:
            tests = [*(alternatives(test) or ())]
        if not tests:
            if not self.bounded:
                raise UnsayableError(
                    "the language has no 'and' in a loop's condition: test one percept, or write "
                    "for _ in range(n) with an 'if' inside",
                    place,
                )
            self._note(place, f"a loop with 'and' has at most {BOUND} rounds")
            return _repeats(BOUND, (Branch(test, body),), place)
        loops: Block = ()
        known = EVERY
        for one in tests:
            inside = _knowing(body, known & states(one))
            loops += (Loop(one, inside + loops, place),)
            known &= ~states(one)
        return loops

    def _note(self, place: Place, text: str) -> None:
        self.notes.append(f"line {place[0]}: {text}")

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise UnsayableError(TOO_LONG)


TOO_LONG: Final = f"the program has more than {MAX_TOKENS} tokens in the language: shorten it"


def _merged(found: Exit | None) -> Exit | None:
    """An exit that is always taken does nothing before it."""
    if found is None or found.test != TRUE:
        return found
    return Exit((), TRUE, found.before + found.after, ())


def _jumps(block: Block) -> bool:
    """Whether a block that `Lowering.block` returned has a jump."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, Branch):
        return _jumps(last.then) or _jumps(last.otherwise)
    return isinstance(last, Jump)


def _without(block: Block, jump: Jump) -> Block:
    """A block without its jumps of a kind, which lead to its end."""
    if block and block[-1] == jump:
        return block[:-1]
    last = block[-1] if block else None
    if not isinstance(last, Branch):
        return block
    then, otherwise = _without(last.then, jump), _without(last.otherwise, jump)
    return (*block[:-1], Branch(last.test, then, otherwise))


def _knowing(block: Block, known: int) -> Block:
    """A block that begins in one of the `known` states, without tests of what is known."""
    while block:
        first = block[0]
        if not isinstance(first, Branch | Loop):
            break
        found = states(first.test)
        if not found & known and isinstance(first, Loop):
            block = block[1:]
        elif isinstance(first, Branch) and not (found & known and known & ~found):
            block = (first.then if found & known else first.otherwise) + block[1:]
        else:
            break
    return block


def _first_test(block: Block) -> Test:
    """A test with which a block begins, or any."""
    formula = block[0].test if block and isinstance(block[0], Branch | Loop) else Test(0)
    while isinstance(formula, Both | Either):
        formula = formula.first
    return formula if isinstance(formula, Test) else Test(0)


def _repeats(n: int, body: Block, place: Place) -> Block:
    """Exactly n rounds of a body, in loops of at most `MAX_TIMES` rounds."""
    if n <= MAX_TIMES:
        return (Times(n, body, place),)
    times = _split(n)[2]
    rounds, rest = divmod(n, times)
    outer = Times(times, _repeats(rounds, body, place), place)
    return (outer, *(_repeats(rest, body, place) if rest else ()))


@cache
def _split(n: int) -> tuple[int, int, int]:
    """The fewest copies of a body for n rounds, their nesting, and the rounds of the outer loop."""
    if n <= MAX_TIMES:
        return 1, 1, n
    ways = []
    for times in range(2, MAX_TIMES + 1):
        copies, nesting, _ = _split(n // times)
        ways.append((copies + (n % times > 0), nesting + 1, times))
    return min(ways)


def _size(block: Block) -> int:
    return sum(1 for _ in islice(block_words(block), MAX_TOKENS))


def _folded(block: Block) -> Block:
    """A block in which a REPEAT replaces three or more equal statements in a row."""
    folded: Block = ()
    for statement, equal in groupby(block):
        run = (*equal,)
        folded += run if len(run) < 3 else _repeats(len(run), (statement,), (1, 1))
    return folded
