from engine.plant import FolderCamera, Plant, StationSection, save
from engine.station_roster import Roster


def camera(name):
    return FolderCamera(kind="folder", name=name, path="/photographs")


def write(file, *names, station="weld"):
    section = StationSection(name=station, cameras=[camera(name) for name in names])
    draft = file.with_suffix(".draft")
    save(Plant(name="test", stations=[section]), draft)
    draft.rename(file)
    return section


def names(roster):
    return [camera.name for camera in roster()]


def test_a_plant_file_that_is_written_anew_changes_the_cameras(tmp_path):
    file = tmp_path / "plant.yaml"
    roster = Roster(file, write(file, "a"))
    assert names(roster) == ["a"]
    write(file, "a", "b")
    assert names(roster) == ["a", "b"]
    write(file)
    assert names(roster) == []


def test_a_file_that_is_no_plant_or_gone_changes_nothing(tmp_path):
    file = tmp_path / "plant.yaml"
    roster = Roster(file, write(file, "a"))
    file.write_text("stations: [")
    assert names(roster) == ["a"]
    file.unlink()
    assert names(roster) == ["a"]
    write(file, "b", station="other")
    assert names(roster) == ["a"]
