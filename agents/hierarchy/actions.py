"""The kinds of action that a policy can have: the robot's, or skills."""

from __future__ import annotations

PRIMITIVE = "primitive"
"""An action of the policy is one of the robot's."""
SKILLS = ("option", "program")
"""What else it may be: the latent of a skill; see `agents.hierarchy.skills`."""
OBSERVED_WITH_SKILLS = ("grid", "percepts")


def check_kinds(obs: str, action: str) -> None:
    """Check that a policy can observe and do this.

    Raises:
        ValueError: There is no such kind, or not both at once.
    """
    from karel_gym.envs.observations import observation_space  # numba is slow to import

    observation_space(obs, 3, 3)
    if action not in (PRIMITIVE, *SKILLS):
        known = ", ".join(map(repr, (PRIMITIVE, *SKILLS)))
        raise ValueError(f"action must be one of {known}, got {action!r}")
    if action != PRIMITIVE and obs not in OBSERVED_WITH_SKILLS:
        kinds = " or ".join(OBSERVED_WITH_SKILLS)
        raise ValueError(f"a policy of skills observes {kinds}, got {obs!r}")
