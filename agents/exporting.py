"""Export of a trained policy to a file that others can load safely."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from agents.drl.models import SETTINGS
from agents.drl.policy_files import write_policy
from agents.evaluation import evaluate_episodes
from agents.policies import POLICY_SUFFIX, load
from karel_gym.registration import FRESH_SEED, FRESH_WORLDS, plain_id
from programmatic.provenance import PROVENANCE
from programmatic.runs import CONFIG_FILE, RunError, check_file, read_config


def export(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    env_id: str | None = None,
    episodes: int = FRESH_WORLDS,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the policy of a training as one small file that others can load safely.

    The file holds weights, settings and origin, but no code and no optimizer.

    Args:
        run: Run folder of a training, whose best policy is exported, or an SB3 model's zip. A zip
            that karel-gym did not write is unpickled, which runs any code in it.
        out: The file to write, *.safetensors.
        env_id: The task; None: that of the training.
        episodes: Number of worlds in which the policy is evaluated: those of
            `sample_worlds(env_id, episodes, FRESH_SEED)`.
        overwrite: Replace the file.

    Returns:
        The origin: `env_id`, `seed`, `steps`; `episodes`, `mean_return` and `success_rate`; of a
        run folder also `commit`, `machine` and `command_line`.

    Raises:
        RunError: There is no model, it is damaged, it cannot be exported, or the file exists.
        ValueError: The task is unknown, or the model cannot act in it.
    """
    run, out = Path(run), Path(out)
    check_file(out, overwrite, (POLICY_SUFFIX,))
    model = load(run)
    if not isinstance(model, BaseAlgorithm):
        raise RunError(f"{run} holds a program, not a model of Stable-Baselines3")
    env_id = env_id or getattr(model, SETTINGS, {}).get("env_id")
    if env_id is None:
        raise ValueError(f"name the task of {run}: it does not record its own")
    results = evaluate_episodes({run.name: model}, env_id, episodes, FRESH_SEED)
    if results["note"].any():
        raise ValueError(f"{run} cannot be evaluated in {env_id}: {results['note'].iloc[0]}")
    config = read_config(run) if (run / CONFIG_FILE).exists() else {}
    origin = {
        "env_id": plain_id(env_id),
        "seed": model.seed,
        "steps": model.num_timesteps,
        "episodes": episodes,
        "mean_return": float(results["return"].mean()),
        "success_rate": float(results["solved"].mean()),
        **{name: config[name] for name in PROVENANCE if name in config},
    }
    write_policy(out, model, origin)
    return origin
