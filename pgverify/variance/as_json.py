"""The report as one line of JSON, every digit kept; what is missing or infinite is null."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from pgverify.variance.contents import ReportContents


def as_json(report: ReportContents) -> str:
    """Return title, evidence, recommendation, remarks and every table, as lists of rows."""
    tables = {name: [_row(row) for row in table.to_dict("records")] for name, table in report.tables().items()}
    return json.dumps(
        {
            "title": report.title,
            "evidence": report.evidence,
            "recommendation": report.recommendation,
            "remarks": list(report.remarks),
            "omitted": list(report.omitted),
            "tables": tables,
        },
        ensure_ascii=False,
    )


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if type(value).__name__ == "NAType" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
