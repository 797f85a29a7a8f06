"""What a training taught, in words: how much of what there is to know a model's beliefs tell."""

import math

from training.headlog.records import Information

LEAST = 0.001  # of what there is to know; less is nothing


def words(information: Information) -> str:
    """Such as "its beliefs tell 99.8 % of what there is to know; before, 1 %"."""
    after, before = (_percent(share) for share in (information.share_after, information.share_before))
    return f"its beliefs tell {after} of what there is to know; before, {before}"


def base_rate_words(information: Information) -> str:
    """Such as "of 3.54 nats of plain gain, 2.81 are the base rate"."""
    gain = information.plain_before - information.plain_after
    return f"of {gain:.2f} nats of plain gain, {information.base_rate:.2f} are the base rate"


def plain_data(information: Information) -> dict[str, float | None]:
    """All its numbers by name, with the shares, for JSON and tables."""
    names = (*(name for name in Information.__struct_fields__), "share_before", "share_after", "base_rate")
    return {name: getattr(information, name) for name in names}


def _percent(share: float) -> str:
    """A share as a percentage that never rounds to all or nothing."""
    if not math.isfinite(share):
        return "an unknown part"
    if share < LEAST:
        return "nothing"
    percent = 100 * share
    if percent >= 99.95:
        return f"all but {max(100 - percent, 0):.2g} %" if percent < 100 else "100 %"
    return f"{percent:.1f} %" if percent < 2 or percent > 98 else f"{percent:.0f} %"
