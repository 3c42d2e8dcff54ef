# SPDX-License-Identifier: Apache-2.0
"""Episodes as pictures and film: the overhead camera's view with path, plan and goal drawn in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import imageio.v2 as imageio
import numpy as np

from grasp_ros.bench.episodes import Episode
from grasp_ros.config import SimulatorConfig
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.types import FloatArray, ImageArray

SIZE = 480  # px, side of the rendered view
CAPTION = 30  # px, height of the line of text below it
RATE = 20  # frames a second of film; positions are recorded 10 times a second: double speed
TOOL_HEIGHT = 0.05  # m above the table, where the path is drawn
DONE, AHEAD, GOAL, MISSED = (20, 120, 40), (240, 140, 20), (150, 30, 160), (200, 20, 20)  # rgb
COLUMNS = 5


class Drawing:
    """Draws on the robot's overhead view."""

    def __init__(self, robot: MujocoRobot, sim: SimulatorConfig):
        self._robot = robot
        x, y, height = sim.camera_position
        self._centre = np.array([x, y])
        focal = SIZE / 2 / math.tan(sim.camera_fovy / 2)
        self._scale = focal / (height - TOOL_HEIGHT)

    def picture(self, episode: Episode) -> ImageArray:
        """The whole path, with start and goal, on the camera's view at the end."""
        view = self._view(episode.path[-1])
        self._line(view, episode.path, DONE if episode.success else MISSED, 3)
        self._circle(view, episode.start, DONE, 5)
        self._goal(view, episode)
        text = f'{1000 * episode.error:.0f} mm  {episode.duration:.1f} s'
        return _caption(view, text, DONE if episode.success else MISSED)

    def frames(self, episode: Episode) -> Iterator[ImageArray]:
        """The run, with the plan of each moment ahead of the robot."""
        for index, plan in enumerate(episode.plans):
            view = self._view(episode.path[index])
            if plan is not None:
                self._line(view, plan, AHEAD, 2)
            self._line(view, episode.path[: index + 1], DONE, 3)
            self._goal(view, episode)
            yield view

    def _view(self, position: FloatArray) -> ImageArray:
        self._robot.reset(np.clip(position, self._robot.low, self._robot.high))
        return self._robot.render((SIZE, SIZE))

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
        radius = round(self._robot.tool_radius * self._scale)
        cv2.circle(view, centre, radius, GOAL, 2, cv2.LINE_AA)
        cv2.drawMarker(view, centre, GOAL, cv2.MARKER_CROSS, 12, 2)


def save(
    episodes: list[Episode], robot: MujocoRobot, sim: SimulatorConfig, folder: Path, name: str
) -> list[Path]:
    """Write NAME_paths.png (all episodes), NAME_000.png ... and NAME.mp4; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = Drawing(robot, sim)
    pictures = [drawing.picture(episode) for episode in episodes]
    written = [folder / f'{name}_{index:03d}.png' for index in range(len(episodes))]
    for path, picture in zip(written, pictures, strict=True):
        imageio.imwrite(path, picture)
    sheet, film = folder / f'{name}_paths.png', folder / f'{name}.mp4'
    imageio.imwrite(sheet, _sheet(pictures))
    frames: list[Any] = [frame for episode in episodes for frame in drawing.frames(episode)]
    imageio.mimwrite(film, frames, fps=RATE, macro_block_size=None)
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
