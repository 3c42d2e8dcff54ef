# SPDX-License-Identifier: Apache-2.0
"""Gazebo 11's own transport over TCP.

A message is 8 hexadecimal digits of length and a protobuf. The master and new connections speak in
`Packet`s; once subscribed, a connection carries the topic's messages bare.

Nothing here runs by itself: messages are read, and callbacks called, by `poll`.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from grasp_ros_gazebo.classic.messages import Messages

HOST = '127.0.0.1'
DIGITS = 8  # of the length before each message
FIRST_WORD = 1.0  # s; the master greets at once, or never
RETRY = 0.1  # s between connection attempts
CHUNK = 1 << 18


class Disconnected(ConnectionError):
    """The other side has closed a connection that is needed."""


class Connection:
    """One TCP connection, read without blocking."""

    def __init__(self, peer: socket.socket, handle: Callable[[Connection, bytes], None]):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer, self._handle, self._buffer = peer, handle, b''

    def send(self, data: bytes) -> None:
        """Send one message."""
        try:
            self.peer.sendall(b'%08X' % len(data) + data)
        except OSError as error:
            raise Disconnected(str(error)) from error

    def read(self) -> bool:
        """Handle the messages that have come; False when the other side is gone."""
        try:
            data = self.peer.recv(CHUNK)
        except OSError:
            data = b''
        buffer, at = self._buffer + data, 0
        while len(buffer) >= at + DIGITS:
            end = at + DIGITS + int(buffer[at : at + DIGITS], 16)
            if len(buffer) < end:
                break
            self._handle(self, buffer[at + DIGITS : end])
            at = end
        self._buffer = buffer[at:]
        return bool(data)


class Publisher:
    """A topic that this process publishes."""

    def __init__(self) -> None:
        self.subscribers: list[Connection] = []

    def publish(self, message: Any) -> None:
        """Send a message to everyone who has subscribed."""
        for connection in self.subscribers:
            connection.send(message.SerializeToString())


class Transport:
    """A client of the Gazebo master at 127.0.0.1:`port`."""

    def __init__(self, port: int, messages: Messages):
        self._messages = messages
        self._selector = selectors.DefaultSelector()
        self._subscriptions: dict[str, tuple[str, Callable[[bytes], None]]] = {}
        self._publishers: dict[str, Publisher] = {}
        self._sources: set[tuple[str, str, int]] = set()
        self._listener = socket.create_server((HOST, 0))
        self._own_port = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._greeted = False
        peer = socket.create_connection((HOST, port), FIRST_WORD)
        self._master = self._register(Connection(peer, self._on_master_packet))
        self._wait_for_greeting(port)

    def subscribe(self, topic: str, kind: str, handle: Callable[[bytes], None]) -> None:
        """Call `handle` with each serialized message of `topic`; kind: gazebo.msgs.Image, say."""
        self._subscriptions[topic] = kind, handle
        self._tell_master('subscribe', self._subscription(topic, kind, self._own_port))

    def advertise(self, topic: str, kind: str) -> Publisher:
        """Offer a topic; its publisher reaches those who have subscribed, a little later."""
        self._publishers[topic] = Publisher()
        message = self._messages['gazebo.msgs.Publish'](
            topic=topic, msg_type=kind, host=HOST, port=self._own_port
        )
        self._tell_master('advertise', message)
        return self._publishers[topic]

    def poll(self, timeout: float) -> None:
        """Handle what has come; wait up to `timeout` s when nothing has."""
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._listener:
                self._register(Connection(self._listener.accept()[0], self._on_publisher_packet))
            elif not key.data.read():
                self._forget(key.data)

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _wait_for_greeting(self, port: int) -> None:
        """A client that came too early is never answered; then the caller should connect anew."""
        until = time.monotonic() + FIRST_WORD
        while not self._greeted:
            self.poll(RETRY)
            if time.monotonic() > until:
                self.close()
                raise Disconnected(f'no greeting from port {port} for {FIRST_WORD} s')

    def _register(self, connection: Connection) -> Connection:
        self._selector.register(connection.peer, selectors.EVENT_READ, connection)
        return connection

    def _forget(self, connection: Connection) -> None:
        self._selector.unregister(connection.peer)
        connection.peer.close()
        if connection is self._master:
            raise Disconnected('the Gazebo master has closed the connection')
        for publisher in self._publishers.values():
            publisher.subscribers = [c for c in publisher.subscribers if c is not connection]

    def _tell_master(self, kind: str, message: Any) -> None:
        self._master.send(self._packet(kind, message))

    def _packet(self, kind: str, message: Any) -> bytes:
        packet = self._messages['gazebo.msgs.Packet'](
            type=kind, serialized_data=message.SerializeToString()
        )
        packet.stamp.sec, packet.stamp.nsec = 0, 0
        return packet.SerializeToString()

    def _subscription(self, topic: str, kind: str, port: int) -> Any:
        return self._messages['gazebo.msgs.Subscribe'](
            topic=topic, msg_type=kind, host=HOST, port=port, latching=False
        )

    def _on_master_packet(self, _: Connection, data: bytes) -> None:
        packet = self._messages['gazebo.msgs.Packet'].FromString(data)
        self._greeted = True
        if packet.type not in ('publisher_subscribe', 'publisher_advertise'):
            return
        source = self._messages['gazebo.msgs.Publish'].FromString(packet.serialized_data)
        known = (source.topic, source.host, source.port)
        if source.topic not in self._subscriptions or known in self._sources:
            return
        self._sources.add(known)
        kind, handle = self._subscriptions[source.topic]
        peer = socket.create_connection((source.host, source.port), FIRST_WORD)
        connection = self._register(Connection(peer, lambda _, data: handle(data)))
        connection.send(self._packet('sub', self._subscription(source.topic, kind, source.port)))

    def _on_publisher_packet(self, connection: Connection, data: bytes) -> None:
        packet = self._messages['gazebo.msgs.Packet'].FromString(data)
        if packet.type == 'sub':
            wanted = self._messages['gazebo.msgs.Subscribe'].FromString(packet.serialized_data)
            if wanted.topic in self._publishers:
                self._publishers[wanted.topic].subscribers.append(connection)
