# SPDX-License-Identifier: Apache-2.0
"""Pictures to train on lie on disk, and are read when they are needed."""

import mmap
import subprocess
import sys

import numpy as np
import pytest

from grasp_ros.training.dataset import Dataset
from grasp_ros.training.pictures import Chosen, on_disk
from grasp_ros.types import BadInput

MORE = """
import resource, sys
from pathlib import Path
import numpy as np
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.pictures import on_disk
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
count = 1024
images = on_disk(Path(sys.argv[1]), (count, 1024, 512, 3))
images[-1] = 7
one = np.zeros((count, 1))
follows, of = np.ones(count, bool), np.zeros(count, int)
data = Dataset({'image': images}, one, one, follows, of, {'image': (1024, 512)}, np.ones(1))
learnt, held_out = data.split(0.1)
assert (held_out.images['image'][len(held_out) - 1] == 7).all()
assert (learnt.images['image'][np.array([0, 500])] == 0).all()
"""


def numbered(folder, count=20):
    images = on_disk(folder, (count, 2, 4, 3))
    images[:] = np.arange(count)[:, None, None, None]
    return images


def test_they_are_in_a_file_that_leaves_nothing_behind(tmp_path):
    images = numbered(tmp_path / 'models')
    assert isinstance(images.base, mmap.mmap) and not list((tmp_path / 'models').iterdir())
    assert (images[7] == 7).all()


def test_chosen_ones_are_what_an_array_gives(tmp_path):
    images, index = numbered(tmp_path), np.array([3, 1, 4, 15])
    chosen = Chosen(Chosen(images, np.arange(20)), index)
    assert chosen.shape == (4, 2, 4, 3) and len(chosen) == 4
    for which in (2, slice(1, 3), np.array([3, 0, 3])):
        assert np.array_equal(chosen[which], images[index][which])
    assert [one[0, 0, 0] for one in chosen] == index.tolist()


def test_parts_of_a_dataset_are_not_copied(tmp_path):
    images, rows = numbered(tmp_path), np.zeros((20, 1))
    data = Dataset(
        {'image': images},
        rows,
        rows,
        np.ones(20, bool),
        np.repeat([0, 1], 10),
        {'image': (2, 4)},
        np.ones(1),
    )
    learnt, held_out = data.split(0.2)
    images[:] = 99  # seen by both: they look at the same file
    assert (held_out.images['image'][1] == 99).all() and (learnt.images['image'][15] == 99).all()
    assert len(learnt) == 16 and len(held_out) == 4


def test_more_pictures_than_memory_can_be_trained_on(tmp_path):
    limited = [sys.executable, '-c', MORE, str(tmp_path)]  # 1.6 GB in 1 GB
    done = subprocess.run(limited, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_room_is_said_at_once(tmp_path):
    with pytest.raises(BadInput, match=r'no room for 1,200,000.0 GB of pictures'):
        on_disk(tmp_path, (10**8, 1000, 4000, 3))
