"""Addresses of servers: HOST:PORT, or tls://HOST:PORT where TLS is spoken."""

import ipaddress
import socket
from typing import NamedTuple

TLS = "tls://"


class Address(NamedTuple):
    """tls: whether TLS is spoken there. port: 0 when listening for any that is free."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{TLS if self.tls else ''}{host}:{self.port}"


def read_address(flag: str, text: str, least_port: int = 1) -> Address:
    """An address as given with a flag. Raises ValueError with one line. least_port: 0 for listening."""
    rest = text.removeprefix(TLS)
    host, _, port = rest.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    numeral = port.isascii() and port.isdigit() and len(port) <= 5
    strange = not host or not host.isprintable() or any(mark in host for mark in "/@?# []")
    if strange or (":" in host and not _is_ip(host)) or not numeral or not least_port <= int(port) < 65_536:
        printable = "".join(mark if mark.isprintable() else "?" for mark in text[:80])
        raise ValueError(f"{flag} {printable}: not an address; give HOST:PORT, as in 127.0.0.1:7777")
    return Address(host, int(port), rest != text)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether whoever listens there can be reached from this machine alone. Unknown names are not."""
    try:
        entries = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return bool(entries) and all(ipaddress.ip_address(str(entry[4][0]).split("%")[0]).is_loopback for entry in entries)
