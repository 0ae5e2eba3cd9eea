"""The command `karel-gym morl`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.morl.editing import edit_of
from agents.morl.settings import MORLConfig
from programmatic.flags import Again, Flags, Options
from programmatic.options import with_options
from programmatic.runs import check_exists, check_folder

if TYPE_CHECKING:
    from agents.morl.loop import MORLResult


def morl(
    config: Flags[MORLConfig],
    again: Flags[Again],
    *,
    oracle: Path | None = None,
    edit: bool = False,
    patch: Path | None = None,
    height: int | None = None,
    width: int | None = None,
    run: Path | None = None,
    options: Options = {},  # noqa: B006 (tyro reads it, nobody changes it)
) -> None:
    """Turn a policy into a program, repair it, and train a policy from it, until constraints hold.

    With --resume only --iterations, --target, --oracle, --edit and --patch may be given.

    Args:
        config: The settings.
        again: What to do with a run in the run folder.
        oracle: Run folder or zip of the policy to begin with; by default one is trained.
        edit: Open the first program in $EDITOR before it is repaired.
        patch: File of a program that replaces the first one before it is repaired.
        height: Height of Karel worlds in cells, walls included; by default the task's.
        width: Width of Karel worlds in cells, walls included; by default the task's.
        run: Run folder; by default runs/morl-ENV-SEED.
        options: Settings of the steps, such as oracle.algo=dqn viper.max_depth=3
            cloning.dagger_iterations=2 optimisation.iterations=50.
    """
    by_hand = edit_of(edit, patch)
    if config.program is not None and oracle is not None:
        raise ValueError("give --oracle or --program, not both")
    size = {"height": height, "width": width}
    if again.resume is not None:
        others = {"run": run, "overwrite": again.overwrite, **size, "options": options}
        run, config = again.resume, config.resumed(again.resume, **others)
    else:
        chosen = {name: value for name, value in size.items() if value is not None}
        config = with_options(config, {"env_options": chosen, **options})
        run = config.folder if run is None else run
        check_folder(run, again.overwrite)
    if oracle is not None:
        check_exists(oracle)

    from agents.morl.loop import morl as run_loop  # torch and z3 are slow to import
    from agents.policies import load

    result = run_loop(
        config,
        None if oracle is None else load(oracle),
        edit=by_hand,
        run_dir=run,
        resume=again.resume is not None,
        overwrite=again.overwrite,
    )
    _print_result(config, result)


def _print_result(config: MORLConfig, result: MORLResult) -> None:
    print(f"\n{result.program}\n")
    proof = "proven" if result.proven else "NOT proven"
    print(f"constraints  {proof if config.constraints else 'none given'}")
    print(f"mean return  {result.mean_return:.1f} of the program, over {config.episodes} episodes")
    print(f"             {result.policy_return:.1f} of the policy after policy optimization")
    print(f"iterations   {len(result.iterations)}; target {config.target:g} ", end="")
    print("reached" if result.reached else "not reached")
    print(f"run folder   {result.run_dir}")
