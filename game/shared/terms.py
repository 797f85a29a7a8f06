"""What a realm and a player's game have to agree on before a word is said."""

import hashlib

from common.assets import ASSETS
from common.files import read_bytes
from common.line.hello import Terms

PROTOCOL, VERSION = "second-sight-realm", 2
RULES = ("realm.toml", "play.toml", "quests.toml")  # assets that decide what a realm is
RULES_MAX = 1 << 22  # bytes


def terms() -> Terms:
    """The protocol, its version, and digests of the files of rules. Raises OSError, ValueError."""
    digests = {}
    for name in RULES:
        digests[name] = hashlib.blake2b(read_bytes(ASSETS / name, RULES_MAX), digest_size=16).hexdigest()
    return Terms(PROTOCOL, VERSION, digests)
