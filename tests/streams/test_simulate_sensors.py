"""Simulated sensors: a pump that wears out, and a load of as many tags as wanted."""

import socket
import subprocess
import sys
import threading
import time
from itertools import islice

import numpy as np
import pytest
import zmq

from streams.clock import SECOND
from streams.records import Readings, decode
from streams.simulate import load_tags, pump_batches, sensor_tags, sensors
from streams.simulate.__main__ import arguments

START = 1_790_000_000 * SECOND


def joined(batches, tag):
    """Return the values of one tag over all batches."""
    return np.concatenate([batch.value[np.array(batch.tag.to_list()) == tag] for batch in batches])


def test_every_sensor_is_read_once_a_second():
    batches = list(islice(pump_batches(START), 5))
    assert [set(batch.ts.tolist()) for batch in batches] == [{START + n * SECOND} for n in range(5)]
    for batch in batches:
        assert batch.tag.to_list() == [name for name, _ in sensor_tags()]
        assert set(batch.machine.to_list()) == {"pump-1"}
        assert np.isfinite(batch.value).all()


def test_larger_batches_cover_more_seconds():
    batch = next(pump_batches(START, machine="rig", per_batch=12))
    assert len(batch) == 12 * len(sensor_tags())
    assert sorted(set(batch.ts.tolist())) == [START + n * SECOND for n in range(12)]
    assert batch.machine.to_list()[0] == "rig"


def test_the_same_seed_gives_the_same_readings():
    first, again, other = (next(pump_batches(START, seed)) for seed in (3, 3, 4))
    assert first.value.tolist() == again.value.tolist()
    assert first.value.tolist() != other.value.tolist()


def test_the_bearing_wears_out_slowly_and_is_replaced():
    life_s = 3600
    batches = list(islice(pump_batches(START, life_h=1.0, per_batch=60), 61))
    shaking = joined(batches, "Accelerometer1RMS")
    young, half, old, new = shaking[:60], shaking[1770:1830], shaking[life_s - 30 : life_s], shaking[life_s:]
    assert half.mean() == pytest.approx(young.mean() * (1 + 3 / 16), rel=0.1)
    assert old.mean() > 3.5 * young.mean()
    assert new.mean() == pytest.approx(young.mean(), rel=0.1)


def test_a_load_reads_every_tag_once_in_each_batch():
    first, second = islice(sensors(START, tags=250, hz=10), 2)
    keys = list(zip(first.machine.to_list(), first.tag.to_list(), strict=True))
    assert keys == load_tags(250)
    assert len(set(keys)) == 250
    assert {machine for machine, _ in keys} == {"load-001", "load-002", "load-003"}
    assert set((second.ts - first.ts).tolist()) == {SECOND // 10}
    assert np.abs(second.value - first.value).max() < 2


def test_a_load_can_be_repeated():
    assert next(sensors(START, 10)).value.tolist() == next(sensors(START, 10)).value.tolist()


def test_a_second_of_load_takes_little_time_to_make():
    batches = sensors(START, 2000)
    next(batches)
    began = time.process_time()
    list(islice(batches, 50))
    assert time.process_time() - began < 50 * 0.02


@pytest.mark.parametrize("words", [[], ["--load-tags", "10"]])
def test_a_play_needs_to_know_its_clock_and_its_endpoint(words, capsys):
    with pytest.raises(SystemExit):
        arguments(words)
    assert "--origin-us" in capsys.readouterr().err


def test_a_play_needs_an_adapters_port_or_a_load(capsys):
    with pytest.raises(SystemExit):
        arguments(["--origin-us=0", "--start-us=0", "--zmq-endpoint=inproc://x"])
    assert "--shdr-port" in capsys.readouterr().err


def test_a_played_machine_is_heard_and_ends_when_told(tmp_path):
    now = time.time_ns() // 1000
    words = [f"--zmq-endpoint=ipc://{tmp_path}/rig.sock", f"--origin-us={now}", f"--start-us={now}"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with subprocess.Popen([sys.executable, "-m", "streams.simulate", f"--shdr-port={port}", *words]) as child:
        with connected(port) as link:
            heard = b""
            while b"|avail|AVAILABLE" not in heard:
                heard += link.recv(4096)
        child.terminate()
        assert child.wait(timeout=20) == 0


def connected(port):
    """Connect as soon as somebody listens."""
    limit = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            threading.Event().wait(0.05)


def test_a_played_load_arrives_and_ends_when_told(tmp_path):
    endpoint, now = f"ipc://{tmp_path}/load.sock", time.time_ns() // 1000
    words = [f"--zmq-endpoint={endpoint}", f"--origin-us={now}", f"--start-us={now}", "--speed=100"]
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.RCVTIMEO, 30_000)
        router.setsockopt(zmq.LINGER, 0)
        router.bind(endpoint)
        with subprocess.Popen([sys.executable, "-m", "streams.simulate", "--load-tags=40", *words]) as child:
            sender, label, kind, payload = None, None, None, None
            for _ in range(2):
                sender, kind, label, payload = router.recv_multipart()
                router.send_multipart([sender, label, b"ok", b""])
            child.terminate()
            assert child.wait(timeout=20) == 0
    batch = Readings.from_arrow(decode(payload))
    assert (kind, len(batch)) == (b"arrow", 40)
