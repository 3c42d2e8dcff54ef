# SPDX-License-Identifier: Apache-2.0
"""Asks Gazebo which velocity a joint is driven at: the proof that a command has arrived.

An Ignition transport 8 service. Discovery tells the address and identity of the socket that
answers; a request names the socket, with an identity of its own, that the answer goes to.
"""

from __future__ import annotations

import socket
import struct
import time
import uuid

import zmq

from grasp_ros_gazebo.classic.ignition import GROUP, HOST, KIND
from grasp_ros_gazebo.classic.messages import Messages

SERVICE_PORT = 10318  # services are announced here, topics one port below
REQUEST = 'ignition.msgs.StringMsg'
PACKET = 1 << 16  # bytes, the largest UDP packet
RETRY = 0.01  # s between tries to send while the connection is made


class JointTargets:
    """A client of the service /MODEL/joint_cmd_req of the Gazebo in `partition`."""

    def __init__(self, partition: str, model: str, messages: Messages):
        self._messages = messages
        self._topic = f'@/{partition}@/{model}/joint_cmd_req'
        self._process, self._identity = str(uuid.uuid4()), str(uuid.uuid4())
        self._server = b''  # the identity of the socket that answers
        self._context = zmq.Context()
        self._requests = self._context.socket(zmq.ROUTER)
        self._requests.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._answers = self._context.socket(zmq.ROUTER)
        self._answers.setsockopt(zmq.IDENTITY, self._identity.encode())
        port = self._answers.bind_to_random_port(f'tcp://{HOST}')
        self._address = f'tcp://{HOST}:{port}'
        self._udp = _listen()

    def found(self) -> bool:
        """Whether Gazebo has announced the service; from then on it can be asked."""
        discovery = self._messages['ignition.msgs.Discovery']
        while not self._server:
            try:
                packet = self._udp.recv(PACKET)
            except BlockingIOError:
                return False
            (length,) = struct.unpack_from('<H', packet)
            message = discovery.FromString(packet[2 : 2 + length])
            if message.type == discovery.ADVERTISE and message.pub.topic == self._topic:
                self._requests.connect(message.pub.address)
                self._server = message.pub.srv_pub.socket_id.encode()
        return True

    def velocity(self, joint: str, timeout: float) -> float | None:
        """The velocity that `joint` (its scoped name) is driven at; None without an answer."""
        until = time.monotonic() + timeout
        request = str(uuid.uuid4())
        data = self._messages[REQUEST](data=joint).SerializeToString()
        head = (self._topic, self._address, self._identity, self._process, request)
        parts = [self._server, *(p.encode() for p in head), data, REQUEST.encode(), KIND.encode()]
        while True:
            try:
                self._requests.send_multipart(parts)
                break
            except zmq.ZMQError as error:  # not connected yet
                if error.errno != zmq.EHOSTUNREACH or time.monotonic() > until:
                    return None
                time.sleep(RETRY)
        while (left := until - time.monotonic()) > 0 and self._answers.poll(int(1000 * left) + 1):
            _, _, _, answered, answer, _ = self._answers.recv_multipart()
            if answered.decode() == request:
                return float(self._messages[KIND].FromString(answer).velocity.target_optional.data)
        return None

    def close(self) -> None:
        """Close the sockets."""
        self._udp.close()
        self._context.destroy(linger=0)


def _listen() -> socket.socket:
    """A UDP socket on which the announcements of all services on this machine arrive."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    udp.bind(('', SERVICE_PORT))
    membership = socket.inet_aton(GROUP[0]) + socket.inet_aton(HOST)
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    udp.setblocking(False)
    return udp
