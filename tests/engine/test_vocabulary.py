"""What rules and master parts name is known to the model, or told: a slip of the pen passes no defect."""

import json

import pytest

from engine.approvals.testing import vouch
from engine.paths import Home
from engine.plant import Plant
from engine.recipe import rules_of
from engine.station_models import Models
from engine.vocabulary import faults, recipes_of, unknown
from vision import registry
from vision.refusal import Refusal
from vision.testing import write_model

MASTERS = [{"serial": "OK-1", "expect": "OK"}, {"serial": "NG-1", "expect": "NG", "finds": "Surface_poers"}]
KNOWS = "but the model tiny@"


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home").create()
    write_model(home.models)
    return home


def other_model(home, name="other", **fields):
    """Put another model on the shelf, whose card says something else."""
    folder = write_model(home.models, name).folder
    (folder / "card.json").write_text(json.dumps(registry.read_card(folder) | fields))
    return registry.load(folder)


def plant_of(folder, rules="", features="[good, Weld]", models=("tiny",), **settings):
    """Return a plant with a station for each model, all by one rule set."""
    file = folder / "rules.yaml"
    file.write_text(
        "{name: r, version: '1', entered_by: Li, process: '135', standard: ISO 5817 C,"
        f" features: {features}, rules: [{rules}]}}",
        "utf-8",
    )
    told = {"cameras": [], "rules": str(file), "identity": {"serial": "datamatrix"}} | settings
    stations = [told | {"name": f"w{place}", "model": name} for place, name in enumerate(models)]
    return Plant.model_validate({"name": "p", "stations": stations})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rules": "{name: pores, classes: [Surface_poers]}"}, "names the class Surface_poers,"),
        ({"rules": "{name: pores, iso6520: ['2071']}"}, "names the ISO 6520-1 number 2071,"),
        ({"features": "[god]"}, "names the class god,"),
        ({"masters": MASTERS}, "Master part NG-1 of station w0 names the class Surface_poers,"),
    ],
)
def test_a_word_that_the_model_does_not_know_is_told_with_those_that_it_knows(home, tmp_path, given, says):
    (told,) = faults(plant_of(tmp_path, **given), home)
    assert says in told
    assert KNOWS in told


def test_the_nearest_word_is_told(home, tmp_path):
    (told,) = faults(plant_of(tmp_path, "{name: pores, classes: [Surface_poers]}"), home)
    title = registry.title(registry.find("tiny", [home.models]))
    assert told == (
        f"Rule pores of {tmp_path / 'rules.yaml'} names the class Surface_poers, but the model {title}"
        " knows Surface_pores, Weld, good; did you mean Surface_pores?"
    )


def test_what_the_model_knows_the_usual_features_and_anomalies_are_no_mistake(home, tmp_path):
    rules = "{name: pores, classes: [Surface_pores], iso6520: ['2017']}, {name: odd, classes: [anomaly]}"
    assert faults(plant_of(tmp_path, rules), home) == []
    other_model(home, classes=("dent", "hole", "seam"))
    assert faults(plant_of(tmp_path, "{name: d, classes: [dent]}", models=["other"]), home) == []


def test_a_station_that_judges_by_a_bank_alone_knows_anomalies(home, tmp_path):
    plant = plant_of(tmp_path, "{name: odd, classes: [anomly]}", models=[None], anomaly="good-ones")
    (told,) = faults(plant, home)
    assert told.endswith("but the model good-ones knows anomaly; did you mean anomaly?")


def test_a_rule_set_may_serve_recipes_of_several_models(home, tmp_path):
    other_model(home, classes=("dent", "hole", "seam"), iso6520={"dent": "514"})
    rules = "{name: a, classes: [Surface_pores, dent], iso6520: ['514']}"
    assert faults(plant_of(tmp_path, rules, models=["tiny", "other"]), home) == []
    told = faults(plant_of(tmp_path, rules.replace("dent", "dnet"), models=["tiny", "other"]), home)
    assert ["dnet" in item for item in told] == [True, True]


def test_where_a_model_is_not_here_nothing_is_said_of_what_it_may_know(home, tmp_path):
    rules = "{name: a, classes: [dent]}"
    assert faults(plant_of(tmp_path, rules, models=["elsewhere"]), home) == []
    assert faults(plant_of(tmp_path, rules, models=["tiny", "elsewhere"]), home) == []


def test_a_model_must_know_what_the_one_of_the_plant_file_knows_whatever_others_do(home, tmp_path):
    other_model(home)
    plant = plant_of(tmp_path, "{name: pores, iso6520: ['2017']}", models=["tiny", "other"])
    less = other_model(home, "less", iso6520={})
    (told,) = unknown(plant.stations[0], rules_of(plant.stations[0]), less, recipes_of(plant), home)
    assert "names the ISO 6520-1 number 2017" in told


def test_a_station_refuses_to_judge_by_a_rule_of_a_class_that_its_model_does_not_know(home, tmp_path):
    vouch(home, registry.find("tiny", [home.models]), "demo")
    for name, refused in (("Surface_poers", True), ("Surface_pores", False)):
        plant = plant_of(tmp_path, f"{{name: pores, classes: [{name}], reject_above: 0.3}}")
        models = Models("w0", plant.stations, home, others=recipes_of(plant))
        assert isinstance(models.inspectors.of("demo"), Refusal) is refused
        assert ("names the class Surface_poers" in models.trouble) is refused


def test_a_signed_model_that_a_rule_does_not_fit_takes_no_place(home, tmp_path):
    model = registry.find("tiny", [home.models])
    vouch(home, model, "demo")
    plant = plant_of(tmp_path, "{name: pores, iso6520: ['2017']}")
    models = Models("w0", plant.stations, home)
    judge = models.inspectors.of("demo")
    folder = model.folder
    (folder / "card.json").write_text(json.dumps(registry.read_card(folder) | {"iso6520": {}}))
    vouch(home, registry.find("tiny", [home.models]), "demo")
    assert not models._follow_for(plant.stations[0])
    assert models.inspectors.of("demo") is judge
    assert models.trouble.startswith("The model in use stays: Rule pores of ")
