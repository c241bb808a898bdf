"""The pages in a real Chromium: what a person at the line sees, and that it changes by itself."""

import base64
import hashlib
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from engine import health
from engine.console.texts import ENGLISH
from vision.simulate import PartRenderer

pytestmark = pytest.mark.browser

DESK, PHONE, HALL = (1600, 1000), (390, 844), (1920, 1080)
REASONS = {
    "OK": "No defect in 1 view.",
    "NG": "Surface_pores with score 0.91 in view front.",
    "REVIEW": "crater with score 0.31 in view front lies in the review band 0.25 to 0.5.",
}

READY = {
    "/station": "[data-serial=part-0011]",
    "/machines": "[data-machine=mill] .pill--run",
    "/anomalies": ".scores polyline",
    "/board": ".lamp--run",
    "/cluster": "[data-vital=station-weld-check].vital--alive",
    "/part/part-0011": "[data-serial=part-0011]",
    "/review": ".desk .empty",
}
"""What each page shows once it has read what `running` wrote."""


class Page:
    """One browser window on the console."""

    def __init__(self, driver, url, folder):
        self.driver, self.url, self.folder = driver, url, folder

    def open(self, path, size=DESK, dark=False):
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get(self.url + path)
        self.until(lambda: self.all(".content > *"))
        self.driver.execute_script("window.unreloaded = true")
        return self

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        script = "return document.querySelector(arguments[0])?.textContent"
        return self.driver.execute_script(script, selector)

    def attributes(self, selector, name):
        """Return one attribute of all elements at one moment: a live page may draw them anew."""
        script = """
            return [...document.querySelectorAll(arguments[0])].map(item => item.getAttribute(arguments[1]))
        """
        return self.driver.execute_script(script, selector, name)

    def box(self, selector):
        """Return left, top, width and height of the first element in pixels."""
        script = """
            const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();
            return [x, y, width, height]
        """
        return self.driver.execute_script(script, selector)

    def click(self, selector, index=0):
        self.driver.execute_script(
            "document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, index
        )

    def until(self, condition):
        WebDriverWait(self.driver, 60, poll_frequency=0.05).until(lambda _: condition())
        return self

    def shows(self, selector, text):
        return self.until(lambda: text in (self.text(selector) or ""))

    def unreloaded(self):
        return self.driver.execute_script("return window.unreloaded === true")

    def overflow(self):
        return self.driver.execute_script("return document.documentElement.scrollWidth > window.innerWidth")

    def pictures_loaded(self):
        script = "return [...document.images].every(image => image.complete && image.naturalWidth > 0)"
        return self.driver.execute_script(script)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def keep(self, name):
        """Write what is seen to the folder of screenshots, the whole page on a phone."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (self.folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    folder = Path(os.environ.get("SEAMLINE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(chromium, console, screenshots):
    chromium.get_log("browser")
    opened = Page(chromium, console.url, screenshots)
    yield opened
    assert opened.complaints() == []


@pytest.fixture(scope="module")
def renderer():
    return PartRenderer(seed=3, size=416, flaw_rate=0.6)


def weld(line, renderer, index, outcome, score):
    """Write a rendered part whose flaws were found with one score."""
    part = renderer.render(index)
    picture = cv2.imencode(".png", part.image)[1].tobytes()
    boxes = zip(part.labels, part.boxes.tolist(), strict=True)
    findings = [(label, score, tuple(box)) for label, box in boxes]
    ts = line.clock + timedelta(seconds=index)
    line.part(f"part-{index:04}", outcome, REASONS[outcome], ts=ts, picture=picture, findings=findings)
    return part


class Processes:
    """The plant's other processes, as far as they publish how they are; a test sets their troubles."""

    def __init__(self, folder):
        self.trouble, self.frames, self._folder = "", 20, folder
        reports = {
            ("gateway", "line-1"): self.gateway,
            ("station", "weld-check"): self.station,
            ("appender", "line-1"): self.appender,
            ("shard", "line-1"): self.shard,
        }
        self._publishers = [
            health.Publisher(folder, kind, name, report, 0.2) for (kind, name), report in reports.items()
        ]
        for publisher in self._publishers:
            publisher.__enter__()

    def end(self):
        for publisher in self._publishers:
            publisher.__exit__(None, None, None)

    def silence(self, kind, name, seconds=60):
        """Let a process look as if it had been killed so long ago."""
        self.end()
        record = health.read(health.path_of(self._folder, kind, name))
        since = record.updated - seconds * 1_000_000
        health.write(self._folder, replace(record, ended=False, updated=since))

    def gateway(self):
        sent = {"entries": 3, "readings": 4000, "rejects": 2, "waiting": 0, "failures": 0}
        return health.Report(parts=(health.Part("source", "mill", self.trouble, sent),))

    def station(self):
        self.frames += 1
        ends = {"inspected": self.frames - 3, "dropped": 1, "late": 0, "unmatched": 0, "open": 2}
        frames = {"captured": self.frames, **ends}
        camera = health.Part("camera", "cam1", counters=frames)
        return health.Report(frames, (camera, health.Part("evidence", "evidence"), health.Part("log", "log")))

    def appender(self):
        room = {"bytes": 5 << 30, "limit_bytes": 20 << 30, "disk_free_bytes": 60 << 30}
        return health.Report({"position": 900, "consumed": 700, **room}, (health.Part("log", "line-1"),))

    def shard(self):
        counters = {"position": 897, "lag_entries": 3, "lag_s": 0.2, "commits": 80, "epoch": 3}
        return health.Report(counters, (health.Part("database", "database"),))


@pytest.fixture
def processes(console):
    speaking = Processes(console.home / "run" / "health")
    yield speaking
    speaking.end()


@pytest.fixture
def running(shown, renderer, processes):
    """A line that made parts all morning."""
    for index in range(12):
        sound = renderer.part(index).sound
        weld(shown, renderer, index, "OK" if sound else "NG", 0.91)
    shown.lost("dropped", 2)
    begin = shown.clock - timedelta(hours=6)
    for hour, state in enumerate(("run", "stop", "run", "setup", "planned_stop")):
        ts = begin + timedelta(hours=hour)
        shown.state("mill", ts, ts + timedelta(hours=1), state)
    for machine in ("mill", "weld-check"):
        shown.state(machine, begin + timedelta(hours=5), None, "run", "ACTIVE")
    shown.oee(
        "mill",
        {"planned_stop": 60, "setup": 60, "unplanned_stop": 60, "speed_loss": 30, "effective": 150},
        good=150,
    )
    for minute in range(360):
        shown.anomaly("mill", begin + timedelta(minutes=minute), 1 + minute % 7 / 10)
    shown.commit(shown.clock + timedelta(seconds=12))
    return shown


@contextmanager
def unreachable(console, embedded):
    """Keep the console from its database."""
    name = conninfo_to_dict(console.dsn)["dbname"]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seamline-console'"
    with psycopg.connect(embedded.dsn("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            admin.execute(end)
            yield
        finally:
            admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_the_newest_part_with_its_findings(page, running, renderer):
    porous = (index for index in range(20, 99) if "Surface_pores" in renderer.render(index).labels)
    index = next(porous)
    part = weld(running, renderer, index, "NG", 0.91)
    running.commit(running.clock + timedelta(seconds=index))
    page.open("/station").shows(".verdict-word", "NG").shows(".facts", f"part-{index:04}")
    page.shows(".reason", "Surface pores with score 0.91 in view front.")
    assert len(page.all(".finding")) == len(part.labels)
    assert set(page.attributes(".finding", "data-label")) == set(part.labels)
    assert page.until(page.pictures_loaded).all(".past") and len(page.all(".past")) == 12
    page.keep("station-en-light")


def test_a_box_lies_where_the_finding_is(page, shown, renderer):
    picture = cv2.imencode(".png", renderer.render(0).image)[1].tobytes()
    shown.part("boxed", "NG", picture=picture, findings=[("crater", 0.9, (104, 208, 312, 312))])
    page.open("/station").shows(".facts", "boxed").until(page.pictures_loaded)
    left, top, width, height = page.box(".frame")
    x, y, wide, _ = page.box(".finding rect")
    assert (x - left) / width == pytest.approx(0.25, abs=0.01)
    assert (y - top) / height == pytest.approx(0.5, abs=0.01)
    assert wide / width == pytest.approx(0.5, abs=0.01)


def test_counts_and_verdict_change_without_a_reload(page, shown, renderer):
    page.open("/station").shows(".verdict", "Waiting for the first part")
    for index, outcome in enumerate(("OK", "NG", "REVIEW")):
        weld(shown, renderer, index, outcome, 0.4)
        page.until(lambda outcome=outcome: page.all(f".verdict--{outcome}"))
    page.shows("[data-count=good]", "1").shows("[data-count=reject]", "1").shows("[data-count=review]", "1")
    page.shows(".ledger", "The sums close.")
    assert page.unreloaded()


def test_machines_with_states_and_losses(page, running):
    page.open("/machines").shows("[data-machine=mill] .pill", "Running")
    page.shows("[data-machine=mill] [data-ratio=oee]", "50.0 %")
    assert {"run", "stop", "setup", "planned_stop"} <= {
        re.search(r"state--(\w+)", classes)[1] for classes in page.attributes(".machine .state", "class")
    }
    drawn = page.attributes("[data-machine=mill] .step", "data-loss")
    assert drawn == ["calendar", "planned_stop", "setup", "unplanned_stop", "speed_loss", "effective"]
    assert page.text("[data-machine=mill] .waterfall").count("exactly") == 1
    causes = page.attributes("[data-machine=mill] .cause", "data-cause")
    assert causes == ["PLANNED_STOP", "SETUP", "STOP", "Changeover", "Unplanned stops", "Speed loss"]
    page.keep("machines-en-light")


def test_a_machine_that_stops_is_seen_without_a_reload(page, running):
    page.open("/machines").shows("[data-machine=mill] .pill", "Running")
    running.state("mill", running.clock, None, "stop", "FEED_HOLD")
    running.commit(running.clock + timedelta(minutes=1))
    page.shows("[data-machine=mill] .pill", "Stopped").shows("[data-machine=mill] .doing", "FEED_HOLD")
    assert page.unreloaded()


def test_an_alarm_is_seen_with_its_tag_without_a_reload(page, running):
    page.open("/anomalies").shows("[data-machine=mill] .pill", "As usual").shows(
        ".calm", "below its threshold"
    )
    for second in range(30):
        running.anomaly("mill", running.clock + timedelta(seconds=second), 4.5, tag="load", share=0.8)
    running.commit(running.clock + timedelta(seconds=30))
    page.shows("[data-machine=mill] .pill", "Alarm").shows(".lasting .peak", "peak 4.50")
    page.shows(".lasting [data-tag=load]", "≥ 80 %")
    assert page.unreloaded()
    page.keep("anomalies-en-light")


SIZES = """
const texts = document.createTreeWalker(document.querySelector(".content"), NodeFilter.SHOW_TEXT);
const seen = {};
while (texts.nextNode()) {
  const text = texts.currentNode.textContent.trim(), holder = texts.currentNode.parentElement;
  if (!text || holder.closest("title")) continue;
  seen[text] = parseFloat(getComputedStyle(holder).fontSize);
}
return seen
"""
"""What is written on a page and how high its letters are, in pixels."""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_board_is_read_from_three_metres(page, running, language):
    page.open(f"/board?lang={language}", size=HALL).until(lambda: page.all(READY["/board"]))
    page.until(lambda: page.all(".lamp--OK, .lamp--NG"))
    sizes = page.driver.execute_script(SIZES)
    assert min(sizes.values()) >= 22, sizes
    assert max(sizes.values()) >= 120
    height, screen = page.driver.execute_script("return [document.documentElement.scrollHeight, innerHeight]")
    assert height <= screen
    assert not page.overflow()
    page.keep(f"board-{language}-hall")


def test_the_board_changes_without_a_reload(page, running, renderer):
    rejects = sum(not renderer.part(index).sound for index in range(12))
    page.open("/board", size=HALL).shows("[data-machine=mill] .lamp", "Running").shows(".calls", "No alarm")
    page.shows("[data-figure=rejects] b", str(rejects))
    weld(running, renderer, 40, "NG", 0.9)
    running.state("mill", running.clock, None, "stop", "FEED_HOLD")
    running.commit(running.clock + timedelta(minutes=6))
    page.shows("[data-machine=mill] .lamp", "Stopped").shows("[data-kind=stop]", "FEED_HOLD6 min")
    page.shows("[data-machine=weld-check] .lamp", "part-0040")
    page.shows("[data-figure=rejects] b", str(rejects + 1))
    assert page.unreloaded()


def test_a_board_whose_data_is_old_looks_old(page, running):
    opacity = "return getComputedStyle(document.querySelector('.board')).opacity"
    page.open("/board", size=HALL).until(lambda: page.driver.execute_script(opacity) == "1")
    running.commit(age=9)
    page.shows("[data-banner=stale]", "No new data for").keep("board-stale")
    assert float(page.driver.execute_script(opacity)) <= 0.5


@pytest.mark.parametrize("path", READY)
def test_a_line_that_stands_still_is_announced_until_it_goes_on(page, running, path):
    page.open(path).until(lambda: page.all(READY[path])).shows(".fresh", "live")
    running.commit(age=9)
    page.shows("[data-banner=stale]", "No new data for").shows(".fresh", "data as of 20:00:12")
    running.commit()
    page.until(lambda: not page.all("[data-banner=stale]")).shows(".fresh", "live")
    assert page.unreloaded()


def test_a_database_that_is_away_is_announced_until_it_is_back(page, running, console, embedded):
    page.open("/station").shows(".verdict", "part-0011")
    with unreachable(console, embedded):
        page.shows("[data-banner=away]", "Database away since")
        assert "part-0011" in page.text(".verdict")
        assert console.status()["ok"] is False
    running.commit()
    page.until(lambda: not page.all("[data-banner=away]")).shows(".fresh", "live")
    assert page.unreloaded()


@pytest.mark.parametrize("path", READY)
def test_the_chinese_page_shows_no_english(page, running, path):
    page.open(f"{path}?lang=zh", dark=True).shows(".fresh", "实时")
    seen = page.text("body .q-layout")
    words = [text for text in ENGLISH.values() if "{" not in text and len(text) > 3]
    allowed = {"OEE"}
    assert [text for text in words if text in seen and text not in allowed] == []
    assert not re.search(r"\b(outcome|state|loss|counts|oee)\.\w+", seen)
    page.until(lambda: page.all(READY[path])).until(page.pictures_loaded).keep(
        f"{path.split('/')[1]}-zh-dark"
    )


@pytest.mark.parametrize("path", READY)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_shows_everything_without_scrolling_sideways(page, running, path, language):
    page.open(f"{path}?lang={language}", size=PHONE)
    page.until(lambda: page.all(READY[path])).until(page.pictures_loaded)
    assert not page.overflow()
    page.keep(f"{path.split('/')[1]}-{language}-phone")


@pytest.mark.parametrize("width", [700, 900, 1440])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_name_of_a_page_stays_on_one_line_whatever_the_head_must_say(page, running, language, width):
    running.commit(age=9)
    page.open(f"/station?lang={language}", size=(width, 900)).until(lambda: page.all(".fresh--old"))
    heights = "return [...document.querySelectorAll('nav a')].map(item => item.offsetHeight)"
    assert max(page.driver.execute_script(heights)) < 45
    assert not page.overflow()
    page.keep(f"head-{language}-{width}")


def test_light_and_dark_follow_the_system_until_one_is_chosen(page, shown):
    theme = "return document.documentElement.dataset.theme"
    assert page.open("/station", dark=True).driver.execute_script(theme) == "dark"
    page.click("button.theme")
    assert page.driver.execute_script(theme) == "light"
    assert page.open("/machines", dark=True).driver.execute_script(theme) == "light"
    page.driver.execute_script("localStorage.clear()")


def test_the_health_of_every_process(page, running):
    page.open("/cluster").shows(".headline", "Everything runs")
    assert set(page.attributes(".node--good", "data-node")) == {
        "sources", "stations", "log", "shard", "database",
    }  # fmt: skip
    terms = page.text("[data-part=cam1] .terms")
    captured, *ends = (int(count) for count in re.findall(r"\d+", terms))
    assert captured == sum(ends) > 20
    page.until(lambda: page.text("[data-part=cam1] .terms") != terms)
    assert page.unreloaded()
    page.keep("cluster-en-light")


def test_trouble_is_seen_and_its_end_without_a_reload(page, running, processes):
    page.open("/cluster").shows(".headline", "Everything runs")
    processes.trouble = "The adapter at mill:7878 does not answer: Connection refused."
    page.shows(".headline", "Needs attention: 1").shows(".troubles", "does not answer: Connection refused.")
    page.shows("[data-node=sources]", "0 of 1 heard")
    processes.trouble = ""
    page.shows(".headline", "Everything runs")
    assert page.unreloaded()


def test_a_process_that_is_silent_is_shown_as_silent_since_when(page, running, processes):
    page.open("/cluster").shows("[data-process=station-weld-check]", "runs")
    processes.silence("station", "weld-check")
    page.shows(".headline", "Needs attention: 4").shows(".vital--silent .then", "Silent since")
    page.shows("[data-process=station-weld-check]", "silent, since")
    assert page.all("[data-process=gateway-line-1][data-life=ended]")
    assert page.unreloaded()


def test_the_health_stays_true_while_the_database_is_away(page, running, console, embedded):
    page.open("/cluster").shows(".headline", "Everything runs")
    with unreachable(console, embedded):
        page.shows("[data-node=database]", "away").shows(".troubles", "Database")
        terms = page.text("[data-part=cam1] .terms")
        page.until(lambda: page.text("[data-part=cam1] .terms") != terms)
    running.commit()
    page.shows(".headline", "Everything runs")


def test_a_part_is_traced_from_the_station_page(page, running):
    page.open("/station").until(lambda: len(page.all(".past a")) == 12)
    page.click(".past a", 11)
    page.shows(".history h1", "part-0000").until(page.pictures_loaded)
    page.shows(".hashes", hashlib.sha256(b"model").hexdigest())
    page.shows("[data-machine=mill] .doing", "Running").shows("[data-machine=mill] .muted", "50.0 %")
    assert page.all(".capture")
    assert page.all(".around-score")
    page.keep("part-en-light")


def test_a_part_that_is_inspected_again_is_seen_without_a_reload(page, running):
    page.open("/part/part-0003").shows(".history", "1 in all")
    running.part("part-0003", "OK", ts=running.clock + timedelta(minutes=1), attempt=2)
    page.shows(".history", "2 in all").until(lambda: len(page.all(".attempt")) == 2)
    assert page.unreloaded()


def test_a_serial_is_looked_for(page, shown):
    shown.part("P 1/2", "OK")
    page.open("/part/").shows(".empty", "Type a serial")
    for serial, selector, answer in (
        ("nobody", ".empty", "No verdict is known of a part nobody"),
        ("P 1/2", ".history h1", "P 1/2"),
    ):
        field = page.all(".part-search input[name=serial]")[0]
        field.clear()
        field.send_keys(serial + Keys.ENTER)
        page.shows(selector, answer)


def test_a_database_that_is_away_is_said_of_a_part(page, running, console, embedded):
    with unreachable(console, embedded):
        page.open("/part/part-0003").shows(".empty", "does not answer since")
    running.commit()
    page.shows(".history", "1 in all")
    assert page.unreloaded()


def test_a_station_that_is_not_there(page, shown):
    page.open("/station?station=nowhere").shows(".empty", "There is no station nowhere")


def test_text_from_the_line_stays_text(page, shown):
    shown.part("<b onclick=x>1</b>", "OK", reason="<script>window.broken = true</script>")
    page.open("/station").shows(".verdict .facts", "<b onclick=x>1</b>")
    assert page.driver.execute_script("return window.broken") is None


def doubtful(line, renderer):
    """Let three parts wait for a person, at a station whose bands the database knows."""
    line.db.execute("INSERT INTO tenants VALUES (1, 'Hall') ON CONFLICT DO NOTHING")
    line.db.execute(
        "INSERT INTO machines VALUES (1, 'weld-check', 'station', 'line-1', %s)"
        " ON CONFLICT (tenant_id, name) DO UPDATE SET settings = excluded.settings",
        [Jsonb({"review_above": 0.25, "reject_above": 0.5, "timezone": "UTC"})],
    )
    for index, score in enumerate((0.37, 0.31, 0.27)):
        weld(line, renderer, index, "REVIEW", score)
    line.commit(line.clock + timedelta(seconds=5))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_person_decides_one_part_after_another(page, shown, renderer, language):
    doubtful(shown, renderer)
    page.open(f"/review?lang={language}").shows("[data-serial]", "part-")
    page.until(lambda: page.pictures_loaded() and len(page.all("[data-waiting]")) == 2)
    page.keep("review" if language == "en" else "review-zh")
    first = page.attributes("[data-serial]", "data-serial")[0]
    page.click("[data-decide=NG]")
    page.until(lambda: page.all(".q-notification"))
    assert decisions(shown) == []
    name, why = page.all(".decide input[type=text]")[:2]
    name.send_keys("Li Wei")
    why.send_keys("crater at the start")
    page.click("[data-decide=NG]")
    page.until(lambda: page.attributes("[data-serial]", "data-serial")[0] != first)
    assert decisions(shown) == [(first, "NG", "Li Wei", "crater at the start")]
    assert page.unreloaded()
    assert name.get_attribute("value") == "Li Wei"
    shown.db.execute("TRUNCATE reviews")
    shown.db.execute("DELETE FROM machines WHERE name = 'weld-check'")


def decisions(line):
    return line.db.execute("SELECT serial, decision, person, reason FROM reviews ORDER BY id").fetchall()
