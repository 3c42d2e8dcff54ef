# SPDX-License-Identifier: Apache-2.0
"""grasp-ros demo: simulator and planner as two ROS processes, and episodes through them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from grasp_ros.cli.progress import console
from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.nodes.arguments import (
    PLANNER_NODE,
    SIMULATOR_NODE,
    planner_ros_arguments,
    simulator_ros_arguments,
)
from grasp_ros.planning.registry import PLANNERS
from grasp_ros.share import find
from grasp_ros.sim.interface import ENGINES, load_engine
from grasp_ros.types import BadInput

if TYPE_CHECKING:
    from grasp_ros.bench.episodes import Episode
    from grasp_ros.sim.tasks import Problem, Task
    from grasp_ros.sim.worlds import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GOALS = ('picture', 'taught')
COLUMNS = ('episode', 'shortest time, s', 'time, s', 'final error', 'replan p50, ms', '')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        '--world', default='wall', help='world: a name in config/worlds/, or a file'
    )
    parser.add_argument('--simulator', default='mujoco', choices=tuple(ENGINES))
    parser.add_argument('--bundle', default='', help='model bundle; default: ROBOT_WORLD')
    parser.add_argument(
        '--params-file',
        default='plan.yaml',
        help='planner parameters: a name in config/, say baselines/pursuit.yaml, or a file',
    )
    parser.add_argument('--planner', choices=tuple(PLANNERS), help='instead of the file says')
    parser.add_argument('--horizon', help="model steps, 'N s', or 'auto', instead of the file's")
    parser.add_argument('--episodes', type=int, default=5, help='random start/goal pairs')
    parser.add_argument('--seed', type=int, default=0, help='seed of the pairs')
    parser.add_argument(
        '--goals',
        default='picture',
        choices=GOALS,
        help='pictures alone, or taught: what the planner observed there itself, joints too',
    )
    parser.add_argument('--real-time-factor', type=float, default=1.0)
    parser.add_argument('--out', type=Path, default=Path('demo_out'), help='pictures and film')
    parser.add_argument('--no-pictures', action='store_true', help='only the table')
    parser.add_argument(
        '--json', type=Path, help='write the report here; FILE.partial until all is run'
    )


def run(options: argparse.Namespace) -> int:
    """Run the episodes. 0 when all goals were reached."""
    if options.episodes < 1:
        raise BadInput(f'--episodes {options.episodes} is below 1')
    # All that is needed at any time comes first: what is not installed must be said at once.
    import rclpy  # noqa: F401

    from grasp_ros.bench.episodes import Episode, summary
    from grasp_ros.sim.worlds import load_world

    if not options.no_pictures:
        from grasp_ros.viz.episodes import save
        from grasp_ros.viz.remembered import ways
    load_engine(options.simulator)
    world, taught = load_world(options.world), options.goals == 'taught'
    if not taught:
        world = replace(world, task=world.task.of_pictures())
    bundle = options.bundle or world.bundle
    files = (find('config', options.params_file), world.robot_file)
    given = _given(options)
    overrides = {name.replace('.', '__'): value for name, value in given.items()}
    # Refuse here what the node would refuse.
    config = load(PlannerNodeConfig, *files, **overrides).planner
    cameras = _cameras(find('models', bundle), world)
    problems = world.task.sample(options.episodes, options.seed)

    simulator = simulator_ros_arguments(
        options.world, options.real_time_factor, '', options.simulator
    )
    planner = planner_ros_arguments(
        robot=str(world.robot_file),
        params_file=options.params_file,
        bundle=bundle,
        execute=True,
        controller='joint_trajectory_controller',
        use_sim_time=True,
        namespace='',
    )
    for name, camera in cameras.items():
        if name != camera:
            planner += ['-r', f'{name}:={camera}']
    for name, value in given.items():
        planner += ['-p', f'{name}:={value}']
    commands = {'simulator': [SIMULATOR_NODE, *simulator], 'planner': [PLANNER_NODE, *planner]}
    context = {
        'world': world.name,
        'simulator': options.simulator,
        'params_file': options.params_file,
        'planner': config.algorithm,
        'horizon': config.horizon,
        'goals': options.goals,
        'seed': options.seed,
        'real_time_factor': options.real_time_factor,
        'bundle': bundle,
        'tolerance': world.task.tolerance,
    }
    report, episodes = summary([], **context), list[Episode]()
    for episode in _episodes(world, cameras, problems, commands, taught):
        episodes.append(episode)
        report = summary(episodes, **context)
        if options.json:
            _partial(options.json).write_text(json.dumps(report, indent=2))
    if len(episodes) < len(problems):
        return 1
    if options.json:
        _partial(options.json).replace(options.json)
    low, high = report['ci95']
    console.print(
        f'{report["successes"]} of {len(episodes)} within {world.task.words(world.task.tolerance)}'
        f' (95 % interval {100 * low:.0f} to {100 * high:.0f} %), replan {report["replan_ms"]} ms,'
        f' in contact {100 * report["contact_share"]:.1f} % of the time, commanded at most'
        f' {report["worst_speed_over_limit"]:.2f} of the speed and'
        f' {report["worst_acceleration_over_limit"]:.2f} of the acceleration that is allowed'
    )
    for broken in report['limits_broken']:
        console.print(f'[red]a limit was broken[/]: at {broken}')
    if not options.no_pictures:
        name = f'{world.name}_{config.algorithm}'
        with console.status('drawing'):
            remembered = ways(bundle, world, episodes)
            written = save(episodes, world, options.simulator, options.out, name, remembered)
        for path in written[:2]:
            console.print(f'wrote {path}')
    return 0 if report['successes'] == len(episodes) else 1


def _cameras(bundle: Path, world: World) -> dict[str, str]:
    """Which of the world's cameras each of the bundle's is: that of its name, or the next one."""
    from grasp_ros.world_model.inputs import cameras
    from grasp_ros.world_model.manifest import MANIFEST, Manifest

    known = list(cameras(Manifest.from_yaml(bundle / MANIFEST).inputs))
    there = [camera.name for camera in world.description.cameras]
    if len(known) > len(there):
        raise BadInput(f'{bundle} sees the cameras {known}, world {world.name} has only {there}')
    others = iter([name for name in there if name not in known])
    return {name: name if name in there else next(others) for name in known}


def _given(options: argparse.Namespace) -> dict[str, str | int]:
    """The planner's parameters that the options change."""
    given: dict[str, str | int] = {}
    if options.planner:
        given['planner.algorithm'] = options.planner
    if options.horizon:
        steps = options.horizon
        given['planner.horizon'] = int(steps) if steps.isdigit() else steps
    return given


def _partial(report: Path) -> Path:
    """Where the report lies until all episodes are in it: what was measured is never lost."""
    return report.with_name(f'{report.name}.partial')


def _episodes(
    world: World,
    cameras: dict[str, str],
    problems: list[Problem],
    commands: dict[str, list[str]],
    taught: bool,
) -> Iterator[Episode]:
    """Each problem through the two nodes; fewer, said on stderr, when a node fails."""
    # A domain of its own: the demo must not meet, or move, any other robot on the network.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from grasp_ros.nodes.child import ChildEnded, children
    from grasp_ros.nodes.episode_runner import EpisodeRunner

    episodes: list[Episode] = []
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with (
            _signals() as signalled,
            children(commands) as alive,
            Live(_table(episodes, world.task), console=console) as live,
        ):

            def check() -> None:
                signalled()
                alive()

            runner = EpisodeRunner(world, cameras, taught, check)
            runner.wait_for_nodes()
            for problem in problems:
                episodes.append(runner.run(problem))
                live.update(_table(episodes, world.task))
                yield episodes[-1]
    except (ChildEnded, TimeoutError) as error:
        print(f'grasp-ros demo: {error}', file=sys.stderr)
    finally:
        rclpy.try_shutdown()


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], None]]:
    """Yields a check that raises SystemExit once SIGINT or SIGTERM has come.

    The handlers only take note: they may run in a destructor or a callback, where what they raise
    is lost.
    """
    come: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: come.append(number)) for number in SIGNALS
    }

    def check() -> None:
        if come:
            raise SystemExit(128 + come[0])

    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _table(episodes: list[Episode], task: Task) -> Table:
    table = Table(title='episodes')
    for column in COLUMNS:
        table.add_column(column, justify='right')
    for index, episode in enumerate(episodes):
        times = sorted(episode.plan_ms)
        table.add_row(
            str(index),
            f'{episode.shortest_time:.1f}',
            f'{episode.duration:.1f}',
            task.words(episode.error),
            f'{times[len(times) // 2]:.1f}' if times else '-',
            '[green]reached[/]' if episode.success else '[red]missed[/]',
        )
    return table
