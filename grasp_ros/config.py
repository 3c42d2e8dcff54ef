# SPDX-License-Identifier: Apache-2.0
"""Every parameter of all nodes, in one table of dataclasses.

ROS declares from this table, YAML files are read by it, docs/parameters.md is generated from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from grasp_ros.parameters import REQUIRED, build, groups, param, parameters, read_parameter_file
from grasp_ros.planning.registry import PLANNERS
from grasp_ros.robot.holding import unholdable
from grasp_ros.types import BadInput

Config = TypeVar('Config')
LONGEST = 10_000  # steps of a plan: more would take the memory of the machine
SEND_AHEAD = 'least time from judging to the first new point; half of it may pass before sending'


@dataclass(frozen=True)
class RobotConfig:
    """The robot, from config/robots/NAME.yaml."""

    name: str = param(REQUIRED, 'robot named in the model bundle')
    joints: tuple[str, ...] = param(REQUIRED, 'joint names, in the order of the model bundle')
    position_min: tuple[float, ...] = param(REQUIRED, 'lowest joint positions', 'm or rad')
    position_max: tuple[float, ...] = param(REQUIRED, 'highest joint positions', 'm or rad')
    max_velocity: tuple[float, ...] = param(REQUIRED, 'joint speed limits', 'm/s or rad/s')
    max_acceleration: tuple[float, ...] = param(
        REQUIRED, 'joint acceleration limits', 'm/s² or rad/s²'
    )
    tracking_tolerance: tuple[float, ...] = param(
        REQUIRED,
        'how far each joint stays behind its command while the robot follows; more means that it '
        'is blocked, and a measured position further than this outside the limits is a fault',
        'm or rad',
    )

    def broken_rules(self) -> Iterator[str]:
        """What is wrong with the joints, in words."""
        count = len(self.joints)
        if count == 0:
            yield 'robot.joints: empty'
        if len(set(self.joints)) < count:
            yield f'robot.joints: {list(self.joints)} has duplicates'
        for name in (
            'position_min',
            'position_max',
            'max_velocity',
            'max_acceleration',
            'tracking_tolerance',
        ):
            if (seen := len(getattr(self, name))) != count:
                yield f'robot.{name}: {seen} values for {count} joints'
        for low, high in zip(self.position_min, self.position_max, strict=False):
            if low >= high:
                yield f'robot.position_min: {low} is not below position_max {high}'
        for name in ('max_velocity', 'max_acceleration', 'tracking_tolerance'):
            for value in getattr(self, name):
                if value <= 0:
                    yield f'robot.{name}: {value} is not positive'


@dataclass(frozen=True)
class ModelConfig:
    """The world model and the hardware that it runs on."""

    bundle: str = param('gantry_wall', 'model bundle: a name in models/, or a folder')
    providers: tuple[str, ...] = param(
        ('CPUExecutionProvider',),
        'onnxruntime providers for the encoder, best first: TensorrtExecutionProvider, '
        'CUDAExecutionProvider, CPUExecutionProvider',
    )
    require_provider: bool = param(False, 'refuse to start when the first provider does not run')
    device: str = param(
        'auto',
        'torch device of the planner; auto takes a GPU if there is one',
        choices=('auto', 'cpu', 'cuda'),
    )
    threads: int = param(1, 'CPU threads of torch and of onnxruntime', low=1, high=64)
    accept_bad_bundle: bool = param(
        False, 'plan with a bundle whose own verdict is bad: most goals will not be reached'
    )


@dataclass(frozen=True)
class ObservationConfig:
    """Which observations are taken for the truth about the robot."""

    image_transport: str = param('raw', 'type of the image topics', choices=('raw', 'compressed'))
    max_age: float = param(0.5, 'oldest image that is planned from', 's', low=0.01, high=10.0)
    max_skew: float = param(
        0.05, 'most time between an image and the joint state used with it', 's', low=0.0, high=1.0
    )
    max_future: float = param(
        0.05, 'how far a stamp may lie in the future', 's', low=0.0, high=1.0
    )
    velocity_margin: float = param(
        3.0, 'a joint that moved faster than this many times max_velocity is a glitch', low=1.0
    )


@dataclass(frozen=True)
@groups({name: settings for name, (settings, _) in PLANNERS.items()})
class PlannerConfig:
    """What is planned, and for how long; then a group of settings a planner of PLANNERS."""

    algorithm: str = param('grasp', 'planner', choices=tuple(PLANNERS))
    horizon: str | int = param(
        'auto',
        "model steps of a plan, or 'auto': the roadmap's travel time, or less where its path is "
        'only followed',
    )
    max_horizon: int = param(
        100,
        "longest plan under 'auto'; further goals are approached by the path point so far ahead",
        'steps',
        low=2,
        high=10_000,
    )
    use_roadmap: bool = param(
        True, 'aim at path points of the roadmap when the goal is beyond the horizon'
    )
    deadline: float = param(
        0.1, 'planning stops here with the best plan so far', 's', low=0.001, high=60.0
    )
    seed: int = param(0, 'seed of the planner', low=0)

    @property
    def settings(self) -> Any:
        """The group of the algorithm that is chosen."""
        return getattr(self, self.algorithm)

    def broken_rules(self) -> Iterator[str]:
        """What is wrong, in words."""
        for name in PLANNERS:
            yield from getattr(self, name).broken_rules()
        try:
            if horizon_steps(self.horizon, dt=1.0) is None and not self.use_roadmap:
                yield "planner.horizon: 'auto' needs planner.use_roadmap"
        except BadInput as error:
            yield str(error)


@dataclass(frozen=True)
class ControlConfig:
    """How plans become motion."""

    execute: bool = param(
        False,
        'send trajectories to the controller; false is shadow mode: plans are only shown',
        dynamic=True,
    )
    replan_period: float = param(0.2, 'least time between two plans', 's', low=0.01, high=60.0)
    trajectory_steps: int = param(
        8,
        'model steps after the image that the robot moves at most before it rests, when no other '
        'image comes; one step of a plan that begins later than that is sent all the same',
        'steps',
        low=1,
        high=1000,
    )
    send_ahead: float = param(0.05, SEND_AHEAD, 's', low=0.01, high=0.5)
    recovery: bool = param(
        True,
        'where the robot does not get on, back off, remember the place for this goal, go around',
    )
    reached_count: int = param(
        3, 'observations in a row at the goal before it counts as reached', low=1
    )


@dataclass(frozen=True)
class PlannerNodeConfig:
    """All parameters of the node `planner`."""

    robot: RobotConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    control: ControlConfig = field(default_factory=ControlConfig)

    def broken_rules(self) -> list[str]:
        """The rules that no single range can state, as far as they are broken."""
        broken = list(self.robot.broken_rules())
        broken = broken or list(unholdable(self.robot, self.control.send_ahead))
        if not self.model.providers:
            broken.append('model.providers: empty')
        return [*broken, *self.planner.broken_rules()]


@dataclass(frozen=True)
class ExplorationConfig:
    """How a robot is driven about to record what a model is trained on."""

    execute: bool = param(
        False, 'send trajectories to the controller; false: nothing moves', dynamic=True
    )
    speed: float = param(1.0, "share of the robot's max_velocity that is used", low=0.01, high=1.0)
    seed: int = param(0, 'seed of the motion', low=0)
    send_ahead: float = param(0.05, SEND_AHEAD, 's', low=0.01, high=0.5)


@dataclass(frozen=True)
class ExplorerNodeConfig:
    """All parameters of the node `explorer`."""

    robot: RobotConfig
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)

    def broken_rules(self) -> list[str]:
        """The rules that no single range can state, as far as they are broken."""
        broken = list(self.robot.broken_rules())
        return broken or list(unholdable(self.robot, self.exploration.send_ahead))


@dataclass(frozen=True)
class SimulatorConfig:
    """The simulator. What it simulates is in the world's file, and in the files named there."""

    world: str = param('wall', 'world: a name in config/worlds/, or a path')
    engine: str = param('mujoco', 'physics and renderer', choices=('mujoco', 'gazebo'))
    real_time_factor: float = param(1.0, 'simulated seconds a second', low=0.01, high=100.0)
    start: tuple[float, ...] = param(
        (),
        "state that ~/reset moves the robot to: its joints, then the task's objects; "
        'empty: where the first problem of the world starts',
        'm or rad',
        dynamic=True,
    )


@dataclass(frozen=True)
class SimulatorNodeConfig:
    """All parameters of the node `simulator`."""

    simulator: SimulatorConfig = field(default_factory=SimulatorConfig)


@dataclass(frozen=True)
class RobotOnly:
    """What training needs to know: the robot, whatever else its file holds."""

    robot: RobotConfig

    def broken_rules(self) -> list[str]:
        """The rules that no single range can state, as far as they are broken."""
        return list(self.robot.broken_rules())


def load_robot(file: str | Path) -> RobotConfig:
    """The robot of a parameter file; raises BadInput listing every broken rule."""
    return load(RobotOnly, file).robot


def horizon_steps(horizon: str | int, dt: float) -> int | None:
    """Model steps of `planner.horizon` for a model step of dt s; None for 'auto'.

    Raises BadInput for anything but 'auto', 2 to LONGEST steps, or seconds such as '4.5 s'.
    """
    if horizon == 'auto':
        return None
    steps = horizon
    if isinstance(horizon, str) and (match := re.fullmatch(r'(\d+(?:\.\d+)?) ?s', horizon)):
        steps = max(2, round(float(match[1]) / dt))
    if not isinstance(steps, int) or steps < 2:
        raise BadInput(f"planner.horizon: {horizon!r} is not 'auto', >= 2 steps or, say, '4.5 s'")
    if steps > LONGEST:
        raise BadInput(f'planner.horizon: {horizon!r} is {steps} steps, above {LONGEST}')
    return steps


def known_names() -> set[str]:
    """The dotted names of all parameters of all nodes."""
    return {
        row.name
        for cls in (PlannerNodeConfig, ExplorerNodeConfig, SimulatorNodeConfig)
        for row in parameters(cls)
    }


def load(cls: type[Config], *files: str | Path, **overrides: Any) -> Config:
    """A config from ROS parameter files, the later ones win; other nodes' parameters are skipped.

    overrides use `__` for the dot: load(C, 'plan.yaml', planner__horizon=50).
    """
    values: dict[str, Any] = {}
    for path in files:
        values.update(read_parameter_file(path))
    values.update({name.replace('__', '.'): value for name, value in overrides.items()})
    own = {row.name for row in parameters(cls)}
    others = known_names() - own
    return build(cls, {name: value for name, value in values.items() if name not in others})
