"""Keys of people: Ed25519, the private one in a file of its owner, the public one among the approvals."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.approvals.errors import ApprovalError

FOLDER_VARIABLE = "SEAMLINE_KEYS"
OTHERS = 0o077
NAME = re.compile(r"[^\W_][\w .,'-]{0,79}")
"""What a person may be called: no slash, no line's end."""


def place(person: str) -> Path:
    """Return where the private key of a person is kept: outside of the plant, its home and its backup.

    Raises
    ------
    ApprovalError
        The name is none for a file.
    """
    if not NAME.fullmatch(person) or person != person.strip():
        raise ApprovalError(f"{person!r} is no name of a person; use letters, digits, spaces, dots, dashes.")
    folder = os.environ.get(FOLDER_VARIABLE, "~/.config/seamline/keys")
    return Path(folder).expanduser() / f"{person}.pem"


def make(file: Path, passphrase: str = "") -> Ed25519PrivateKey:
    """Make a key and write it to a new file that nobody else may read, encrypted if there is a passphrase.

    Raises
    ------
    ApprovalError
        The file is there already, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else None
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        locked or serialization.NoEncryption(),
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(text)
    except FileExistsError as exc:
        raise ApprovalError(f"{file} holds a key already; whoever has it signs with it.") from exc
    except OSError as exc:
        raise ApprovalError(f"The key cannot be written to {file}: {exc.strerror}.") from exc
    return key


def locked(file: Path) -> bool:
    """Return whether a key's file asks for a passphrase; False where it is not there."""
    return file.is_file() and b"ENCRYPTED" in file.read_bytes().partition(b"\n")[0]


def read(file: Path, passphrase: str = "") -> Ed25519PrivateKey:
    """Return the key of a file.

    Raises
    ------
    ApprovalError
        It is not there, others may read it, it holds no Ed25519 key, or the passphrase is another.
    """
    try:
        mode, text = file.stat().st_mode, file.read_bytes()
    except OSError as exc:
        raise ApprovalError(
            f"The key {file} cannot be read: {exc.strerror}; make one with seamline models key, or name its"
            " file with --key."
        ) from exc
    if mode & OTHERS:
        raise ApprovalError(f"Others may read the key {file}; run: chmod 600 {str(file)!r}")
    try:
        key = serialization.load_pem_private_key(text, passphrase.encode() or None)
    except (ValueError, TypeError) as exc:
        raise ApprovalError(f"{file} is no key, or its passphrase is another: {exc}.") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise ApprovalError(f"{file} is no Ed25519 key; make one with seamline models key.")
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    """Return the public key as people write it: 44 letters."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def sign(key: Ed25519PrivateKey, content: bytes) -> str:
    """Return the signature of bytes."""
    return base64.b64encode(key.sign(content)).decode()


def verify(public: str, content: bytes, signature: str) -> bool:
    """Return whether a signature is that of the key; False for what is neither."""
    try:
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        known.verify(base64.b64decode(signature, validate=True), content)
    except (ValueError, InvalidSignature):
        return False
    return True


def is_public(text: str) -> bool:
    """Return whether a text is a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        return False
    return True
