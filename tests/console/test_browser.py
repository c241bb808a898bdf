"""The pages in a real Chromium: what a person at the line sees, and that it changes by itself."""

import base64
import os
import re
from datetime import timedelta
from pathlib import Path

import cv2
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

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

    def until(self, condition):
        WebDriverWait(self.driver, 15, poll_frequency=0.05).until(lambda _: condition())
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


@pytest.fixture
def running(shown, renderer):
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


def test_the_newest_part_with_its_findings(page, running, renderer):
    porous = (index for index in range(20, 99) if "Surface_pores" in renderer.render(index).labels)
    index = next(porous)
    part = weld(running, renderer, index, "NG", 0.91)
    running.commit(running.clock + timedelta(seconds=index))
    page.open("/station").shows(".verdict-word", "NG").shows(".facts", f"part-{index:04}")
    page.shows(".reason", "Surface pores with score 0.91 in view front.")
    assert len(page.all(".finding")) == len(part.labels)
    assert {item.get_attribute("data-label") for item in page.all(".finding")} == set(part.labels)
    assert page.until(page.pictures_loaded).all(".past") and len(page.all(".past")) == 12
    page.keep("station-en-light")


def test_a_box_lies_where_the_finding_is(page, shown, renderer):
    picture = cv2.imencode(".png", renderer.render(0).image)[1].tobytes()
    shown.part("boxed", "NG", picture=picture, findings=[("crater", 0.9, (104, 208, 312, 312))])
    page.open("/station").shows(".facts", "boxed").until(page.pictures_loaded)
    frame, box = page.all(".frame")[0].rect, page.all(".finding rect")[0].rect
    assert (box["x"] - frame["x"]) / frame["width"] == pytest.approx(0.25, abs=0.01)
    assert (box["y"] - frame["y"]) / frame["height"] == pytest.approx(0.5, abs=0.01)
    assert box["width"] / frame["width"] == pytest.approx(0.5, abs=0.01)


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
        re.search(r"state--(\w+)", bar.get_attribute("class"))[1] for bar in page.all(".machine .state")
    }
    drawn = [row.get_attribute("data-loss") for row in page.all("[data-machine=mill] .step")]
    assert drawn == ["calendar", "planned_stop", "setup", "unplanned_stop", "speed_loss", "effective"]
    assert page.text("[data-machine=mill] .waterfall").count("exactly") == 1
    causes = [row.get_attribute("data-cause") for row in page.all("[data-machine=mill] .cause")]
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
    page.open("/board", size=HALL).shows("[data-machine=mill] .lamp", "Running").shows(".calls", "No alarm")
    weld(running, renderer, 40, "NG", 0.9)
    before = int(page.text("[data-figure=rejects] b"))
    running.state("mill", running.clock, None, "stop", "FEED_HOLD")
    running.commit(running.clock + timedelta(minutes=6))
    page.shows("[data-machine=mill] .lamp", "Stopped").shows("[data-kind=stop]", "FEED_HOLD6 min")
    page.shows("[data-machine=weld-check] .lamp", "part-0040").shows(
        "[data-figure=rejects] b", str(before + 1)
    )
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
    name = conninfo_to_dict(console.dsn)["dbname"]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seamline-console'"
    with psycopg.connect(embedded.dsn("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            admin.execute(end)
            page.shows("[data-banner=away]", "Database away since")
            assert "part-0011" in page.text(".verdict")
            assert console.status()["ok"] is False
        finally:
            admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
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
    page.until(lambda: page.all(READY[path])).until(page.pictures_loaded).keep(f"{path[1:]}-zh-dark")


@pytest.mark.parametrize("path", READY)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_shows_everything_without_scrolling_sideways(page, running, path, language):
    page.open(f"{path}?lang={language}", size=PHONE)
    page.until(lambda: page.all(READY[path])).until(page.pictures_loaded)
    assert not page.overflow()
    page.keep(f"{path[1:]}-{language}-phone")


def test_light_and_dark_follow_the_system_until_one_is_chosen(page, shown):
    theme = "return document.documentElement.dataset.theme"
    assert page.open("/station", dark=True).driver.execute_script(theme) == "dark"
    page.all("button.theme")[0].click()
    assert page.driver.execute_script(theme) == "light"
    assert page.open("/machines", dark=True).driver.execute_script(theme) == "light"
    page.driver.execute_script("localStorage.clear()")


def test_a_station_that_is_not_there(page, shown):
    page.open("/station?station=nowhere").shows(".empty", "There is no station nowhere")


def test_text_from_the_line_stays_text(page, shown):
    shown.part("<b onclick=x>1</b>", "OK", reason="<script>window.broken = true</script>")
    page.open("/station").shows(".verdict .facts", "<b onclick=x>1</b>")
    assert page.driver.execute_script("return window.broken") is None
