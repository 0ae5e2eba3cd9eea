"""The kinds of actions of a policy, the robot's or skills, and the limits of skills."""

from __future__ import annotations

PRIMITIVE = "primitive"
"""The robot's actions."""
PROGRAM = "program"
OPTION_LENGTH = "option-length"
"""An option and its number of actions."""
LATENTS = ("option", OPTION_LENGTH, PROGRAM)
"""Latents of skills; see `agents.hierarchy.skills`."""
LISTED = "options"
"""Numbers of given programs; see `agents.hierarchy.skills`."""
SKILLS = (*LATENTS, LISTED)
NO_CHOICE = -1
"""The previous choice before the first."""
STEP = "step"
"""The observation of nothing but the number of skills so far, one-hot."""
OBSERVED_WITH_SKILLS = ("grid", "percepts", STEP)
LARGEST = 3.0
"""The largest entry of a latent: three standard deviations of those in training."""


def share_of(max_steps: int, horizon: int | None) -> int:
    """The most actions of one of `horizon` skills in an episode of `max_steps`."""
    return -(-max_steps // (horizon or 1))


def of_envs(obs: str) -> str:
    """The observation of the envs in which a policy of skills with the observation `obs` acts."""
    return "percepts" if obs == STEP else obs  # programs act on percepts


def check_kinds(obs: str, action: str) -> None:
    """Raise a `ValueError` for unknown kinds of observations or actions, or a bad combination."""
    from karel_gym.envs.observations import observation_space  # numba is slow to import

    observation_space(obs if action == PRIMITIVE else of_envs(obs), 3, 3)
    if action not in (PRIMITIVE, *SKILLS):
        known = ", ".join(map(repr, (PRIMITIVE, *SKILLS)))
        raise ValueError(f"action must be one of {known}, got {action!r}")
    if action != PRIMITIVE and obs not in OBSERVED_WITH_SKILLS:
        kinds = ", ".join(OBSERVED_WITH_SKILLS[:-1]) + f" or {STEP}"
        raise ValueError(f"a policy of skills observes {kinds}, got {obs!r}")
