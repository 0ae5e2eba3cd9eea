"""`KarelEnv`: a Karel task as a Gymnasium env."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.kernel_env import KernelEnv
from karel_gym.envs.observations import SIGNATURES, action_masks, observation_space, observe
from karel_gym.rendering.layout import Frame, PanelLine
from karel_gym.rendering.renderer import Renderer, ansi
from karel_gym.rendering.window import Window, keys_to_commands
from karel_gym.robot import ACTIONS
from karel_gym.simulation.episodes import Episodes
from karel_gym.specs import task_named
from karel_gym.tasks.task import Task
from karel_gym.world import World

SOLVED_MARGIN = 1e-6  # of rounding: rewards are fractions


class KarelEnv(KernelEnv):
    """A Karel task.

    Actions: 0 move, 1 turnLeft, 2 turnRight, 3 pickMarker, 4 putMarker. A move into a wall turns
    the robot around; picking from an empty cell and putting on a full one do nothing.

    Observations: `obs="grid"`: uint8, (16, H, W), one-hot planes: 0-3 robot facing N, E, S, W; 4
    wall; 5-15 cell holds 0..10 markers. `obs="percepts"`: float32, (5,), each 0 or 1: front, left,
    right is clear, markers present, no markers present. `obs="percepts+action"`: float32, (10,):
    the percepts, then the previous action one-hot, zeros at the start.

    `info` has the episode's `return` (the sum of rewards) and `length` (in actions) so far, and
    `is_success`, whether it ended with the task solved.

    Args:
        task: The task, or its place 'module:NAME'. `gymnasium.make` fills it in.
        obs: "grid", "percepts" or "percepts+action".
        height, width: Size of the worlds, walls included; None: the task's.
        max_steps: Horizon after which an episode is truncated; None: the task's.
            `max_episode_steps` of `gymnasium.make` is the same.
        reward: "default"; "sparse", 1 when the task is complete; or, in Maze and StairClimber,
            "dense", the progress in Manhattan distance over the initial distance.
        max_markers: The number of markers, 1 to 10, from which on a cell is full: putMarker does
            nothing there; None: the task's. Markers of start worlds and of a Snake's body are not
            limited, and observations keep their planes.
        render_mode: None, "human" (a window), "rgb_array" or "ansi".

    Attributes:
        signature: The names of features and actions; None with grids.
        title: The title in pictures; by default the id.
        panel: Lines beside the world in pictures, such as `ProgramPolicy.panel(state)`.

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.

    Example:
        >>> import gymnasium, karel_gym
        >>> env = gymnasium.make("Karel-Harvester-v0", obs="percepts")
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step(3)
        >>> obs.tolist(), round(reward, 3)
        ([1.0, 1.0, 0.0, 0.0, 1.0], 0.028)
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as the base class has it)
        "render_modes": ["human", "rgb_array", "ansi"],
        "render_fps": 10,
    }
    start_option = "world"
    action_names = ACTIONS
    episodes: Episodes

    def __init__(
        self,
        task: Task | str,
        obs: str = "grid",
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str = "default",
        max_markers: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(
                f"render_mode must be None, 'human', 'rgb_array' or 'ansi', got {render_mode!r}"
            )
        self.task = chosen_task(task, reward, max_markers)
        self.episodes = Episodes(self.task, 1, height, width, max_steps)
        self.obs = obs
        self.signature = SIGNATURES.get(obs)
        self.observation_space = observation_space(obs, *self.shape)
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))
        self.render_mode = render_mode
        self.title = ""
        self.panel: Sequence[PanelLine] = ()
        self._renderer: Renderer | None = None
        self._window: Window | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the worlds, walls included."""
        return self.episodes.height, self.episodes.width

    @property
    def world(self) -> World:
        """The present world."""
        return self.episodes.world(0)

    @property
    def looks(self) -> NDArray[np.uint8] | None:
        """What each cell looks like in pictures, (H, W); see `Episodes.looks`."""
        return self.episodes.looks(0)

    def render(self) -> Any:
        """Draw the present world: an rgb array, a text, or None and a window (`render_mode`)."""
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render() does nothing without a render_mode: make the env with "
                'render_mode="rgb_array", "human" or "ansi"'
            )
            return None
        frame = Frame(
            step=int(self.episodes.lengths[0]),
            episode_return=float(self.episodes.returns[0]),
            title=self.title or (self.spec.id if self.spec else ""),
            status="" if self._running else "solved" if self._success else "failed",
            panel=tuple(self.panel),
        )
        if self.render_mode == "ansi":
            return ansi(self.world, frame)
        if self._renderer is None:
            self._renderer = Renderer(self.shape)
        image = self._renderer.draw(self.world, frame, self.looks)
        if self.render_mode == "rgb_array":
            return image
        if self._window is None:
            self._window = Window(self.metadata["render_fps"])
        self._window.show(image)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """The action of each key, by its number in pygame, for `gymnasium.utils.play`."""
        commands = keys_to_commands().items()
        return {(key,): command for key, command in commands if isinstance(command, int)}

    def action_masks(self) -> NDArray[np.bool_]:
        """The useful actions, bool, (5,); see `karel_gym.robot.useful`."""
        masks: NDArray[np.bool_] = action_masks(self.episodes.worlds, self.task)
        return masks[0]

    def _observe(self) -> NDArray[Any]:
        episodes = self.episodes
        observations: NDArray[Any] = observe(self.obs, episodes.worlds, episodes.previous)
        return observations

    def _solved(self, terminated: bool, truncated: bool) -> bool:
        return terminated and bool(is_solved(self.task, self.episodes.returns[0]))


def chosen_task(task: Task | str, reward: str, max_markers: int | None) -> Task:
    """A task, or the one at 'module:NAME', with a kind of reward and a capacity of cells."""
    named = task if isinstance(task, Task) else task_named(task)
    return named.with_reward(reward).with_max_markers(max_markers)


def is_solved(task: Task, episode_return: Any) -> Any:
    """Whether terminated episodes of these returns, a number or an array, solved the task."""
    least = float("-inf") if task.ends_solved else task.max_return - SOLVED_MARGIN
    return episode_return >= least
