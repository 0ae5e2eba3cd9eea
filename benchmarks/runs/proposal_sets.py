"""Sets of proposed programs, drawn at random: mutated reference programs, and random programs.

The sets are files in the folder `proposals`, beside plausible but wrong answers in Python that were
written by hand. No program of a set solves its task. `python -m benchmarks.runs.proposal_sets`
writes the files; with other reference programs they are other sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from benchmarks.runs.method_grid import env_ids, task_word
from benchmarks.runs.methods import PROPOSAL_FOLDER, QUALITIES
from benchmarks.settings import PROPOSAL_TASKS
from karel_gym import sample_worlds
from karel_gym.registration import FRESH_SEED
from programmatic import Program, execute
from programmatic.references import reference_program
from programmatic.runs import write_text
from programmatic.search.objective import SOLVED
from programmatic.search.programs.space import ProgramSpace

N_DRAWN = 11
"""Programs in a set that is drawn; the others have as many answers or one more."""
MUTATIONS = 3
"""Mutations of a reference program; more if it is still beyond the space or solves the task."""
WORLDS = 100
"""A program of a set fails in at least one of so many worlds."""
SPACE = ProgramSpace()
WIDE = ProgramSpace(max_tokens=100, max_height=6, max_sequence=20, edits=50)
"""A space that holds all reference programs."""


def solves(program: Program, env_id: str) -> bool:
    """Whether a program solves each of 100 worlds, within 10,000 calls."""
    worlds = sample_worlds(env_id, WORLDS, FRESH_SEED)
    return bool(execute([program], worlds, env_id).returns.mean() >= SOLVED)


def mutated_references(env_id: str) -> Iterator[Program]:
    """Mutants of a task's reference program that do not solve the task."""
    random = np.random.default_rng(0)
    while True:
        program, mutations = reference_program(env_id), 0
        while mutations < MUTATIONS or not _is_in_space(program) or solves(program, env_id):
            tokens = WIDE.neighbours(program, 1, int(random.integers(2**63)))[0]
            program, mutations = Program.from_tokens(tokens.tolist()), mutations + 1
        yield program


def random_programs(env_id: str) -> Iterator[Program]:
    """Random programs that do not solve a task."""
    for tokens in SPACE.random(10 * N_DRAWN, seed=0).tolist():
        program = Program.from_tokens(tokens)
        if not solves(program, env_id):
            yield program


def _is_in_space(program: Program) -> bool:
    try:
        SPACE.check(program)
    except ValueError:
        return False
    return True


DRAWN = {"mutated": mutated_references, "random": random_programs}
"""The qualities whose sets are drawn."""


def drawn_text(quality: str, env_id: str) -> str:
    """The text of the file of a set that is drawn."""
    programs = dict.fromkeys(islice(DRAWN[quality](env_id), N_DRAWN))
    return "".join(f"{program}\n" for program in programs)


if __name__ == "__main__":
    for quality in DRAWN:
        for env_id in env_ids(PROPOSAL_TASKS, "v1"):
            file = QUALITIES[quality].format(task=task_word(env_id))
            write_text(PROPOSAL_FOLDER / quality / file, drawn_text(quality, env_id))
