"""The kinds of actions of a policy, the robot's or skills, and the limits of skills."""

from __future__ import annotations

PRIMITIVE = "primitive"
"""The robot's actions."""
LATENTS = ("option", "program")
"""Latents of skills; see `agents.hierarchy.skills`."""
LISTED = "options"
"""Numbers of given programs; see `agents.hierarchy.skills`."""
SKILLS = (*LATENTS, LISTED)
NO_CHOICE = -1
"""The previous choice before the first."""
OBSERVED_WITH_SKILLS = ("grid", "percepts")
LARGEST = 3.0
"""The largest entry of a latent: three standard deviations of those in training."""


def share_of(max_steps: int, horizon: int | None) -> int:
    """The most actions of one of `horizon` skills in an episode of `max_steps`."""
    return -(-max_steps // (horizon or 1))


def check_kinds(obs: str, action: str) -> None:
    """Raise a `ValueError` for unknown kinds of observations or actions, or a bad combination."""
    from karel_gym.envs.observations import observation_space  # numba is slow to import

    observation_space(obs, 3, 3)
    if action not in (PRIMITIVE, *SKILLS):
        known = ", ".join(map(repr, (PRIMITIVE, *SKILLS)))
        raise ValueError(f"action must be one of {known}, got {action!r}")
    if action != PRIMITIVE and obs not in OBSERVED_WITH_SKILLS:
        kinds = " or ".join(OBSERVED_WITH_SKILLS)
        raise ValueError(f"a policy of skills observes {kinds}, got {obs!r}")
