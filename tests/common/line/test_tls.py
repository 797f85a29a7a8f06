"""TLS between both ends, with certificates that are made for the test."""

import shutil
import ssl
import subprocess
from pathlib import Path

import msgspec
import pytest

from common.line.address import Address
from common.line.client import Client
from common.line.codec import Codec
from common.line.faults import LineError
from common.line.hello import SentOn, Terms, Visitor
from common.line.server import Server
from common.line.tls import client_tls, server_tls


class Say(msgspec.Struct, frozen=True, tag="say"):
    text: str


TERMS = Terms("test", 1)
CODEC: Codec[Say] = Codec(Say)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, of this machine, and its key."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


@needs_openssl
def test_a_line_under_tls(tmp_path: Path) -> None:
    mine, other = certificate(tmp_path, "mine"), certificate(tmp_path, "other")
    with Server(Address("127.0.0.1", 0), TERMS, CODEC, tls=server_tls(*mine)) as server:
        address = Address("127.0.0.1", server.port, tls=True)
        with Client(address, TERMS, CODEC, Visitor("anna"), tls=client_tls(mine[0])) as client:
            client.send(Say("hello"))
            assert [event.what for event in (server.poll(5.0) + server.poll(5.0))][1] == Say("hello")
        for authority in (other[0], None):
            with pytest.raises(
                LineError, match=r"certificate is not trusted \(self-signed certificate\); give --ca FILE"
            ):
                Client(address, TERMS, CODEC, Visitor("bert"), tls=client_tls(authority))
        with pytest.raises(LineError, match=f"give tls://127.0.0.1:{server.port} if it speaks TLS"):
            Client(Address("127.0.0.1", server.port), TERMS, CODEC, Visitor("bert"))
        with pytest.raises(LineError, match=r"certificate is not trusted .*localhost"):
            Client(Address("localhost", server.port, tls=True), TERMS, CODEC, Visitor("bert"), tls=client_tls(mine[0]))


@needs_openssl
def test_who_is_sent_on_speaks_tls_there_too_and_proves_the_token_again(tmp_path: Path) -> None:
    mine, other, token = certificate(tmp_path, "mine"), certificate(tmp_path, "other"), b"a token of a test"
    here, ends = Address("127.0.0.1", 0), []
    tls = server_tls(*mine)
    with (
        Server(here, TERMS, CODEC, tls=tls, token=token) as served,
        Server(here, TERMS, CODEC, tls=tls, token=token, send_on=lambda hello: ends[-1]) as front,
        Server(here, TERMS, CODEC, tls=server_tls(*other), token=token) as stranger,
        Server(here, TERMS, CODEC, token=token) as open_,
        Server(here, TERMS, CODEC, tls=tls, token=token + b"x") as guarded,
    ):
        address = Address("127.0.0.1", front.port, tls=True)

        def come(port: int) -> Client[Say]:
            ends.append(SentOn(port))
            return Client(address, TERMS, CODEC, Visitor("anna"), tls=client_tls(mine[0]), token=token)

        with come(served.port) as client:
            client.send(Say("hello"))
            assert [event.what for event in (served.poll(5.0) + served.poll(5.0))][1] == Say("hello")
        for port, said in (
            (stranger.port, "certificate is not trusted"),
            (open_.port, "speaks no TLS"),
            (guarded.port, "token is wrong"),
            (front.port, "from port to port"),
        ):
            with pytest.raises(LineError, match=said):
                come(port)
        assert front.poll() == stranger.poll() == open_.poll() == guarded.poll() == []


@needs_openssl
def test_files_that_make_no_tls(tmp_path: Path) -> None:
    mine, other = certificate(tmp_path, "mine"), certificate(tmp_path, "other")
    for files, fault in (
        ((mine[0], None), "give both, or neither"),
        ((None, mine[1]), "give both, or neither"),
        ((tmp_path / "none", mine[1]), r"--certificate .*none: cannot be read \(No such file"),
        ((mine[0], tmp_path / "none"), r"--key .*none: cannot be read \(No such file"),
        ((mine[0], other[1]), "not a certificate in PEM and its key"),
        ((mine[1], mine[0]), "not a certificate in PEM and its key"),
    ):
        with pytest.raises(LineError, match=fault):
            server_tls(*files)
    for file, fault in ((tmp_path / "none", "--ca .*cannot be read"), (mine[1], "no certificates in PEM")):
        with pytest.raises(LineError, match=fault):
            client_tls(file)


def test_without_files_there_is_no_tls_and_old_tls_is_none() -> None:
    assert server_tls(None, None) is None
    context = client_tls(None)
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
