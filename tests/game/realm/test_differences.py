"""What is sent of what a player may know: a difference brings the other end to the very same."""

import copy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.realm.differences import Difference, apply, difference, digest
from game.realm.policy import RandomPolicy
from game.realm.seen import Seen, SeenBody, SeenErrand, SeenFind, SeenPage, SeenSelf, SeenSky, observe
from game.realm.step import step_players
from game.realm.world import new_world

whole = st.integers(-300, 3000)
word = st.sampled_from(["kitsune", "oni", "a", ""])
facing = st.sampled_from("nesw")
flag = st.booleans()
number = st.integers(0, 40)
sky = st.builds(SeenSky, word, word, flag, st.floats(0, 1), whole)
own = st.builds(SeenSelf, whole, whole, facing, flag, flag, whole, flag, flag, whole, flag, flag)
body = st.builds(SeenBody, word, whole, whole, facing, flag)
errand = st.builds(
    SeenErrand, word, whole, st.lists(whole, max_size=3).map(tuple), flag, whole, whole, whole, whole, whole
)
page = st.builds(SeenPage, whole, whole, whole, whole, st.lists(word, max_size=2).map(tuple))
find = st.builds(SeenFind, whole, st.floats(0, 24), whole, word)
things = st.lists(st.tuples(st.integers(0, 3), word), max_size=3).map(tuple)
seen = st.builds(
    Seen, whole, sky, own, st.tuples(whole, whole, whole, whole), st.dictionaries(number, body),
    st.dictionaries(number, things), st.just({}), st.just({}), st.just({}), st.dictionaries(number, word),
)  # fmt: skip
lasting = st.tuples(st.dictionaries(word, errand), st.dictionaries(word, page), st.dictionaries(number, find))
decode = msgspec.msgpack.Decoder(Difference).decode


@settings(max_examples=120, deadline=None)
@given(seen, seen, lasting, lasting)
def test_a_difference_brings_the_old_to_the_new(old: Seen, new: Seen, before: tuple, added: tuple) -> None:
    old.errands, old.pages, old.finds = map(dict, before)
    new.errands, new.pages, new.finds = (old_part | more for old_part, more in zip(before, added, strict=True))
    change = decode(msgspec.msgpack.encode(difference(old, new)))
    untouched = copy.deepcopy(old)
    apply(old, change)
    assert old == new and digest(old) == digest(new)
    assert (digest(untouched) == digest(new)) == (untouched == new), "a digest tells what is different"


@settings(max_examples=60, deadline=None)
@given(seen, seen, st.sampled_from(Seen.__struct_fields__), lasting, lasting)
def test_a_digest_tells_one_other_part(old: Seen, new: Seen, part: str, before: tuple, after: tuple) -> None:
    (old.errands, old.pages, old.finds), (new.errands, new.pages, new.finds) = before, after
    changed = copy.deepcopy(old)
    setattr(changed, part, getattr(new, part))
    assert (digest(changed) == digest(old)) == (changed == old), part


def test_a_realm_is_followed_by_its_differences_alone() -> None:
    world = new_world(7, players=2)
    policies = [RandomPolicy(1), RandomPolicy(2)]
    known = observe(world, world.players[1])
    sizes = []
    for _ in range(300):
        step_players(world, [policy(world, who) for policy, who in zip(policies, world.players, strict=True)])
        now = observe(world, world.players[1])
        raw = msgspec.msgpack.encode(difference(known, now))
        sizes.append(len(raw))
        apply(known, decode(raw))
        assert digest(known) == digest(now)
    assert len(msgspec.msgpack.encode(now)) > 4 * sorted(sizes)[150], "a difference is smaller than the whole"


def test_nothing_new_is_a_message_of_a_few_bytes() -> None:
    now = observe(new_world(0), new_world(0).player)
    assert len(msgspec.msgpack.encode(difference(now, copy.deepcopy(now)))) < 8


@pytest.mark.parametrize("moved", [[1], [1, 0, 0], [999, 1, 1, 0], [1, 0, 0, 8], [1, 0, 0, -1]])
def test_bodies_that_are_not_known_are_refused(moved: list[int]) -> None:
    known = observe(new_world(0), new_world(0).player)
    with pytest.raises(ValueError, match="moved"):
        apply(known, Difference(1, moved=moved))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_other_bytes_are_no_difference(raw: bytes) -> None:
    try:
        change = decode(raw)
        apply(observe(new_world(0), new_world(0).player), change)
    except (ValueError, msgspec.MsgspecError):
        return
