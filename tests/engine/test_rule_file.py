from pathlib import Path

import pytest

from engine.plant import Plant, PlantError, StationSection, load
from engine.plant.rule_file import load_rules
from engine.recipe import check, holds, recipe_of
from vision.rules.records import ANOMALY

EXAMPLE = Path(__file__).parents[2] / "docs" / "rules.yaml"
PLANT = "name: p\nstations: [{name: w, cameras: [], rules: rules.yaml}]\n"
HEAD = "name: bracket\nversion: '1'\nentered_by: Wang Li\nprocess: '135'\nstandard: ISO 5817 C\n"
PROCESS = 'process: "135" (its number in ISO 4063, or as it is called)'
STANDARD = "standard: ISO 5817 C (with its level, or the customer's drawing)"


def written(folder, rules):
    path = folder / "rules.yaml"
    path.write_text(HEAD + rules, encoding="utf-8")
    return path


def test_the_example_is_a_rule_set_and_every_line_of_it_is_explained():
    found = load_rules(EXAMPLE).rule_set(0.25, 0.5, None)
    assert [rule.name for rule in found.rules] == ["pores", "crater", "size", ANOMALY]
    assert (found.title, found.process) == ("bracket 1", "135")
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert all("#" in line for line in lines if line)


def test_a_rule_set_lies_beside_its_plant_file(tmp_path):
    written(tmp_path, "rules: []\n")
    (tmp_path / "plant.yaml").write_text(PLANT, encoding="utf-8")
    (station,) = load(tmp_path / "plant.yaml").stations
    assert station.rules == tmp_path / "rules.yaml"
    assert recipe_of(station).rules.title == "bracket 1"


def test_a_rule_has_the_bands_of_its_recipe_where_it_has_none(tmp_path):
    rules = written(tmp_path, "rules: [{name: pores, classes: [pore], review_above: 0.1}]\n")
    section = StationSection(name="w", cameras=[], rules=rules, review_above=0.3, reject_above=0.6)
    (pores, _), other = recipe_of(section).rules.rules, recipe_of(section).rules.other
    assert (pores.review_above, pores.reject_above) == (0.1, 0.6)
    assert (other.review_above, other.reject_above) == (0.3, 0.6)
    assert recipe_of(section).rules.floor == 0.1


@pytest.mark.parametrize(
    "name", ["score", "anomaly", "quality gate", "views", "model", "recipe", "release", "bypass"]
)
def test_no_rule_is_named_like_what_else_decides_on_a_part(tmp_path, name):
    rules = written(tmp_path, f"rules: [{{name: {name}, classes: [pore]}}]\n")
    with pytest.raises(PlantError) as told:
        load_rules(rules)
    assert str(told.value) == (
        f"{rules}:6:9: item 1 of rules: no rule may be named {name}: verdicts call something else so;"
        " rename it."
    )


def test_the_rule_of_anomalies_may_be_named_so(tmp_path):
    rules = written(tmp_path, "rules: [{name: anomaly, classes: [anomaly], reject_above: 0.9}]\n")
    (found,) = recipe_of(StationSection(name="w", cameras=[], rules=rules)).rules.rules
    assert (found.name, found.reject_above) == (ANOMALY, 0.9)


@pytest.mark.parametrize(
    ("band", "review", "reject"), [("reject_above: 0.2", 0.25, 0.2), ("review_above: 0.6", 0.6, 0.5)]
)
def test_a_rule_that_would_pass_what_it_rejects_beside_its_recipes_bands_is_refused(
    tmp_path, band, review, reject
):
    rules = written(tmp_path, f"rules: [{{name: crack, classes: [crack], {band}}}]\n")
    section = StationSection(name="w", cameras=[], rules=rules)
    with pytest.raises(PlantError) as told:
        check(Plant(name="p", stations=[section]))
    assert str(told.value) == (
        f"Rule crack of {rules} would pass what it rejects: beside the bands of station w its review_above"
        f" {review} lies above its reject_above {reject}; write both into the rule, review_above as the"
        " lower."
    )


def test_a_rule_may_reject_all_that_counts(tmp_path):
    rules = written(
        tmp_path,
        "rules: [{name: crack, classes: [crack], reject_above: 0.25},"
        " {name: pores, classes: [pore], review_above: 0.7, reject_above: 0.7}]\n",
    )
    crack, pores, _ = recipe_of(StationSection(name="w", cameras=[], rules=rules)).rules.rules
    assert (crack.review_above, crack.reject_above) == (0.25, 0.25)
    assert (pores.review_above, pores.reject_above) == (0.7, 0.7)


def test_a_rule_set_may_say_what_is_asked_of_anomalies(tmp_path):
    rules = written(tmp_path, "rules: [{name: unlike, classes: [anomaly], reject_above: 0.9}]\n")
    found = recipe_of(StationSection(name="w", cameras=[], rules=rules)).rules
    assert [rule.name for rule in found.rules] == ["unlike"]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("rules: [{name: a}]\n", ":6:9: item 1 of rules: the rule a has neither classes nor iso6520"),
        (
            "rules:\n  - {name: a, classes: [b], length_mm: {review_from: 2, reject_from: 1}}\n",
            ":7:40: length_mm: review_from 2 lies above reject_from 1; make it the lower of the two.",
        ),
        (
            "rules: [{name: a, classes: [b], review_above: 0.7, reject_above: 0.5}]\n",
            ":6:9: item 1 of rules: the rule a would pass what it rejects: review_above 0.7 lies above"
            " reject_above 0.5; make it the lower of the two.",
        ),
        ("rules: [{name: a, classes: [b], cuont: 3}]\n", "there is no key cuont here; did you mean count?"),
        ("rules: [{name: a, classes: [b]}, {name: a, classes: [c]}]\n", "two rules are named a"),
        ("name: twice\n", ":6:1: the key name stands in line 1 already; keep one of the two."),
        ("rules: [a\n", "this is not YAML"),
    ],
)
def test_what_is_wrong_in_a_rule_set_is_told_with_its_place(tmp_path, rules, says):
    with pytest.raises(PlantError) as told:
        load_rules(written(tmp_path, rules))
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("process", "standard", "asked"),
    [
        ("", "standard: ISO 5817 C\n", [PROCESS]),
        ("process: ''\n", "standard: ISO 5817 C\n", [PROCESS]),
        ("process: '135'\n", "standard: ' '\n", [STANDARD]),
        ("", "", [PROCESS, STANDARD]),
    ],
)
def test_a_rule_set_names_process_and_standard(tmp_path, process, standard, asked):
    path = tmp_path / "rules.yaml"
    path.write_text(
        f"name: bracket\nversion: '1'\nentered_by: Wang Li\n{process}{standard}", encoding="utf-8"
    )
    with pytest.raises(PlantError) as told:
        load_rules(path)
    assert str(told.value).endswith(f"it does not say what its numbers rest on; write {' and '.join(asked)}.")


def test_a_plant_whose_rule_set_is_not_there_is_refused(tmp_path):
    plant = Plant(name="p", stations=[StationSection(name="w", cameras=[], rules=tmp_path / "none.yaml")])
    with pytest.raises(PlantError, match=r"none\.yaml cannot be read: No such file"):
        check(plant)


def test_a_rule_set_that_was_written_anew_is_another_recipe(tmp_path):
    rules = written(tmp_path, "rules: [{name: a, classes: [b]}]\n")
    section = StationSection(name="w", cameras=[], rules=rules)
    before = recipe_of(section).hash
    assert holds(section, before)
    rules.write_text(HEAD.replace("'1'", "'2'"), encoding="utf-8")
    assert not holds(section, before)
    rules.unlink()
    assert not holds(section, before)
