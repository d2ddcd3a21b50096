"""Seals over the whole log. A copy of them, kept outside, shows what no chain of a run can.

Each seal binds a stretch of the log to the seal before it: a cut-off end, a run that was taken away, an old
copy that was restored, a history that was hashed anew are all at odds with the seals that were made before.

root = SHA-256 over the events of the stretch, in order: of each its position and its hash.
hash = SHA-256 over the tag and the fields of HASHED, in this order.
Fields are written as in `eventstore.chain`. No event's hash covers its position, so the order of the log is
bound by its seals. A signature is over the hash (`eventstore.signing`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from domain.run import NO_HASH
from eventstore.chain import framed

TAG = "runnotary.seal.1"

HASHED = ("number", "first_position", "position", "root", "prev_hash", "sealed_at", "key_id")
"""What is hashed, after the tag."""

_hashed_of = attrgetter(*HASHED)

NUMBERS = ("number", "first_position", "position")

Count = Annotated[int, Field(ge=1, lt=2**63)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Entry(NamedTuple):
    """What a seal covers of an event, and when that was recorded."""

    position: int
    hash: str
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What the log was, from one position to another."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    number: Count
    """Dense, from 1."""
    first_position: Count
    """Where the stretch begins: after that of the seal before."""
    position: Count
    """Where the stretch ends."""
    root: Digest
    prev_hash: Digest
    """The hash of the seal before; 64 zeros in the first."""
    sealed_at: str
    hash: Digest
    key_id: str | None = None
    """Which key has signed it; None while no key is configured."""
    signature: str | None = None


class Signer(Protocol):
    """Who signs seals."""

    @property
    def key_id(self) -> str:
        """Which key it is."""
        ...

    def sign(self, sealed: str) -> str:
        """The signature over a seal's hash."""
        ...


class UnreadableSeals(Exception):
    """A file holds no seals; the message is one line that says why."""


class UnusableKey(Exception):
    """A key for signatures cannot be used; the message is one line that says what to do."""


def seal(stretch: Sequence[Entry], last: Seal | None, sealed_at: str, signer: Signer | None) -> Seal:
    """The seal over the events after the last seal; there is at least one."""
    root = sha256()
    for event in stretch:
        root.update(framed(event.position) + framed(event.hash))
    made = Seal(
        number=last.number + 1 if last else 1,
        first_position=stretch[0].position,
        position=stretch[-1].position,
        root=root.hexdigest(),
        prev_hash=last.hash if last else NO_HASH,
        # Time runs backwards in no part of the log, whatever the clock does.
        sealed_at=max(sealed_at, stretch[-1].recorded_at, last.sealed_at if last else ""),
        hash=NO_HASH,
        key_id=signer.key_id if signer else None,
    )
    sealed = hash_of(made)
    return replace(made, hash=sealed, signature=signer.sign(sealed) if signer else None)


def stored(row: Mapping[str, Any]) -> Seal:
    """A row of the table as a seal, whatever is in it: SQLite keeps anything in any column."""
    values: dict[str, Any] = {name: value if value is None else str(value) for name, value in row.items()}
    values |= {name: row[name] if isinstance(row[name], int) else 0 for name in NUMBERS}
    return Seal(**values)


def hash_of(seal: Seal) -> str:
    """The hash that a seal with these fields has."""
    return sha256(b"".join(map(framed, (TAG, *_hashed_of(seal))))).hexdigest()


# --- what is wrong with them ---


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a seal, or with the stretch of the log that it covers."""

    number: int
    first_position: int
    position: int
    why: str

    def __str__(self) -> str:
        return f"seal {self.number} (positions {self.first_position} to {self.position}): {self.why}"


def flaw(seal: Seal, why: str) -> Flaw:
    """A flaw of this seal."""
    return Flaw(seal.number, seal.first_position, seal.position, why)


def flaws_of(seals: Iterable[Seal]) -> Iterator[Flaw]:
    """What is wrong with these seals by themselves, from the first one on, in the order in which they come.

    Whether the log fits them is for `Comparison` to find, whose signature is right for `eventstore.signing`.
    """
    number, position, head = 0, 0, NO_HASH
    for each in seals:
        if each.number != number + 1:
            yield flaw(each, f"its number does not follow {number}")
        if each.first_position != position + 1 or each.position < each.first_position:
            yield flaw(each, f"its stretch does not follow position {position}")
        if each.prev_hash != head:
            yield flaw(each, "it does not name the hash of the seal before it")
        if each.hash != hash_of(each):
            yield flaw(each, "it is not what was hashed")
        if (each.key_id is None) != (each.signature is None):
            yield flaw(each, "its signature was taken away, or put there later")
        number, position, head = each.number, each.position, each.hash


class Comparison:
    """Seals beside the log. They may come from the database or from a file; the log comes event by event.

    Feed it every event, in order of positions; at the end it knows which seals do not fit:

        comparison = Comparison(seals)
        for position, event_hash in log:
            comparison.feed(position, event_hash)
        flaws = comparison.end()

    It costs about a microsecond an event, and remembers none.
    """

    def __init__(self, seals: Iterable[Seal]) -> None:
        self._waiting = iter(sorted(seals, key=attrgetter("first_position")))
        self._seal = next(self._waiting, None)
        self._root = sha256()
        self._end = 0
        self._flaws: list[Flaw] = []

    def feed(self, position: int, event_hash: str) -> None:
        """Take the next event of the log."""
        while self._seal is not None and position > self._seal.position:
            self._compare(self._seal)
        if self._seal is not None and position >= self._seal.first_position:
            # Of another type it is no hash that was sealed, and no reason to stop.
            self._root.update(framed(position) + framed(str(event_hash)))
        self._end = position

    def end(self) -> list[Flaw]:
        """What is wrong, now that the log has ended: seals that it does not fit, and those beyond its end."""
        while self._seal is not None:
            self._compare(self._seal)
        return self._flaws

    def _compare(self, seal: Seal) -> None:
        if seal.position > self._end:
            self._flaws.append(
                flaw(
                    seal,
                    f"the log ends at position {self._end}: its end was cut off, or an old copy restored",
                )
            )
        elif self._root.hexdigest() != seal.root:
            self._flaws.append(flaw(seal, "an event of these was changed, moved, put in or taken away"))
        self._seal, self._root = next(self._waiting, None), sha256()


def first_difference(kept: Iterable[Seal], found: Iterable[Seal]) -> Seal | None:
    """The first of the kept seals that is not among those found; None where these begin with all of them."""
    pairs = zip_longest(kept, found)
    return next((one for one, other in pairs if one is not None and one != other), None)


# --- files: one seal a line, as JSON ---

_seals = TypeAdapter(Seal)


def line(seal: Seal) -> bytes:
    """A seal as a line of a file."""
    return orjson.dumps(seal, option=orjson.OPT_APPEND_NEWLINE)


def parse(text: bytes) -> Seal:
    """The seal that a line, or an answer of the service, stands for.

    Raises:
        ValidationError: it is none.
    """
    return _seals.validate_json(text, strict=True)


def read_file(path: Path) -> list[Seal]:
    """The seals that a file holds, whether they are sound or not.

    Raises:
        UnreadableSeals: there is no such file, or a line of it is no seal.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UnreadableSeals(f"{path} cannot be read: {error.strerror}.") from error
    seals = []
    for number, text in enumerate(lines, start=1):
        try:
            seals.append(parse(text))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            why = ": ".join([*map(str, first["loc"]), first["msg"]])
            raise UnreadableSeals(f"{path}, line {number}, is no seal: {why}.") from error
    return seals


def write_file(path: Path, seals: Iterable[Seal]) -> None:
    """Put these seals into a file, in place of what it holds: all of them, or nothing changes.

    Raises:
        OSError: they cannot be written there.
    """
    whole = path.resolve()  # of a link, what it leads to
    part = whole.with_name(f".{whole.name}.{token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.writelines(map(line, seals))
            file.flush()
            os.fsync(file.fileno())
        part.replace(whole)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
