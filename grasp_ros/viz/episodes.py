# SPDX-License-Identifier: Apache-2.0
"""Episodes as pictures and film: the camera's view with path, plan and goal drawn in.

The episodes' camera is too coarse for people, so the paths are driven again before a finer one.
Below are the places that the planner's map remembers on the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import imageio.v2 as imageio
import numpy as np

from grasp_ros.bench.episodes import PERIOD, Episode
from grasp_ros.sim.interface import SimulatedRobot, make_robot
from grasp_ros.sim.worlds import World
from grasp_ros.types import FloatArray, ImageArray, JointTrajectory, nanoseconds
from grasp_ros.viz.remembered import SHOWN, Way

SIZE = 480  # px, height of the rendered view
SIDE = 176  # px, width of the strip beside it: the goal picture and what happened
MARGIN = 8  # px, around what stands in the strip
LINE = 24  # px, height of a line of text
ROW = 120  # px, height of the row below it: what is remembered on the way
SUBPIXELS = 4  # bits of a pixel's fraction that lines are drawn with
RATE = round(2 / PERIOD)  # frames a second of film: double speed
Colour = tuple[int, int, int]
DONE, AHEAD, GOAL, MISSED = (20, 120, 40), (240, 140, 20), (150, 30, 160), (200, 20, 20)  # rgb
INK = (60, 60, 60)
COLUMNS = 5


class Drawing:
    """Draws a world's episodes on its first camera's view."""

    def __init__(self, world: World):
        self._task, self._camera = world.task, world.description.cameras[0]
        self._speed = np.array(world.robot.max_velocity)

    def picture(self, episode: Episode, view: ImageArray, way: Way | None) -> ImageArray:
        """The whole path, with start and goal, on the view at its end."""
        view, colour = view.copy(), DONE if episode.success else MISSED
        tool = self._task.tool_position(episode.path)
        self._line(view, tool, colour, 3)
        self._dot(view, tool[0], colour, 5)
        self._mark(view, episode)
        word = 'reached' if episode.success else 'missed'
        lines = [(word, colour), (f'{self._task.words(episode.error)} off', INK)]
        lines += [(f'{episode.duration:.1f} s', INK), (f'best {episode.shortest_time:.1f} s', INK)]
        return _above(_beside(view, episode.goal_image, lines), way, None)

    def frame(self, episode: Episode, index: int, view: ImageArray, way: Way | None) -> ImageArray:
        """One moment, with the path so far and the plan ahead of the robot."""
        view, plan = view.copy(), episode.plans[index]
        if plan is not None:
            states = np.repeat(episode.path[index][None], len(plan), axis=0)
            states[:, : plan.shape[1]] = plan  # a plan says nothing of objects
            self._line(view, self._task.tool_position(states), AHEAD, 2)
        self._line(view, self._task.tool_position(episode.path[: index + 1]), DONE, 3)
        self._mark(view, episode)
        lines = [(f'{index * PERIOD:.1f} s', INK), ('path', DONE), ('plan', AHEAD)]
        here = None
        if way is not None:
            joints = episode.path[index][: len(self._speed)]
            here = way.nearest(joints, self._speed)
        return _above(_beside(view, episode.goal_image, lines), way, here)

    def _fixed(self, points: FloatArray) -> np.ndarray:
        """Pixels as cv2 takes them with a fraction; pixel centres are at whole numbers."""
        pixels = self._camera.pixels(points) - 0.5
        return np.round(pixels * 2**SUBPIXELS).astype(np.int32)

    def _line(self, view: ImageArray, points: FloatArray, colour: Colour, width: int) -> None:
        cv2.polylines(view, [self._fixed(points)], False, colour, width, cv2.LINE_AA, SUBPIXELS)

    def _dot(self, view: ImageArray, point: FloatArray, colour: Colour, radius: int) -> None:
        centre = tuple(self._fixed(point).tolist())
        cv2.circle(view, centre, radius << SUBPIXELS, colour, -1, cv2.LINE_AA, SUBPIXELS)

    def _mark(self, view: ImageArray, episode: Episode) -> None:
        for line in self._task.outline(episode.goal):
            self._line(view, line, GOAL, 2)


def replay(robot: SimulatedRobot, path: FloatArray) -> Iterator[ImageArray]:
    """Drive along recorded states (T, S) once more; the first camera's view at each of them."""
    config = robot.world.robot
    joints, step_ns = len(config.joints), nanoseconds(PERIOD)
    path = path.copy()
    path[:, :joints] = np.clip(path[:, :joints], config.position_min, config.position_max)
    robot.reset(path[0])
    yield robot.render()
    for state in path[1:]:
        there = JointTrajectory(
            config.joints, robot.now_ns, np.array([step_ns]), state[None, :joints]
        )
        reason = robot.controller.accept(there, robot.now_ns)
        assert reason is None, reason
        for _ in range(round(PERIOD / robot.control_step)):
            robot.step()
        yield robot.render()


def finer(world: World) -> World:
    """The same world with its first camera at people's size."""
    first = world.description.cameras[0]
    width = 2 * round(SIZE * first.width / first.height / 2)  # film wants even numbers
    camera = replace(first, width=width, height=SIZE)
    return replace(world, description=replace(world.description, cameras=(camera,)))


def save(
    episodes: list[Episode],
    world: World,
    engine: str,
    folder: Path,
    name: str,
    ways: list[Way | None],
) -> list[Path]:
    """Write NAME_paths.png (all episodes), NAME_000.png ... and NAME.mp4; returns the paths.

    ways: what the map remembers on the way of each episode.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world = finer(world)
    sheet, film = folder / f'{name}_paths.png', folder / f'{name}.mp4'
    pictures: list[ImageArray] = []
    written = []
    writer: Any = imageio.get_writer(film, fps=RATE, macro_block_size=None)
    with contextlib.closing(make_robot(engine, world, 100.0)) as robot, writer:
        drawing = Drawing(world)
        for number, (episode, way) in enumerate(zip(episodes, ways, strict=True)):
            for index, view in enumerate(replay(robot, episode.path)):
                writer.append_data(drawing.frame(episode, index, view, way))
            pictures.append(drawing.picture(episode, view, way))
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
    scale = min(1.0, 2400 / sheet.shape[1])
    return np.asarray(cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _beside(
    view: ImageArray, goal_image: ImageArray, lines: Sequence[tuple[str, Colour]]
) -> ImageArray:
    """The view with the goal picture, as the planner got it, and lines of text to its right."""
    strip = np.full((len(view), SIDE, 3), 255, dtype=np.uint8)
    width = SIDE - 2 * MARGIN
    height = min(round(width * goal_image.shape[0] / goal_image.shape[1]), len(view) // 2)
    _write(strip, 'goal picture', 0, GOAL)
    shown = cv2.resize(goal_image, (width, height), interpolation=cv2.INTER_NEAREST)
    top = MARGIN + LINE
    strip[top : top + height, MARGIN : MARGIN + width] = shown
    for index, (text, colour) in enumerate(lines):
        _write(strip, text, top + height + index * LINE, colour)
    return np.hstack([view, strip])


def _above(picture: ImageArray, way: Way | None, here: int | None) -> ImageArray:
    """The picture, and below it what is remembered on the way; here: the place that is marked."""
    cell = picture.shape[1] // SHOWN
    row = np.full((ROW, picture.shape[1], 3), 255, dtype=np.uint8)
    _write(row, 'remembered on the way' if way is not None else 'no way on the map', 0, INK)
    for index, seen in enumerate(() if way is None else way.pictures):
        scale = min((cell - 2 * MARGIN) / seen.shape[1], (ROW - LINE - 2 * MARGIN) / seen.shape[0])
        shown = cv2.resize(seen, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        top, left = LINE + MARGIN, index * cell + MARGIN
        if index == here:
            edge = MARGIN // 2
            row[
                top - edge : top + len(shown) + edge, left - edge : left + shown.shape[1] + edge
            ] = AHEAD
        row[top : top + len(shown), left : left + shown.shape[1]] = shown
    return np.vstack([picture, row])


def _write(strip: ImageArray, text: str, top: int, colour: Colour) -> None:
    at = (MARGIN, top + LINE - 4)
    cv2.putText(strip, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, 1, cv2.LINE_AA)
