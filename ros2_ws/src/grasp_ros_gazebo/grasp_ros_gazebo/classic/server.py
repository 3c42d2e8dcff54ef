# SPDX-License-Identifier: Apache-2.0
"""A gzserver of one's own: with its screen, ports and process space, gone when its owner is."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

from grasp_ros_gazebo.classic.root import inside

STOP = 10.0  # s that the kernel gets to end a killed process space
COLOUR, SOUND = re.compile(r'\x1b\[[0-9;]*m'), re.compile(r'ALSA|OpenAL|AL lib|Audio')
# The root's /tmp is empty and private. `exec` makes gzserver the first process of its space: when
# it ends, the kernel ends the screen too.
SCRIPT = """
cat > /tmp/world.sdf
mkdir /tmp/home
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>/tmp/display 2>/tmp/xvfb &
waited=0
while [ ! -s /tmp/display ]; do
  if [ "$waited" -ge 200 ]; then cat /tmp/xvfb; echo "Xvfb did not start"; exit 1; fi
  waited=$((waited + 1))
  sleep 0.05
done
export DISPLAY=":$(cat /tmp/display)"
exec gzserver --verbose --lockstep -u /tmp/world.sdf
"""


class Server:
    """Starts gzserver, paused, with a world; its master listens on `port` some seconds later."""

    def __init__(self, root: Path, world_sdf: str):
        self.partition = f'grasp_ros_{uuid.uuid4().hex}'
        self.port = _free_port()
        self._log = tempfile.TemporaryFile('w+')
        environment = {
            'PATH': '/usr/sbin:/usr/bin:/sbin:/bin',
            'HOME': '/tmp/home',
            'GAZEBO_MASTER_URI': f'http://127.0.0.1:{self.port}',
            'GAZEBO_IP': '127.0.0.1',
            'GAZEBO_MODEL_DATABASE_URI': '',
            'IGN_IP': '127.0.0.1',
            'IGN_PARTITION': self.partition,
            'LIBGL_ALWAYS_SOFTWARE': '1',
        }
        self.process = subprocess.Popen(
            inside(root, ['sh', '-c', SCRIPT]),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the caller, who then calls `stop`
        )
        assert self.process.stdin is not None
        self.process.stdin.write(world_sdf)
        self.process.stdin.close()

    def alive(self) -> bool:
        """Whether gzserver runs."""
        return self.process.poll() is None

    def ends_within(self, timeout: float) -> bool:
        """Whether gzserver has ended, or does within `timeout` s."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log(self, lines: int = 15) -> str:
        """The last lines of what it said; that there is no loudspeaker is left out."""
        self._log.seek(0)
        said = COLOUR.sub('', self._log.read()).splitlines()
        return '\n'.join([line for line in said if not SOUND.search(line)][-lines:])

    def stop(self) -> None:
        """End gzserver and its screen. It keeps nothing, so there is nothing to wait for."""
        self.process.kill()
        self.process.wait(STOP)
        self._log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])
