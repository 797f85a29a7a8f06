"""Lives of a mind, a game and a realm that may end at any moment. Each is a function for a process of its own.

They speak with whoever kills them through a pipe: a word when they are there, and what was unusual.
"""

import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

from common.line.address import Address
from common.line.faults import LineError
from common.line.hello import Visitor
from common.line.places import place_key as mind_key
from game.realm.happenings import Revealed
from game.realm.realms import Heard
from game.realm.scene import lesson
from game.realm.senses import in_sight
from game.shared import joined as joined_realm
from game.shared.joined import JoinedRealm
from game.shared.joining import joined, place_key
from game.shared.realm_folder import RealmFolder
from game.shared.server import RealmServer
from perception import link
from perception.link import Line, connect
from perception.messages import Practise, Teach, Trouble
from perception.outbox import Outbox
from perception.remote import TERMS, Elsewhere

HOST, NAME, OUTBOX = "127.0.0.1", "Aki", "untaught.msgpack"
FRAME_S = 1 / 40
NAMES_EVERY = 8  # ticks: the player says who is at a place, and is taught
SPECIES = "oni"
QUIET = 80  # ticks without news, after which all has come
AGAIN_S = 0.1  # from one try to come back to the next: a game takes longer, and would miss most of the lives
SAVE_S = 1.0  # snapshots are made so often that kills fall into them


def realm(folder: Path, port: int, seed: int, pipe: Connection) -> None:
    """Serves a realm until it is killed."""
    opened = RealmFolder(folder, seed)
    server = RealmServer(opened, Address(HOST, port), players=8)
    pipe.send(("there", opened.note))
    last = time.monotonic()

    def going_on() -> bool:
        nonlocal last
        if time.monotonic() - last > SAVE_S:
            last = time.monotonic()
            server.save()
        return True

    server.run(going_on)


def mind(folder: Path, port: int, pipe: Connection) -> None:
    """A mind for players elsewhere, of a tiny random model, until it is killed."""
    import torch

    from common.line.places import Places
    from common.line.server import Server
    from game.realm.rules import load
    from perception.messages import ToMind
    from perception.remote import LIMITS, MindCodec
    from tests.kits.minds import tiny
    from training.config import TeachConfig
    from training.mind import self_measurement
    from training.mind.mind import MindConfig
    from training.mind.service import Service, ServiceConfig

    torch.set_num_threads(1)
    self_measurement.LIVE_PROBES = 4
    codec: MindCodec[ToMind] = MindCodec(ToMind)
    admit = Places(folder / "places.json", 8).admit
    server: Server[ToMind] = Server(Address(HOST, port), TERMS, codec, limits=LIMITS, admit=admit)
    teach = TeachConfig(parts=2, rank=4, scenes=2, rehearse=1, warmup=1)
    service = Service(server, tiny(), ServiceConfig(folder, MindConfig(None, teach, local=False, resumes=True)), load())
    pipe.send(("there", ""))
    service.run(Event())


def game(folder: Path, realm_port: int, mind_port: int, seed: int, pipe: Connection) -> None:
    """Plays: walks, names, is taught, and teaches its mind, until it is killed; or, once it is told to end, until the
    mind has acknowledged all of it."""
    joined_realm.AGAIN = link.BACKOFF = link.BACKOFF_MAX = AGAIN_S
    random, address = Random(f"game/{seed}"), Address(HOST, mind_port)
    key = mind_key(folder / "places.key", TERMS.protocol, address, NAME)
    visitor = Visitor(NAME, key, place_key(folder)[:16])  # one that lives again takes the place of its dead line
    line = connect(Elsewhere(address, visitor, outbox=folder / OUTBOX), restarts=10**6)
    line.start()
    line.send(Practise(True))
    played = _come(Address(HOST, realm_port), folder)
    pipe.send(("there", ""))
    ending, tick, quiet = False, 0, 0
    while not (ending and quiet > QUIET and not Outbox(folder / OUTBOX).frames):
        ending = ending or pipe.poll()
        tick += 1
        heard = played.tick(() if ending else _deeds(played, random, tick), tick % NAMES_EVERY == 0, "terse")
        quiet = 0 if heard or played.lost else quiet + 1
        for one in heard:
            _teach(line, one)
        for message in line.poll():
            if isinstance(message, Trouble) and ".old" in message.text:
                pipe.send(("damage", message.text[:200]))
        time.sleep(FRAME_S)
    pipe.send(("ended", ""))


def _come(address: Address, folder: Path) -> JoinedRealm:
    while True:
        try:
            return joined(NAME, address, folder)
        except LineError:
            time.sleep(AGAIN_S)


def _deeds(played: JoinedRealm, random: Random, tick: int) -> tuple[tuple, ...]:
    deeds: tuple[tuple[Any, ...], ...] = (("move", *((1, 0), (0, 1), (-1, 0), (0, -1))[tick // 60 % 4]),)
    if tick % NAMES_EVERY:
        return deeds
    seen = in_sight(played.view)
    return (*deeds, ("name", random.choice(seen)[1], SPECIES)) if seen else deeds


def _teach(line: Line, heard: Heard) -> None:
    for happening in heard.happenings:
        if isinstance(happening, Revealed) and heard.view is not None:
            taught = lesson(heard.view, happening)
            if taught is not None:
                line.send(Teach(taught))
