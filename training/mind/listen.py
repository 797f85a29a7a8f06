"""A mind that waits for games on an address: `main.py mind --listen HOST:PORT`. One game at a time.

Whoever reaches the port can teach the mind: keep it on a network you trust. It writes in its own folder alone. A game
that says nothing is hung up on, and one that comes while another is there is told so.
"""

import queue
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore, Thread

from perception.messages import Quit, ToMind, Trouble
from perception.model import Model
from perception.wire import Stream, encode, socket_stream
from training.mind.ending import Ending
from training.mind.inbox import Inbox
from training.mind.mind import Mind
from training.mind.serve import awake, serve

SILENCE = 20.0  # s: a game sends a Ping every five, whatever it does
TURN = 2.0  # s that a game waits for the one before it to be gone
TAKEN = "Another game plays with this mind. Try again when it has ended, or start a mind of your own"


class Door:
    """Lets games in, one at a time, and tells those who come meanwhile; in a thread of its own."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._free = BoundedSemaphore()
        self._closed = False
        self._game: socket.socket | None = None  # that is there
        self._games: queue.SimpleQueue[socket.socket | None] = queue.SimpleQueue()
        self.inbox = Inbox()  # of the game that is there
        Thread(target=self._let_in, name="lets games in", daemon=True).start()

    def _let_in(self) -> None:
        while True:
            try:
                game, _ = self._server.accept()
            except OSError:  # closed
                self._games.put(None)
                return
            if self._free.acquire(timeout=TURN):
                self._games.put(game)
                continue
            with game, suppress(OSError):
                game.settimeout(TURN)
                game.sendall(encode(Trouble(TAKEN)))

    def next_game(self) -> socket.socket | None:
        """Wait for a game; None when the door is closed."""
        self._game, self.inbox = self._games.get(), Inbox()
        if self._closed:
            self._hang_up()
        return self._game

    def next_please(self) -> None:
        """The game that was let in is gone."""
        self._free.release()

    def close(self) -> None:
        """Let nobody in any more, and end the talk with whoever is there."""
        self._closed = True
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._server.close()
        self._games.put(None)
        self._hang_up()

    def _hang_up(self) -> None:
        self.inbox.put([Quit()])
        if self._game is not None:
            with suppress(OSError):
                self._game.shutdown(socket.SHUT_RDWR)  # wakes whoever waits to send to it


def serve_address(address: str, model: Model, folder: Path | None, seed: int, seer: Path | None = None) -> None:
    """Wait for games on HOST:PORT, one after the other; each finds what the one before has learned.

    Ends with SIGTERM or Ctrl-C, saved. Raises ValueError for an address, and as `awake` does.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"--listen {address}: give HOST:PORT, for example 127.0.0.1:7777")
    with awake(model, folder, seed, seer, local=False) as mind, socket.create_server((host, int(port))) as server:
        door = Door(server)
        print(f"listening on {host}:{server.getsockname()[1]}", file=sys.stderr, flush=True)
        with Ending(door.close):
            serve_games(mind, door)


def serve_games(mind: Mind, door: Door) -> None:
    """Serve one game after the other until the door is closed."""
    while (game := door.next_game()) is not None:
        with game:
            line: Stream[ToMind] = socket_stream(game, ToMind, SILENCE)
            try:
                serve(mind, line, 0, door.inbox, partial(game.shutdown, socket.SHUT_RDWR), SILENCE)
            except OSError as error:  # it can't be saved: it goes on, and tries again after the next game
                print(f"main.py mind: {error}", file=sys.stderr, flush=True)
        door.next_please()
