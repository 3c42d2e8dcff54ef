# SPDX-License-Identifier: Apache-2.0
"""A publisher for Ignition transport 8, the only way to Gazebo 11's joint controllers.

Discovery is UDP multicast on the loopback interface: we advertise, and Gazebo connects to our ZMQ
socket. A message has four parts: topic, sender's address, protobuf, type name.
"""

from __future__ import annotations

import socket
import struct
import threading
import uuid
from typing import Any

import zmq

from grasp_ros_gazebo.classic.messages import Messages

HOST = '127.0.0.1'
GROUP = ('224.0.0.7', 10317)
VERSION = 10  # of the discovery protocol
HEARTBEAT = 0.5  # s; a process that is silent for 3 s is forgotten
KIND = 'ignition.msgs.JointCmd'


class JointCommands:
    """Publishes JointCmd messages to /MODEL/joint_cmd of the Gazebo in `partition`."""

    def __init__(self, partition: str, model: str, messages: Messages):
        self._messages = messages
        self._topic = f'@/{partition}@/{model}/joint_cmd'
        self._process, self._node = str(uuid.uuid4()), str(uuid.uuid4())
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._address = f'tcp://{HOST}:{self._socket.bind_to_random_port(f"tcp://{HOST}")}'
        self._subscribers = 0
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))
        self._closing = threading.Event()
        self._beat = threading.Thread(target=self._announce, daemon=True)
        self._beat.start()

    def connected(self) -> bool:
        """Whether Gazebo has subscribed."""
        while self._socket.poll(0):
            joined = self._socket.recv()[:1] == b'\1'
            self._subscribers += 1 if joined else -1
        return self._subscribers > 0

    def velocity(self, joint: str, target: float, gain: float | None = None) -> None:
        """Drive `joint` (its scoped name) at `target` m/s or rad/s.

        gain, N s/m or N m s/rad, is kept until another is sent; the integral and differential
        gains are set to zero with it.
        """
        message = self._messages[KIND](name=joint)
        message.velocity.target_optional.data = target
        if gain is not None:
            message.velocity.p_gain_optional.data = gain
            message.velocity.i_gain_optional.data = 0.0
            message.velocity.d_gain_optional.data = 0.0
        parts = (self._topic, self._address, message.SerializeToString(), KIND)
        self._socket.send_multipart([p if isinstance(p, bytes) else p.encode() for p in parts])

    def close(self) -> None:
        """Stop announcing, and close the sockets."""
        self._closing.set()
        self._beat.join()
        self._udp.close()
        self._context.destroy(linger=0)

    def _announce(self) -> None:
        discovery = self._messages['ignition.msgs.Discovery']
        advertise = discovery(
            version=VERSION, process_uuid=self._process, type=discovery.ADVERTISE
        )
        advertise.pub.topic, advertise.pub.address = self._topic, self._address
        advertise.pub.process_uuid, advertise.pub.node_uuid = self._process, self._node
        advertise.pub.scope = discovery.Publisher.ALL
        advertise.pub.msg_pub.ctrl, advertise.pub.msg_pub.msg_type = self._process, KIND
        beat = discovery(version=VERSION, process_uuid=self._process, type=discovery.HEARTBEAT)
        while True:
            for message in (advertise, beat):
                self._send(message)
            if self._closing.wait(HEARTBEAT):
                return

    def _send(self, message: Any) -> None:
        body = message.SerializeToString()
        try:
            self._udp.sendto(struct.pack('<H', len(body)) + body, GROUP)
        except OSError:
            pass  # the next one may pass; without any, `connected` stays false
