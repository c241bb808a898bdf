import errno
import hashlib
import os
import resource
from pathlib import Path

import pytest

from vision import evidence
from vision.evidence import EvidenceStore

BYTES = b"the exact bytes inspected"
NAME = hashlib.sha256(BYTES).hexdigest()


def test_evidence_lies_under_its_hash(tmp_path):
    EvidenceStore(tmp_path).keep({NAME: BYTES})
    assert (tmp_path / NAME[:2] / NAME).read_bytes() == BYTES
    assert evidence.read(tmp_path, NAME) == BYTES


def test_the_same_bytes_are_written_once(tmp_path):
    EvidenceStore(tmp_path).keep({NAME: BYTES})
    written = evidence.path(tmp_path, NAME).stat().st_ino
    EvidenceStore(tmp_path).keep({NAME: BYTES})
    assert evidence.path(tmp_path, NAME).stat().st_ino == written
    assert [file.name for file in (tmp_path / NAME[:2]).iterdir()] == [NAME]


def test_files_and_folders_are_on_disk_before_keep_returns(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def remember(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    store = EvidenceStore(tmp_path)
    monkeypatch.setattr(os, "fsync", remember)
    store.keep({NAME: BYTES})
    folder = tmp_path / NAME[:2]
    assert synced == [f"{folder}/.{NAME}.{os.getpid()}", str(folder)]


def test_a_disk_that_is_full_is_an_error_and_leaves_nothing_that_looks_like_evidence(tmp_path):
    other = hashlib.sha256(bytes(9000)).hexdigest()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            EvidenceStore(tmp_path).keep({NAME: BYTES, other: bytes(9000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not evidence.path(tmp_path, NAME).exists()
    assert not evidence.path(tmp_path, other).exists()
    EvidenceStore(tmp_path).keep({NAME: BYTES, other: bytes(9000)})
    assert evidence.read(tmp_path, other) == bytes(9000)


def test_one_picture_that_cannot_be_synced_leaves_no_draft_of_any(tmp_path, monkeypatch):
    fsync, synced = os.fsync, []

    def fails_at_the_second(descriptor):
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    store = EvidenceStore(tmp_path)
    monkeypatch.setattr(os, "fsync", fails_at_the_second)
    pictures = {hashlib.sha256(bytes([byte])).hexdigest(): bytes([byte]) for byte in range(3)}
    with pytest.raises(OSError, match="Input/output error"):
        store.keep(pictures)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_evidence_that_was_changed_is_found_out(tmp_path):
    EvidenceStore(tmp_path).keep({NAME: BYTES})
    evidence.path(tmp_path, NAME).write_bytes(b"something else")
    with pytest.raises(ValueError, match="was changed"):
        evidence.read(tmp_path, NAME)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", NAME.upper(), NAME[:-1], NAME + "0", NAME + "\n"])
def test_only_a_hash_names_evidence(tmp_path, name):
    with pytest.raises(ValueError, match="not a SHA-256"):
        evidence.path(tmp_path, name)


def kept(folder, age=2 * evidence.FRESH):
    """Keep evidence, so many seconds ago."""
    EvidenceStore(folder).keep({NAME: BYTES})
    file = evidence.path(folder, NAME)
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))
    return file


def test_evidence_is_taken_away_once(tmp_path):
    file = kept(tmp_path)
    assert evidence.take_away(tmp_path, NAME) == len(BYTES)
    assert list(file.parent.iterdir()) == []
    assert evidence.take_away(tmp_path, NAME) == 0


def test_evidence_that_was_kept_again_just_now_stays(tmp_path):
    file = kept(tmp_path)
    EvidenceStore(tmp_path).keep({NAME: BYTES})
    assert evidence.take_away(tmp_path, NAME) is None
    assert evidence.read(tmp_path, NAME) == BYTES
    assert [item.name for item in file.parent.iterdir()] == [NAME]


def test_evidence_moves_to_the_same_place_of_an_archive(tmp_path):
    kept(tmp_path / "here")
    assert evidence.take_away(tmp_path / "here", NAME, tmp_path / "there") == len(BYTES)
    assert evidence.read(tmp_path / "there", NAME) == BYTES


def test_a_move_that_failed_is_gone_on_with(tmp_path):
    file = kept(tmp_path / "here")
    (tmp_path / "there").touch()
    with pytest.raises(NotADirectoryError):
        evidence.take_away(tmp_path / "here", NAME, tmp_path / "there")
    assert evidence.take_away(tmp_path / "here", NAME, tmp_path / "elsewhere") == len(BYTES)
    assert evidence.read(tmp_path / "elsewhere", NAME) == BYTES
    assert list(file.parent.iterdir()) == []
