"""A client of a line made of a bare socket, so that a test can send what no honest client would."""

import base64
import os
import socket
from typing import Any

import msgspec

from common.line.hello import Greeting, Hello, Refused, SentOn, Terms, Visitor, Welcome, hello_for

PATIENCE = 10.0  # s
FirstWords = Greeting | Hello | Refused | SentOn | Welcome


class RawLine:
    """Speaks as much of RFC 6455 as a test needs. Nothing is checked here."""

    def __init__(self, port: int, upgrade: bool = True, headers: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._held = b""
        if upgrade:
            key = base64.b64encode(os.urandom(16)).decode()
            self.socket.sendall(
                f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
            )
            try:
                self.answer = self._until(b"\r\n\r\n")
            except OSError:
                self.close()
                raise

    def frame(self, data: bytes, opcode: int = 2, last: bool = True) -> bytes:
        """The bytes of one masked frame; the mask is zero."""
        size = len(data)
        if size < 126:
            length = bytes([0x80 | size])
        else:
            length = b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\xff" + size.to_bytes(8, "big")
        return bytes([(0x80 if last else 0) | opcode]) + length + bytes(4) + data

    def send(self, data: bytes, opcode: int = 2, last: bool = True) -> None:
        self.socket.sendall(self.frame(data, opcode, last))

    def receive(self) -> tuple[int, bytes]:
        """Opcode and content of the next frame; (8, b"") at the end of the connection."""
        try:
            first, size = self._exactly(2)
            if size > 125:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            return first & 0x0F, self._exactly(size)
        except OSError:
            return 8, b""

    def said(self) -> Any:
        """The next of the first words; None when the server says none."""
        opcode, data = self.receive()
        while opcode == 9:  # a ping
            opcode, data = self.receive()
        return msgspec.msgpack.decode(data, type=FirstWords) if opcode == 2 else None

    def closed(self) -> str:
        """Waits for the server to hang up, and does as well; the reason that it gives."""
        while (frame := self.receive())[0] != 8:
            pass
        self.close()
        return frame[1][2:].decode()

    def come_in(self, terms: Terms, name: str, token: bytes | None = None) -> Any:
        """Say hello, as an honest client does; what the server says to that."""
        greeting = self.said()
        assert isinstance(greeting, Greeting)
        self.send(msgspec.msgpack.encode(hello_for(greeting, terms, Visitor(name), token)))
        return self.said()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "RawLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            self._held += self._more()
        head, _, self._held = self._held.partition(mark)
        return head

    def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            self._held += self._more()
        data, self._held = self._held[:count], self._held[count:]
        return data

    def _more(self) -> bytes:
        data = self.socket.recv(65_536)
        if not data:
            raise OSError("the end")
        return data
