# SPDX-License-Identifier: Apache-2.0
"""Pictures and film of episodes show the robot where it was."""

import imageio.v2 as imageio
import numpy as np

from grasp_ros.bench.episodes import Episode
from grasp_ros.sim.worlds import load_world
from grasp_ros.viz.episodes import CAPTION, SIZE, save

START, END = np.array([0.2, -0.1]), np.array([0.2, 0.05])


def test_film_and_pictures_follow_the_path(simulation, tmp_path):
    path = np.linspace(START, END, 12)
    times = [[1.0], [1.0], [1.0]]
    episode = Episode(
        START, END, 0.15, 0.0, True, 1.1, *times, path, [None, *[path[:3]] * (len(path) - 1)]
    )
    missed = Episode(START, -END, 0.3, 0.3, False, 1.1, *times, path, [None] * len(path))
    sheet, film, *singles = save(
        [episode, missed], simulation, load_world('wall'), tmp_path, 'wall'
    )
    assert [path.name for path in singles] == ['wall_000.png', 'wall_001.png']
    assert imageio.imread(singles[0]).shape == (SIZE + CAPTION, SIZE, 3)
    assert imageio.imread(sheet).shape == (SIZE + CAPTION, 2 * SIZE, 3)
    frames = [frame.astype(int) for frame in imageio.mimread(film, memtest=False)]
    assert len(frames) == 2 * len(path)
    # The red tool: image up = +x, image left = +y, both table halves 0.3 m on about 240 px.
    for frame, (x, y) in ((frames[0], START), (frames[len(path) - 1], END)):
        red = (frame[..., 0] > 150) & (frame[..., 1:].max(axis=-1) < 100)
        row, column = np.argwhere(red).mean(axis=0)
        middle = SIZE / 2
        np.testing.assert_allclose([middle - row, middle - column], [x * 750, y * 750], atol=25)
