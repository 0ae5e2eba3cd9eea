"""The commands of MORL: `morl`, the loop, and its steps `synthesise`, `verify`, `repair`, `imitate`
and `optimise`."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from karel_gym.envs.signature import signature_of
from karel_gym.registration import CARTPOLE
from programmatic.options import parse_options, with_options
from programmatic.runs import begin_run, check_file, versions, write_json

# torch, Stable-Baselines3, z3 and optuna are slow to import: a command imports what it uses.
if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from agents.morl.iteration import Edit
    from programmatic.trees.program import TreeProgram
    from programmatic.verification.verdicts import Verdict

NUM_ENVS = 10
EPISODES = 100
FAULT_MARK = "#! "
"""Begins the lines in which the editor shows what was wrong; they are taken out again."""


def morl(
    *,
    env: str = CARTPOLE,
    constraints: Path | None = None,
    iterations: int | None = None,
    oracle: Path | None = None,
    program: Path | None = None,
    synthesis: Literal["viper", "pirl"] = "viper",
    algo: Literal["trpo", "ppo", "a2c"] = "trpo",
    target: float | None = None,
    edit: bool = False,
    patch: Path | None = None,
    episodes: int = 100,
    timeout: float = 60.0,
    seed: int = 0,
    height: int | None = None,
    width: int | None = None,
    run: Path | None = None,
    resume: Path | None = None,
    overwrite: bool = False,
    options: tuple[str, ...] = (),
) -> None:
    """Turn a policy into a program, repair it, and learn on from it, until constraints hold.

    Args:
        env: The env's id: CartPole-MORL-v0, a Karel task (with percepts), or any other env with
            flat observations and discrete actions.
        constraints: File of what must hold of the program.
        iterations: Passes of synthesis, repair, imitation and policy optimisation, at most; 3 by
            default.
        oracle: Run folder or zip of the policy to begin with; by default one is trained.
        program: File of a program to begin with, in place of a policy.
        synthesis: How a policy becomes a program.
        algo: What optimises the policy that imitates the program.
        target: Mean return that program and policy are to have; by default the env's own threshold.
        edit: Open the first program in $EDITOR before it is repaired.
        patch: File of a program that takes the place of the first one before it is repaired.
        episodes: Of each evaluation.
        timeout: Seconds that a repair may take.
        seed: Of everything that is drawn.
        height: Height of Karel worlds in cells, walls included; the task's own by default.
        width: Width of Karel worlds in cells, walls included; the task's own by default.
        run: The run folder; by default runs/morl-ENV-SEED.
        resume: A run folder whose loop goes on, with its own settings; only iterations, target,
            oracle and patch may be given beside it.
        overwrite: Remove what is in the run folder.
        options: Other options of the loop or of a step, such as num_envs=16 viper.max_depth=3
            cloning.dagger_iterations=2.
    """

    from agents.morl.loop import morl as run_loop
    from agents.morl.settings import MORLConfig, read_morl_config
    from agents.policies import load

    by_hand = _edit_of(edit, patch)
    if program is not None and oracle is not None:
        raise ValueError("the loop begins with a policy or with a program, not with both")
    if resume is not None:
        config = read_morl_config(resume)
        if iterations is not None:
            config = replace(config, iterations=iterations)
        if target is not None:
            config = replace(config, target_return=target)
        run = resume
    else:
        size = {"height": height, "width": width}
        config = MORLConfig(
            env,
            constraints="" if constraints is None else constraints.read_text("utf-8"),
            program=None if program is None else program.read_text("utf-8"),
            iterations=3 if iterations is None else iterations,
            target_return=target,
            synthesis=synthesis,
            algo=algo,
            episodes=episodes,
            timeout=timeout,
            seed=seed,
            env_options={name: value for name, value in size.items() if value is not None},
        )
        config = with_options(config, parse_options(options))
    result = run_loop(
        config,
        None if oracle is None else load(oracle),
        edit=by_hand,
        run_dir=run,
        resume=resume is not None,
        overwrite=overwrite,
    )
    print(f"\n{result.program}\n")
    what = "proven" if result.proven else "NOT proven"
    print(f"constraints  {what}" if config.constraints else "constraints  none given")
    print(f"mean return  {result.mean_return:.1f} of the program, over {config.episodes} episodes")
    print(f"             {result.policy_return:.1f} of the policy that was cloned and optimised")
    print(f"iterations   {len(result.iterations)}; target {config.target:g} ", end="")
    print("reached" if result.reached else "not reached")
    print(f"run folder   {result.run_dir}")


def synthesise(
    oracle: Annotated[Path, tyro.conf.Positional],
    *,
    env: str | None = None,
    method: Literal["viper", "pirl"] = "viper",
    seed: int = 0,
    out: Path = Path("synthesised.tree"),
    overwrite: bool = False,
    options: tuple[str, ...] = (),
) -> None:
    """Find a program that imitates a policy.

    Args:
        oracle: Run folder or zip of the policy.
        env: The env's id; by default where the policy in a run folder was trained, observing what
            it does, or else CartPole-MORL-v0.
        method: How: by VIPER, or by the neurally directed search of PIRL.
        seed: Of everything that is drawn.
        out: File for the program.
        overwrite: Replace the file if there is one.
        options: Options of the method, such as max_depth=3 iterations=10.
    """

    from agents.drl.settings import is_training, read_train_config
    from agents.morl.extraction import env_of_training
    from agents.morl.settings import STEPS
    from agents.policies import load
    from karel_gym.envs.sb3 import make_sb3_vec_env
    from programmatic.synthesis.pirl import pirl
    from programmatic.synthesis.viper import viper

    check_file(out, overwrite)
    config = with_options(STEPS[method](seed=seed), parse_options(options))
    find: Any = viper if method == "viper" else pirl
    if env is None and is_training(oracle):
        envs: VecEnv = env_of_training(read_train_config(oracle), NUM_ENVS, seed)
    else:
        envs = make_sb3_vec_env(env or CARTPOLE, NUM_ENVS, seed)
    result = find(load(oracle), envs, config)
    result.program.save(out)
    print(f"{result.program}\n")
    print(f"mean return  {result.mean_return:.1f}\nprogram      {out}")


def verify(
    program: Annotated[Path, tyro.conf.Positional],
    *,
    constraints: Path,
    env: str = CARTPOLE,
    timeout: float = 60.0,
) -> None:
    """Prove that a program fulfils constraints, or find the states in which it does not.

    The exit status is 1 unless every constraint is proven.

    Args:
        program: The program's file.
        constraints: File of what must hold of it.
        env: The env's id.
        timeout: Seconds that all proofs may take.
    """

    from programmatic.constraints.parser import load_constraints
    from programmatic.trees.program import TreeProgram
    from programmatic.verification.cartpole_dynamics import dynamics_of
    from programmatic.verification.verdicts import all_proven
    from programmatic.verification.verification import verify as verify_program

    signature = signature_of(env)
    rules = load_constraints(constraints, signature)
    tree = TreeProgram.load(program, signature)
    found = verify_program(tree, rules, timeout, dynamics_of(env))
    _print_verdicts(found)
    if not all_proven(found):
        raise SystemExit(1)


def repair(
    program: Annotated[Path, tyro.conf.Positional],
    *,
    constraints: Path,
    env: str = CARTPOLE,
    edit: bool = False,
    patch: Path | None = None,
    timeout: float = 60.0,
    max_guards: int = 2,
    out: Path = Path("repaired.tree"),
    picture: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Change a program as little as it takes to prove that it fulfils constraints.

    The exit status is 1 unless every constraint is proven of the program that is written.

    Args:
        program: The program's file.
        constraints: File of what must hold of it.
        env: The env's id.
        edit: Open the program in $EDITOR, and only verify what comes out of it.
        patch: File of a program to verify in place of an automatic repair.
        timeout: Seconds that it may take.
        max_guards: Tests that may be added, at most.
        out: File for the repaired program.
        picture: File for the tree with its changes, .png or .svg.
        overwrite: Replace the files if they are there.
    """

    from programmatic.constraints.parser import load_constraints
    from programmatic.repair.repair import repair as repair_program
    from programmatic.trees.difference import difference, print_difference
    from programmatic.trees.pictures import draw_tree
    from programmatic.trees.program import TreeProgram
    from programmatic.verification.cartpole_dynamics import dynamics_of
    from programmatic.verification.verdicts import all_proven
    from programmatic.verification.verification import verify as verify_program

    check_file(out, overwrite)
    if picture is not None:
        check_file(picture, overwrite, (".png", ".svg"))
    signature = signature_of(env)
    before, rules = TreeProgram.load(program, signature), load_constraints(constraints, signature)
    dynamics = dynamics_of(env)
    by_hand = _edit_of(edit, patch)
    if by_hand is not None:
        after = by_hand(before)
        verdicts, notes = verify_program(after, rules, timeout, dynamics), []
    else:
        result = repair_program(
            before, rules, timeout=timeout, max_guards=max_guards, dynamics=dynamics
        )
        after, verdicts = result.program, result.verdicts
        conflicts = (conflict.text(signature) for conflict in result.conflicts)
        notes = [f"repair: {result.status}", *conflicts]
    after.save(out)
    print_difference(before, after)
    _print_verdicts(verdicts)
    for note in notes:
        print(note)
    print(f"program: {out}")
    if picture is not None:
        draw_tree(after, picture, difference(before, after))
        print(f"picture: {picture}")
    if not all_proven(verdicts):
        raise SystemExit(1)


def imitate(
    program: Annotated[Path, tyro.conf.Positional],
    *,
    env: str = CARTPOLE,
    algo: Literal["trpo", "ppo", "a2c"] = "trpo",
    seed: int = 0,
    num_envs: int = 10,
    out: Path = Path("cloned"),
    overwrite: bool = False,
    options: tuple[str, ...] = (),
) -> None:
    """Teach a policy network to act as a program does.

    Args:
        program: The program's file.
        env: The env's id.
        algo: The algorithm that is to optimise the policy later.
        seed: Of everything that is drawn.
        num_envs: Envs in which states are collected at once.
        out: Folder for the policy.
        overwrite: Remove what is in the folder.
        options: Options of the cloning, such as epochs=500 dagger_iterations=2.
    """

    from agents.morl.imitation import CloningConfig, clone
    from agents.morl.models import new_model
    from agents.morl.policy_files import save_policy
    from karel_gym.envs.sb3 import make_sb3_vec_env
    from programmatic.trees.program import TreeProgram

    config = with_options(CloningConfig(seed=seed), parse_options(options))
    envs = make_sb3_vec_env(env, num_envs, seed)
    tree = TreeProgram.load(program, envs.signature)
    settings = {"env_id": env, "algo": algo, "seed": seed, "program": str(program)}
    begin_run(out, {"command": "imitate", **settings, "versions": versions()}, overwrite)
    result = clone(tree, new_model(algo, envs, seed), envs, config)
    save_policy(result.model, out)
    write_json(out / "imitation.json", result.history)
    best = max(row["validation_accuracy"] for row in result.history)
    print(f"validation accuracy  {best:.4f}")
    _print_return(result.model, env)
    print(f"policy               {out}")


def optimise(
    policy: Annotated[Path, tyro.conf.Positional],
    *,
    env: str = CARTPOLE,
    iterations: int = 25,
    seed: int = 0,
    num_envs: int = 10,
    out: Path = Path("optimised"),
    overwrite: bool = False,
) -> None:
    """Let a policy learn on from the weights it has, by the algorithm it was made for.

    Args:
        policy: Folder of the policy, as `karel-gym imitate` writes it.
        env: The env's id.
        iterations: Updates of the policy.
        seed: Of the learning.
        num_envs: Envs in which it learns at once.
        out: Folder for the policy.
        overwrite: Remove what is in the folder.
    """

    from agents.morl.optimisation import OptimisationConfig
    from agents.morl.optimisation import optimise as optimise_model
    from agents.morl.policy_files import load_policy, save_policy
    from karel_gym.envs.sb3 import make_sb3_vec_env

    config = OptimisationConfig(iterations=iterations, seed=seed)
    model = load_policy(policy, make_sb3_vec_env(env, num_envs, seed))
    settings = {"env_id": env, "policy": str(policy), "iterations": iterations, "seed": seed}
    begin_run(out, {"command": "optimise", **settings, "versions": versions()}, overwrite)

    def show(row: dict[str, Any]) -> None:
        print(f"step {row['timesteps']:>8,}  mean return {row['mean_return']:.1f}", flush=True)

    optimise_model(model, make_sb3_vec_env(env, config.evaluation_episodes), config, show)
    save_policy(model, out)
    _print_return(model, env)
    print(f"policy               {out}")


def edit_program(program: TreeProgram) -> TreeProgram:
    """What a user makes of a program in $EDITOR, which is opened again until it is well-formed.

    Raises:
        RuntimeError: The editor cannot be run, or it ends with an error.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    text, fault = f"{program}\n", ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{program.name}.tree"
        while True:
            file.write_text(fault + text, encoding="utf-8")
            try:
                subprocess.run([*shlex.split(editor), str(file)], check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise RuntimeError(f"the editor {editor!r} failed: {error}") from None
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            text = "".join(line for line in lines if not line.startswith(FAULT_MARK))
            try:
                return type(program).parse(text, program.signature, program.name)
            except ValueError as error:
                fault = "".join(f"{FAULT_MARK}{line}\n" for line in str(error).splitlines())


def _edit_of(edit: bool, patch: Path | None) -> Edit | None:
    """What `--edit` or `--patch` does to a program; None without them.

    Raises:
        ValueError: Both are given.
        OSError: The file cannot be read.
    """
    if edit and patch is not None:
        raise ValueError("a program is edited by --edit or by --patch, not by both")
    if patch is not None:
        text = patch.read_text(encoding="utf-8")
        return lambda program: program.parse(text, program.signature, str(patch))
    return edit_program if edit else None


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        print(verdict)


def _print_return(model: Any, env_id: str) -> None:

    from agents.morl.iteration import EVALUATION_SEED
    from programmatic.synthesis.episodes import episode_returns

    returns = episode_returns(model, env_id, EPISODES, EVALUATION_SEED)
    print(f"mean return          {returns.mean():.1f} over {EPISODES} episodes")
