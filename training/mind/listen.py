"""A mind that waits for players on an address: `main.py mind --listen HOST:PORT`, on a line of common.line.

Each player's mind lies in a folder of its own under a plain name, FOLDER/players/NAME, and writes there alone.
FOLDER/places.json says whose name is whose.
"""

import ssl
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event

from common.assets import SEER
from common.files import make_folder
from common.line.address import Address
from common.line.places import Places
from common.line.server import Server, anybody
from common.locks import hold
from game.realm.rules import load as load_rules
from perception.messages import ToMind
from perception.model import Model
from perception.remote import LIMITS, TERMS, MindCodec
from training.mind.ending import Ending
from training.mind.mind import IN_PLAY, PROBE_SEED, MindConfig
from training.mind.serve import LOCK_WAIT
from training.mind.service import Service, ServiceConfig

PLACES = "places.json"
# Others wait: a step is taken in smaller pieces than beside one game (docs/RESULTS.md, `players/players.json`).
SERVED = replace(IN_PLAY, parts=4)
PLACES_MOST = 256  # players that may ever come: each takes some fifty MB of disk


def served_config(seed: int, seer: Path | None = None) -> MindConfig:
    """How each player's mind is, but for its folder."""
    seer = SEER if seer is None else seer
    return MindConfig(None, SERVED, PROBE_SEED + seed, seer, local=False, resumes=True)


def serve_address(
    address: Address,
    model: Model,
    folder: Path | None,
    seed: int,
    seer: Path | None = None,
    token: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve players until SIGTERM or Ctrl-C, then save. folder: None keeps nothing.

    Raises LineError where it can't listen, FolderInUse, OSError for what can't be saved at the end.
    """
    config = served_config(seed, seer)
    with nullcontext() if folder is None else hold(folder, "minds", LOCK_WAIT):
        if folder is not None:
            make_folder(folder)
        admit = anybody if folder is None else Places(folder / PLACES, PLACES_MOST).admit
        codec: MindCodec[ToMind] = MindCodec(ToMind)
        server = Server(address, TERMS, codec, limits=LIMITS, token=token, tls=tls, admit=admit)
        ended = Event()
        try:
            service = Service(server, model, ServiceConfig(folder, config), load_rules())
            where = Address(address.host, server.port, tls is not None)
            print(f"listening on {where}", file=sys.stderr, flush=True)
            with Ending(ended.set):
                service.run(ended)
        finally:
            server.close()
