"""What needs no connection: tokens, names, addresses, paces, codecs, hellos."""

import hmac
import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.line.address import Address, is_loopback, read_address
from common.line.codec import Codec
from common.line.faults import BadMessage, LineError
from common.line.hello import Greeting, Hello, Terms, Visitor, fault_of, hello_for
from common.line.names import check_player_name
from common.line.pace import Pace
from common.line.token import TokenError, proof_of, proves, read_token

TERMS = Terms("test", 3, {"realm.toml": "aa", "lore": "bb"})
TOKEN = b"sixteen bytes or more"


def file_of(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    assert read_token(file_of(tmp_path, TOKEN + b"\r\n")) == TOKEN


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        (b"x" * 15 + b"\n", 0o600, "a token of 15 bytes is too short"),
        (b"", 0o600, "too short"),
        (b"x" * 5000, 0o600, "longer than 4096"),
        pytest.param(TOKEN, 0o640, "chmod 600", marks=pytest.mark.skipif(os.name != "posix", reason="POSIX")),
        pytest.param(TOKEN, 0o604, "chmod 600", marks=pytest.mark.skipif(os.name != "posix", reason="POSIX")),
    ],
)
def test_a_token_that_is_not_used(tmp_path: Path, content: bytes, mode: int, fault: str) -> None:
    with pytest.raises(TokenError, match=fault) as refused:
        read_token(file_of(tmp_path, content, mode))
    assert str(tmp_path / "token") in str(refused.value) and TOKEN.decode() not in str(refused.value)


def test_a_token_that_is_not_there_comes_with_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match=r"no such file; .*openssl rand"):
        read_token(tmp_path / "token")
    with pytest.raises(TokenError, match="cannot be read"):
        read_token(tmp_path)


@given(st.binary(min_size=16, max_size=64), st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_a_proof_is_of_one_token_and_of_these_parts(token: bytes, parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    proof = proof_of(token, *parts)
    assert hmac.compare_digest(proof, hmac.new(token, whole, "sha256").digest())
    assert proves(token, proof, *parts)
    others = data.draw(st.lists(st.binary(max_size=40), max_size=4).filter(lambda other: other != parts))
    assert not proves(token, proof, *others)
    assert not proves(token[:-1] + bytes([token[-1] ^ 1]), proof, *parts)


@pytest.mark.parametrize("name", ["a", "Anna", "anna_2", "x" * 24, "console", "com"])
def test_names_of_players(name: str) -> None:
    check_player_name(name)


@given(
    st.text(max_size=30) | st.sampled_from(["..", "a/b", "a\\b", "con", "Com1", "é", "a b", "", "1a", "x" * 25, "a\n"])
)
def test_no_other_name_passes(name: str) -> None:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,23}", name) and name.lower() not in ("con", "prn", "aux", "nul"):
        return
    with pytest.raises(ValueError, match="no name for a player") as refused:
        check_player_name(name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7777", Address("127.0.0.1", 7777)),
        ("tls://mind.example:443", Address("mind.example", 443, True)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert read_address("--mind", text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "x", ":1", "x:", "x:0", "x:65536", "x:1e3", "x:٣", "a/b:1", "http://x:1", "::1:80a", "a:b:1"]
)
def test_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^--mind .*: not an address; give HOST:PORT"):
        read_address("--mind", text)


def test_what_is_reached_from_here_alone() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "")] == [False] * 4


def test_a_pace_lets_a_burst_pass_and_then_waits() -> None:
    pace = Pace(10.0, 1000.0, 2.0)
    assert [pace.take(1, 0.0) for _ in range(20)] == [0.0] * 20  # 2 s of 10 messages
    assert pace.take(1, 0.0) == pytest.approx(0.1)
    assert pace.ahead(5.0) == 5.0
    assert pace.take(1, 10.0) == 0.0 and pace.ahead(10.0) == 0.0
    assert pace.take(5000, 20.0) == pytest.approx(3.0)  # bytes count, too


def test_a_flood_that_is_read_late_is_a_flood() -> None:
    pace, now = Pace(10.0, 1000.0, 2.0), 0.0
    for count in range(200):
        wait = pace.take(1, now)
        now += wait and wait + 0.15 * (count % 2)  # the server comes back to it late
    assert pace.ahead(now) > 10.0


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 5000)), max_size=40))
def test_who_waits_as_told_is_never_above_the_pace(messages: list[tuple[float, int]]) -> None:
    pace, now, size = Pace(10.0, 1000.0, 2.0), 0.0, 0
    for count, (pause, bytes_) in enumerate(messages):
        wait = pace.take(bytes_, now)
        size += bytes_
        assert count + 1 <= 10.0 * (now + wait + 2.0) + 1e-6
        assert size <= 1000.0 * (now + wait + 2.0) + 1e-6
        now += wait + pause


class Walk(msgspec.Struct, frozen=True, tag="walk"):
    direction: str
    steps: int = 1


class Talk(msgspec.Struct, frozen=True, tag="talk"):
    text: str


def no_shouting(message: Walk | Talk) -> None:
    if isinstance(message, Talk) and message.text.endswith("!"):
        raise BadMessage("no message: shouting")


CODEC: Codec[Walk | Talk] = Codec(Walk | Talk, no_shouting)
words = st.text().filter(lambda text: not text.endswith("!"))


@given(st.builds(Walk, words, st.integers(-(2**63), 2**63 - 1)) | st.builds(Talk, words))
def test_a_message_comes_back_as_it_went(message: Walk | Talk) -> None:
    assert CODEC.decode(CODEC.encode(message)) == message


@given(
    st.binary(max_size=200) | st.builds(lambda *parts: b"".join(parts), st.just(b"\x82\xa4type\xa4walk"), st.binary())
)
def test_whatever_else_comes_is_no_message(data: bytes) -> None:
    try:
        message = CODEC.decode(data)
    except BadMessage as error:
        assert "\n" not in str(error) and len(str(error)) <= 500
    else:
        assert isinstance(message, Walk | Talk)


@pytest.mark.parametrize(
    "data", [b"\x91" * 100_000, b"\xdf\xff\xff\xff\xff", b"\xc1", b"", msgspec.msgpack.encode(Talk("hey!"))]
)
def test_frames_that_are_made_to_hurt(data: bytes) -> None:
    with pytest.raises(BadMessage, match=r"^no message"):
        CODEC.decode(data)


def test_what_cannot_be_sent_is_said_to_who_made_it() -> None:
    with pytest.raises(BadMessage, match="Walk cannot be sent"):
        CODEC.encode(Walk("north", 2**70))


def greeting(token: bool = True, terms: Terms = TERMS) -> Greeting:
    return Greeting(terms.protocol, terms.version, dict(terms.rules), token, bytes(range(32)))


def test_a_hello_is_taken_with_the_token_of_this_greeting_alone() -> None:
    hello = hello_for(greeting(), TERMS, Visitor("anna"), TOKEN)
    assert fault_of(hello, TERMS, bytes(range(32)), TOKEN) == ""
    assert "token is wrong" in fault_of(hello, TERMS, bytes(32), TOKEN)
    assert "token is wrong" in fault_of(hello, TERMS, bytes(range(32)), TOKEN + b"x")
    other: Hello = msgspec.structs.replace(hello, name="bert")
    assert "token is wrong" in fault_of(other, TERMS, bytes(range(32)), TOKEN)
    assert TOKEN not in msgspec.msgpack.encode(hello)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (Terms("other", 3, TERMS.rules), "speaks 'test'"),
        (Terms("test", 2, TERMS.rules), "version 3 of test, this program 2; update this program"),
        (Terms("test", 4, TERMS.rules), "version 3 of test, this program 4; update the server"),
        (Terms("test", 3, {"realm.toml": "ab", "lore": "bb"}), "realm.toml differs"),
        (Terms("test", 3, {"realm.toml": "aa"}), "lore differs"),
        (Terms("test", 3, {"realm.toml": "aa", "lore": "bb", "talk": "cc"}), "talk differs"),
    ],
)
def test_other_terms_are_named_at_both_ends(terms: Terms, fault: str) -> None:
    with pytest.raises(LineError, match=fault):
        hello_for(greeting(), terms, Visitor("anna"), TOKEN)
    hello = hello_for(greeting(terms=terms), terms, Visitor("anna"), TOKEN)
    assert fault_of(hello, TERMS, bytes(range(32)), TOKEN)


def test_a_hello_without_what_is_wanted_is_not_said() -> None:
    with pytest.raises(LineError, match="give --token FILE"):
        hello_for(greeting(), TERMS, Visitor("anna"), None)
    with pytest.raises(ValueError, match="no name for a player"):
        hello_for(greeting(), TERMS, Visitor("../anna"), TOKEN)
