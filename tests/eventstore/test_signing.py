"""Signatures: what a key vouches for, and what it does not; keys as openssl makes them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eventstore import seals
from eventstore.seals import Entry, Seal, UnusableKey
from eventstore.signing import PublicKey, SigningKey, message

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors/seals_v1.json").read_text("utf-8"))
PUBLISHED = [Seal(**row) for row in VECTORS["seals"]]
AT = "2026-11-22T10:00:00.000000Z"


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[SigningKey, PublicKey]:
    """A pair of keys that openssl has made."""
    openssl(tmp_path, "genpkey", "-algorithm", "ed25519", "-out", "private.pem")
    openssl(tmp_path, "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    return SigningKey.from_file(tmp_path / "private.pem"), PublicKey.from_file(tmp_path / "public.pem")


def sealed(*signers: SigningKey | None) -> list[Seal]:
    """One seal for each of these signers."""
    made: list[Seal] = []
    for i, signer in enumerate(signers, start=1):
        made.append(seals.seal([Entry(i, f"{i:064}", AT)], made[-1] if made else None, AT, signer))
    return made


def unvouched(key: PublicKey, kept: list[Seal]) -> list[int]:
    assert list(seals.flaws_of(kept)) == []
    return [each.number for each in key.flaws_of(kept)]


def test_a_signature_is_of_its_key_and_its_hash(keys: tuple[SigningKey, PublicKey]) -> None:
    """Neither another key, nor another hash, nor another signature will do."""
    private, public = keys
    mine, other = sealed(private, SigningKey(Ed25519PrivateKey.generate()))
    assert public.has_signed(mine)
    assert mine.key_id == public.key_id
    assert not public.has_signed(other)
    assert not public.has_signed(replace(mine, hash=other.hash))
    for signature in (None, "", "no digits", other.signature, (mine.signature or "")[2:]):
        assert not public.has_signed(replace(mine, signature=signature))


def test_a_signature_vouches_for_all_before_it(keys: tuple[SigningKey, PublicKey]) -> None:
    """Seals from before there was a key, or from under another, are fixed by the next that it signs."""
    private, public = keys
    stranger = SigningKey(Ed25519PrivateKey.generate())
    assert unvouched(public, sealed(None, private, stranger, None, private)) == []
    assert unvouched(public, sealed(private, None, stranger)) == [2, 3]
    assert unvouched(public, sealed(None, stranger)) == [1, 2]
    assert unvouched(public, []) == []


def test_a_forged_signature_is_found(keys: tuple[SigningKey, PublicKey]) -> None:
    """A seal that names the key, and is not signed by it, is told wherever it stands."""
    private, public = keys

    forger = SigningKey(Ed25519PrivateKey.generate())
    forger.key_id = private.key_id
    assert unvouched(public, sealed(private, forger, private, forger)) == [2, 4]


def test_openssl_agrees(keys: tuple[SigningKey, PublicKey], tmp_path: Path) -> None:
    """What is signed is a line of text, so that no program of ours is needed to check it."""
    (seal,) = sealed(keys[0])
    (tmp_path / "message").write_text(f"runnotary.seal.signature.1:{seal.hash}")
    (tmp_path / "signature").write_bytes(bytes.fromhex(seal.signature or ""))
    check = ["pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "message"]
    openssl(tmp_path, *check, "-sigfile", "signature")
    (tmp_path / "message").write_bytes(message("0" * 64))
    with pytest.raises(subprocess.CalledProcessError):
        openssl(tmp_path, *check, "-sigfile", "signature")


def test_the_published_signatures_are_right(tmp_path: Path) -> None:
    """Those of the vectors are by the key that is published with them."""
    (tmp_path / "public.pem").write_text(VECTORS["public_key_pem"])
    key = PublicKey.from_file(tmp_path / "public.pem")
    assert key.key_id == PUBLISHED[2].key_id
    assert [key.has_signed(seal) for seal in PUBLISHED] == [False, True, True]
    assert unvouched(key, PUBLISHED) == []


ANOTHER_KIND = ("genpkey", "-algorithm", "x25519", "-out", "private.pem")
PROTECTED = ("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", "private.pem")


@pytest.mark.parametrize(
    ("made_by", "words"),
    [
        (ANOTHER_KIND, "another kind than Ed25519.*openssl genpkey -algorithm ed25519"),
        (PROTECTED, "protected by a passphrase"),
    ],
)
def test_a_key_that_cannot_be_used_is_told(tmp_path: Path, made_by: tuple[str, ...], words: str) -> None:
    """One line says what is wrong, and the command that makes a right one."""
    openssl(tmp_path, *made_by)
    with pytest.raises(UnusableKey, match=rf"^[^\n]*private\.pem[^\n]*{words}[^\n]*$"):
        SigningKey.from_file(tmp_path / "private.pem")


@pytest.mark.parametrize("kind", [SigningKey, PublicKey])
def test_a_file_that_holds_no_key_is_told(tmp_path: Path, kind: type[SigningKey] | type[PublicKey]) -> None:
    """So is one that is not there, or holds the other half of the pair."""
    openssl(tmp_path, "genpkey", "-algorithm", "ed25519", "-out", "private.pem")
    openssl(tmp_path, "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    openssl(tmp_path, "genpkey", "-algorithm", "x25519", "-out", "other.pem")
    openssl(tmp_path, "pkey", "-in", "other.pem", "-pubout", "-out", "x25519.pem")
    (tmp_path / "letter.pem").write_text("Dear key, ")
    right = "private.pem" if kind is SigningKey else "public.pem"
    assert len(kind.from_file(tmp_path / right).key_id) == 16
    for name in ({"private.pem", "public.pem"} - {right}) | {"letter.pem", "x25519.pem", "gone.pem", "."}:
        with pytest.raises(UnusableKey, match=r"^[^\n]+$"):
            kind.from_file(tmp_path / name)
