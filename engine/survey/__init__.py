"""What lies in a data folder: which sets, how much of what, and the traps in them.

A set is known by its shape, not by its name. Each module here knows one shape: `find` yields the
folders that have it, `look` counts one of them.
"""

from engine.survey.abc import DataSet, Kind, SurveyError
from engine.survey.walk import KINDS, survey

__all__ = ["KINDS", "DataSet", "Kind", "SurveyError", "survey"]
