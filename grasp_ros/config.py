# SPDX-License-Identifier: Apache-2.0
"""Every parameter of both nodes, in one table of dataclasses, and the rules that they must keep.

A parameter's dotted name is the path to its field: PlannerNodeConfig.control.execute is
`control.execute` in YAML. ROS declares from this table, YAML files are read by it, and
docs/parameters.md is generated from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from grasp_ros.types import BadInput

Config = TypeVar('Config')
REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """One row of the table. kind is the Python type, or `list` of `item`."""

    name: str
    kind: type
    item: type | None
    default: Any
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    dynamic: bool


def param(
    default: Any,
    description: str,
    unit: str = '',
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
    dynamic: bool = False,
) -> Any:
    """A dataclass field with its documentation and its range (both ends included)."""
    metadata = dict(
        description=description, unit=unit, low=low, high=high, choices=choices, dynamic=dynamic
    )
    if default is REQUIRED:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


# ---------------------------------------------------------------------------- what both nodes share


@dataclass(frozen=True)
class RobotConfig:
    """The robot, from config/robots/NAME.yaml."""

    name: str = param(REQUIRED, 'robot named in the model bundle')
    joints: tuple[str, ...] = param(REQUIRED, 'joint names, in the order of the model bundle')
    position_min: tuple[float, ...] = param(REQUIRED, 'lowest joint positions', 'm or rad')
    position_max: tuple[float, ...] = param(REQUIRED, 'highest joint positions', 'm or rad')
    max_velocity: tuple[float, ...] = param(REQUIRED, 'joint speed limits', 'm/s or rad/s')
    max_acceleration: tuple[float, ...] = param(REQUIRED, 'joint acceleration limits', 'm/s² or rad/s²')


# ------------------------------------------------------------------------------------- planner node


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
    device: str = param('auto', 'torch device of the planner; auto takes a GPU if there is one',
                        choices=('auto', 'cpu', 'cuda'))  # fmt: skip
    threads: int = param(1, 'CPU threads of torch and of onnxruntime', low=1, high=64)


@dataclass(frozen=True)
class ObservationConfig:
    """Which observations are taken for the truth about the robot."""

    image_transport: str = param('raw', 'type of the image topics', choices=('raw', 'compressed'))
    max_age: float = param(0.5, 'oldest image that is planned from', 's', low=0.01, high=10.0)
    max_skew: float = param(0.05, 'most time between an image and the joint state used with it', 's',
                            low=0.0, high=1.0)  # fmt: skip
    max_future: float = param(0.05, 'how far a stamp may lie in the future', 's', low=0.0, high=1.0)
    velocity_margin: float = param(
        3.0, 'a joint that moved faster than this many times max_velocity is a glitch', low=1.0
    )


@dataclass(frozen=True)
class GraspConfig:
    """GRASP, arXiv 2602.00475."""

    init: str = param('roadmap', 'start of the virtual states: line to the goal, roadmap path, or '
                      'warm (the last plan; roadmap when there is none)',
                      choices=('line', 'roadmap', 'warm'))  # fmt: skip
    iterations: int = param(3, 'iterations of the lifted optimisation', low=0, high=100_000)
    action_step: str = param('gauss_newton', 'how actions move: adam, or box-constrained Gauss-Newton',
                             choices=('adam', 'gauss_newton'))  # fmt: skip
    lr_actions: float = param(0.05, 'Adam step of the actions', low=0.0, high=10.0)
    lr_states: float = param(0.01, 'Adam step of the virtual states; 0 freezes them', low=0.0, high=10.0)
    state_noise: float = param(0.0, 'standard deviation added to the virtual states each iteration',
                               'latent', low=0.0, high=10.0)  # fmt: skip
    gamma: float = param(0.0, 'weight of the goal term', low=0.0, high=1000.0)
    sync: str = param('pursuit', 'how actions are made true to the serial rollout',
                      choices=('gd', 'cem', 'pursuit', 'none'))  # fmt: skip
    sync_every: int = param(3, 'iterations between syncs', low=1, high=100_000)
    sync_steps: int = param(1, 'gd: Adam steps; cem: rounds; pursuit: Gauss-Newton steps per action',
                            low=1, high=1000)  # fmt: skip
    sync_lr: float = param(0.05, 'gd: Adam step of the actions', low=0.0, high=10.0)
    lookahead: int = param(3, 'pursuit: how many steps ahead on the path an action aims', 'steps',
                           low=1, high=100)  # fmt: skip
    restarts: int = param(1, 'plans optimised at once; the best true rollout wins', low=1, high=4096)


@dataclass(frozen=True)
class IcemConfig:
    """iCEM, arXiv 2008.06389."""

    samples: int = param(128, 'action sequences in the first round', low=4, high=100_000)
    iterations: int = param(40, 'rounds; the deadline usually ends them sooner', low=1, high=10_000)
    elites: int = param(16, 'sequences that shape the next round', low=2, high=10_000)
    keep_elites: float = param(0.3, 'share of elites carried to the next round', low=0.0, high=1.0)
    decay: float = param(1.0, 'samples are divided by this each round', low=1.0, high=10.0)
    noise_beta: float = param(3.0, 'exponent of the coloured noise, 0 = white', low=0.0, high=10.0)
    init_std: float = param(0.8, 'standard deviation of the first round', low=0.01, high=10.0)
    momentum: float = param(0.1, 'share of the old mean and deviation kept', low=0.0, high=0.99)
    running_weight: float = param(0.1, 'weight of the mean cost along the way beside the last', low=0.0)


@dataclass(frozen=True)
class PlannerConfig:
    """What is planned, and for how long."""

    algorithm: str = param('grasp', 'planner', choices=('grasp', 'icem'))
    horizon: str | int = param('auto', "model steps of a plan, or 'auto': the roadmap's travel time")
    max_horizon: int = param(100, "longest plan under 'auto'; further goals are approached by "
                             'the path point so far ahead', 'steps', low=2, high=10_000)  # fmt: skip
    use_roadmap: bool = param(True, 'aim at path points of the roadmap when the goal is beyond the horizon')
    deadline: float = param(0.1, 'planning stops here with the best plan so far', 's', low=0.001, high=60.0)
    seed: int = param(0, 'seed of the planner', low=0)
    grasp: GraspConfig = field(default_factory=GraspConfig)
    icem: IcemConfig = field(default_factory=IcemConfig)


@dataclass(frozen=True)
class ControlConfig:
    """How plans become motion."""

    execute: bool = param(False, "send trajectories to the controller; false is shadow mode: plans "
                          'are only shown', dynamic=True)  # fmt: skip
    replan_period: float = param(0.2, 'least time between two plans', 's', low=0.01, high=60.0)
    trajectory_steps: int = param(8, 'model steps of a plan that are sent; the robot moves blindly no '
                                  'longer than this, then rests', 'steps', low=1, high=1000)  # fmt: skip
    send_ahead: float = param(0.03, 'least time from sending to the first point', 's', low=0.0, high=1.0)
    max_tracking_error: float = param(0.01, 'measured and commanded position may differ by this before '
                                      'plans start from the measured one', 'm or rad', low=0.0)  # fmt: skip
    max_start_error: float = param(0.03, 'the guard refuses a trajectory that starts further from the '
                                   'measured state', 'm or rad', low=0.0)  # fmt: skip
    reached_count: int = param(3, 'observations in a row at the goal before it counts as reached', low=1)


@dataclass(frozen=True)
class PlannerNodeConfig:
    """All parameters of the node `planner`."""

    robot: RobotConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    control: ControlConfig = field(default_factory=ControlConfig)


# ----------------------------------------------------------------------------------- simulator node


@dataclass(frozen=True)
class SimulatorConfig:
    """The MuJoCo simulator."""

    urdf: str = param(REQUIRED, "robot description: a name in urdf/, or a path")
    camera_position: tuple[float, ...] = param(REQUIRED, 'overhead camera, looking straight down', 'm')
    camera_fovy: float = param(0.68, 'vertical field of view', 'rad', low=0.05, high=3.0)
    image_width: int = param(64, 'image width', 'px', low=8, high=1024)
    image_height: int = param(64, 'image height', 'px', low=8, high=1024)
    position_gain: float = param(20.0, 'position error to velocity command', '1/s', low=0.0)
    velocity_gain: float = param(200.0, 'velocity error to force', 'N s/m', low=0.0)
    world: str = param('wall', 'world: a name in config/worlds/, or a path')
    real_time_factor: float = param(1.0, 'simulated seconds a second', low=0.01, high=100.0)
    camera_rate: float = param(20.0, 'images a simulated second', 'Hz', low=1.0, high=100.0)
    joint_rate: float = param(50.0, 'joint states a simulated second', 'Hz', low=1.0, high=100.0)
    start: tuple[float, ...] = param(
        (0.0, 0.0), 'joint positions that ~/reset moves the robot to', 'm or rad', dynamic=True
    )


@dataclass(frozen=True)
class SimulatorNodeConfig:
    """All parameters of the node `simulator`."""

    robot: RobotConfig
    simulator: SimulatorConfig


# ------------------------------------------------------------------------------------ the machinery


def parameters(cls: type, prefix: str = '') -> Iterator[Parameter]:
    """Every parameter of a config class, depth first, with its dotted name."""
    hints = get_type_hints(cls)
    for entry in dataclasses.fields(cls):
        kind, name = hints[entry.name], prefix + entry.name
        if dataclasses.is_dataclass(kind):
            yield from parameters(kind, f'{name}.')
            continue
        default = REQUIRED if entry.default is dataclasses.MISSING else entry.default
        arguments = getattr(kind, '__args__', ())
        is_list = getattr(kind, '__origin__', None) is tuple
        yield Parameter(
            name=name,
            kind=list if is_list else (object if arguments else kind),
            item=arguments[0] if is_list else None,
            default=default,
            **entry.metadata,
        )


def build(cls: type[Config], values: Mapping[str, Any]) -> Config:
    """A config from {dotted name: value}; raises BadInput listing every broken rule."""
    table = {parameter.name: parameter for parameter in parameters(cls)}
    errors = [f'{name}: no such parameter' for name in values if name not in table]
    checked: dict[str, Any] = {}
    for name, parameter in table.items():
        value = values.get(name, parameter.default)
        if value is REQUIRED:
            errors.append(f'{name}: missing, and it has no default')
            continue
        try:
            checked[name] = _checked(parameter, value)
        except BadInput as error:
            errors.append(str(error))
    if not errors:
        config = _assemble(cls, checked, '')
        errors = _broken_rules(config)
        if not errors:
            return config
    raise BadInput('bad parameters:\n  ' + '\n  '.join(errors))


def load(cls: type[Config], *files: str | Path, **overrides: Any) -> Config:
    """A config from ROS parameter files (later ones win); foreign parameters are left alone.

    overrides use `__` for the dot: load(C, 'plan.yaml', planner__horizon=50).
    """
    values: dict[str, Any] = {}
    for path in files:
        values.update(read_parameter_file(path))
    values.update({name.replace('__', '.'): value for name, value in overrides.items()})
    known = {parameter.name for parameter in parameters(cls)}
    every = known | known_names()
    return build(cls, {k: v for k, v in values.items() if k in known or k not in every})


def known_names() -> set[str]:
    """The dotted names of all parameters of all nodes."""
    return {p.name for cls in (PlannerNodeConfig, SimulatorNodeConfig) for p in parameters(cls)}


def read_parameter_file(path: str | Path) -> dict[str, Any]:
    """{dotted name: value} of a ROS parameter file with one node key, or `/**`."""
    try:
        document = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f'{path}: cannot be read as YAML: {error}') from error
    try:
        (node,) = document.values()
        return dict(_flatten(node['ros__parameters'], ''))
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f'{path}: expected one node key (or /**) with ros__parameters below it'
        ) from error


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f'{prefix}{key}.')
        else:
            yield prefix + key, value


def _checked(parameter: Parameter, value: Any) -> Any:
    if parameter.kind is list:
        if isinstance(value, str) or not hasattr(value, '__iter__'):
            raise BadInput(f'{parameter.name}: {value!r} is not a list')
        one = dataclasses.replace(parameter, kind=parameter.item)
        return tuple(_checked(one, entry) for entry in value)
    kind = parameter.kind
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)  # people write `rate: 10`
    if kind is object:
        if not (value == 'auto' or (type(value) is int and value >= 2)):
            raise BadInput(f"{parameter.name}: {value!r} is neither 'auto' nor a whole number >= 2")
    elif type(value) is not kind:
        raise BadInput(f'{parameter.name}: {value!r} is {type(value).__name__}, not {kind.__name__}')
    if parameter.choices and value not in parameter.choices:
        raise BadInput(f'{parameter.name}: {value!r} is not one of {list(parameter.choices)}')
    if kind in (int, float):
        low, high = parameter.low, parameter.high
        if not math.isfinite(value):
            raise BadInput(f'{parameter.name}: {value} is not finite')
        if low is not None and value < low:
            raise BadInput(f'{parameter.name}: {value} is below {low}')
        if high is not None and value > high:
            raise BadInput(f'{parameter.name}: {value} is above {high}')
    return value


def _assemble(cls: type[Config], values: Mapping[str, Any], prefix: str) -> Config:
    hints = get_type_hints(cls)
    arguments = {
        entry.name: _assemble(hints[entry.name], values, f'{prefix}{entry.name}.')
        if dataclasses.is_dataclass(hints[entry.name])
        else values[prefix + entry.name]
        for entry in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return cls(**arguments)


def _broken_rules(config: Any) -> list[str]:
    """The rules that no single range can state."""
    broken: list[str] = []

    def rule(holds: bool, text: str) -> None:
        if not holds:
            broken.append(text)

    robot: RobotConfig = config.robot
    count = len(robot.joints)
    rule(count > 0, 'robot.joints: empty')
    rule(len(set(robot.joints)) == count, f'robot.joints: {list(robot.joints)} has duplicates')
    for name in ('position_min', 'position_max', 'max_velocity', 'max_acceleration'):
        values = getattr(robot, name)
        rule(len(values) == count, f'robot.{name}: {len(values)} values for {count} joints')
    for low, high in zip(robot.position_min, robot.position_max):
        rule(low < high, f'robot.position_min: {low} is not below position_max {high}')
    for name in ('max_velocity', 'max_acceleration'):
        for value in getattr(robot, name):
            rule(value > 0, f'robot.{name}: {value} is not positive')
    if isinstance(config, SimulatorNodeConfig):
        start = config.simulator.start
        rule(len(start) == count, f'simulator.start: {len(start)} values for {count} joints')
        camera = config.simulator.camera_position
        rule(len(camera) == 3, f'simulator.camera_position: {len(camera)} values, expected 3')
    if isinstance(config, PlannerNodeConfig):
        icem = config.planner.icem
        rule(
            icem.elites <= icem.samples,
            f'planner.icem.elites: {icem.elites} is above planner.icem.samples {icem.samples}',
        )
        rule(bool(config.model.providers), 'model.providers: empty')
        rule(
            config.planner.use_roadmap or config.planner.horizon != 'auto',
            "planner.horizon: 'auto' needs planner.use_roadmap",
        )
    return broken
