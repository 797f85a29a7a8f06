"""The verb of shared realms: realm."""

import argparse
import sys
import time
from pathlib import Path

from commands.output import show

ROOT = Path(__file__).resolve().parents[1]


def realm(options: argparse.Namespace) -> int:
    if options.seer is not None:
        return seer(options)
    if options.folder is None:
        raise ValueError("--folder DIR: missing; give the folder that the realm is kept in")
    if options.relive:
        return relive(options.folder, options)
    if options.listen is None:
        raise ValueError("--listen HOST:PORT: missing; give the address to wait on, as in 127.0.0.1:7788")
    from common.line.address import read_address
    from common.line.tls import server_tls
    from common.line.token import read_token
    from game.shared.realm_folder import RealmFolder
    from game.shared.server import RealmServer

    address = read_address("--listen", options.listen, least_port=0)
    token = read_token(options.token) if options.token is not None else None
    tls = server_tls(options.certificate, options.key)
    folder = RealmFolder(options.folder, options.seed)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        server = RealmServer(folder, address, token=token, tls=tls, players=options.players)
    except BaseException:
        folder.close()
        raise
    if folder.note:
        say(folder.note)
    world, places = folder.shared.world, len(folder.shared.places)
    say(f"the realm of seed {world.seed}, tick {world.tick}, with {places} places; Ctrl-C saves and ends")
    say(f"listening on {address.host}:{server.line.port}; main.py play --join {address.host}:{server.line.port}")
    try:
        server.run(lambda: True, say)
    finally:
        server.close()
        say(f"saved in {options.folder}, at tick {world.tick}")
    return 0


def seer(options: argparse.Namespace) -> int:
    """Somebody born seeing walks a realm by themselves, and points at whoever they see."""
    from common import folders
    from common.line.address import read_address
    from common.line.token import read_token
    from game.journey.seer_guest import SeerGuest
    from game.realm.step import TICKS_PER_SECOND
    from game.shared.joining import joined, place_folder
    from perception.link import Link

    address, name = read_address("--seer", options.seer), options.name or "Yuki"
    token = read_token(options.token) if options.token is not None else None
    folder = folders.saves() / place_folder(address, name)
    realm = joined(name, address, folder, token, options.ca)
    mind = Link([sys.executable, str(ROOT / "main.py"), "mind", "--folder", str(folder)])
    guest, tick = SeerGuest(realm, mind, options.seed or 0), 1 / TICKS_PER_SECOND
    print(f"{name} walks the realm of {address}; Ctrl-C ends", file=sys.stderr, flush=True)
    mind.start()
    try:
        due = time.monotonic()
        while True:
            guest.tick(time.monotonic(), tick)
            while realm.notes:
                print(realm.notes.popleft(), file=sys.stderr, flush=True)
            due = max(due + tick, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        realm.close()
        mind.close()


def relive(folder: Path, options: argparse.Namespace) -> int:
    """Everything that happened in a realm once more, without writing."""
    from game.realm.replay import state_hash
    from game.shared.realm_folder import live_again

    shared = live_again(folder)
    world = shared.world
    names = [place.name for place in shared.places]
    result = {"ticks": world.tick, "seed": world.seed, "players": names, "state_hash": state_hash(world)}
    show(options, result, [f"{world.tick} ticks, {len(names)} places", f"state hash {result['state_hash']}"])
    return 0
