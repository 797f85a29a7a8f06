"""The verb of shared realms: realm."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from commands.output import show

if TYPE_CHECKING:
    from ssl import SSLContext

    from common.line.address import Address

LOCK_WAIT = 10.0  # s for a region's process before this one to save
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
    if options.region is not None and not options.region < (options.regions or 0):
        raise ValueError(f"--region {options.region}: goes with --regions N, and is one of 0 to N - 1")
    from common.line.address import read_address
    from common.line.tls import server_tls
    from common.line.token import read_token

    address = read_address("--listen", options.listen, least_port=0)
    token = read_token(options.token) if options.token is not None else None
    tls = server_tls(options.certificate, options.key)
    serve = regions if options.regions is not None and options.region is None else one_realm
    serve(options, address, token, tls)
    return 0


def one_realm(options: argparse.Namespace, address: "Address", token: bytes | None, tls: "SSLContext | None") -> None:
    """A realm, or one of several regions: that one ends when its stdin does."""
    from game.shared.homes import Residents, check_folder, folder_of
    from game.shared.realm_folder import RealmFolder
    from game.shared.server import RealmServer

    check_folder(options.folder, options.regions)
    own, residents, ended = options.folder, None, list[bool]()
    if options.region is not None:
        own, residents = folder_of(options.folder, options.region), Residents(options.folder, options.region)
    folder = RealmFolder(own, options.seed, wait=0.0 if residents is None else LOCK_WAIT)
    try:
        server = RealmServer(folder, address, token=token, tls=tls, players=options.players, residents=residents)
    except BaseException:
        folder.close()
        raise
    if folder.note:
        say(folder.note)
    world, places = folder.shared.world, len(folder.shared.places)
    say(f"the realm of seed {world.seed}, tick {world.tick}, with {places} places")
    if residents is None:
        where = f"{address.host}:{server.line.port}"
        say(f"listening on {where}; main.py play --join {where}; Ctrl-C saves and ends")
    else:
        print(json.dumps({"port": server.line.port}), flush=True)
        Thread(target=await_end, args=(ended,), name="waits for the front's end", daemon=True).start()
    try:
        server.run(lambda: not ended, say)
    finally:
        server.close()
        say(f"saved in {own}, at tick {world.tick}")


def await_end(ended: list[bool]) -> None:
    """Notes the end of stdin."""
    while os.read(0, 4096):
        continue
    ended.append(True)


def regions(options: argparse.Namespace, address: "Address", token: bytes | None, tls: "SSLContext | None") -> None:
    """Several realms behind one address, each in a process of its own."""
    from common.locks import hold
    from game.shared.homes import Homes, folder_of
    from game.shared.regions import Front, RegionProcess, keep

    count, first = options.regions, address.port + 1 if address.port else 0
    if first + count > 65_536:
        raise ValueError(f"--listen {address}: {count} regions need as many ports above it; choose a lower one")
    with hold(options.folder, "regions"):
        homes = Homes(options.folder, count, options.seed)

        def command(region: int, port: int) -> list[str]:
            """What serves a region."""
            own = [sys.executable, str(ROOT / "main.py"), "realm", "--folder", str(options.folder)]
            own += ["--listen", str(address._replace(port=port)), "--seed", str(homes.seed + region)]
            own += ["--regions", str(count), "--region", str(region), "--players", str(options.players)]
            for flag in ("token", "certificate", "key"):
                value = getattr(options, flag)
                own += [] if value is None else [f"--{flag}", str(value)]
            return own

        front = Front(homes, address, token=token, tls=tls, players=options.players)
        where = f"{address.host}:{front.line.port}"
        say(f"{count} regions, of seed {homes.seed} and the next ones")
        say(f"listening on {where}; main.py play --join {where}; Ctrl-C saves and ends")
        try:
            keep(front, [RegionProcess(n, first and first + n, command, say) for n in range(count)], lambda: True)
        finally:
            front.close()
            say(f"saved in {', '.join(str(folder_of(options.folder, n)) for n in range(count))}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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
