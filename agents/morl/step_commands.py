"""The commands of MORL's steps: `synthesise`, `verify`, `repair`, `imitate` and `optimise`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from agents.morl import flags
from agents.morl.editing import edit_of
from agents.morl.settings import CloningConfig, OptimisationConfig
from karel_gym.envs.signature import signature_of
from karel_gym.registration import CARTPOLE
from programmatic.flags import Flags, Options
from programmatic.options import with_options
from programmatic.runs import begin_run, check_exists, check_file, check_folder, write_json
from programmatic.synthesis.settings import PIRLConfig, ViperConfig

# torch, Stable-Baselines3, z3 and optuna are slow to import: a command imports what it uses.
if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from programmatic.verification.verdicts import Verdict

NUM_ENVS = 10
EPISODES = 100


def synthesise(
    oracle: Annotated[Path, tyro.conf.Positional],
    method: Annotated[flags.Synthesis, tyro.conf.Positional] = "viper",
    *,
    env: str | None = None,
    seed: int = 0,
    out: Path = Path("synthesised.tree"),
    overwrite: flags.ReplaceFile = False,
    options: Options = {},  # noqa: B006 (tyro reads it, nobody changes it)
) -> None:
    """Find a program that imitates a policy.

    Args:
        oracle: Run folder or zip of the policy.
        method: Method: viper, or pirl, which is a program search.
        env: Env id; by default the task of a Karel policy, else CartPole-MORL-v0.
        seed: Seed of all random numbers.
        out: File to write the program to.
        options: Settings of the method, such as max_depth=3 iterations=10.
    """
    check_exists(oracle)
    check_file(out, overwrite)
    config: Any = ViperConfig(seed=seed) if method == "viper" else PIRLConfig(seed=seed)
    config = with_options(config, options)

    from agents.drl.settings import TrainConfig, is_training
    from agents.morl.extraction import env_of_training
    from agents.policies import load
    from karel_gym.envs.sb3 import make_sb3_vec_env
    from programmatic.synthesis.pirl import pirl
    from programmatic.synthesis.viper import viper

    if env is None and is_training(oracle):
        envs: VecEnv = env_of_training(TrainConfig.read(oracle), NUM_ENVS, seed)
    else:
        envs = make_sb3_vec_env(env or CARTPOLE, NUM_ENVS, seed)
    find: Any = viper if method == "viper" else pirl
    result = find(load(oracle), envs, config)
    result.program.save(out)
    print(f"{result.program}\n")
    print(f"mean return  {result.mean_return:.1f}\nprogram      {out}")


def verify(
    program: flags.ProgramFile,
    *,
    constraints: flags.ConstraintsFile,
    env: flags.Env = CARTPOLE,
    timeout: flags.Timeout = 60.0,
) -> None:
    """Prove that a program satisfies constraints, or find states in which it does not.

    The exit status is 1 unless every constraint is proven.
    """
    check_exists(program, constraints)

    from programmatic.constraints.parser import load_constraints
    from programmatic.trees.program import TreeProgram

    signature = signature_of(env)
    rules = load_constraints(constraints, signature)
    tree = TreeProgram.load(program, signature)

    from programmatic.verification.dynamics import dynamics_of
    from programmatic.verification.verification import verify as verify_program

    _print_verdicts(verify_program(tree, rules, timeout, dynamics_of(env)))


def repair(
    program: flags.ProgramFile,
    *,
    constraints: flags.ConstraintsFile,
    env: flags.Env = CARTPOLE,
    edit: bool = False,
    patch: Path | None = None,
    timeout: flags.Timeout = 60.0,
    max_guards: int = 2,
    out: Path = Path("repaired.tree"),
    picture: Path | None = None,
    overwrite: flags.ReplaceFile = False,
) -> None:
    """Change a program as little as possible so that it provably satisfies constraints.

    The exit status is 1 unless every constraint is proven for the program that is written.

    Args:
        edit: Open the program in $EDITOR and verify the result, instead of repairing it.
        patch: File of a program to verify, instead of repairing this one.
        max_guards: Largest number of tests to add.
        out: File to write the repaired program to.
        picture: File to draw the tree and its changes to, .png or .svg.
    """
    check_exists(program, constraints)
    check_file(out, overwrite)
    if picture is not None:
        check_file(picture, overwrite, (".png", ".svg"))
    by_hand = edit_of(edit, patch)

    from programmatic.constraints.parser import load_constraints
    from programmatic.trees.program import TreeProgram

    signature = signature_of(env)
    before, rules = TreeProgram.load(program, signature), load_constraints(constraints, signature)
    after = before if by_hand is None else by_hand(before)

    from programmatic.repair.repair import repair as repair_program
    from programmatic.trees.difference import difference, print_difference
    from programmatic.trees.pictures import draw_tree
    from programmatic.verification.dynamics import dynamics_of
    from programmatic.verification.verification import verify as verify_program

    dynamics = dynamics_of(env)
    if by_hand is not None:
        verdicts, notes = verify_program(after, rules, timeout, dynamics), []
    else:
        result = repair_program(
            before, rules, timeout=timeout, max_guards=max_guards, dynamics=dynamics
        )
        after, verdicts = result.program, result.verdicts
        conflicts = (conflict.text(signature) for conflict in result.conflicts)
        notes = [f"repair: {result.status}", *conflicts]
    after.save(out)
    notes.append(f"program: {out}")
    if picture is not None:
        draw_tree(after, picture, difference(before, after))
        notes.append(f"picture: {picture}")
    print_difference(before, after)
    _print_verdicts(verdicts, notes)


def imitate(
    program: flags.ProgramFile,
    algo: Annotated[flags.Learner, tyro.conf.Positional] = "trpo",
    *,
    config: Flags[CloningConfig],
    env: flags.Env = CARTPOLE,
    num_envs: flags.NumEnvs = NUM_ENVS,
    run: flags.Run = Path("cloned"),
    overwrite: flags.ReplaceRun = False,
) -> None:
    """Train a policy network to act as a program does.

    Args:
        algo: Algorithm with which `karel-gym optimise` can train the policy: trpo, ppo or a2c.
    """
    check_exists(program)
    check_folder(run, overwrite)

    from agents.morl.imitation import clone
    from agents.morl.models import new_model, save_policy
    from karel_gym.envs.sb3 import make_sb3_vec_env
    from programmatic.trees.program import TreeProgram

    envs = make_sb3_vec_env(env, num_envs, config.seed)
    tree = TreeProgram.load(program, envs.signature)
    settings = {"env_id": env, "algo": algo, "program": str(program), **asdict(config)}
    begin_run(run, {"command": "imitate", **settings}, overwrite)
    result = clone(tree, new_model(algo, envs, config.seed), envs, config)
    save_policy(result.model, run)
    write_json(run / "imitation.json", result.history)
    print(f"validation accuracy  {result.validation_accuracy:.4f}")
    _print_return(result.model, env, run)


def optimise(
    policy: Annotated[Path, tyro.conf.Positional],
    *,
    config: Flags[OptimisationConfig],
    env: flags.Env = CARTPOLE,
    num_envs: flags.NumEnvs = NUM_ENVS,
    run: flags.Run = Path("optimised"),
    overwrite: flags.ReplaceRun = False,
) -> None:
    """Train a policy further with its algorithm, from the weights that it has.

    Args:
        policy: Run folder of `karel-gym imitate` or `karel-gym optimise`.
    """
    check_exists(policy)
    check_folder(run, overwrite)

    from agents.morl.models import load_policy, save_policy
    from agents.morl.optimisation import optimise as optimise_model
    from karel_gym.envs.sb3 import make_sb3_vec_env

    model = load_policy(policy, make_sb3_vec_env(env, num_envs, config.seed))
    settings = {"env_id": env, "policy": str(policy), **asdict(config)}
    begin_run(run, {"command": "optimise", **settings}, overwrite)

    def show(row: dict[str, Any]) -> None:
        print(f"step {row['timesteps']:>8,}  mean return {row['mean_return']:.1f}", flush=True)

    optimise_model(model, make_sb3_vec_env(env, config.evaluation_episodes), config, show)
    save_policy(model, run)
    _print_return(model, env, run)


def _print_verdicts(verdicts: tuple[Verdict, ...], notes: Sequence[str] = ()) -> None:
    """Print verdicts and notes, and end the command with status 1 unless all are proofs."""
    from programmatic.verification.verdicts import all_proven

    print(*verdicts, *notes, sep="\n")
    if not all_proven(verdicts):
        raise SystemExit(1)


def _print_return(model: Any, env_id: str, run: Path) -> None:
    from agents.morl.iteration import EVALUATION_SEED
    from programmatic.synthesis.episodes import episode_returns

    returns = episode_returns(model, env_id, EPISODES, EVALUATION_SEED)
    print(f"mean return          {returns.mean():.1f} over {EPISODES} episodes")
    print(f"run folder           {run}")
