import threading

import pytest

from vision.assembly import Part
from vision.pipeline import BUSY, Pipeline, PipelineError, always, singly
from vision.records import Frame, FrameLoss

WAIT = 60.0


def part(number):
    return Part(str(number), 1, ())


def loss(number):
    return FrameLoss("s", "c", "v", "1", number, number, 0, "dropped", "test")


class Finished:
    """Remember what came out, in order."""

    def __init__(self):
        self.jobs = []
        self.changed = threading.Condition()

    def __call__(self, jobs):
        with self.changed:
            self.jobs.extend(jobs)
            self.changed.notify_all()

    def serials(self):
        return [job.part.serial for job in self.jobs if job.part]

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.jobs) >= count, WAIT)


def test_parts_leave_in_the_order_they_came_whatever_they_took():
    finished, first = Finished(), threading.Event()

    def inspect(item):
        if item.serial == "0":
            assert first.wait(WAIT)
        elif item.serial == "3":
            first.set()
        return item.serial

    pipeline = Pipeline(always(singly(inspect)), finished, workers=3, depth=8)
    for number in range(20):
        pipeline.offer(part(number))
    pipeline.close()
    assert (
        finished.serials() == [job.verdict for job in finished.jobs] == [str(number) for number in range(20)]
    )


def test_losses_pass_in_their_turn():
    finished, go = Finished(), threading.Event()
    pipeline = Pipeline(always(singly(lambda item: go.wait(WAIT))), finished, workers=1, depth=8)
    pipeline.offer(part(1))
    pipeline.lose([loss(7)])
    pipeline.offer(part(2))
    go.set()
    pipeline.close()
    assert [job.losses or job.part.serial for job in finished.jobs] == ["1", (loss(7),), "2"]


def test_a_lossless_pipeline_makes_the_camera_wait():
    finished, go, entered = Finished(), threading.Event(), threading.Event()
    pipeline = Pipeline(always(singly(lambda item: go.wait(WAIT))), finished, workers=1, depth=2)
    pipeline.offer(part(1))
    pipeline.offer(part(2))
    third = threading.Thread(target=lambda: (pipeline.offer(part(3)), entered.set()))
    third.start()
    assert not entered.wait(0.05)
    go.set()
    assert entered.wait(WAIT)
    third.join()
    pipeline.close()
    assert finished.serials() == ["1", "2", "3"]
    assert not any(job.reason for job in finished.jobs)


def big(number):
    return Part(str(number), 1, (Frame("c", "v", "1", number, 0, bytes(100), None, str(number)),))


@pytest.mark.parametrize("newest", [False, True])
def test_pictures_inside_take_a_bounded_memory(monkeypatch, newest):
    monkeypatch.setattr("vision.pipeline.ROOM", 150)
    finished, go, began = Finished(), threading.Event(), threading.Event()

    def inspect(item):
        began.set()
        return go.wait(WAIT)

    pipeline = Pipeline(always(singly(inspect)), finished, workers=1, depth=48, newest=newest)
    pipeline.offer(big(1))
    assert began.wait(WAIT)
    pipeline.offer(big(2))
    entered = threading.Event()
    third = threading.Thread(target=lambda: (pipeline.offer(big(3)), entered.set()))
    third.start()
    assert entered.wait(WAIT if newest else 0.05) is newest
    go.set()
    third.join(WAIT)
    pipeline.close()
    assert finished.serials() == ["1", "2", "3"]
    assert [job.part.serial for job in finished.jobs if job.reason] == (["2"] if newest else [])
    assert pipeline.waits == (not newest)


def test_dropped_parts_hold_no_pixels_while_they_wait_to_be_told():
    go, finishing, told = threading.Event(), threading.Event(), []

    def finish(jobs):
        finishing.set()
        assert go.wait(WAIT)
        told.extend(jobs)

    def held():
        return sum(job.part.nbytes for job in pipeline._order)

    pipeline = Pipeline(always(singly(lambda item: item)), finish, workers=1, depth=4, newest=True)
    pipeline.offer(big(1))
    assert finishing.wait(WAIT)
    for number in range(2, 100):
        pipeline.offer(big(number))
        assert held() <= 4 * big(number).nbytes
    go.set()
    pipeline.close()
    assert [job.part.serial for job in told] == [str(number) for number in range(1, 100)]
    frames = [(frame.camera, frame.run, frame.sequence) for job in told for frame in job.part.frames]
    assert frames == [("c", "1", number) for number in range(1, 100)]
    assert all((job.part.nbytes == 0) is (job.reason == BUSY) for job in told)


def test_the_newest_parts_push_out_the_oldest_that_wait():
    finished, go, began = Finished(), threading.Event(), threading.Event()

    def inspect(item):
        began.set()
        return go.wait(WAIT)

    pipeline = Pipeline(always(singly(inspect)), finished, workers=1, depth=3, newest=True)
    pipeline.offer(part(1))
    assert began.wait(WAIT)
    for number in range(2, 7):
        pipeline.offer(part(number))
    go.set()
    pipeline.close()
    assert finished.serials() == ["1", "2", "3", "4", "5", "6"]
    assert [job.part.serial for job in finished.jobs if job.reason == BUSY] == ["2", "3", "4"]


def test_when_nobody_takes_verdicts_the_newest_part_itself_is_dropped():
    go, inspected = threading.Event(), threading.Event()
    taken = []

    def finish(jobs):
        inspected.set()
        assert go.wait(WAIT)
        taken.extend(jobs)

    pipeline = Pipeline(always(singly(lambda item: item)), finish, workers=1, depth=1, newest=True)
    pipeline.offer(part(1))
    assert inspected.wait(WAIT)
    pipeline.offer(part(2))
    go.set()
    pipeline.close()
    assert [(job.part.serial, job.reason) for job in taken] == [("1", ""), ("2", BUSY)]


def test_a_part_that_cannot_be_inspected_does_not_stop_the_others():
    finished = Finished()

    def inspect(item):
        if item.serial == "1":
            raise RuntimeError("broken")
        return item.serial

    pipeline = Pipeline(always(singly(inspect)), finished, workers=2, depth=4)
    for number in range(3):
        pipeline.offer(part(number))
    pipeline.close()
    assert [job.reason for job in finished.jobs] == ["", "inspection_failed: RuntimeError", ""]


def test_when_delivery_fails_nothing_more_is_taken_in():
    def finish(jobs):
        raise OSError("the log is gone")

    pipeline = Pipeline(always(singly(lambda item: item)), finish, workers=1, depth=1)
    pipeline.offer(part(1))
    with pytest.raises(PipelineError, match="the log is gone"):
        pipeline.offer(part(2))
    with pytest.raises(PipelineError, match="the log is gone"):
        pipeline.lose([loss(1)])
    pipeline.close()
    assert isinstance(pipeline.failure, OSError)


def test_who_judges_is_asked_in_the_order_of_the_parts():
    finished, asked, go = Finished(), [], threading.Event()

    def turn(item):
        asked.append(item)
        judge = "old" if len(asked) <= 20 else "new"
        return singly(lambda item: go.wait(WAIT) and judge)

    pipeline = Pipeline(turn, finished, workers=8, depth=48)
    offered = [part(number) for number in range(40)]
    for item in offered:
        pipeline.offer(item)
    go.set()
    pipeline.close()
    assert asked == offered
    assert [job.verdict for job in finished.jobs] == ["old"] * 20 + ["new"] * 20


def test_a_part_that_nobody_may_judge_fails_alone():
    finished, judges = Finished(), {"0": lambda parts: ["said"]}
    pipeline = Pipeline(lambda item: judges[item.serial], finished, workers=1, depth=8)
    for number in range(2):
        pipeline.offer(part(number))
    pipeline.close()
    assert [(job.verdict, job.reason) for job in finished.jobs] == [
        ("said", ""),
        (None, "inspection_failed: KeyError"),
    ]


class Crowd:
    """Judges who wait until every part is inside, and note which parts they were given at once."""

    def __init__(self):
        self.go, self.groups = threading.Event(), []

    def judge(self, name, fails=()):
        def inspect(parts):
            assert self.go.wait(WAIT)
            self.groups.append([item.serial for item in parts])
            for item in parts:
                if item.serial in fails:
                    raise ValueError(item.serial)
                yield f"{name} {item.serial}"

        return inspect

    def run(self, turn, workers=1, count=8):
        """Return what came of so many parts, of which the first is taken before the others wait."""
        finished, begun = Finished(), threading.Event()

        def asked(item):
            begun.set()
            return turn(item)

        pipeline = Pipeline(asked, finished, workers, depth=48, together=3)
        for number in range(count):
            pipeline.offer(part(number))
            assert begun.wait(WAIT)
        self.go.set()
        pipeline.close()
        return [(job.verdict, job.reason) for job in finished.jobs]


def test_parts_that_wait_are_judged_together_and_leave_in_their_order():
    crowd = Crowd()
    assert crowd.run(always(crowd.judge("a"))) == [(f"a {number}", "") for number in range(8)]
    assert crowd.groups == [["0"], ["1", "2", "3"], ["4", "5", "6"], ["7"]]


def test_parts_are_judged_together_only_by_the_one_whose_turn_each_is():
    crowd = Crowd()
    judges = [crowd.judge("a"), crowd.judge("b")]
    said = crowd.run(lambda item: judges[int(item.serial) > 2])
    assert said == [(f"{'b' if number > 2 else 'a'} {number}", "") for number in range(8)]
    assert crowd.groups == [["0"], ["1", "2"], ["3"], ["4", "5", "6"], ["7"]]


def test_a_part_that_fails_among_others_fails_alone():
    crowd = Crowd()
    said = crowd.run(always(crowd.judge("a", fails={"2"})))
    assert [verdict for verdict, _ in said] == [None if number == 2 else f"a {number}" for number in range(8)]
    assert said[2] == (None, "inspection_failed: ValueError")
    assert crowd.groups == [["0"], ["1", "2", "3"], ["2"], ["3"], ["4", "5", "6"], ["7"]]


def test_no_worker_takes_parts_that_another_could_begin():
    crowd = Crowd()
    crowd.run(always(crowd.judge("a")), workers=4, count=12)
    assert [len(group) for group in crowd.groups] == [1] * 12
