# SPDX-License-Identifier: Apache-2.0
"""grasp-ros bench: planning times by horizon."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from rich.table import Table

from grasp_ros.cli.progress import bars, console
from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.nodes.arguments import robot_file
from grasp_ros.planning.registry import PLANNERS
from grasp_ros.share import find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument('--robot', default='gantry', help='robot: a name in config/robots/')
    parser.add_argument('--bundle', default='gantry_maze', help='model bundle')
    parser.add_argument('--params-file', default='plan.yaml', help='planner parameters')
    parser.add_argument(
        '--planner', choices=tuple(PLANNERS), help="instead of the parameter file's"
    )
    parser.add_argument('--horizons', type=int, nargs='+', default=[10, 25, 50, 100])
    parser.add_argument('--count', type=int, default=50, help='replans a horizon')
    parser.add_argument('--seed', type=int, default=0, help='seed of the start places')
    parser.add_argument('--json', type=Path, help='write the report here')


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    import torch

    from grasp_ros.bench.episodes import percentiles
    from grasp_ros.bench.latency import Times, replans
    from grasp_ros.world_model.bundle import load_bundle

    files = (find('config', options.params_file), robot_file(options.robot))
    given = {} if options.planner is None else {'planner__algorithm': options.planner}
    rows = []
    with bars() as report:
        for horizon in options.horizons:
            config = load(
                PlannerNodeConfig,
                *files,
                model__bundle=options.bundle,
                planner__horizon=horizon,
                **given,
            )
            torch.set_num_threads(config.model.threads)
            bundle = load_bundle(config.model, config.robot)
            times = []
            for spent in replans(bundle, config, options.count, options.seed):
                times.append(spent)
                report(f'H = {horizon}', len(times), options.count)
            columns = zip(Times._fields, zip(*times, strict=True), strict=True)
            figures = {name: percentiles(list(column)) for name, column in columns}
            rows.append({'horizon': horizon, **figures})
    planner = config.planner.algorithm
    table = Table(title=f'replans in ms, {planner}, {options.count} a row')
    heads = ('steps', 'encoder p50', 'way p50', 'p95')
    plans = ('first p50', 'p95', 'p99', 'next p50', 'p95', 'p99')
    for column in (*heads, *plans):
        table.add_column(column, justify='right')
    for row in rows:
        way = row['way_ms']
        cells = [row['encode_ms']['p50'], way['p50'], way['p95']]
        cells += [*row['plan_ms'].values(), *row['next_ms'].values()]
        table.add_row(str(row['horizon']), *(f'{cell:.1f}' for cell in cells))
    console.print(table)
    if options.json:
        context = {
            'planner': planner,
            'params_file': options.params_file,
            'bundle': options.bundle,
            'device': str(bundle.device),
            'threads': config.model.threads,
            'processor': platform.processor() or platform.machine(),
            'torch': str(torch.__version__),
            'seed': options.seed,
            'count': options.count,
        }
        options.json.write_text(json.dumps({**context, 'rows': rows}, indent=2))
    return 0
