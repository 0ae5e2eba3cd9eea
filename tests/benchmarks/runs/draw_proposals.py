"""Draw the sets of mutated reference programs and of random programs in `benchmarks/proposals`.

`python -m tests.benchmarks.runs.draw_proposals` writes the files; with other reference programs the
sets are others. The third set of each task, plausible but wrong answers in Python, was written by
hand. No program of a set solves its task.
"""

from __future__ import annotations

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
MUTATIONS = 3  # more if the program is still beyond the space or solves the task
SPACE = ProgramSpace()
WIDE = ProgramSpace(max_tokens=100, max_height=6, max_sequence=20, edits=50)
"""A space that holds all reference programs."""


def solves(program: Program, env_id: str) -> bool:
    """Whether a program solves each of 100 worlds."""
    returns = execute([program], sample_worlds(env_id, 100, FRESH_SEED), env_id).returns
    return bool(returns.mean() >= SOLVED)


def mutated_references(env_id: str) -> list[Program]:
    """Different mutants of a task's reference program."""
    random, found = np.random.default_rng(0), dict[Program, None]()
    while len(found) < N_DRAWN:
        program, mutations = reference_program(env_id), 0
        while mutations < MUTATIONS or not is_in_space(program) or solves(program, env_id):
            tokens = WIDE.neighbours(program, 1, int(random.integers(2**63)))[0]
            program, mutations = Program.from_tokens(tokens.tolist()), mutations + 1
        found[program] = None
    return list(found)


def random_programs(env_id: str) -> list[Program]:
    """The first of the space's random programs that do not solve a task."""
    drawn = map(Program.from_tokens, SPACE.random(10 * N_DRAWN, seed=0).tolist())
    return [program for program in drawn if not solves(program, env_id)][:N_DRAWN]


def is_in_space(program: Program) -> bool:
    try:
        SPACE.check(program)
    except ValueError:
        return False
    return True


DRAWN = {"mutated": mutated_references, "random": random_programs}

if __name__ == "__main__":
    for quality, draw in DRAWN.items():
        for env_id in env_ids(PROPOSAL_TASKS, "v1"):
            file = PROPOSAL_FOLDER / quality / QUALITIES[quality].format(task=task_word(env_id))
            write_text(file, "".join(f"{program}\n" for program in draw(env_id)))
