"""The kinds of actions of a policy: the robot's actions, or skills."""

from __future__ import annotations

PRIMITIVE = "primitive"
"""The robot's actions."""
SKILLS = ("option", "program")
"""Latents of skills; see `agents.hierarchy.skills`."""
OBSERVED_WITH_SKILLS = ("grid", "percepts")


def check_kinds(obs: str, action: str) -> None:
    """Check the kinds of observations and actions of a policy.

    Raises:
        ValueError: A kind is unknown, or they cannot be combined.
    """
    from karel_gym.envs.observations import observation_space  # numba is slow to import

    observation_space(obs, 3, 3)
    if action not in (PRIMITIVE, *SKILLS):
        known = ", ".join(map(repr, (PRIMITIVE, *SKILLS)))
        raise ValueError(f"action must be one of {known}, got {action!r}")
    if action != PRIMITIVE and obs not in OBSERVED_WITH_SKILLS:
        kinds = " or ".join(OBSERVED_WITH_SKILLS)
        raise ValueError(f"a policy of skills observes {kinds}, got {obs!r}")
