"""The policies of runs, loaded for evaluations and replays."""

from __future__ import annotations

import warnings

from agents.policies import Contestant, contestants
from benchmarks.report.findings import Run
from programmatic.runs import RunError


def contestant_of(run: Run, seed: int) -> Contestant:
    """The policy of a run, which has one.

    Args:
        run: The run.
        seed: Of a policy that draws.

    Raises:
        RunError: The run folder is damaged, or its model would have to be unpickled, which runs
            whatever code is in it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".* was not written by karel-gym", UserWarning)
        try:
            (contestant,) = contestants({run.method: run.policy}, seed, run.env_id)
        except UserWarning as warning:
            raise RunError(f"{warning}: the report loads no such model") from None
    return contestant
