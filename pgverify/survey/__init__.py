"""The survey: implementations that nobody here wrote, before the oracle, one library a file of `studies/survey/`."""

from pgverify.survey.asking import asked, asked_lm, few, problems
from pgverify.survey.entry import Role, Survey, SurveyRow

__all__ = ["Role", "Survey", "SurveyRow", "asked", "asked_lm", "few", "problems"]
