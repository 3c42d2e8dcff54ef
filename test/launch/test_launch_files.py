# SPDX-License-Identifier: Apache-2.0
"""The launch files give the nodes the same arguments as `grasp-ros plan` and `sim` do."""

import ast
import json
import os
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCH_FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
PLAN_FILE = str(ROOT / 'config/plan.yaml')

# Stands in for a node: notes its arguments, and the parameter files, which launch deletes at the
# end. The simulator's end stops the launch, so it waits until the planner's arguments are there.
RECORDER = f"""#!{sys.executable}
import json, pathlib, sys, time
me, records = pathlib.Path(sys.argv[0]).name, pathlib.Path(__file__).parent / 'records'
files = {{p: pathlib.Path(p).read_text() for p in sys.argv if pathlib.Path(p).is_file()}}
partial = records / f'{{me}}.partial'
partial.write_text(json.dumps({{'arguments': sys.argv[1:], 'files': files}}))
partial.rename(records / f'{{me}}.json')
while me == 'simulator_node' and not (records / 'planner_node.json').exists():
    time.sleep(0.02)
"""


def test_there_are_launch_files():
    assert {path.name for path in LAUNCH_FILES} >= {'plan.launch.py', 'demo.launch.py'}


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_file_compiles(path):
    tree = ast.parse(path.read_text(), path.name)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert 'generate_launch_description' in functions


@pytest.fixture
def run_launch(tmp_path, monkeypatch):
    """Launches a file on stand-ins for the nodes; returns {executable: recorded arguments}."""
    pytest.importorskip('launch_ros', reason='launch_ros comes with a ROS installation only')
    from launch import LaunchService
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    executables = tmp_path / 'lib/grasp_ros'
    (executables / 'records').mkdir(parents=True)
    for name in ('planner_node', 'simulator_node'):
        (executables / name).write_text(RECORDER)
        (executables / name).chmod(0o755)
    index = tmp_path / 'share/ament_index/resource_index/packages'
    index.mkdir(parents=True)
    (index / 'grasp_ros').touch()
    (tmp_path / 'share/grasp_ros').symlink_to(ROOT)
    prefixes = [str(tmp_path), os.environ.get('AMENT_PREFIX_PATH', '')]
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(filter(None, prefixes)))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    # launch sets variables for the processes that it starts in this very process.
    monkeypatch.setenv('RCUTILS_LOGGING_BUFFERED_STREAM', '0')

    def run(file, **arguments):
        service = LaunchService()
        source = PythonLaunchDescriptionSource(str(ROOT / 'launch' / file))
        service.include_launch_description(
            IncludeLaunchDescription(source, launch_arguments=arguments.items())
        )
        code = service.run()
        records = (executables / 'records').glob('*.json')
        return code, {path.stem: json.loads(path.read_text()) for path in records}

    return run


def effective(arguments, files=None):
    """What a node makes of its ROS arguments: namespace, remappings, and parameters by name."""
    assert arguments.pop(0) == '--ros-args'
    result = {'namespace': '/', 'remappings': {}, 'parameters': {}, 'log_level': 'info'}
    while arguments:
        flag = arguments.pop(0)
        if flag == '--ros-args':
            continue
        value = arguments.pop(0)
        if flag == '-r':
            source, target = value.split(':=')
            if source == '__ns':
                result['namespace'] = '/' + target.strip('/')
            else:
                result['remappings'][source] = target
        elif flag == '-p':
            name, text = value.split(':=')
            result['parameters'][name] = repr(yaml.safe_load(text))
        elif flag == '--params-file':
            content = yaml.safe_load(files[value] if files else Path(value).read_text())
            assert set(content) == {'/**'}
            result['parameters'].update(flat(content['/**']['ros__parameters']))
        elif flag == '--log-level':
            result['log_level'] = value
        else:
            raise AssertionError(f'unexpected argument {flag}')
    return result


def flat(tree, prefix=''):
    """{dotted name: repr of the value}; repr, because to ROS 1 and 1.0 are of different types."""
    result = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            result |= flat(value, f'{prefix}{name}.')
        else:
            result[prefix + name] = repr(value)
    return result


def planner_from_command_line(**changes):
    from grasp_ros.nodes.arguments import planner_ros_arguments

    defaults = dict(
        robot='gantry',
        params_file=PLAN_FILE,
        bundle='',
        execute=False,
        controller='joint_trajectory_controller',
        use_sim_time=False,
        namespace='',
    )
    return effective(planner_ros_arguments(**(defaults | changes)))


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'bundle': 'gantry_maze'},
        {'execute': True, 'controller': 'arm_controller'},
        {'namespace': '/left', 'use_sim_time': True},
    ],
    ids=lambda changes: ','.join(changes) or 'defaults',
)
def test_plan_launch_equals_the_command_line(run_launch, changes):
    code, nodes = run_launch('plan.launch.py', **{k: str(v) for k, v in changes.items()})
    assert code == 0
    assert set(nodes) == {'planner_node'}
    assert effective(**nodes['planner_node']) == planner_from_command_line(**changes)


def test_params_file_may_name_environment_variables(run_launch, tmp_path, monkeypatch):
    monkeypatch.setenv('MY_BUNDLE', 'gantry_maze')
    mine = tmp_path / 'mine.yaml'
    mine.write_text('/**: {ros__parameters: {model: {bundle: $(env MY_BUNDLE)}}}')
    code, nodes = run_launch('plan.launch.py', params_file=str(mine), log_level='debug')
    assert code == 0
    node = effective(**nodes['planner_node'])
    assert node['parameters']['model.bundle'] == "'gantry_maze'"
    assert node['log_level'] == 'debug'


@pytest.mark.parametrize(
    ('file', 'argument'),
    [
        ('plan.launch.py', 'robot'),
        ('plan.launch.py', 'params_file'),
        ('demo.launch.py', 'world'),
        ('demo.launch.py', 'params_file'),
        ('demo.launch.py', 'real_time_factor'),
    ],
)
def test_a_bad_argument_stops_the_launch_before_anything_started(run_launch, file, argument):
    code, nodes = run_launch(file, **{argument: 'missing'})
    assert code != 0
    assert not nodes


@pytest.mark.parametrize(
    ('world', 'speed', 'bundle', 'namespace'),
    [('wall', 1.0, '', ''), ('maze', 2.5, '', '/left'), ('maze', 2.0, 'mine', '')],
)
def test_demo_launch_equals_the_command_line(run_launch, world, speed, bundle, namespace):
    from grasp_ros.nodes.arguments import simulator_ros_arguments

    arguments = {'world': world, 'real_time_factor': str(speed), 'namespace': namespace}
    if bundle:
        arguments['bundle'] = bundle
    _, nodes = run_launch('demo.launch.py', **arguments)
    assert set(nodes) == {'planner_node', 'simulator_node'}
    simulator = simulator_ros_arguments(world=world, real_time_factor=speed, namespace=namespace)
    assert effective(**nodes['simulator_node']) == effective(simulator)
    assert effective(**nodes['planner_node']) == planner_from_command_line(
        bundle=bundle or f'gantry_{world}',
        execute=True,
        use_sim_time=True,
        namespace=namespace,
    )


def test_the_launch_file_of_the_docs_names_the_topics(run_launch, tmp_path, monkeypatch):
    page = (ROOT / 'docs/your_robot.md').read_text()
    (block,) = [part.split('```')[0] for part in page.split('```python\n')[1:]]
    mine = tmp_path / 'mine.launch.py'
    mine.write_text(block)
    robot = tmp_path / 'my_arm.yaml'
    robot.write_text((ROOT / 'config/robots/arm2.yaml').read_text())
    monkeypatch.chdir(tmp_path)
    code, nodes = run_launch(mine)
    assert code == 0
    node = effective(**nodes['planner_node'])
    assert node['remappings'] == {
        'image': '/camera/image_raw',
        'joint_states': '/my_arm/joint_states',
        '~/joint_trajectory': '/my_arm/arm_controller/joint_trajectory',
    }
    assert node['parameters']['model.bundle'] == "'models/my_arm'"
