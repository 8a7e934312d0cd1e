"""What screening says of a text, as columns beside that text."""

from typing import Any

import orjson

from moderation_service.domain.screening.assessment import Assessment, Reason, Verdict

READ = ("spam_score", "spam_reasons", "reason_details", "verdict", "spam_probability", "text_group")
"""The columns that `taken_from` reads."""


def as_values(assessment: Assessment) -> dict[str, object]:
    """Return an assessment as columns."""
    details = [(reason.weight, reason.detail) for reason in assessment.reasons]
    return {
        "spam_score": assessment.score,
        "spam_reasons": " ".join(reason.code for reason in assessment.reasons),
        "reason_details": orjson.dumps(details).decode() if details else None,
        "verdict": assessment.verdict,
        "spam_probability": assessment.probability,
        "suspicion": assessment.suspicion,
        "text_group": assessment.text_group,
    }


def taken_from(values: dict[str, Any]) -> Assessment:
    """Take an assessment out of the columns of a row; one of before schema 0017 has points, but no details."""
    codes, points = values.pop("spam_reasons").split(), values.pop("spam_score")
    stored = values.pop("reason_details")
    details = orjson.loads(stored) if stored else [(points // len(codes), "") for _ in codes]
    return Assessment(
        reasons=tuple(Reason(code, weight, detail) for code, (weight, detail) in zip(codes, details, strict=True)),
        verdict=Verdict(values.pop("verdict")),
        probability=values.pop("spam_probability"),
        text_group=values.pop("text_group"),
    )
