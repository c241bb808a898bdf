"""Why a verdict is what it is, from the database to the page."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console import part_page
from engine.console.explanation import explanation
from engine.console.locale import Locale
from engine.console.part_query import trace
from vision.judge import Recipe, judge
from vision.measure import measure
from vision.records import Finding, View
from vision.rules import Count, Limit, Rule, RuleSet

SAY, CHINESE = Locale("en", ZoneInfo("UTC")), Locale("zh", ZoneInfo("UTC"))
DECIDED = {
    "recipe": "bracket 4", "purpose": "", "rule": "pores", "rule_set": "bracket 3", "process": "135",
    "standard": "ISO 5817 level C", "decided_view": "front", "decided_finding": 0, "measure": "length_mm",
    "measured": 2.5, "bound": 2.0,
}  # fmt: skip


def words(html):
    return " ".join(re.sub(r"<[^>]*>", " ", str(html)).split())


@pytest.fixture
def explained(line):
    line.part("A", "NG", picture=b"a", findings=[("Surface_pores", 0.9, (1, 2, 26, 9))])
    line.part("B", "OK", picture=b"b")
    for table, columns in (
        ("verdicts", DECIDED),
        ("findings", {"rule": "pores", "judged": "reject", "length_mm": 2.5, "on_seam": 0, "place": 0}),
    ):
        names = ", ".join(f"{name} = %s" for name in columns)
        line.db.execute(f"UPDATE {table} SET {names} WHERE serial = 'A'", list(columns.values()))
    return trace(line.db, 1, "A", []).attempts[0]


def test_a_part_tells_the_rule_the_finding_and_the_view(explained):
    decision = explained.part.decision
    assert (decision.rule, decision.standard, decision.value, decision.bound) == (
        "pores",
        "ISO 5817 level C",
        2.5,
        2.0,
    )
    said = words(explanation(explained, SAY))
    assert "Rule pores Rule set bracket 3 · 135 · ISO 5817 level C" in said
    assert "Finding surface pores 0.90, 2.5 mm, beside the seam" in said
    assert "Measured length 2.5 mm, bound 2 mm Recipe bracket 4" in said
    assert said.endswith("rejects · pores")


def test_a_suspect_part_names_the_master_part_that_failed(line, explained):
    assert explained.suspect is None
    facts = dict.fromkeys(("part_number", "recipe_hash", "reason", "person"), "")
    times = {"at": line.clock, "since": line.clock - timedelta(hours=1), "received": line.clock}
    keys = {"tenant_id": 1, "station": "weld-check", "number": 1, "event": "failed", "serial": "OK-1"}
    line.insert("releases", **facts | times | keys)
    (found,) = trace(line.db, 1, "A", []).attempts
    assert found.suspect.master == "OK-1"
    assert "Suspect parts master part OK-1 failed at 20" in words(explanation(found, SAY))


def test_a_part_tells_it_in_chinese_too(explained):
    said = words(explanation(explained, CHINESE))
    assert "判定理由" in said
    assert "长度 2.5 mm，界限 2 mm" in said
    assert re.search("[A-Za-z]{8,}", said.replace("bracket", "")) is None


def test_a_verdict_of_before_says_so(line):
    line.part("B", "OK", picture=b"b")
    (found,) = trace(line.db, 1, "B", []).attempts
    assert found.part.decision is None
    assert "before rules were told" in words(part_page.explanation(found, SAY))


def test_colours_are_those_of_then_where_findings_tell_what_they_were_judged_to_be(explained):
    assert part_page.told(explained)


PORE = Finding("Surface_pores", 0.9, (0.0, 0.0, 5.0, 20.0))
SETS = {
    "size": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (Limit("length_mm", 1.0, 2.0),)),
    "review": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (Limit("area_mm2", 0.5, 9.0),)),
    "within": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (Limit("area_mm2", 8.0, 9.0),)),
    "depth": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (Limit("depth_mm", 1.0, 2.0),)),
    "number": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (), Count(1, 1, 10)),
    "view": Rule("p", ("Surface_pores",), (), 0.3, 0.6, (), Count(1, 2)),
    "score": Rule("p", ("Surface_pores",), (), 0.3, None),
}


@pytest.mark.parametrize("name", SETS)
def test_every_sentence_of_a_rule_is_said_in_chinese(name):
    rules = RuleSet("bracket", Rule("score"), (SETS[name],), "3", "135", "ISO 5817 C")
    view = View("cam", "top", "1", 1, 0, "", 64, 64, {}, (measure(PORE, None, 0.1),), mm_per_pixel=0.1)
    recorded = judge(Recipe("demo", rule_set=rules), [view]).reason
    said = CHINESE.reason(recorded)
    assert said != recorded
    assert re.search("[\u4e00-\u9fff]", said)
    assert re.search("(?i)surface|view|from|within|judged", said) is None
    assert "{" not in SAY.reason(recorded)
