# SPDX-License-Identifier: Apache-2.0
"""grasp-ros train: bags to a model bundle."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from grasp_ros import __version__
from grasp_ros.cli import data
from grasp_ros.cli.check import show
from grasp_ros.cli.progress import bars, console
from grasp_ros.training.train_config import PRECISIONS, BackboneConfig
from grasp_ros.types import BadInput

if TYPE_CHECKING:
    from grasp_ros.training.dataset import Dataset
    from grasp_ros.training.train import Trained
    from grasp_ros.training.train_config import TrainConfig
    from grasp_ros.training.verdict import Judged
    from grasp_ros.world_model.manifest import Manifest

# Of the dynamics one step for each length of its rollouts; and of one landmark there is no way.
LEAST = {'encoder_steps': 1, 'dynamics_steps': 2, 'landmarks': 2}
VERDICTS = {'good': 'green', 'fair': 'yellow', 'bad': 'red'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    data.add_arguments(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder of the new bundle')
    parser.add_argument(
        '--image-size',
        type=int,
        default=64,
        help="side of the encoder's image, px, if it were square; it has the camera's aspect",
    )
    for part in ('encoder', 'dynamics'):
        parser.add_argument(
            f'--{part}-steps',
            type=int,
            help=f'training steps of the {part}; default: by the number of joints and frames',
        )
    parser.add_argument(
        '--landmarks', type=int, help='landmarks of the roadmap (default: as the data say)'
    )
    parser.add_argument(
        '--augment', action='store_true', help='vary light and colours: another camera or light'
    )
    parser.add_argument(
        '--align',
        action='store_true',
        help='the bags show the same places, and the joints tell all that moves: same latents',
    )
    parser.add_argument(
        '--reconstruct',
        action='store_true',
        help='more moves than the robot, parts that it pushes, say: keep them in the latent',
    )
    parser.add_argument(
        '--joints-input',
        action=argparse.BooleanOptionalAction,
        help='measured joints as an input of the encoder (default: where the picture does not '
        'tell them)',
    )
    parser.add_argument('--backbone', help='a network of timm that sees the pictures, by name')
    parser.add_argument(
        '--backbone-weights', default='', help='its .safetensors file (default: random weights)'
    )
    parser.add_argument(
        '--freeze-backbone', action='store_true', help='leave its weights as they are'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of everything')
    parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    parser.add_argument(
        '--precision',
        default='32-true',
        choices=PRECISIONS,
        help='of the training; mixed ones are faster on GPUs (default: %(default)s)',
    )
    parser.add_argument('--threads', type=int, default=2, help='CPU threads of each process')
    parser.add_argument('--progress-file', type=Path, help='the progress, line by line, too')
    parser.add_argument('--tensorboard', type=Path, help='folder for curves of the losses')
    parser.add_argument('--json', type=Path, help='write the report here')


def run(options: argparse.Namespace) -> int:
    """Check the bags, train, and write the bundle with its verdict; 1 when it is useless."""
    import onnx  # noqa: F401 - the export needs it: better missed now than after the training
    import torch

    from grasp_ros.training.capacity import capacity
    from grasp_ros.training.dataset import encoder_sizes, load_images
    from grasp_ros.training.engine import make_engine
    from grasp_ros.training.train import train
    from grasp_ros.training.train_config import TrainConfig
    from grasp_ros.training.verdict import judge, overall, unusable

    backbone = _backbone(options)
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise BadInput(f'{options.out} is no empty folder; bundles are never overwritten')
    data.refuse_nowhere(options.json)
    for name, least in LEAST.items():
        if (count := getattr(options, name)) is not None and count < least:
            raise BadInput(f'--{name.replace("_", "-")} {count} is below {least}')
    torch.set_num_threads(options.threads)
    fabric = make_engine(options.device, options.precision, options.tensorboard)
    console.quiet = not fabric.is_global_zero
    given = {name: getattr(options, name) for name in LEAST if getattr(options, name) is not None}
    with bars(options.progress_file if fabric.is_global_zero else None) as report:
        read = data.read(options, report)
        show(read)
        if errors := read.checked.errors:
            raise BadInput(
                "the data contradict the robot's file; grasp-ros check shows the figures:\n  "
                + '\n  '.join(errors)
            )
        sizes = encoder_sizes(read.lines, options.image_size)
        folder = options.out.resolve().parent
        pictures = load_images(
            read.lines, sizes, folder, lambda done, total: report('images', done, total)
        )
        config = TrainConfig(
            **(vars(capacity(len(read.robot.joints), len(pictures))) | given),
            augment=options.augment,
            align=options.align,
            reconstruct=options.reconstruct,
            joints_input=options.joints_input,
            backbone=backbone,
            precision=options.precision,
            seed=options.seed,
        )
        left = options.out.with_name(f'.{options.out.name}.training')
        trained = train(pictures, config, fabric, report, left)
    if trained is None:  # another process has the model
        return 0
    judged = list(judge(trained.report, read.robot.joints))
    console.print(_verdict(judged))
    grade, reasons = overall(judged)
    manifest = _manifest(options, config, read, pictures, trained)
    _write(options, replace(manifest, verdict=grade, reasons=reasons), trained)
    if options.json:
        options.json.write_text(json.dumps(trained.report, indent=2) + '\n')
    shutil.rmtree(left, ignore_errors=True)
    console.print(f'{options.out}: written', soft_wrap=True)
    if grade == 'bad':
        bad = '; '.join(one.figure for one in judged if one.verdict == 'bad')
        console.print(
            f'[red]Expect many goals not to be reached. Bad: {bad}. The planner refuses this '
            'bundle unless model.accept_bad_bundle is true.[/]'
        )
    if reason := unusable(trained.report):
        console.print(f'[red]Nothing can be planned with it: {reason}.[/]')
        return 1
    return 0


def _backbone(options: argparse.Namespace) -> BackboneConfig | None:
    weights, frozen = options.backbone_weights, options.freeze_backbone
    if options.backbone:
        from grasp_ros.training.backbone import Backbone

        config = BackboneConfig(options.backbone, weights, frozen)
        Backbone(config, (options.image_size, options.image_size))  # refused now, not after hours
        return config
    if weights or frozen:
        raise BadInput('--backbone-weights and --freeze-backbone need --backbone, too')
    return None


def _write(options: argparse.Namespace, manifest: Manifest, trained: Trained) -> None:
    """Write the bundle beside its place first: an interrupted run leaves no half of one."""
    from grasp_ros.training.export import write_bundle
    from grasp_ros.world_model.manifest import MANIFEST, Manifest

    partial = options.out.with_name(f'.{options.out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write_bundle(
            partial,
            manifest,
            trained.encoder,
            trained.joint_head,
            trained.dynamics,
            trained.memory,
            trained.obstacles,
        )
        Manifest.from_yaml(partial / MANIFEST)  # what no planner takes is better refused now
        partial.replace(options.out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _manifest(
    options: argparse.Namespace,
    config: TrainConfig,
    read: data.Data,
    pictures: Dataset,
    trained: Trained,
) -> Manifest:
    import torch

    from grasp_ros.training.bags import recorded_command
    from grasp_ros.training.dataset import JOINTS
    from grasp_ros.world_model.inputs import ImageInput, Input
    from grasp_ros.world_model.manifest import Architecture, Manifest, RoadmapSettings

    dynamics = trained.dynamics
    inputs: dict[str, Input] = {
        name: ImageInput(*pictures.sources[name], one.shape[1], one.shape[2])
        for name, one in pictures.images.items()
    }
    if trained.joints is not None:
        inputs[JOINTS] = trained.joints
    return Manifest(
        robot=read.robot.name,
        joints=read.robot.joints,
        command=read.command,
        inputs=inputs,
        latent=trained.memory.latents.shape[1],
        dynamics=Architecture(dynamics.architecture, dynamics.config),
        goal_tolerance=round(trained.goal_tolerance, 4),
        roadmap=RoadmapSettings(config.connect_steps, config.neighbours),
        trust=trained.trust,
        joint_error=trained.joint_error,
        verdict='bad',  # until it is judged
        reasons=(),
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


def _verdict(judged: list[Judged]) -> Table:
    table = Table(title='the model, on data that it was not trained on', title_justify='left')
    for column in ('figure', 'value', 'good is', 'verdict', 'what to do'):
        table.add_column(column, overflow='fold')
    for one in judged:
        advice = '' if one.verdict == 'good' else one.advice
        verdict = f'[{VERDICTS[one.verdict]}]{one.verdict}[/]'
        table.add_row(one.figure, one.value, one.good, verdict, advice)
    return table
