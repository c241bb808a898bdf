"""What the colour of a box says of a finding."""

import pytest

from engine.console.data import Finding
from engine.console.station_page import meaning
from engine.plant import StationSection

BOX = (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("label", "score", "rejects", "says"),
    [
        ("good", 0.99, None, "feature"),
        ("crater", 0.6, None, "defect"),
        ("crater", 0.3, None, "doubt"),
        ("crater", 0.1, None, "faint"),
        ("anomaly", 0.9, None, "doubt"),
        ("anomaly", 0.9, 0.8, "defect"),
        ("anomaly", 0.6, 0.8, "doubt"),
    ],
)
def test_an_anomaly_is_in_doubt_until_the_plant_file_lets_it_reject(label, score, rejects, says):
    section = StationSection(name="weld-1", cameras=[], anomaly_reject_above=rejects)
    assert meaning(Finding(label, score, BOX, ""), section) == says
