"""Shared realms without a network: lines that are two lists, through the bytes of real messages."""

from collections.abc import Callable
from pathlib import Path

from common.line.channel import Left
from common.line.codec import Codec
from game.realm.play_rules import load
from game.realm.rules import Rules
from game.shared.guest import Guest
from game.shared.host import Host
from game.shared.joined import JoinedRealm
from game.shared.messages import Enter, FromPlayer, FromRealm
from game.shared.realm_folder import RealmFolder

TO_REALM: Codec[FromPlayer] = Codec(FromPlayer)
TO_PLAYER: Codec[FromRealm] = Codec(FromRealm)


class Pipe:
    """One player's line. cut: it is broken."""

    def __init__(self, realm: "Realm", name: str, key: bytes) -> None:
        self.realm, self.name, self.key = realm, name, key
        self.guest: Guest | None = None
        self.cut = self.said_left = False
        self.bytes_down = 0
        self.log: list[FromRealm] = []

    def send(self, message: object) -> bool:
        if self.cut:
            return False
        arrived = TO_REALM.decode(TO_REALM.encode(message))
        if isinstance(arrived, Enter):
            self.guest = self.realm.host.enter(self.name, self.key, arrived.told)
        elif self.guest is not None and not self.guest.gone:
            self.realm.host.take(self.guest, arrived)
        return True

    def poll(self, wait: float = 0.0) -> list[FromRealm | Left]:
        if self.cut:
            gone, self.said_left = not self.said_left, True
            return [Left("cut")] if gone else []
        messages: list[FromRealm | Left] = []
        while self.guest is not None and self.guest.out:
            raw = TO_PLAYER.encode(self.guest.out.popleft())
            self.bytes_down += len(raw)
            messages.append(TO_PLAYER.decode(raw))
        self.log += [message for message in messages if not isinstance(message, Left)]
        return messages

    def break_off(self) -> None:
        self.cut = True
        if self.guest is not None:
            self.realm.host.leave(self.guest)

    def close(self) -> None:
        self.cut = True


class Realm:
    """A shared realm in a folder, and its lines."""

    def __init__(self, folder: Path, seed: int = 0, secret: str = "s", rules: Rules | None = None) -> None:
        self.folder = RealmFolder(folder, seed, rules, secret)
        self.host = Host(self.folder.shared)
        self.pipes: list[Pipe] = []

    @property
    def world(self):  # type: ignore[no-untyped-def]
        return self.folder.shared.world

    def connect(self, name: str, key: bytes = b"k" * 32) -> Callable[[], Pipe]:
        def make() -> Pipe:
            self.pipes.append(Pipe(self, name, key))
            return self.pipes[-1]

        return make

    def join(self, name: str, key: bytes = b"k" * 32) -> JoinedRealm:
        return JoinedRealm(self.connect(name, key), load())
