# SPDX-License-Identifier: Apache-2.0
"""grasp-ros demo: simulator and planner as two ROS processes, and episodes through them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from grasp_ros.cli.progress import console
from grasp_ros.config import PlannerNodeConfig, SimulatorNodeConfig, load
from grasp_ros.nodes.arguments import (
    PLANNER_NODE,
    SIMULATOR_NODE,
    planner_ros_arguments,
    robot_file,
    simulator_ros_arguments,
)
from grasp_ros.planning.registry import PLANNERS
from grasp_ros.share import find
from grasp_ros.sim.interface import ENGINES
from grasp_ros.types import BadInput

if TYPE_CHECKING:
    from grasp_ros.bench.episodes import Episode

STOP = 10.0  # s that a node gets to end after SIGINT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument('--world', default='wall', help='world: a name in config/worlds/')
    parser.add_argument('--robot', default='gantry', help='robot: a name in config/robots/')
    parser.add_argument('--simulator', default='mujoco', choices=tuple(ENGINES))
    parser.add_argument('--bundle', default='', help='model bundle; default: ROBOT_WORLD')
    parser.add_argument('--planner', default='grasp', choices=tuple(PLANNERS))
    parser.add_argument('--horizon', default='auto', help="model steps, 'N s', or 'auto'")
    parser.add_argument('--params-file', default='plan.yaml', help='planner parameters')
    parser.add_argument('--episodes', type=int, default=5, help='random start/goal pairs')
    parser.add_argument('--seed', type=int, default=0, help='seed of the pairs')
    parser.add_argument('--real-time-factor', type=float, default=1.0)
    parser.add_argument('--out', type=Path, default=Path('demo_out'), help='pictures and film')
    parser.add_argument('--no-pictures', action='store_true', help='only the table')
    parser.add_argument('--json', type=Path, help='write the report here')


def run(options: argparse.Namespace) -> int:
    """Run the episodes. 0 when all goals were reached."""
    if options.episodes < 1:
        raise BadInput(f'--episodes {options.episodes} is below 1')
    bundle = options.bundle or f'{options.robot}_{Path(options.world).stem}'
    horizon: str | int = int(options.horizon) if options.horizon.isdigit() else options.horizon
    files = (find('config', options.params_file), robot_file(options.robot))
    overrides = {'planner__algorithm': options.planner, 'planner__horizon': horizon}
    load(PlannerNodeConfig, *files, **overrides)  # refuse here what the node would refuse
    config = load(
        SimulatorNodeConfig,
        robot_file(options.robot),
        simulator__world=options.world,
        simulator__engine=options.simulator,
    )

    # A domain of its own: the demo must not meet, or move, any other robot on the network.
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    import rclpy

    from grasp_ros.bench.episodes import summary
    from grasp_ros.nodes.episode_runner import EpisodeRunner
    from grasp_ros.sim.robot import MujocoRobot
    from grasp_ros.sim.worlds import load_world, sample_problems
    from grasp_ros.viz.episodes import save

    world = load_world(options.world)
    find('models', bundle)
    robot = MujocoRobot(config.robot, config.simulator, world)
    problems = sample_problems(
        world, robot.low, robot.high, robot.tool_radius, options.episodes, options.seed
    )
    robot.close()
    simulator = simulator_ros_arguments(
        options.robot, options.world, options.real_time_factor, '', options.simulator
    )
    planner = planner_ros_arguments(
        options.robot, options.params_file, bundle, True, 'joint_trajectory_controller', True, ''
    )
    planner += ['-p', f'planner.algorithm:={options.planner}', '-p', f'planner.horizon:={horizon}']
    commands = {'simulator': [SIMULATOR_NODE, *simulator], 'planner': [PLANNER_NODE, *planner]}
    episodes: list[Episode] = []
    rclpy.init()
    with (
        processes(commands) as alive,
        Live(_table(episodes), console=console) as live,
    ):
        runner = EpisodeRunner(config.robot.joints, max(config.robot.max_velocity))
        runner.wait_for_nodes(alive)
        for problem in problems:
            episodes.append(runner.run(problem, alive))
            live.update(_table(episodes))
        runner.destroy_node()
    rclpy.try_shutdown()

    report = summary(
        episodes,
        max(config.robot.max_velocity),
        world=world.name,
        simulator=options.simulator,
        planner=options.planner,
        horizon=horizon,
        seed=options.seed,
        real_time_factor=options.real_time_factor,
        bundle=bundle,
    )
    low, high = report['ci95']
    console.print(
        f'{report["successes"]} of {len(episodes)} within 25 mm '
        f'(95 % interval {100 * low:.0f} to {100 * high:.0f} %), replan {report["replan_ms"]} ms'
    )
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))
    if not options.no_pictures:
        name = f'{world.name}_{options.planner}'
        with console.status('drawing'):
            written = save(episodes, config, world, options.out, name)
        for path in written[:2]:
            console.print(f'wrote {path}')
    return 0 if report['successes'] == len(episodes) else 1


@contextlib.contextmanager
def processes(commands: dict[str, list[str]]) -> Iterator[Callable[[], None]]:
    """Run {name: [module, arguments...]}, end them with SIGINT; yields a check that they live."""
    running = {
        name: subprocess.Popen([sys.executable, '-m', *command])
        for name, command in commands.items()
    }

    def alive() -> None:
        for name, process in running.items():
            if process.poll() is not None:
                raise RuntimeError(f'the {name} ended with exit code {process.returncode}')

    try:
        yield alive
    finally:
        for process in running.values():
            process.send_signal(2)
        for process in running.values():
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def _table(episodes: list[Episode]) -> Table:
    table = Table(title='episodes')
    for column in (
        'episode',
        'shortest way, m',
        'final error, mm',
        'time, s',
        'replan p50, ms',
        '',
    ):
        table.add_column(column, justify='right')
    for index, episode in enumerate(episodes):
        times = sorted(episode.plan_ms)
        table.add_row(
            str(index),
            f'{episode.shortest:.2f}',
            f'{1000 * episode.error:.1f}',
            f'{episode.duration:.1f}',
            f'{times[len(times) // 2]:.1f}' if times else '-',
            '[green]reached[/]' if episode.success else '[red]missed[/]',
        )
    return table
