# SPDX-License-Identifier: Apache-2.0
"""Do the data agree with the robot's file? Looked at before anything is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.training.findings import Finding
from grasp_ros.training.replay import MIN_MOVING, STILL, correlation
from grasp_ros.training.timeline import Timeline
from grasp_ros.types import FloatArray, seconds

OUTSIDE = 0.01  # share of positions outside the limits that is no longer a few glitches
IMPOSSIBLE = 3.0  # times max_velocity: nobody sets the limits of a robot so far below its motion
UNRELATED, LOOSE = 0.5, 0.9  # correlations of command and motion: refused below, warned of below
RELATED = 0.7  # correlation with the commands of another joint, or in other units, that explains
DEGREES = (np.pi / 180, 180 / np.pi)
SLOPES = (0.8, 1.25)  # motion per command of a robot that follows
FOLLOWING = 0.2  # share of moving steps near enough to the command to be judged by them alone
NARROW = 0.3  # of a joint's range
FEW_STEPS = 5000


@dataclass(frozen=True)
class JointFigures:
    """What the data say of one joint, m or rad, and s.

    low, high: positions without the outermost 0.5 % at each end. outside: share of joint states
    outside the limits. speed: 99th percentile. correlation, slope: of motion over command, in the
    steps in which it follows. lag: how much later than the command, NaN where unknown. behind:
    distance from the command while it moves, 95th percentile. covered: share of the range.
    """

    name: str
    low: float
    high: float
    outside: float
    speed: float
    correlation: float
    slope: float
    lag: float
    behind: float
    covered: float


@dataclass(frozen=True)
class Checked:
    """The figures of each joint, and what is wrong, the gravest first."""

    joints: list[JointFigures]
    steps: int
    findings: list[Finding]

    @property
    def errors(self) -> list[str]:
        """The texts of what forbids training."""
        return [one.text for one in self.findings if one.severity == 'error']

    def also(self, findings: list[Finding]) -> Checked:
        """With more findings."""
        return replace(self, findings=_sorted([*self.findings, *findings]))


def check(lines: list[Timeline], lag: FloatArray, robot: RobotConfig, dt: float) -> Checked:
    """Compare the data with the robot's file. lag (J,): see timelines; dt: the model step, s."""
    follows = np.concatenate([line.follows for line in lines])
    asked, told, moved, behind, blocked = (
        np.concatenate([getattr(line, name) for line in lines])
        for name in ('asked', 'told', 'moved', 'behind', 'blocked')
    )
    positions = np.concatenate([line.recording.positions for line in lines])
    near = ~blocked
    near[:-1] &= near[1:]
    asked, told, moved, behind, near = (one[follows] for one in (asked, told, moved, behind, near))
    figures = [
        _figures(j, robot, positions[:, j], (asked, moved, behind, near), float(lag[j]), dt)
        for j in range(len(robot.joints))
    ]
    found = [finding for line in lines for finding in line.findings]
    found += _commands(lines)
    for j, joint in enumerate(figures):
        found += _position(joint, robot, j, positions[:, j])
        found += _speed(joint, robot.max_velocity[j])
        found += _following(joint, j, robot, told, moved, dt)
    steps = int(follows.sum())
    if steps < FEW_STEPS:
        found.append(
            Finding(
                'warning',
                f'{steps} steps of {dt:.4g} s ({steps * dt / 60:.1f} min): little data. Expect to '
                'need 20 000 for an arm of two joints, more for more joints or higher accuracy',
            )
        )
    return Checked(figures, steps, _sorted(found))


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: ('error', 'warning', 'note').index(one.severity))


def _figures(
    j: int,
    robot: RobotConfig,
    positions: FloatArray,
    steps: tuple[FloatArray, ...],
    lag: float,
    dt: float,
) -> JointFigures:
    tolerance = robot.tracking_tolerance[j]
    bottom, top = robot.position_min[j], robot.position_max[j]
    asked, moved, behind, near = (one[:, j] for one in steps)
    moving = (np.abs(asked) > STILL * tolerance) | (np.abs(moved) > STILL * tolerance)
    free = moving & near.astype(bool)
    used = free if free.sum() >= max(MIN_MOVING, FOLLOWING * moving.sum()) else moving
    low, high = np.percentile(positions, [0.5, 99.5])
    outside = (positions < bottom - tolerance) | (positions > top + tolerance)
    known = used.sum() >= MIN_MOVING
    variance = float((asked[used] ** 2).sum())
    went = (np.abs(moved) > STILL * tolerance) & (np.abs(moved - asked) < np.abs(moved) / 2)
    return JointFigures(
        robot.joints[j],
        float(low),
        float(high),
        float(outside.mean()),
        float(np.percentile(np.abs(moved), 99)) / dt if len(moved) else 0.0,
        correlation(asked[used], moved[used]) if known else float('nan'),
        float(asked[used] @ moved[used]) / variance if known and variance else float('nan'),
        lag,
        float(np.percentile(np.abs(behind[went]), 95)) if went.any() else 0.0,
        float(np.clip((min(high, top) - max(low, bottom)) / (top - bottom), 0, 1)),
    )


def _commands(lines: list[Timeline]) -> Iterator[Finding]:
    refused: Counter[str] = Counter()
    for line in lines:
        refused.update(line.refused)
    total = sum(len(line.recording.commands) for line in lines)
    if refused:
        count, (reason, _) = refused.total(), refused.most_common(1)[0]
        text = (
            f'the controller refuses {count} of {total} commands: {reason}. Are they for another '
            "controller, or are the robot file's joints not the controller's?"
        )
        yield Finding('error' if count > total / 2 else 'warning', text)
    aborts = sum(line.aborts for line in lines)
    if aborts:
        yield Finding(
            'warning' if aborts > total / 20 else 'note',
            f'the controller gave up {aborts} of {total} commands (the command moved on, the '
            "robot stood): widen the controller's constraints, or command it anew when it stops",
        )
    late = max(line.lag_ns for line in lines)
    if late:
        text = f'the robot comes {seconds(late):.2f} s after its commands; they are read so'
        yield Finding('note', text)


def _position(
    joint: JointFigures, robot: RobotConfig, j: int, positions: FloatArray
) -> Iterator[Finding]:
    bottom, top = robot.position_min[j], robot.position_max[j]
    if not joint.outside:
        if joint.covered < NARROW:
            yield Finding(
                'warning',
                f'{joint.name}: moves in {100 * joint.covered:.0f} % of its range only; goals '
                'elsewhere are out of reach. Record more, or narrow position_min and position_max',
            )
        return
    text = (
        f'{joint.name}: {100 * joint.outside:.2g} % of the positions lie outside the limits '
        f'{bottom:.4g} to {top:.4g}; seen {positions.min():.4g} to {positions.max():.4g}.'
    )
    if np.abs(positions).max() > 2 * np.pi and np.abs(np.deg2rad(positions)).max() < 2 * np.pi:
        text += ' Degrees, where radians are expected? Publish joint_states in rad (m for sliders)'
    else:
        text += " Mend position_min and position_max in the robot's file, or the driver"
    yield Finding('error' if joint.outside > OUTSIDE else 'warning', text)


def _speed(joint: JointFigures, limit: float) -> Iterator[Finding]:
    text = f'{joint.name}: moves at {joint.speed:.3g} per s (99th percentile), max_velocity is '
    if joint.speed > IMPOSSIBLE * limit:
        yield Finding('error', f'{text}{limit:.3g}: impossible. Wrong units, or mixed clocks?')
    elif joint.speed > SLOPES[1] * limit:
        yield Finding(
            'warning',
            f'{text}{limit:.3g}: faster commands count as full speed. Raise max_velocity, or '
            'record slower motion',
        )


def _following(
    joint: JointFigures,
    j: int,
    robot: RobotConfig,
    told: FloatArray,
    moved: FloatArray,
    dt: float,
) -> Iterator[Finding]:
    name = joint.name
    if np.isnan(joint.correlation):
        yield Finding('warning', f'{name}: hardly moves; nothing can be learnt about it')
        return
    figures = f'correlation {joint.correlation:.2f}, motion {joint.slope:.2f} times the command'
    if joint.correlation < UNRELATED or not 0.5 < joint.slope < 2:
        others = [correlation(one, moved[:, j]) for one in told.T]
        best = int(np.argmax(others))
        scale = float(told[:, j] @ moved[:, j]) / max(float((told[:, j] ** 2).sum()), 1e-12)
        text = f'{name}: its motion does not follow its commands ({figures}). '
        if best != j and others[best] > RELATED:
            text += f'It follows those of {robot.joints[best]}: are the names swapped?'
        elif others[j] > RELATED and any(0.7 < scale / one < 1.4 for one in DEGREES):
            text += 'Are commands and positions in different units, degrees and radians?'
        else:
            text += 'Is --command-topic what moves this robot, and is each name the right joint?'
        yield Finding('error', text)
        return
    if joint.correlation < LOOSE or not SLOPES[0] < joint.slope < SLOPES[1]:
        yield Finding(
            'warning', f'{name}: follows its commands loosely ({figures}); the model suffers'
        )
    if joint.behind > robot.tracking_tolerance[j] and joint.correlation > LOOSE:
        yield Finding(
            'warning',
            f'{name}: is {joint.behind:.2g} behind its command while it moves (95th percentile), '
            f'tracking_tolerance is {robot.tracking_tolerance[j]:.2g}: it would count as blocked. '
            f'Set it to {1.5 * joint.behind:.2g}',
        )
    if np.isnan(joint.lag):
        yield Finding(
            'warning',
            f'{name}: how late it comes after its commands could not be measured; record longer '
            'unbroken motion',
        )
    elif joint.lag > dt:
        yield Finding('warning', f'{name}: comes {joint.lag:.2f} s after its command')
