# SPDX-License-Identifier: Apache-2.0
"""A joint_trajectory_controller and a robot that lags, from the documentation of the controller.

It shares no code with the package: what the package believes about the controller is judged here.
"""

from dataclasses import dataclass, field

import numpy as np

# p(x) = c0 + c1 x + c2 x² + c3 x³ over x in [0, 1] from (p0, p1, m0, m1), m = velocity x length.
HERMITE = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [-3, 3, -2, -1], [2, -2, 1, 1]], dtype=float)


@dataclass
class Controller:
    """Plays trajectories (times s, positions and velocities (N, J)); the old one is forgotten.

    from_desired: `interpolate_from_desired_state`. Before the first point it goes there from its
    own command or, where that is not set, from the measured state.
    """

    command: np.ndarray
    from_desired: bool
    times: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._hold(self.command)

    def _hold(self, position: np.ndarray) -> None:
        self.times = np.array([-1.0])
        self.positions, self.velocities = position[None], np.zeros((1, len(position)))
        self.before: tuple[float, np.ndarray, np.ndarray] | None = None

    def abort(self, position: np.ndarray) -> None:
        """Hold a position, as after a tolerance was broken."""
        self._hold(position.copy())

    def take(self, now, times, positions, velocities, measured, measured_velocity) -> bool:
        """A message comes at `now`; False where the controller refuses it."""
        if (
            times[-1] < now
            or (np.diff(times) <= 0).any()
            or np.abs(velocities[-1]).max() > 1.19e-7
        ):
            return False
        state = self.at(now) if self.from_desired else (measured, measured_velocity)
        self.before = (now, *state)
        self.times, self.positions, self.velocities = times, positions, velocities
        return True

    def at(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Commanded position and velocity."""
        if now < self.times[0]:
            assert self.before is not None
            t0, p0, v0 = self.before
            return _cubic(t0, p0, v0, self.times[0], self.positions[0], self.velocities[0], now)
        index = int(np.searchsorted(self.times, now, side='right')) - 1
        if index >= len(self.times) - 1:
            return self.positions[-1], np.zeros_like(self.positions[-1])
        t, p, v = self.times, self.positions, self.velocities
        return _cubic(t[index], p[index], v[index], t[index + 1], p[index + 1], v[index + 1], now)


def _cubic(t0, p0, v0, t1, p1, v1, now):
    length = t1 - t0
    x = (now - t0) / length
    c = HERMITE @ np.stack([p0, p1, v0 * length, v1 * length])
    position = c[0] + x * (c[1] + x * (c[2] + x * c[3]))
    return position, (c[1] + x * (2 * c[2] + 3 * x * c[3])) / length


@dataclass
class Robot:
    """Joints that follow their command by a first-order lag, unless something blocks them.

    speed, acceleration (J,): what the motors can do.
    """

    position: np.ndarray
    lag: float  # s
    speed: np.ndarray
    acceleration: np.ndarray
    velocity: np.ndarray = field(init=False)
    blocked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.velocity = np.zeros_like(self.position)
        self.blocked = np.zeros(len(self.position), dtype=bool)

    def step(self, command: np.ndarray, dt: float) -> None:
        """Move for dt s."""
        share = 1.0 if self.lag <= dt else dt / self.lag
        change = self.acceleration * dt
        wanted = np.clip(share * (command - self.position) / dt, -self.speed, self.speed)
        wanted = np.clip(wanted, self.velocity - change, self.velocity + change)
        moved = np.where(self.blocked, 0.0, wanted * dt)
        self.velocity = moved / dt
        self.position = self.position + moved
