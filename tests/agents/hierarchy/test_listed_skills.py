"""Options: programs chosen by number, which act the same in the vector env and step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import evaluate_episodes, load, train
from agents.animation import episode_images
from agents.hierarchy.skill_env import SkillVecEnv
from agents.hierarchy.skill_policy import SkillPolicy
from agents.hierarchy.skills import ListedSkills, read_options
from agents.policies import Contestant, contestants
from karel_gym import sample_worlds
from programmatic import Program
from programmatic.runs import RunError
from programmatic.search import search
from tests.agents.hierarchy.test_skills import SMALL, Choosing

LONG = [
    f"Karel-{name}-v0" for name in ("Seesaw", "UpNDown", "Farmer", "InfDoorKey", "InfHarvester")
]
OPTIONS = tuple(
    map(
        Program.parse,
        (
            "DEF run m( WHILE c( frontIsClear c) w( pickMarker putMarker move w) turnLeft m)",
            "DEF run m( WHILE c( noMarkersPresent c) w( turnRight move w) pickMarker m)",
            "DEF run m( IF c( markersPresent c) i( pickMarker i) m)",  # often without an action
        ),
    )
)
END = len(OPTIONS)


class ByNumber(Choosing):
    """`Choosing` whose choices are numbers, and that notes the previous ones it observes."""

    def predict(self, observation: Any, *given: Any, **named: Any) -> tuple[Any, Any]:
        latents, state = super().predict(observation, *given, **named)
        self.seen = observation[0, -END - 1 :]
        return latents[:, 0].astype(np.int64), state


@pytest.mark.parametrize("env_id", LONG)
def test_options_act_step_by_step_as_in_the_vector_env(env_id: str) -> None:
    order, skills = (0, 2, 1, 0, 2, END), ListedSkills(OPTIONS, max_calls=25)
    envs = SkillVecEnv(env_id, 1, skills, horizon=9, obs="percepts")
    (world,) = sample_worlds(env_id, 1, seed=3)
    envs.set_options([{"world": world}])
    observed = envs.reset()
    assert observed.shape == (1, 5 + END + 1)
    assert not observed[0, 5:].any()
    for number in order:
        observed, _, dones, infos = envs.step(np.array([number]))
        if not dones[0]:
            assert observed[0, 5:].tolist() == np.eye(END + 1)[number].tolist()
    assert dones[0]
    assert not infos[0]["TimeLimit.truncated"]
    assert not infos[0]["is_success"]
    model = ByNumber(*order)
    policy = SkillPolicy(model, skills, 9, max_steps=10_000)
    table = evaluate_episodes([Contestant("options", policy)], env_id, 1, seed=3)
    episode = infos[0]["episode"]
    assert table["return"][0] == pytest.approx(episode["r"])
    assert table["length"][0] == episode["l"]
    assert model.seen.tolist() == np.eye(END + 1)[order[-2]].tolist()


def test_an_episode_ends_after_its_last_option() -> None:
    policy = SkillPolicy(ByNumber(2, 0, 1), ListedSkills(OPTIONS, 220), 2, max_steps=10_000)
    table = evaluate_episodes([Contestant("options", policy)], LONG[2], 1)
    assert table["length"][0] < 100


@pytest.mark.parametrize("obs", ["grid", "percepts"])
def test_a_search_for_options_and_a_policy_over_them(obs: str, tmp_path: Path) -> None:
    small = {"n_options": 2, "searches": 2, "iterations": 2, "population_size": 6, "n_worlds": 2}
    found = search("hipo", LONG[2], searcher="programs", run_dir=tmp_path / "hipo", **small)
    assert len(found.options) == 2
    text, max_calls = read_options(str(tmp_path / "hipo"))
    assert (text.splitlines(), max_calls) == ([str(option) for option in found.options], 220)
    settings = SMALL | {"options": str(tmp_path / "hipo"), "obs": obs, "action": "options"}
    train("ppo", LONG[2], run_dir=tmp_path / "run", **settings)
    (tmp_path / "hipo" / "options.karel").unlink()  # the model keeps the programs itself
    assert load(tmp_path / "run").action_space.n == 3
    (contestant,) = contestants(tmp_path / "run")
    assert contestant.policy.skills.programs[:-1] == tuple(found.options)
    images = episode_images(contestant, LONG[2], sample_worlds(LONG[2], 1)[0], max_steps=9)
    widths = {image.shape for image in images}
    plain = episode_images(
        contestant, LONG[2], sample_worlds(LONG[2], 1)[0], max_steps=9, with_panel=False
    )
    assert len(widths) == 1  # the panel stays
    assert widths != {next(plain).shape}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"action": "options"}, "name the options"),
        ({"options": "DEF run m( move m)"}, "options are for the action 'options'"),
        ({"action": "options", "options": "DEF run m( m)"}, "expected"),
    ],
)
def test_wrong_options_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, RunError), match=message):
        train("ppo", LONG[2], run_dir=tmp_path / "run", **SMALL, **settings)
