"""The survey: implementations that nobody here wrote, before the oracle, one library a file of `studies/survey/`."""

from pgverify.survey.asking import asked, few, problems
from pgverify.survey.entry import Role, Row, Survey

__all__ = ["Role", "Row", "Survey", "asked", "few", "problems"]
