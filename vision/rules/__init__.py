"""Rule sets: which imperfections a part may have. Editable, versioned, named after process and standard."""

from vision.rules.decide import DEFECTS, Judged, Level, decide, ruled
from vision.rules.records import Count, Limit, Rule, RuleSet, two_bands

__all__ = ["DEFECTS", "Count", "Judged", "Level", "Limit", "Rule", "RuleSet", "decide", "ruled", "two_bands"]
