"""Signatures of seals: Ed25519, made and checked by the package `cryptography`.

Imported only where a key is named, since that package takes its time to load.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from eventstore.seals import Flaw, Seal, UnusableKey, flaw

TAG = "runnotary.seal.signature.1"
KEY_ID_LENGTH = 16


def message(sealed: str) -> bytes:
    """What is signed of a seal with this hash: no other kind of message begins like that."""
    return f"{TAG}:{sealed}".encode()


def id_of(key: Ed25519PublicKey) -> str:
    """The short name of a key: the beginning of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes_raw()).hexdigest()[:KEY_ID_LENGTH]


class SigningKey:
    """Signs seals."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = id_of(key.public_key())

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The key of a file in PEM, as `openssl genpkey -algorithm ed25519` makes it.

        Raises:
            UnusableKey: there is none.
        """
        pem = read(path)
        try:
            key = load_pem_private_key(pem, password=None)
        except TypeError as error:
            raise UnusableKey(
                f"{path} is protected by a passphrase, and nobody is there to type it."
            ) from error
        except ValueError as error:
            raise UnusableKey(f"{path} is no private key in PEM. {MAKE}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnusableKey(f"{path} is a private key of another kind than Ed25519. {MAKE}")
        return cls(key)

    def sign(self, sealed: str) -> str:
        """The signature over a seal's hash, in hexadecimal digits."""
        return self._key.sign(message(sealed)).hex()


class PublicKey:
    """Checks the signatures of seals."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.key_id = id_of(key)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The key of a file in PEM, as `openssl pkey -pubout` makes it of a private one.

        Raises:
            UnusableKey: there is none.
        """
        try:
            key = load_pem_public_key(read(path))
        except ValueError as error:
            raise UnusableKey(f"{path} is no public key in PEM. {PUBLISH}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise UnusableKey(f"{path} is a public key of another kind than Ed25519. {PUBLISH}")
        return cls(key)

    def has_signed(self, seal: Seal) -> bool:
        """Whether the signature of a seal is by this key, over the hash that it names."""
        try:
            self._key.verify(bytes.fromhex(seal.signature or ""), message(seal.hash))
        except (InvalidSignature, ValueError):
            return False
        return True

    def flaws_of(self, seals: Sequence[Seal]) -> Iterator[Flaw]:
        """What is wrong with the signatures of seals that hold together (`eventstore.seals.flaws_of`).

        Each seal names the one before it, so a signature vouches for all before it too, whoever has signed
        them, or nobody. After the last signature of this key nothing is vouched for.
        """
        vouched = 0
        for i, seal in enumerate(seals, start=1):
            if self.has_signed(seal):
                vouched = i
            elif seal.key_id == self.key_id:
                yield flaw(seal, "its signature is not by the key that it names")
        for seal in seals[vouched:]:
            if seal.key_id != self.key_id:
                yield flaw(seal, f"no signature of the key {self.key_id} vouches for it")


MAKE = "Make one: openssl genpkey -algorithm ed25519 -out FILE"
PUBLISH = "Make it of the private one: openssl pkey -in PRIVATE -pubout -out FILE"


def read(path: Path) -> bytes:
    """What the file of a key holds.

    Raises:
        UnusableKey: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableKey(f"{path} cannot be read: {error.strerror}.") from error
