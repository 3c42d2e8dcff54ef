# SPDX-License-Identifier: Apache-2.0
"""Rounds of planning with lag, latency and faults, and what the controller made of them.

Loop, gate and guard are the package's; time is stepped. Plans are random, which asks more of the
limits than any planner's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from player import Controller, Robot

from grasp_ros.bench.motion import MotionChecker
from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.gate import Gate
from grasp_ros.control.receding_horizon import RecedingHorizon
from grasp_ros.planning.problem import Plan
from grasp_ros.robot.command import JointVelocity
from grasp_ros.robot.limits import Limits
from grasp_ros.share import find
from grasp_ros.types import (
    NS,
    JointSample,
    JointTrajectory,
    Observation,
    Refused,
    nanoseconds,
)
from grasp_ros.world_model.bundle import Bundle, load_bundle

START = 1_700_000_000 * NS
JOINT_PERIOD, IMAGE_PERIOD = 10, 50  # ms
STEP = 1e-3  # s
TRANSPORT = 0.045  # s that a message takes at most
PATH_TOLERANCE = 2.0  # of the tracking tolerance: further behind, the controller aborts and holds


@dataclass(frozen=True)
class Setting:
    """One round. lag: m or rad at full speed. latency: s from image to trajectory."""

    robot: str
    lag: float
    latency: float
    from_desired: bool
    faults: bool
    seed: int


class Blind(Bundle):
    """The shipped world model, which sees where the joints are instead of a picture."""

    def encode(self, observation: Observation) -> torch.Tensor:
        """The latent of the landmark that is nearest in the joints."""
        here = torch.from_numpy(observation.position).to(torch.float32)
        span = self.memory.positions.abs().max()
        nearest = (self.memory.positions / span - here / here.abs().max().clamp(min=1)).norm(dim=1)
        return self.memory.latents[int(nearest.argmin())]


class Trusting:
    """Takes whatever is seen: pictures are not what is judged here."""

    def judge(self, latent: torch.Tensor, observation: Observation) -> None:
        """Nothing is refused."""


class RandomPlans:
    """Held and jumping actions, and reversals at full speed."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)

    def plan(self, problem, warm_start=None, deadline=None) -> Plan:
        """A plan that nobody thought about."""
        rng, shape = self._rng, (problem.horizon, 2)
        actions = rng.uniform(-1, 1, shape)
        if rng.random() < 0.5:
            actions = np.sign(actions)
        if rng.random() < 0.5:
            actions[:] = actions[0]
        latents = problem.start.expand(problem.horizon + 1, -1)
        return Plan(torch.from_numpy(actions).to(torch.float32), latents, latents, 0.0, 0.0)


def settings(count: int, seed: int) -> Iterator[Setting]:
    """Rounds that cover lags, latencies, both kinds of controller and both robots."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        robot = ('gantry', 'arm')[number % 2]
        yield Setting(
            robot,
            lag=float(rng.uniform(0, {'gantry': 0.05, 'arm': 0.1}[robot])),
            latency=float(rng.uniform(0, 0.5)),
            from_desired=bool(number // 2 % 2),
            faults=bool(number // 4 % 2),
            seed=int(rng.integers(2**31)),
        )


def configured(setting: Setting) -> tuple[PlannerNodeConfig, Bundle]:
    """The shipped parameters and model; the arm has the gantry's model and limits of its own."""
    config = load(
        PlannerNodeConfig,
        find('config', 'robots/gantry.yaml'),
        model__bundle='gantry_maze',
        model__device='cpu',
        planner__use_roadmap=False,
        planner__horizon=12,
    )
    loaded = load_bundle(config.model, config.robot)
    bundle = Blind(**{**vars(loaded), 'trust': Trusting()})
    if setting.robot == 'arm':
        arm = replace(
            config.robot,
            position_min=(-2.5, -2.0),
            position_max=(2.5, 2.0),
            max_velocity=(1.0, 1.5),
            max_acceleration=(4.0, 6.0),
            tracking_tolerance=(0.06, 0.06),
        )
        config = replace(config, robot=arm)
        command = JointVelocity((-1.0, -1.5), (1.0, 1.5), 0.1)
        bundle = replace(bundle, manifest=replace(bundle.manifest, command=command))
    return config, bundle


@dataclass
class Round:
    """What happened in so many seconds: messages sent, the way, and the checker that watched."""

    sent: int
    taken: int
    travelled: float
    refused: dict[str, int]
    checker: MotionChecker
    seconds: float = 0.0


def play(setting: Setting, messages: int, seconds: float = 60.0) -> Round:
    """Plan, send and follow until so many messages were sent or the time is over."""
    rng = np.random.default_rng(setting.seed)
    config, bundle = configured(setting)
    limits = config.robot
    speed, tolerance = np.array(limits.max_velocity), np.array(limits.tracking_tolerance)
    low, high = np.array(limits.position_min), np.array(limits.position_max)
    here = rng.uniform(0.6 * low, 0.6 * high)
    # It may hold a little beside where it stands: friction, gravity.
    controller = Controller(here + rng.uniform(-0.3, 0.3, 2) * tolerance, setting.from_desired)
    acceleration = np.array(limits.max_acceleration)
    # A joint that comes free catches up with its command at full speed, and faster than the
    # limit on acceleration allows: a controller may have to begin with that motion.
    robot = Robot(here.copy(), setting.lag / speed.max(), speed, 2 * acceleration)
    checker = MotionChecker(Limits.of(limits), tolerance)

    now = [START]
    control, max_age = config.control, config.observation.max_age
    gate = Gate(config.robot, control.send_ahead, max_age, control.recovery)
    loop = RecedingHorizon(bundle, config, lambda: gate.reference, lambda: now[0], lambda: 0)
    loop._planner = RandomPlans(setting.seed)
    loop.set_goal(_observed(START, here + 0.3 * (high - low)))
    wire: list[tuple[int, JointTrajectory]] = []  # (arrives at, message)
    waiting: tuple[int, object, int] | None = None  # (ready at, replan, stamp)
    refused: dict[str, int] = {}
    result = Round(0, 0, 0.0, refused, checker)

    def send(message: JointTrajectory) -> None:
        result.sent += 1
        gate.sent(message, now[0])
        arrives = now[0] + nanoseconds(rng.uniform(0.0005, TRANSPORT))
        wire.append((max([arrives, *(one[0] for one in wire)]), message))  # in order

    for tick in range(round(seconds / STEP)):
        now[0] = START + tick * nanoseconds(STEP)
        if setting.faults and rng.random() < 5e-4:
            robot.blocked = rng.random(2) < 0.5
        for arrival in [one for one in wire if one[0] <= now[0]]:
            wire.remove(arrival)
            message = arrival[1]
            times = (message.start_ns + message.times_ns - START) / NS
            t = (now[0] - START) / NS
            if controller.take(
                t, times, message.positions, message.velocities, robot.position, robot.velocity
            ):
                result.taken += 1
                if not setting.from_desired and t < times[0]:
                    checker.restart()
        command, _ = controller.at((now[0] - START) / NS)
        if (
            setting.faults
            and (np.abs(command - robot.position) > PATH_TOLERANCE * tolerance).any()
        ):
            controller.abort(robot.position)
            checker.restart()
            command = robot.position
        checker.see(command, now[0])
        before = robot.position
        robot.step(command, STEP)
        result.travelled += float(np.abs(robot.position - before).max())
        if tick % JOINT_PERIOD == 0:
            gate.observe(JointSample(now[0], robot.position, robot.velocity))
            if gate.following is not None and not gate.reference.rests(now[0]):
                if (message := gate.stop(now[0])) is not None:
                    send(message)
        if waiting is None and tick % IMAGE_PERIOD == 0:
            stamp = now[0]
            slow = setting.faults and rng.random() < 0.02
            latency = 2.0 if slow else setting.latency * rng.uniform(0.6, 1.0)
            ready = stamp + nanoseconds(latency)
            now[0] = ready  # what the loop will see as the end of planning
            replan = loop.replan(_observed(stamp, robot.position), gate.take_blocked())
            now[0] = stamp
            assert not isinstance(replan, Refused), replan
            waiting = (ready, replan, stamp)
        if waiting is not None and waiting[0] <= now[0]:
            _, replan, stamp = waiting
            waiting = None
            if rng.random() < 0.01:
                message = gate.stop(now[0])
                gate.begin()
            else:
                message = gate.admit(replan.trajectory, replan.generation, stamp, now[0])
            if isinstance(message, JointTrajectory):
                send(message)
            elif isinstance(message, Refused):
                refused[_kind(message.reason)] = refused.get(_kind(message.reason), 0) + 1
        result.seconds = tick * STEP
        if result.sent >= messages:
            break
    return result


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r'[-+]?\d+\.?\d*', 'N', reason)


def _observed(stamp_ns: int, position: np.ndarray) -> Observation:
    return Observation(stamp_ns, {}, position, np.zeros_like(position))
