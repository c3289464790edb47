"""The survey: implementations that nobody here wrote, before the oracle, one library a file of `studies/survey/`."""

from pgverify.survey.entry import Role, Row, Survey
from pgverify.survey.problems import few, problems

__all__ = ["Role", "Row", "Survey", "few", "problems"]
