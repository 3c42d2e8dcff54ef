# SPDX-License-Identifier: Apache-2.0
"""Episodes as pictures and film: the overhead camera's view with path, plan and goal drawn in.

The episodes' camera is too coarse for people, so the paths are driven again before a finer one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import imageio.v2 as imageio
import numpy as np

from grasp_ros.bench.episodes import PERIOD, Episode
from grasp_ros.config import SimulatorConfig, SimulatorNodeConfig
from grasp_ros.sim.interface import SimulatedRobot, make_robot
from grasp_ros.sim.worlds import World
from grasp_ros.types import FloatArray, ImageArray, JointTrajectory, nanoseconds

SIZE = 480  # px, side of the rendered view
CAPTION = 30  # px, height of the line of text below it
RATE = round(2 / PERIOD)  # frames a second of film: double speed
TOOL_HEIGHT = 0.05  # m above the table, where the path is drawn
DONE, AHEAD, GOAL, MISSED = (20, 120, 40), (240, 140, 20), (150, 30, 160), (200, 20, 20)  # rgb
COLUMNS = 5


class Drawing:
    """Draws on the overhead camera's view."""

    def __init__(self, sim: SimulatorConfig, tool_radius: float):
        x, y, height = sim.camera_position
        self._centre = np.array([x, y])
        focal = SIZE / 2 / math.tan(sim.camera_fovy / 2)
        self._scale = focal / (height - TOOL_HEIGHT)
        self._tool_radius = tool_radius

    def picture(self, episode: Episode, view: ImageArray) -> ImageArray:
        """The whole path, with start and goal, on the view at its end."""
        view = view.copy()
        self._line(view, episode.path, DONE if episode.success else MISSED, 3)
        self._circle(view, episode.start, DONE, 5)
        self._goal(view, episode)
        text = f'{1000 * episode.error:.0f} mm  {episode.duration:.1f} s'
        return _caption(view, text, DONE if episode.success else MISSED)

    def frame(self, episode: Episode, index: int, view: ImageArray) -> ImageArray:
        """One moment, with the path so far and the plan ahead of the robot."""
        view, plan = view.copy(), episode.plans[index]
        if plan is not None:
            self._line(view, plan, AHEAD, 2)
        self._line(view, episode.path[: index + 1], DONE, 3)
        self._goal(view, episode)
        return view

    def _pixels(self, points: FloatArray) -> np.ndarray:
        offset = (np.atleast_2d(points) - self._centre) * self._scale
        # Image up = +x, left = +y.
        return np.round(SIZE / 2 - offset[:, ::-1]).astype(np.int32)

    def _line(
        self, view: ImageArray, points: FloatArray, colour: tuple[int, ...], width: int
    ) -> None:
        cv2.polylines(view, [self._pixels(points)], False, colour, width, cv2.LINE_AA)

    def _circle(
        self, view: ImageArray, point: FloatArray, colour: tuple[int, ...], radius: int
    ) -> None:
        cv2.circle(view, tuple(self._pixels(point)[0].tolist()), radius, colour, -1, cv2.LINE_AA)

    def _goal(self, view: ImageArray, episode: Episode) -> None:
        centre = tuple(self._pixels(episode.goal)[0].tolist())
        radius = round(self._tool_radius * self._scale)
        cv2.circle(view, centre, radius, GOAL, 2, cv2.LINE_AA)
        cv2.drawMarker(view, centre, GOAL, cv2.MARKER_CROSS, 12, 2)


def replay(robot: SimulatedRobot, path: FloatArray) -> Iterator[ImageArray]:
    """Drive along a recorded path (T, J) once more; the camera's view at each of its points."""
    path, step_ns = np.clip(path, robot.low, robot.high), nanoseconds(PERIOD)
    robot.reset(path[0])
    yield robot.render()
    for position in path[1:]:
        there = JointTrajectory(
            robot.config.joints, robot.now_ns, np.array([step_ns]), position[None]
        )
        reason = robot.controller.accept(there, robot.now_ns)
        assert reason is None, reason
        for _ in range(round(PERIOD / robot.control_step)):
            robot.step()
        yield robot.render()


def save(
    episodes: list[Episode], config: SimulatorNodeConfig, world: World, folder: Path, name: str
) -> list[Path]:
    """Write NAME_paths.png (all episodes), NAME_000.png ... and NAME.mp4; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sim = replace(config.simulator, image_width=SIZE, image_height=SIZE, real_time_factor=100.0)
    sheet, film = folder / f'{name}_paths.png', folder / f'{name}.mp4'
    pictures: list[ImageArray] = []
    written = []
    writer: Any = imageio.get_writer(film, fps=RATE, macro_block_size=None)
    with contextlib.closing(make_robot(config.robot, sim, world)) as robot, writer:
        drawing = Drawing(sim, robot.tool_radius)
        for number, episode in enumerate(episodes):
            for index, view in enumerate(replay(robot, episode.path)):
                writer.append_data(drawing.frame(episode, index, view))
            pictures.append(drawing.picture(episode, view))
            written.append(folder / f'{name}_{number:03d}.png')
            imageio.imwrite(written[-1], pictures[-1])
    imageio.imwrite(sheet, _sheet(pictures))
    return [sheet, film, *written]


def _sheet(pictures: list[ImageArray]) -> ImageArray:
    columns = min(COLUMNS, len(pictures))
    blank = np.full_like(pictures[0], 255)
    padded = pictures + [blank] * (-len(pictures) % columns)
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    sheet = np.vstack(rows)
    scale = min(1.0, 1600 / sheet.shape[1])
    return np.asarray(cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _caption(view: ImageArray, text: str, colour: tuple[int, ...]) -> ImageArray:
    bar = np.full((CAPTION, SIZE, 3), 255, dtype=np.uint8)
    cv2.putText(bar, text, (10, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA)
    return np.vstack([view, bar])
