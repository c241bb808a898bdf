"""Simulated parts before several cameras: nobody runs ahead, nobody waits for the gone."""

import threading

import numpy as np
import pytest

from vision.simulate import draw_part
from vision.simulate.line import Line, serial, truth

SIZE = 64


@pytest.fixture
def line():
    return Line(seed=3, size=SIZE)


def test_cameras_see_the_same_part_from_their_views(line):
    top, left = line.enter("top"), line.enter("left")
    seen = [top.look(1), left.look(1)]
    assert not np.array_equal(*seen)
    again = Line(seed=3, size=SIZE)
    assert np.array_equal(seen[1], again.enter("left").look(1))


def test_no_camera_runs_ahead_of_another(line):
    """A camera that never waits sees each part only after the slow one saw the part before."""
    quick, slow = line.enter("top"), line.enter("left")
    quick.look(41)
    slow.look(41)
    order, done = [], threading.Event()

    def run_ahead():
        for index in range(42, 46):
            quick.look(index)
            order.append(("quick", index))
        done.set()

    thread = threading.Thread(target=run_ahead)
    thread.start()
    for index in range(42, 46):
        order.append(("slow", index))
        slow.look(index)
    assert done.wait(10)
    thread.join()
    for index in range(43, 46):
        assert order.index(("slow", index - 1)) < order.index(("quick", index))


def test_a_camera_that_was_closed_holds_nobody(line, monkeypatch):
    monkeypatch.setattr("vision.simulate.line.HELD_S", 600.0)
    here, gone = line.enter("top"), line.enter("left")
    here.look(1)
    gone.look(1)
    gone.close()
    for index in (2, 3, 4):
        here.look(index)


def test_a_camera_that_hangs_does_not_stop_the_line(line, monkeypatch):
    monkeypatch.setattr("vision.simulate.line.HELD_S", 0.01)
    here, hangs = line.enter("top"), line.enter("left")
    hangs.look(0)
    for index in (1, 2, 3):
        here.look(index)


def test_a_serial_tells_what_the_part_is():
    assert serial(3, 17, 2) == "P3-000017-2"
    assert truth(serial(3, 17, 2)) == draw_part(3, 17)
    assert truth("weld-0001-1") is None
