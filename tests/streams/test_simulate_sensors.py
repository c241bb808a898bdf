"""The simulated shop played as a process, and a load of as many tags as wanted."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import islice

import numpy as np
import pytest
import zmq

from streams.clock import SECOND
from streams.connectors import numbered
from streams.records import Readings, decode
from streams.simulate import SHOP, load_tags, sensors
from streams.simulate.__main__ import arguments

START = 1_790_000_000 * SECOND


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


@pytest.mark.parametrize("words", [[], ["--load-tags", "10"]])
def test_a_play_needs_to_know_its_clock_and_its_endpoint(words, capsys):
    with pytest.raises(SystemExit):
        arguments(words)
    assert "--origin-us" in capsys.readouterr().err


def test_a_play_needs_an_adapters_port_or_a_load(capsys):
    with pytest.raises(SystemExit):
        arguments(["--origin-us=0", "--start-us=0", "--zmq-endpoint=inproc://x"])
    assert "--adapter" in capsys.readouterr().err


@pytest.mark.parametrize("adapter", ["mill-1", "mill-1=x", "press-1=7878", "lathe=7878"])
def test_an_adapter_is_one_of_the_shops_machines_with_a_port(adapter, capsys):
    with pytest.raises(SystemExit):
        arguments(["--origin-us=0", "--start-us=0", "--zmq-endpoint=inproc://x", f"--adapter={adapter}"])
    assert "no machine of the shop" in capsys.readouterr().err


def test_a_played_machine_is_heard_and_ends_when_told(tmp_path):
    now = time.time_ns() // 1000
    words = [f"--zmq-endpoint=ipc://{tmp_path}/rig.sock", f"--origin-us={now}", f"--start-us={now}"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words += [f"--adapter=mill-1={port}"]
    with subprocess.Popen([sys.executable, "-m", "streams.simulate", *words]) as child:
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


@contextmanager
def simulated(endpoint, *words):
    """Run the simulated machines against an endpoint of ours; they end when told, also after a failure."""
    now = time.time_ns() // 1000
    command = [sys.executable, "-m", "streams.simulate", f"--zmq-endpoint={endpoint}"]
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.RCVTIMEO, 60_000)
        router.setsockopt(zmq.LINGER, 0)
        router.bind(endpoint)
        with subprocess.Popen([*command, f"--origin-us={now}", f"--start-us={now}", *words]) as child:
            try:
                yield router
            finally:
                child.terminate()
            assert child.wait(timeout=20) == 0


def test_the_machines_without_an_adapter_send(tmp_path):
    with simulated(f"ipc://{tmp_path}/rig.sock", "--adapter=mill-1=0") as router:
        _, *frames = router.recv_multipart()
    batch = Readings.from_arrow(decode(numbered.unpack(frames).payload))
    assert {*batch.machine.to_list()} == {one.name for one in SHOP if not one.adapter}
    assert "execution" in batch.tag.to_list()


def test_a_played_load_arrives_and_ends_when_told(tmp_path):
    with simulated(f"ipc://{tmp_path}/load.sock", "--load-tags=40", "--speed=100") as router:
        for number in (1, 2):
            sender, *frames = router.recv_multipart()
            message = numbered.unpack(frames)
            assert message.number == number
            router.send_multipart([sender, *numbered.pack_reply(numbered.Reply(number, numbered.OK))])
    batch = Readings.from_arrow(decode(message.payload))
    assert (message.kind, len(batch)) == (b"arrow", 40)
