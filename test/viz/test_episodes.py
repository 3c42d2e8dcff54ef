# SPDX-License-Identifier: Apache-2.0
"""Pictures and film of episodes show the robot where it was."""

from dataclasses import replace

import imageio.v2 as imageio
import numpy as np

from grasp_ros.bench.episodes import Episode
from grasp_ros.sim.worlds import load_world
from grasp_ros.viz.episodes import AHEAD, LINE, MARGIN, ROW, SIDE, SIZE, save
from grasp_ros.viz.remembered import Way

START, END = np.array([0.2, -0.1]), np.array([0.2, 0.05])


def test_film_and_pictures_follow_the_path(tmp_path):
    path = np.linspace(START, END, 12)
    goal_image = np.full((64, 64, 3), (10, 200, 220), dtype=np.uint8)
    episode = Episode(
        start=START,
        goal=END,
        shortest_time=1.0,
        error=0.0,
        tool_error=0.0,
        success=True,
        reached=True,
        duration=1.1,
        arrival=1.0,
        contact=0.0,
        speed=0.9,
        acceleration=0.9,
        violations=[],
        plan_ms=[1.0],
        encode_ms=[1.0],
        overhead_ms=[1.0],
        goal_images={'image': goal_image},
        path=path,
        plans=[None, *[path[:3]] * (len(path) - 1)],
    )
    missed = replace(
        episode, goal=-END, error=0.3, success=False, reached=False, plans=[None] * len(path)
    )
    colours = [(200, 120, 40), (40, 120, 200)]
    seen = [np.full((64, 64, 3), colour, dtype=np.uint8) for colour in colours]
    way = Way(np.stack([START, END]), seen)
    sheet, film, *singles = save(
        [episode, missed], load_world('wall'), 'mujoco', tmp_path, 'wall', [way, None]
    )
    assert [path.name for path in singles] == ['wall_000.png', 'wall_001.png']
    picture = imageio.imread(singles[0])
    assert picture.shape == (SIZE + ROW, SIZE + SIDE, 3)
    assert picture[100, SIZE + 2 * MARGIN].tolist() == [10, 200, 220], 'the goal picture is shown'
    cell = (SIZE + SIDE) // 8
    places = [picture[SIZE + LINE + ROW // 3, i * cell + 2 * MARGIN].tolist() for i in (0, 1)]
    assert places == [list(colour) for colour in colours], 'what is remembered is shown in order'
    assert imageio.imread(sheet).shape == (SIZE + ROW, 2 * (SIZE + SIDE), 3)
    frames = [frame.astype(int) for frame in imageio.mimread(film, memtest=False)]
    assert len(frames) == 2 * len(path)
    # The red tool: image up = +x, image left = +y, both table halves 0.3 m on about 240 px.
    for frame, here in ((frames[0], 0), (frames[len(path) - 1], 1)):
        edge = frame[SIZE + LINE + ROW // 3, here * cell + MARGIN * 3 // 4]
        np.testing.assert_allclose(edge, AHEAD, atol=40, err_msg='the nearest place is marked')
    frames = [frame[:SIZE, :SIZE] for frame in frames]
    for frame, (x, y) in ((frames[0], START), (frames[len(path) - 1], END)):
        red = (frame[..., 0] > 150) & (frame[..., 1:].max(axis=-1) < 100)
        row, column = np.argwhere(red).mean(axis=0)
        middle = SIZE / 2
        np.testing.assert_allclose([middle - row, middle - column], [x * 750, y * 750], atol=25)
