"""An oracle's actions in states, and the weights of states: how much the action matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm

from karel_gym.envs.wrappers import LookAhead
from programmatic.machine.policy import Policy
from programmatic.synthesis.settings import Weighting


def check_oracle(oracle: Policy, weighting: Weighting) -> None:
    """Check that an oracle has discrete actions, no memory, and what the weighting needs.

    Raises:
        ValueError: It does not; the message says what would work.
    """
    policy = getattr(oracle, "policy", None)
    if isinstance(policy, RecurrentActorCriticPolicy):
        raise ValueError(
            f"{type(oracle).__name__} has a memory, but a tree sees only the present state: the "
            "oracle must be a policy without memory"
        )
    space = getattr(oracle, "action_space", None)
    if space is not None and not isinstance(space, Discrete):
        raise ValueError(f"the oracle's actions must be Discrete, got {space}")
    if weighting == "values" and not _has_q(policy) and not hasattr(policy, "predict_values"):
        raise ValueError(
            "weighting 'values' needs an oracle with action values or a critic, but "
            f"{type(oracle).__name__} has neither: use 'log_probs' or 'none'"
        )
    if weighting == "log_probs" and not hasattr(policy, "get_distribution"):
        raise ValueError(
            "weighting 'log_probs' needs an oracle with a distribution over actions, but "
            f"{type(oracle).__name__} has none: use 'values' or 'none'"
        )


def needs_look_ahead(oracle: Policy, weighting: Weighting) -> bool:
    """Whether `state_weights` needs the results of each action."""
    return weighting == "values" and not _has_q(getattr(oracle, "policy", None))


def oracle_actions(oracle: Policy, observations: NDArray[Any]) -> NDArray[np.int64]:
    """The oracle's deterministic actions in S states, (S, ...), int64, (S,)."""
    actions, _ = oracle.predict(observations, deterministic=True)
    return np.asarray(actions, dtype=np.int64)


def state_weights(
    oracle: Any,
    observations: NDArray[Any],
    weighting: Weighting,
    look_ahead: LookAhead | None = None,
) -> NDArray[np.float64]:
    """The loss of the worst action in each state: VIPER's l(s) = V(s) - min_a Q(s, a).

    V(s) is max_a Q(s, a). "log_probs" takes log p(a | s) for Q(s, a); "none" weighs all states
    alike. Observations are (S, ...), weights float64, (S,). Give the look-ahead if
    `needs_look_ahead`.

    Source: Bastani et al., 2018, equation 3 and section 3.2.
    """
    if weighting == "none":
        return np.ones(len(observations))
    if weighting == "log_probs":
        values = _log_probs(oracle, observations)
    else:
        values = q_values(oracle, observations, look_ahead)
    return values.max(axis=1) - values.min(axis=1)


@torch.no_grad()
def q_values(
    oracle: BaseAlgorithm, observations: NDArray[Any], look_ahead: LookAhead | None = None
) -> NDArray[np.float64]:
    """Q(s, a) of an oracle, float64, (S, A); ValueError if it lacks a look-ahead.

    A DQN and a QR-DQN (the mean of its quantiles) compute it. For an actor and critic it is
    r + gamma V(s'), or r alone if the episode ends in s'.
    """
    policy: Any = oracle.policy
    if hasattr(policy, "q_net"):
        return _numbers(policy.q_net(_tensor(policy, observations)))
    if hasattr(policy, "quantile_net"):
        return _numbers(policy.quantile_net(_tensor(policy, observations)).mean(dim=1))
    if look_ahead is None:
        raise ValueError(f"the action values of {type(oracle).__name__} need a look-ahead")
    rewards = np.asarray(look_ahead.rewards, dtype=np.float64)
    ahead = look_ahead.observations.reshape(-1, *look_ahead.observations.shape[2:])
    values = _numbers(policy.predict_values(_tensor(policy, ahead))).reshape(rewards.shape)
    gamma: float = vars(oracle)["gamma"]
    return rewards + gamma * np.where(look_ahead.terminated, 0.0, values)


@torch.no_grad()
def _log_probs(oracle: BaseAlgorithm, observations: NDArray[Any]) -> NDArray[np.float64]:
    policy: Any = oracle.policy
    distribution = policy.get_distribution(_tensor(policy, observations))
    return _numbers(distribution.distribution.logits)


def _has_q(policy: Any) -> bool:
    return hasattr(policy, "q_net") or hasattr(policy, "quantile_net")


def _tensor(policy: Any, observations: NDArray[Any]) -> torch.Tensor:
    tensor, _ = policy.obs_to_tensor(observations)
    return tensor


def _numbers(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.cpu().numpy().astype(np.float64)
