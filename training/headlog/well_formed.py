"""Finds the first byte at which a piece of MessagePack is not one that a log may hold. An unpacker doesn't say it."""

from training.headlog.records import ITEMS_MAX, TEXT_MAX

# First byte of a MessagePack value: how many bytes its own length takes, or its whole size; others are handled apart.
_LENGTHS = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_SIZES = {
    0xC0: 1,
    0xC2: 1,
    0xC3: 1,
    0xCA: 5,
    0xCB: 9,
    0xCC: 2,
    0xCD: 3,
    0xCE: 5,
    0xCF: 9,
    0xD0: 2,
    0xD1: 3,
    0xD2: 5,
    0xD3: 9,
}


def first_bad_byte(raw: bytes) -> tuple[int, str] | None:
    """Where `raw` has a byte that no value of a log may have there, and why; None if nothing but its end is wrong."""
    at, values = 0, 1
    while values and at < len(raw):
        first, values = raw[at], values - 1
        if first in _SIZES or first <= 0x7F or first >= 0xE0:
            at += _SIZES.get(first, 1)
            continue
        if 0x80 <= first <= 0xBF:
            body, count = at + 1, first & (0x1F if first >= 0xA0 else 0x0F)
        elif first in _LENGTHS:
            body = at + 1 + _LENGTHS[first]
            count = int.from_bytes(raw[at + 1 : body])
        else:
            return at, f"0x{first:02x} is not MessagePack, or not for logs (binary, extension)"
        text = 0xA0 <= first <= 0xBF or 0xD9 <= first <= 0xDB
        if count > (most := TEXT_MAX if text else ITEMS_MAX) and body <= len(raw):
            return at, f"a {'text' if text else 'collection'} of {count}, allowed are {most},"
        if not text:
            at, values = body, values + count * (2 if 0x80 <= first <= 0x8F or first >= 0xDE else 1)
            continue
        try:
            raw[body : body + count].decode()
        except UnicodeDecodeError as error:
            if body + count <= len(raw):
                return body + error.start, "text that is not UTF-8"
        at = body + count
    return None
