# SPDX-License-Identifier: Apache-2.0
"""LeRobot's values and radians, as its own formulas turn encoder ticks into these values."""

import json

import numpy as np
import pytest

from grasp_ros.lerobot.units import make_unit
from grasp_ros.types import BadInput

JOINTS = ('pan', 'lift')
MOTORS = {
    'pan': {'id': 1, 'drive_mode': 0, 'homing_offset': 5, 'range_min': 800, 'range_max': 3200},
    'lift': {'id': 2, 'drive_mode': 1, 'homing_offset': 0, 'range_min': 1000, 'range_max': 3096},
    'gripper': {'id': 6, 'drive_mode': 0, 'homing_offset': 0, 'range_min': 7, 'range_max': 9},
}


@pytest.fixture
def calibration(tmp_path):
    path = tmp_path / 'arm.json'
    path.write_text(json.dumps(MOTORS))
    return path


def test_normalised_values_are_those_that_lerobot_makes_of_ticks(calibration):
    unit = make_unit('normalised', JOINTS, calibration)
    ticks = {'pan': 1100, 'lift': 2500}
    values, angles = [], []
    for joint, tick in ticks.items():
        low, high = MOTORS[joint]['range_min'], MOTORS[joint]['range_max']
        value = (tick - low) / (high - low) * 200 - 100
        values.append(-value if MOTORS[joint]['drive_mode'] else value)
        angles.append((tick - (low + high) / 2) * 2 * np.pi / 4096)
    assert unit.radians(np.array(values), 'here') == pytest.approx(angles)
    assert unit.of(np.array([angles, angles])) == pytest.approx(np.array([values, values]))


def test_normalised_values_beyond_the_range_are_refused(calibration):
    unit = make_unit('normalised', JOINTS, calibration)
    with pytest.raises(BadInput, match=r'here of lift is 117, .* of normalised; .*--unit'):
        unit.radians(np.array([3.0, 117.0]), 'here')


def test_normalised_values_need_a_calibration():
    with pytest.raises(BadInput, match='--calibration FILE'):
        make_unit('normalised', JOINTS, None)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ('{', 'arm.json: not readable'),
        (json.dumps({'pan': MOTORS['pan']}), r"no calibration of \['lift'\]; it has \['pan'\]"),
        (json.dumps(MOTORS | {'lift': {}}), 'range_min'),
        (json.dumps(MOTORS | {'lift': MOTORS['lift'] | {'range_max': 3}}), 'range 1000 to 3'),
    ],
)
def test_unusable_calibration_is_refused(calibration, content, reason):
    calibration.write_text(content)
    with pytest.raises(BadInput, match=reason):
        make_unit('normalised', JOINTS, calibration)
