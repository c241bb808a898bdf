import hashlib
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision import evidence
from vision.evidence import EvidenceStore, Shelf, store
from vision.evidence.index import FILE
from vision.evidence.pack import HEADER, Pack, numbers
from vision.evidence.testing import age, kept

BYTES = b"the exact bytes inspected"
OLD = 2 * evidence.FRESH


def name_of(content):
    return hashlib.sha256(content).hexdigest()


NAME = name_of(BYTES)


def keep(root, *contents, station="weld"):
    with EvidenceStore(root, station) as opened:
        opened.keep({name_of(content): content for content in contents})


def take_away(root, *names, archive=None):
    with Shelf(root) as shelf:
        return shelf.take_away(names, archive)


@contextmanager
def no_room_beyond(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_evidence_is_found_by_its_hash_whichever_station_keeps_it(tmp_path):
    keep(tmp_path, BYTES, b"other")
    keep(tmp_path, b"of another station", station="a/b")
    for content in (BYTES, b"other", b"of another station"):
        assert evidence.read(tmp_path, name_of(content)) == content
    with pytest.raises(FileNotFoundError, match="No such file"):
        evidence.read(tmp_path, name_of(b"nobody's"))


def test_the_same_bytes_are_written_once(tmp_path):
    with EvidenceStore(tmp_path, "weld") as opened:
        opened.keep({NAME: BYTES})
        opened.keep({NAME: BYTES})
    keep(tmp_path, BYTES)
    assert list(kept(tmp_path)) == [BYTES]


def test_a_moment_costs_one_sync_and_is_on_disk_before_keep_returns(tmp_path, monkeypatch):
    synced = []
    opened = EvidenceStore(tmp_path, "weld")
    opened.keep({NAME: BYTES})
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(os.fstat(file).st_size))
    opened.keep({name_of(bytes([byte])): bytes([byte]) for byte in range(10)})
    assert synced == [HEADER.size * 11 + len(BYTES) + 10]
    opened.close()


def test_a_disk_that_is_full_is_an_error_and_leaves_nothing_that_looks_like_evidence(tmp_path):
    opened = EvidenceStore(tmp_path, "weld")
    opened.keep({NAME: BYTES})
    with no_room_beyond(4096), pytest.raises(OSError, match="File too large"):
        opened.keep({name_of(b"small"): b"small", name_of(bytes(9000)): bytes(9000)})
    assert list(kept(tmp_path)) == [BYTES]
    opened.keep({name_of(bytes(9000)): bytes(9000)})
    assert list(kept(tmp_path)) == [BYTES, bytes(9000)]
    assert evidence.read(tmp_path, name_of(bytes(9000))) == bytes(9000)
    opened.close()


def test_a_full_pack_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 100)
    with EvidenceStore(tmp_path, "weld") as opened:
        for byte in range(4):
            opened.keep({name_of(bytes([byte]) * 60): bytes([byte]) * 60})
    assert numbers(tmp_path / "weld") == [1, 2, 3, 4]
    assert evidence.read(tmp_path, name_of(bytes([3]) * 60)) == bytes([3]) * 60


def test_evidence_that_was_changed_is_found_out(tmp_path):
    keep(tmp_path, BYTES)
    with Pack(tmp_path / "weld", 1).path.open("rb+") as file:
        file.seek(HEADER.size)
        file.write(b"X")
    with pytest.raises(ValueError, match="was changed"):
        evidence.read(tmp_path, NAME)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", NAME.upper(), NAME[:-1], NAME + "0", NAME + "\n"])
def test_only_a_hash_names_evidence(tmp_path, name):
    with pytest.raises(ValueError, match="not a SHA-256"):
        evidence.path(tmp_path, name)
    with pytest.raises(ValueError, match="not a SHA-256"):
        evidence.read(tmp_path, name)


KILLED = """
import hashlib, os, signal, sys
from pathlib import Path
from vision.evidence import EvidenceStore
from vision.evidence.index import Index
store = EvidenceStore(Path(sys.argv[1]), "weld")
store.keep({hashlib.sha256(b"before").hexdigest(): b"before"})
Index.enter = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.keep({hashlib.sha256(b"at the kill").hexdigest(): b"at the kill"})
"""


def test_what_a_killed_station_had_on_disk_is_found_by_the_next(tmp_path):
    dead = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert dead.returncode == -signal.SIGKILL
    keep(tmp_path, b"after")
    for content in (b"before", b"at the kill", b"after"):
        assert evidence.read(tmp_path, name_of(content)) == content


@pytest.mark.parametrize("damage", [None, b"", b"no database at all" * 99])
def test_an_index_that_is_lost_or_damaged_is_made_anew(tmp_path, damage):
    keep(tmp_path, BYTES, b"taken")
    keep(tmp_path, b"second pack")
    age(tmp_path, OLD)
    take_away(tmp_path, name_of(b"taken"))
    for file in (tmp_path / "weld").glob(f"{FILE}*"):
        file.unlink()
    if damage is not None:
        (tmp_path / "weld" / FILE).write_bytes(damage)
    keep(tmp_path, b"third")
    for content in (BYTES, b"second pack", b"third"):
        assert evidence.read(tmp_path, name_of(content)) == content
    with pytest.raises(FileNotFoundError):
        evidence.read(tmp_path, name_of(b"taken"))


@given(st.integers(0, 3 * (HEADER.size + 20)))
@settings(max_examples=60)
def test_whatever_a_power_cut_leaves_of_a_pack_everything_before_is_found(tmp_path_factory, left):
    root = tmp_path_factory.mktemp("evidence")
    contents = [bytes([byte]) * 20 for byte in range(1, 4)]
    keep(root, *contents)
    for file in (root / "weld").glob(f"{FILE}*"):
        file.unlink()
    os.truncate(Pack(root / "weld", 1).path, left)
    keep(root, b"afterwards")
    whole = left // (HEADER.size + 20)
    with Shelf(root) as shelf:
        assert [bool(shelf.size(name_of(content))) for content in contents] == [
            number < whole for number in range(3)
        ]
        assert shelf.read(name_of(b"afterwards")) == b"afterwards"


def test_evidence_is_taken_away_once_and_gives_its_room_back(tmp_path):
    big = bytes(range(1, 256)) * 4000
    keep(tmp_path, BYTES, big)
    before = Pack(tmp_path / "weld", 1).path.stat().st_blocks
    age(tmp_path, OLD)
    assert take_away(tmp_path, name_of(big), name_of(b"nobody's")) == [len(big), 0]
    assert take_away(tmp_path, name_of(big)) == [0]
    assert Pack(tmp_path / "weld", 1).path.stat().st_blocks < before / 2
    assert evidence.read(tmp_path, NAME) == BYTES


def test_a_pack_goes_with_its_last_picture(tmp_path):
    keep(tmp_path, BYTES, b"other")
    keep(tmp_path, b"in a second pack")
    age(tmp_path, OLD)
    take_away(tmp_path, NAME)
    assert numbers(tmp_path / "weld") == [1, 2]
    take_away(tmp_path, name_of(b"other"), name_of(b"in a second pack"))
    assert numbers(tmp_path / "weld") == [2]


def test_evidence_that_was_kept_again_just_now_stays(tmp_path):
    keep(tmp_path, BYTES)
    age(tmp_path, OLD)
    keep(tmp_path, BYTES)
    assert take_away(tmp_path, NAME) == [None]
    assert evidence.read(tmp_path, NAME) == BYTES


def test_evidence_that_two_stations_keep_goes_from_both(tmp_path):
    keep(tmp_path, BYTES)
    keep(tmp_path, BYTES, station="other")
    age(tmp_path, OLD)
    assert take_away(tmp_path, NAME) == [2 * len(BYTES)]
    assert list(kept(tmp_path)) == []


def test_evidence_moves_to_a_file_of_an_archive(tmp_path):
    keep(tmp_path / "here", BYTES)
    age(tmp_path / "here", OLD)
    assert take_away(tmp_path / "here", NAME, archive=tmp_path / "there") == [len(BYTES)]
    assert (tmp_path / "there" / NAME[:2] / NAME).read_bytes() == BYTES
    assert evidence.read(tmp_path / "there", NAME) == BYTES


def test_a_move_that_failed_is_gone_on_with_and_meanwhile_the_same_bytes_are_kept_anew(tmp_path):
    here = tmp_path / "here"
    keep(here, BYTES, b"other")
    age(here, OLD)
    (tmp_path / "there").touch()
    with pytest.raises(NotADirectoryError):
        take_away(here, NAME, name_of(b"other"), archive=tmp_path / "there")
    keep(here, BYTES)
    moved = take_away(here, NAME, name_of(b"other"), archive=tmp_path / "elsewhere")
    assert moved == [None, len(b"other")]
    assert evidence.read(here, NAME) == BYTES
    assert evidence.read(tmp_path / "elsewhere", name_of(b"other")) == b"other"


def test_a_hole_never_takes_the_place_of_an_archived_picture(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    keep(here, BYTES)
    age(here, OLD)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Shelf, "_forget", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        take_away(here, NAME, archive=there)
    assert take_away(here, NAME, archive=there) == [len(BYTES)]
    assert evidence.read(there, NAME) == BYTES
    assert list(kept(here)) == []


def test_a_damaged_index_hides_only_what_it_leads_to(tmp_path):
    keep(tmp_path, BYTES, station="sound")
    keep(tmp_path, b"other", station="damaged")
    for file in (tmp_path / "damaged").glob(f"{FILE}*"):
        file.unlink()
    (tmp_path / "damaged" / FILE).write_bytes(b"no database at all" * 99)
    assert evidence.read(tmp_path, NAME) == BYTES
    with pytest.raises(OSError, match="the index of the pictures"):
        evidence.read(tmp_path, name_of(b"other"))


def test_an_index_that_another_process_holds_for_too_long_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("vision.evidence.index.PATIENCE", 0.01)
    with EvidenceStore(tmp_path, "weld") as opened, Shelf(tmp_path) as shelf:
        with next(iter(shelf._indexes.values())).change(), pytest.raises(OSError, match="locked"):
            opened.keep({NAME: BYTES})
        opened.keep({NAME: BYTES})
    assert evidence.read(tmp_path, NAME) == BYTES
