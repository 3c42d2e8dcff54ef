# SPDX-License-Identifier: Apache-2.0
"""Gazebo 11 in a root folder of its own.

Debian 11 is the last Debian with Gazebo, and its packages do not fit newer systems' libraries; so
they are installed beside the system, and entered with chroot. Nothing outside the folder changes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from grasp_ros.share import cache_directory
from grasp_ros.types import BadInput

RELEASE = 'bullseye'
PACKAGES = (
    'gazebo',
    'gazebo-plugin-base',
    'libgl1-mesa-dri',  # draws without a graphics card
    'netbase',
    'protobuf-compiler',
    'xvfb',
)
# Only the message definitions of these are wanted, not the compilers they depend on.
MESSAGES = ('libgazebo-dev', 'libignition-msgs-dev')
DESCRIPTORS = Path('srv/messages')
HOST = '/tmp/host'  # this machine's root folder, seen from inside
VARIABLE = 'GRASP_ROS_GAZEBO_ROOT'
TOOLS = ('debootstrap', 'chroot', 'unshare', 'setpriv')

# The two sets are compiled apart: both define a message `Time`, in different packages. protoc runs
# here, so that no generated code has to match the version of Python's protobuf.
UNPACK = """
set -e
mkdir -p /srv/packages && cd /srv/packages
apt-get download -q {packages}
for package in *.deb; do dpkg -x "$package" /srv/unpacked; done
mkdir -p /{target}
cd /srv/unpacked/usr/include/gazebo-11/gazebo/msgs/proto
protoc -I . --include_imports --descriptor_set_out=/{target}/gazebo.pb *.proto
cd /srv/unpacked/usr/include/ignition/msgs5
protoc -I . --include_imports --descriptor_set_out=/{target}/ignition.pb \\
  ignition/msgs/discovery.proto ignition/msgs/joint_cmd.proto ignition/msgs/stringmsg.proto
rm -r /srv/packages /srv/unpacked
apt-get clean
rm -r /var/lib/apt/lists/*
"""


def folder() -> Path:
    """Where the root lies, or will: $GRASP_ROS_GAZEBO_ROOT, or in the user's cache folder."""
    if given := os.environ.get(VARIABLE):
        return Path(given).absolute()
    return cache_directory() / 'gazebo11'


def find() -> Path:
    """The root folder. Raises BadInput saying how to make it when there is none."""
    root = folder()
    if not (root / DESCRIPTORS).is_dir():
        raise BadInput(
            f'{root}: no Gazebo there; make it with `python -m grasp_ros_gazebo.classic.root` '
            '(two minutes, 1.3 GB), or run scripts/gazebo, which does'
        )
    return root


def create() -> Path:
    """Install Gazebo 11 unless it is there; some minutes, 1.3 GB, as root.

    Raises BadInput for a missing tool or permission, and RuntimeError when a step fails, such as
    when the archive cannot be reached. What was begun is removed by the next try.
    """
    root = folder()
    if (root / DESCRIPTORS).is_dir():
        return root
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise BadInput(f'{missing} not found; the packages debootstrap and util-linux have them')
    if os.geteuid() != 0:
        raise BadInput(f'user {os.geteuid()} cannot make {root}; only root (user 0) can')
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.with_name(f'{root.name}.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        if not (root / DESCRIPTORS).is_dir():
            _install(root)
    return root


def _install(root: Path) -> None:
    partial = root.with_name(f'{root.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    _run(['debootstrap', '--variant=minbase', RELEASE, str(partial), *_mirror()])
    # Gazebo looks its own name up, and would wait for a name server.
    (partial / 'etc/hosts').write_text('127.0.0.1 localhost\n')
    install = ['apt-get', 'install', '-q', '-y', '--no-install-recommends', *PACKAGES]
    _run(inside(partial, ['env', 'DEBIAN_FRONTEND=noninteractive', *install]))
    unpack = UNPACK.format(packages=' '.join(MESSAGES), target=DESCRIPTORS)
    _run(inside(partial, ['sh', '-c', unpack]))
    partial.rename(root)


def inside(root: Path, command: list[str]) -> list[str]:
    """The command line that runs `command` in the root folder.

    It gets process and mount spaces of its own: what it starts and mounts is gone when it ends,
    and it ends when the caller's thread does, however that comes about. Users other than root get
    a user space too, in which they may do all that; where the kernel allows it.
    """
    mounts = (
        'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && '
        'mount -t tmpfs tmpfs "$0/tmp" && '
        f'mkdir "$0{HOST}" && mount --rbind / "$0{HOST}" && exec chroot "$0" "$@"'
    )
    user = [] if os.geteuid() == 0 else ['unshare', '--user', '--map-root-user', '--']
    bound = ['setpriv', '--pdeathsig', 'KILL']
    space = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--']
    return [*user, *bound, *space, 'sh', '-c', mounts, str(root), *command]


def _mirror() -> list[str]:
    """The Debian mirror that this machine's apt uses; empty leaves the choice to debootstrap."""
    if shutil.which('apt-get') is None:
        return []
    targets = ['apt-get', 'indextargets', '--format', '$(REPO_URI)']
    listed = subprocess.run(targets, capture_output=True, text=True, check=False).stdout.split()
    return [uri for uri in listed if uri.rstrip('/').endswith('/debian')][:1]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        end = '\n'.join(done.stdout.splitlines()[-15:])
        raise RuntimeError(f'{" ".join(command)[:200]} failed with {done.returncode}:\n{end}')


def main() -> int:
    """Install Gazebo 11 unless it is there."""
    try:
        print(f'Gazebo 11 is in {create()}')
    except (BadInput, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
