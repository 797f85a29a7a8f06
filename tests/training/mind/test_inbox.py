"""What waits for a mind is bounded; what comes above that is refused aloud, and nothing else is lost or reordered."""

from threading import Thread

import msgspec
import pytest

from game.realm.rules import load
from perception.messages import (
    Burn,
    Export,
    Keep,
    Mark,
    Perceive,
    Practise,
    Quit,
    Rewind,
    TakeOff,
    Teach,
    Trouble,
    Weigh,
    WriteLog,
)
from training.data.lessons import generated
from training.mind.inbox import BYTES_MAX, ORDERS_MAX, TICKETS_MAX, Inbox

LESSON = generated(0, 1, "terse", load())[0]
SCENE = LESSON.scene


def scene(number):
    return msgspec.structs.replace(SCENE, id=number)


def taken(*batches):
    inbox = Inbox()
    refused = [refusal for batch in batches for refusal in inbox.put(batch)]
    return inbox.take(wait=False), refused


def test_all_that_waits_is_taken_in_order_and_once():
    inbox = Inbox()
    assert inbox.take(wait=False) == []
    assert inbox.put([Teach(LESSON), Mark("a")]) == inbox.put([Rewind(0), Mark("b")]) == []
    assert inbox.take(wait=True) == [Teach(LESSON), Mark("a"), Rewind(0), Mark("b")]
    assert inbox.take(wait=False) == []


def test_one_who_waits_is_woken_by_what_comes():
    inbox, got = Inbox(), []
    thread = Thread(target=lambda: got.append(inbox.take(wait=True)))
    thread.start()
    inbox.put([Keep()])
    thread.join(60)
    assert got == [[Keep()]]


def test_of_passing_glances_only_the_newest_is_looked_at_and_every_ticket():
    glances = [Perceive(scene(i)) for i in (1, 2, 3)]
    held = [Perceive(scene(i), ticket=i) for i in (4, 5)]
    keep, lesson = Keep(), Teach(LESSON)
    assert taken([glances[0], held[0], glances[1]], [held[1], glances[2]]) == ([*held, glances[2]], [])
    assert taken([glances[0], lesson, glances[1], keep, glances[2]]) == ([lesson, keep, glances[2]], [])
    assert taken([glances[2], lesson]) == ([glances[2], lesson], [])


def test_of_orders_of_which_the_last_one_counts_it_alone_waits():
    messages = [Practise(True), Keep(), Weigh(), Teach(LESSON), Practise(False), Keep(), Weigh(), Practise(True)]
    assert taken(messages * 1000) == ([*[Teach(LESSON)] * 1000, Keep(), Weigh(), Practise(True)], [])


def test_so_many_tickets_wait_and_the_others_are_told_so():
    requests = [Perceive(scene(i), ticket=i) for i in range(1, TICKETS_MAX + 11)]
    waiting, refused = taken(requests, [Perceive(scene(0))])
    assert waiting == [*requests[:TICKETS_MAX], Perceive(scene(0))]
    assert [(type(each), each.ticket) for each in refused] == [(Trouble, ask.ticket) for ask in requests[TICKETS_MAX:]]


def test_so_many_long_orders_of_a_kind_wait():
    orders = [kind(str(i)) for i in range(ORDERS_MAX + 3) for kind in (WriteLog, Export, Mark)]
    waiting, refused = taken(orders)
    assert (len(waiting), len(refused)) == (3 * ORDERS_MAX, 9)


def test_three_thousand_lessons_at_once_are_taken_and_no_more_bytes_than_fit():
    lessons = [Teach(LESSON)] * 3000  # what a game teaches a mind that lost its journal
    assert taken(lessons) == (lessons, [])
    large = Teach(msgspec.structs.replace(LESSON, scene=msgspec.structs.replace(SCENE, text="x" * 60_000)))
    inbox, refused = Inbox(), []
    for _ in range(300):
        refused += inbox.put([large])
        assert inbox._weight <= BYTES_MAX
    assert 0 < len(refused) < 300
    assert inbox.put([Quit()]) == []
    assert inbox.take(wait=False)[-1] == Quit()
    assert inbox.put([large]) == []


@pytest.mark.parametrize(
    "order", [Rewind(0), Burn(SCENE, "north", 0, "oni"), TakeOff(0)], ids=lambda order: type(order).__name__
)
def test_a_scene_overtakes_lessons_and_no_change_of_the_weights(order):
    inbox, look = Inbox(), Perceive(SCENE, ticket=1)
    inbox.put([Teach(LESSON), look, order, look])
    assert inbox.take_look() == look and inbox.take_look() is None
    assert inbox.take_next() == [Teach(LESSON)] and inbox.take_look() is None
    assert inbox.take_next() == [order] and inbox.take_look() == look
    assert inbox.waiting == 0
