"""Seals: whatever is done to a sealed log is found, in the stretch in which it was done."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domain.run import NO_HASH
from eventstore import seals
from eventstore.seals import Comparison, Entry, Seal, UnreadableSeals
from eventstore.signing import SigningKey

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors/seals_v1.json").read_text("utf-8"))
CHAIN: dict[str, Any] = json.loads((Path(__file__).parent / "vectors/chain_v1.json").read_text("utf-8"))
AT = "2026-11-22T10:00:00.000000Z"

Log = list[tuple[int, str]]


def framed(*values: object) -> bytes:
    """Fields by the published rule, without any code of ours."""
    told = b""
    for value in values:
        content = str(value).encode()
        told += b"-," if value is None else str(len(content)).encode() + b":" + content + b","
    return told


def independent_hash(row: Mapping[str, Any]) -> str:
    """The hash of a seal by the published rule."""
    names = ("number", "first_position", "position", "root", "prev_hash", "sealed_at", "key_id")
    return sha256(framed("runnotary.seal.1", *(row[name] for name in names))).hexdigest()


def independent_root(log: Log, row: Mapping[str, Any]) -> str:
    """The root of a seal by the published rule."""
    covered = [entry for entry in log if row["first_position"] <= entry[0] <= row["position"]]
    return sha256(b"".join(framed(*entry) for entry in covered)).hexdigest()


def sealed(log: Log, ends: Sequence[int]) -> list[Seal]:
    """Seals over a log, each up to one of these positions."""
    made: list[Seal] = []
    for start, end in pairwise([0, *ends]):
        stretch = [Entry(*entry, AT) for entry in log if start < entry[0] <= end]
        made.append(seals.seal(stretch, made[-1] if made else None, AT, None))
    return made


def misfits(log: Log, kept: Sequence[Seal]) -> set[int]:
    """The numbers of the seals that do not fit a log."""
    comparison = Comparison(kept)
    for entry in log:
        comparison.feed(*entry)
    flaws = comparison.end()
    assert all(str(each).startswith(f"seal {each.number} (positions ") for each in flaws)
    return {each.number for each in flaws}


def log_of(length: int, seed: str = "") -> Log:
    return [(i, sha256(f"{seed}{i}".encode()).hexdigest()) for i in range(1, length + 1)]


@st.composite
def sealed_logs(draw: st.DrawFn) -> tuple[Log, list[Seal]]:
    """A log, and seals over stretches of any length; its end may be without one."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    log = log_of(sum(lengths) + draw(st.integers(0, 3)))
    return log, sealed(log, list(accumulate(lengths)))


@given(sealed_logs())
def test_an_untouched_log_fits_its_seals(made: tuple[Log, list[Seal]]) -> None:
    """Seals hold together, are what the published rule makes, and cover the log without a gap."""
    log, kept = made
    assert list(seals.flaws_of(kept)) == []
    assert misfits(log, kept) == set()
    rows = list(map(asdict, kept))
    assert [row["hash"] for row in rows] == list(map(independent_hash, rows))
    assert [row["root"] for row in rows] == [independent_root(log, row) for row in rows]
    assert [row["prev_hash"] for row in rows] == [NO_HASH, *(row["hash"] for row in rows[:-1])]


Tamper = Callable[[Log, int, int], Log]

TAMPERINGS: dict[str, Tamper] = {
    "changed": lambda log, i, _: [(p, "f" * 64) if p == i else (p, h) for p, h in log],
    "taken away": lambda log, i, _: [(p, h) for p, h in log if p != i],
    "exchanged": lambda log, i, j: [(p, dict(log)[{i: j, j: i}.get(p, p)]) for p, _ in log],
    "moved together": lambda log, i, _: list(enumerate([h for p, h in log if p != i], start=1)),
    "put in": lambda log, i, _: list(
        enumerate([h for p, h in log for h in (h, "f" * 64)[: 1 + (p == i)]], 1)
    ),
}
"""What is done to a log at a position, or to two of them."""


@pytest.mark.parametrize("how", TAMPERINGS)
@given(made=sealed_logs(), data=st.data())
def test_what_was_done_to_a_log_is_found_where_it_was_done(
    how: str, made: tuple[Log, list[Seal]], data: st.DataObject
) -> None:
    """The first seal that does not fit is that of the first position that is not what it was."""
    log, kept = made
    one, other = (data.draw(st.integers(1, len(log))) for _ in range(2))
    now = dict(TAMPERINGS[how](log, one, other))
    touched = {position for position, was in log if now.get(position) != was}
    wrong = {each.number for each in kept if any(each.first_position <= p <= each.position for p in touched)}
    assert misfits(list(now.items()), kept) == wrong


@given(sealed_logs(), st.data())
def test_a_cut_off_end_is_found(made: tuple[Log, list[Seal]], data: st.DataObject) -> None:
    """Every seal that reaches beyond the end of the log is named, and no other."""
    log, kept = made
    left = data.draw(st.integers(0, len(log)))
    assert misfits(log[:left], kept) == {each.number for each in kept if each.position > left}
    comparison = Comparison(kept)
    for entry in log[:left]:
        comparison.feed(*entry)
    assert all(f"the log ends at position {left}:" in each.why for each in comparison.end())


@given(sealed_logs(), st.data())
def test_a_history_that_was_made_anew_does_not_fit_the_seals_kept_outside(
    made: tuple[Log, list[Seal]], data: st.DataObject
) -> None:
    """However well it is hashed and sealed again: the copy is another one, from the first change on."""
    log, kept = made
    since = data.draw(st.integers(1, kept[-1].position))
    anew = [(p, h if p < since else f"{h[:-1]}x") for p, h in log]
    theirs = sealed(anew, [each.position for each in kept])
    assert list(seals.flaws_of(theirs)) == []
    assert misfits(anew, theirs) == set()
    first = min(misfits(anew, kept))
    assert seals.first_difference(kept, theirs) == kept[first - 1]
    assert kept[first - 1].first_position <= since <= kept[first - 1].position


@given(sealed_logs(), st.integers(0, 5), st.integers(0, 5))
def test_a_copy_is_the_beginning_of_what_is_there(made: tuple[Log, list[Seal]], one: int, other: int) -> None:
    """A copy differs where it goes on longer, and only there."""
    _, kept = made
    older, newer = kept[:one], kept[:other]
    expected = older[len(newer)] if len(older) > len(newer) else None
    assert seals.first_difference(older, newer) == expected


FOUR = sealed(log_of(10), [2, 3, 7, 10])
OTHER: dict[str, Any] = {"number": 9, "first_position": 9, "position": 6, "key_id": "k", "signature": "s"}


@pytest.mark.parametrize("field", list(asdict(FOUR[2])))
def test_a_changed_field_of_a_seal_is_found(field: str) -> None:
    """Whatever is changed in a seal, it is the first that is named."""
    changed = replace(FOUR[2], **{field: OTHER.get(field, "f" * 64)})
    found = list(seals.flaws_of([*FOUR[:2], changed, FOUR[3]]))
    assert found[0].number == changed.number


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("number", 9, "its number does not follow 2"),
        ("first_position", 5, "its stretch does not follow position 3"),
        ("position", 3, "its stretch does not follow position 3"),
        ("prev_hash", "f" * 64, "it does not name the hash of the seal before it"),
    ],
)
def test_a_seal_that_is_hashed_anew_is_found(field: str, value: Any, why: str) -> None:
    """A seal says more than its own hash does: it has a place among the others."""
    changed = replace(FOUR[2], **{field: value})
    found = list(seals.flaws_of([*FOUR[:2], replace(changed, hash=seals.hash_of(changed))]))
    assert [each.why for each in found] == [why]


@given(sealed_logs(), st.data())
def test_each_seal_is_compared_by_itself(made: tuple[Log, list[Seal]], data: st.DataObject) -> None:
    """Where one is missing, or they come in another order, the others fit as before."""
    log, kept = made
    some = data.draw(st.permutations(kept))[: data.draw(st.integers(0, len(kept)))]
    assert misfits(log, some) == set()
    changed = [(position, "f" * 64) for position, _ in log]
    assert misfits(changed, some) == {each.number for each in some}


@given(st.lists(st.sampled_from(FOUR), max_size=5))
def test_seals_hold_together_from_the_first_one_on(given: list[Seal]) -> None:
    """Nothing but their beginning is without a flaw: none left out, none twice, none in another place."""
    assert (list(seals.flaws_of(given)) == []) == (given == FOUR[: len(given)])


def test_a_seal_is_never_earlier_than_what_it_covers() -> None:
    """A clock that was set back does not show."""
    late = [Entry(1, "0" * 64, "2026-11-22T12:00:00.000000Z")]
    first = seals.seal(late, None, AT, None)
    second = seals.seal([Entry(2, "0" * 64, AT)], first, AT, None)
    assert first.sealed_at == second.sealed_at == late[0].recorded_at


@pytest.mark.parametrize("field", list(asdict(FOUR[2])))
@pytest.mark.parametrize("value", [b"\xff", 1.5, "x", None])
def test_a_row_with_values_of_any_type_is_a_seal_with_a_flaw(field: str, value: Any) -> None:
    """SQLite keeps them, for whoever has switched the guards off; looking at them must not fail."""
    kept = [seals.stored(asdict(each) | ({field: value} if each.number == 3 else {})) for each in FOUR]
    assert (list(seals.flaws_of(kept)) == []) == (kept == FOUR)
    misfits(log_of(10), kept)


@pytest.mark.parametrize("value", [b"\xff", 1.5, 7, None])
def test_a_hash_of_any_type_is_one_that_was_not_sealed(value: Any) -> None:
    """An event whose hash is no text at all is in a stretch that does not fit."""
    log = [(position, value if position == 5 else each) for position, each in log_of(10)]
    assert misfits(log, FOUR) == {3}


# --- published vectors ---

PUBLISHED = [Seal(**row) for row in VECTORS["seals"]]
LOG: Log = [(row["position"], row["hash"]) for row in VECTORS["log"]]


def test_the_published_vectors_hold() -> None:
    """The rule of version 1 never changes: vectors are added, none is altered."""
    assert [(row["position"], row["hash"]) for row in CHAIN["events"]] == LOG
    assert list(seals.flaws_of(PUBLISHED)) == []
    assert misfits(LOG, PUBLISHED) == set()
    for row in VECTORS["seals"]:
        assert (row["root"], row["hash"]) == (independent_root(LOG, row), independent_hash(row))


def test_the_published_vectors_are_what_would_be_sealed_today() -> None:
    """The same stretches under the same key get the same seals, signatures too."""
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private_key"])))
    last = None
    for row, published in zip(VECTORS["seals"], PUBLISHED, strict=True):
        stretch = [Entry(*entry, "") for entry in LOG[row["first_position"] - 1 : row["position"]]]
        last = seals.seal(stretch, last, row["sealed_at"], key if row["key_id"] else None)
        assert last == published


# --- files ---


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """One seal a line, as JSON that anything reads; what was in the file before is gone."""
    file = tmp_path / "seals.ndjson"
    for kept in ([], PUBLISHED, PUBLISHED[:1]):
        seals.write_file(file, kept)
        assert seals.read_file(file) == kept
        assert [json.loads(text) for text in file.read_text("utf-8").splitlines()] == list(map(asdict, kept))
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    """Half of the seals are nowhere, whatever happens in the middle."""
    file = tmp_path / "seals.ndjson"
    seals.write_file(file, PUBLISHED)

    def failing() -> Iterator[Seal]:
        yield PUBLISHED[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        seals.write_file(file, failing())
    assert seals.read_file(file) == PUBLISHED
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What a link leads to is written, not the link."""
    file, link = tmp_path / "disk.ndjson", tmp_path / "seals.ndjson"
    link.symlink_to(file)
    seals.write_file(link, PUBLISHED)
    assert link.is_symlink()
    assert seals.read_file(file) == PUBLISHED


LINE = seals.line(PUBLISHED[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINE[:100], "line 2, is no seal: Invalid JSON"),
        (b"", "line 2, is no seal"),
        (b"[]", "line 2, is no seal"),
        (b"\xff\xfe", "line 2, is no seal"),
        (LINE.replace(b'"number":2', b'"number":"2"'), "line 2, is no seal: number: "),
        (LINE.replace(b'"number":2', b'"number":0'), "line 2, is no seal: number: "),
        (LINE.replace(b'"number":2', b'"number":99999999999999999999'), "line 2, is no seal: number: "),
        (LINE.replace(b'"number":2,', b""), "line 2, is no seal: number: "),
        (LINE.replace(b'"number":2', b'"number":2,"more":1'), "line 2, is no seal: more: "),
        (LINE.replace(PUBLISHED[1].root.encode(), PUBLISHED[1].root.upper().encode()), "seal: root: "),
    ],
)
def test_a_line_that_is_no_seal_is_named(tmp_path: Path, text: bytes, words: str) -> None:
    """Which line, and what is wrong with it, in one line."""
    file = tmp_path / "seals.ndjson"
    file.write_bytes(seals.line(PUBLISHED[0]) + text + b"\n")
    with pytest.raises(UnreadableSeals, match=rf"^[^\n]*{re.escape(words)}[^\n]*$"):
        seals.read_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """It is told apart from one without seals."""
    for name, why in (("gone", "No such file or directory"), (".", "Is a directory")):
        with pytest.raises(UnreadableSeals, match=f"cannot be read: {why}"):
            seals.read_file(tmp_path / name)
