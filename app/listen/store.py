"""What outlives a request: runs, answers, rooms and what was sent to them, in one SQLite file for all server processes.

SQLite lets one writer in at a time, whichever process it is in; its write-ahead log keeps what was written when a
process is killed. The file is `amtlab serve --results FILE`, or one that goes with the server.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Marks the file as ours, see `PRAGMA application_id`; `amtlib.serving` looks for it before it starts a server.
APPLICATION_ID = 0x414D544C
_VERSION = 2
#: A run that was not sent to a room is kept for so long after it was begun, s.
KEPT_S = 24 * 3600.0
#: How long a change waits for those of other processes, s.
PATIENCE_S = 20.0
#: Pieces of a model's work that are kept, the newest.
MOST_MODELS = 2000
#: Most runs and rooms that are kept, and most results in a room.
MOST_RUNS, MOST_ROOMS, MOST_RESULTS = 20_000, 200, 2000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, link TEXT NOT NULL, seed INTEGER NOT NULL, room TEXT NOT NULL, begun REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
  run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, number INTEGER NOT NULL, answer INTEGER NOT NULL,
  after REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hearings (
  run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, number INTEGER NOT NULL, times INTEGER NOT NULL,
  PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rooms (id TEXT PRIMARY KEY, key BLOB NOT NULL, links TEXT NOT NULL, begun REAL NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
  run TEXT PRIMARY KEY, room TEXT NOT NULL REFERENCES rooms(id) ON DELETE CASCADE, link TEXT NOT NULL,
  threshold REAL, low REAL, high REAL, trials INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_of_room ON results(room);
CREATE TABLE IF NOT EXISTS predictions (
  run TEXT PRIMARY KEY REFERENCES results(run) ON DELETE CASCADE, lesson TEXT NOT NULL, choice INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (key TEXT PRIMARY KEY, text TEXT NOT NULL);
"""


class Refusal(Exception):
    """What was asked cannot be done; the message is a sentence for the person at the page."""


class Unknown(Refusal):
    """There is no such run or room (any more)."""


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as it is kept: trial, interval, s after the end of the sound, and s since 1970."""

    number: int
    answer: int
    after: float
    at: float


@dataclass(frozen=True)
class StoredRun:
    """A run as it is kept."""

    id: str
    link: str
    seed: int
    room: str
    begun: float


@dataclass(frozen=True)
class Sent:
    """A result that was sent to a room: of which condition, threshold and its interval (None: none was found)."""

    link: str
    threshold: float | None
    low: float | None
    high: float | None
    trials: int
    at: float
    #: Of a lesson's first run: the lesson, and the number of the choice that was predicted, from 0
    lesson: str | None = None
    predicted: int | None = None


class Store:
    """
    Runs and rooms in a file.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection: SQLite's belong to the thread, and to the process, that opened them."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None or self._local.process != os.getpid():
            found = sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)
            _keep_a_log(found)
            found.execute("PRAGMA synchronous = NORMAL")
            found.execute("PRAGMA foreign_keys = ON")
            if found.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                found.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
            self._local.connection, self._local.process = found, os.getpid()
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one change: all of it is kept, or nothing."""
        with self._connection() as connection:  # which ends the change
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def _read(self, query: str, *values: object) -> sqlite3.Cursor:
        return self._connection().execute(query, values)

    def close(self) -> None:
        """Close this thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    # --- runs ---------------------------------------------------------------------------------------------

    def begin(self, link: str, seed: int, room: str = "") -> StoredRun:
        """Keep a new run, and forget those that are older than a day and were not sent.

        Raises
        ------
        Refusal
            If no more can be kept.
        Unknown
            If the room is not there.
        """
        now = time.time()
        made = StoredRun(secrets.token_urlsafe(18), link, seed, room, now)
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM runs WHERE begun < ? AND id NOT IN (SELECT run FROM results)", (now - KEPT_S,)
            )
            if connection.execute("SELECT count(*) FROM runs").fetchone()[0] >= MOST_RUNS:
                raise Refusal("This server keeps as many runs as it can. Try again tomorrow.")
            if room:
                _links_of(connection, room)
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", (made.id, link, seed, room, now))
        return made

    def run(self, id: str) -> StoredRun:
        """Return a run.

        Raises
        ------
        Unknown
            If there is none with that name.
        """
        row = self._read("SELECT * FROM runs WHERE id = ?", id).fetchone()
        if row is None:
            raise Unknown(
                "This run is not kept any more: the server was started anew, or a day has passed. Start again."
            )
        return StoredRun(*row)

    def answers(self, id: str, first: int = -1000) -> list[StoredAnswer]:
        """Return a run's answers in the order of their trials, from one on; practice has numbers below 0."""
        query = "SELECT number, answer, after, at FROM answers WHERE run = ? AND number >= ? ORDER BY number"
        rows = self._read(query, id, first)
        return [StoredAnswer(*row) for row in rows]

    def answer(self, id: str, number: int, answer: int, after: float) -> None:
        """Keep an answer: the first one to a trial stays."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
                (id, number, answer, after, time.time()),
            )

    def heard(self, id: str, number: int) -> None:
        """Count that a trial's sound was handed out."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO hearings VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                (id, number),
            )

    def hearings(self, id: str) -> dict[int, int]:
        """Return how often each trial's sound was handed out."""
        return dict(self._read("SELECT number, times FROM hearings WHERE run = ?", id))

    # --- rooms --------------------------------------------------------------------------------------------

    def open_room(self, links: list[str]) -> tuple[str, str]:
        """Open a room for these conditions; return its name and the teacher's key, which is kept as a hash.

        Raises
        ------
        Refusal
            If as many are open as may be.
        """
        room, key = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
        with self._writing() as connection:
            if connection.execute("SELECT count(*) FROM rooms").fetchone()[0] >= MOST_ROOMS:
                raise Refusal(
                    f"{MOST_ROOMS} rooms are open on this server: end one that is not needed any more."
                )
            connection.execute(
                "INSERT INTO rooms VALUES (?, ?, ?, ?)", (room, _digest(key), "\n".join(links), time.time())
            )
        return room, key

    def links(self, room: str) -> list[str]:
        """Return the conditions of a room.

        Raises
        ------
        Unknown
            If it is not there.
        """
        return _links_of(self._connection(), room)

    def check_key(self, room: str, key: str) -> None:
        """Raise unless a key is that of a room.

        Raises
        ------
        Unknown
            If it is not, or the room is not there.
        """
        row = self._read("SELECT key FROM rooms WHERE id = ?", room).fetchone()
        if row is None or not hmac.compare_digest(row[0], _digest(key)):
            raise Unknown(
                "This is not the teacher's link of a room that is open: only that link ends or exports one."
            )

    def send(
        self,
        run: str,
        room: str,
        link: str,
        found: tuple[float | None, float | None, float | None],
        trials: int,
        prediction: tuple[str, int] | None = None,
    ) -> bool:
        """Keep a result in a room, and return whether it is new: one run is there once, however often it is sent.

        With it comes, for the first run of a lesson, the lesson's name and the number of the choice that was predicted.

        Raises
        ------
        Unknown
            If the room is not there.
        Refusal
            If it has as many as it may.
        """
        with self._writing() as connection:
            if link not in _links_of(connection, room):
                raise Unknown("This room has no such experiment: it was opened for another one.")
            count = connection.execute("SELECT count(*) FROM results WHERE room = ?", (room,)).fetchone()[0]
            if count >= MOST_RESULTS:
                raise Refusal(
                    f"This room holds {MOST_RESULTS} results, and no more: ask your teacher for another one."
                )
            done = connection.execute(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run, room, link, *found, trials, time.time()),
            )
            if prediction is not None:
                connection.execute("INSERT OR IGNORE INTO predictions VALUES (?, ?, ?)", (run, *prediction))
        return done.rowcount == 1

    def sent(self, room: str) -> list[Sent]:
        """Return what was sent to a room, in the order in which it came.

        Raises
        ------
        Unknown
            If it is not there.
        """
        self.links(room)
        rows = self._read(
            "SELECT link, threshold, low, high, trials, at, lesson, choice FROM results "
            "LEFT JOIN predictions USING (run) WHERE room = ? ORDER BY at, run",
            room,
        )
        return [Sent(*row) for row in rows]

    def predictions(self, room: str, lesson: str) -> dict[int, int]:
        """Return how often each choice of a lesson was predicted in a room."""
        rows = self._read(
            "SELECT choice, count(*) FROM predictions JOIN results USING (run) WHERE room = ? AND lesson = ? "
            "GROUP BY choice",
            room,
            lesson,
        )
        return dict(rows)

    def end_room(self, room: str) -> None:
        """Remove a room with all that was sent to it."""
        with self._writing() as connection:
            connection.execute("DELETE FROM rooms WHERE id = ?", (room,))

    # --- what a model has heard ---------------------------------------------------------------------------

    def model(self, key: str) -> str | None:
        """Return what was kept of a model's work."""
        row = self._read("SELECT text FROM models WHERE key = ?", key).fetchone()
        return None if row is None else str(row[0])

    def claim(self, key: str, seconds: float) -> bool:
        """Return whether nobody else does a piece of a model's work; if so, it is one's own for some seconds."""
        now = time.time()
        with self._writing() as connection:
            done = connection.execute(
                "INSERT INTO claims VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until WHERE until < ?",
                (key, now + seconds, now),
            )
        return done.rowcount == 1

    def give_back(self, key: str) -> None:
        """Let others do a piece of work that was not done."""
        with self._writing() as connection:
            connection.execute("DELETE FROM claims WHERE key = ?", (key,))

    def keep_model(self, key: str, text: str) -> None:
        """Keep what a model has done, for all who ask for the same."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO models VALUES (?, ?)", (key, text))
            connection.execute("DELETE FROM claims WHERE key = ?", (key,))
            connection.execute(
                "DELETE FROM models WHERE rowid <= (SELECT max(rowid) FROM models) - ?", (MOST_MODELS,)
            )


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Let the file have its write-ahead log, for which processes that open it at once do not wait by themselves."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            # First: it has to stand in the file itself, where `amtlab serve` looks, and not in its log.
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return


def _links_of(connection: sqlite3.Connection, room: str) -> list[str]:
    row = connection.execute("SELECT links FROM rooms WHERE id = ?", (room,)).fetchone()
    if row is None:
        raise Unknown("There is no such room (any more): ask your teacher for the present link.")
    return str(row[0]).split("\n")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


#: Where the file is that goes with this process: removed with it.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


@cache
def shared_store() -> Store:
    """Return the store of this server: the file that the command has named, or one that goes with this process."""
    named = os.environ.get("AMTLAB_RESULTS")
    if not named:
        _FOLDERS.append(tempfile.TemporaryDirectory(prefix="amtlab-listen-"))
        named = str(Path(_FOLDERS[-1].name) / "runs.sqlite")
    return Store(Path(named))
