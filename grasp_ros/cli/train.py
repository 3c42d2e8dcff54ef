# SPDX-License-Identifier: Apache-2.0
"""grasp-ros train: bags to a model bundle."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from grasp_ros import __version__
from grasp_ros.cli.progress import bars, console
from grasp_ros.config import RobotConfig, SimulatorNodeConfig, load
from grasp_ros.share import find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument('bags', type=Path, nargs='+', help='rosbag2 folders')
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bundle')
    parser.add_argument(
        '--robot', default='gantry', help='robot: a name in config/robots/, or a file'
    )
    parser.add_argument('--dt', type=float, default=0.1, help='model step, s')
    parser.add_argument('--image-size', type=int, default=64, help='side of the encoder image, px')
    parser.add_argument('--encoder-steps', type=int, help='training steps of the encoder')
    parser.add_argument('--dynamics-steps', type=int, help='training steps of the dynamics')
    parser.add_argument('--landmarks', type=int, help='landmarks of the roadmap')
    parser.add_argument(
        '--augment', action='store_true', help='vary light and colours: another camera or light'
    )
    parser.add_argument(
        '--align',
        action='store_true',
        help='the bags show the same places, and the joints tell all that moves: same latents',
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of everything')
    parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    parser.add_argument('--threads', type=int, default=2, help='CPU threads')
    parser.add_argument('--json', type=Path, help='write the report here')


def run(options: argparse.Namespace) -> int:
    """Train and write the bundle."""
    import torch

    from grasp_ros.robot.command import JointVelocity
    from grasp_ros.training.bags import recorded_command
    from grasp_ros.training.dataset import load_bags
    from grasp_ros.training.export import write_bundle
    from grasp_ros.training.train import TrainConfig, train
    from grasp_ros.world_model.bundle import pick_device
    from grasp_ros.world_model.manifest import ImageSize, Manifest

    torch.set_num_threads(options.threads)
    robot: RobotConfig = load(
        SimulatorNodeConfig, find('config/robots', f'{options.robot}.yaml')
    ).robot
    speed = robot.max_velocity
    command = JointVelocity(tuple(-v for v in speed), tuple(speed), options.dt)
    given = {
        name: getattr(options, name)
        for name in ('encoder_steps', 'dynamics_steps', 'landmarks')
        if getattr(options, name) is not None
    }
    config = TrainConfig(seed=options.seed, augment=options.augment, align=options.align, **given)
    side = options.image_size
    with bars() as report:
        frames = lambda count: report('frames', count, count)  # noqa: E731
        data = load_bags(options.bags, robot, command, side, side, frames)
        trained = train(data, config, pick_device(options.device), report)
    manifest = Manifest(
        robot=robot.name,
        joints=robot.joints,
        action=command,
        image=ImageSize(*data.source, side, side),
        latent=config.latent,
        dynamics_width=config.width,
        dynamics_depth=config.depth,
        reached_distance=round(trained.reached_distance, 4),
        files={},
        training={
            'commands': [*(recorded_command(bag) for bag in options.bags), options.command_line],
            'versions': {
                'grasp_ros': __version__,
                'torch': str(torch.__version__),
                'python': platform.python_version(),
            },
            **trained.report,
        },
    )
    write_bundle(options.out, manifest, trained.encoder, trained.dynamics, trained.memory)
    if options.json:
        options.json.write_text(json.dumps(manifest.training, indent=2))
    console.print(f'{options.out}: {trained.report}')
    return 0
