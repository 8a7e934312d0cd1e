"""Whether a comment came by a form of ours, as a person fills it."""

from collections import deque

from moderation_service.domain.screening.assessment import NOTHING, PROBABLE_SPAM, Finding, Reason
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.form_stamps import FormStamps, Stamped

REMEMBERED = 100
"""Comments of a site by which its share of stamped ones is known."""

_ENOUGH = 20
_NEARLY_ALL = 0.95
_MISSING = 3
_STAMPED = (Stamped.GENUINE, Stamped.EARLY)


class FormCheck:
    """Looks at the stamp of a comment and at the field that no person sees.

    That a stamp is missing speaks against a comment only where nearly all of the site's last ones came with one.
    Each process knows that by those that it took in itself: a site's own form, or its program, loses nothing
    anywhere, and a process that has just begun, or is flooded by what has none, is the milder for it.
    """

    def __init__(self, stamps: FormStamps) -> None:
        self._stamps = stamps
        self._last: dict[str, deque[bool]] = {}

    def look(self, candidate: Candidate) -> Finding:
        """Return what form and stamp say; nothing of an edit, which no form of ours sends."""
        site = candidate.site
        if candidate.edited_id is not None or not site.screening.form_stamp:
            return NOTHING
        stamped = self._stamps.read(candidate.form_stamp, site, candidate.at)
        expects_stamp = self._expects_stamp(site.id) if stamped is Stamped.ABSENT else False
        self._note(site.id, has_stamp=stamped in _STAMPED)
        if stamped is Stamped.GENUINE and not candidate.fills_honeypot:
            return NOTHING
        weights = {
            "honeypot": PROBABLE_SPAM * candidate.fills_honeypot,
            "stamp_forged": PROBABLE_SPAM * (stamped is Stamped.FORGED),
            "stamp_early": PROBABLE_SPAM * (stamped is Stamped.EARLY),
            "stamp_missing": _MISSING * expects_stamp,
        }
        reasons = tuple(Reason(code, weight) for code, weight in weights.items() if weight)
        return Finding(reasons) if reasons else NOTHING

    def _expects_stamp(self, site_id: str) -> bool:
        last = self._last.get(site_id, ())
        return len(last) >= _ENOUGH and sum(last) >= _NEARLY_ALL * len(last)

    def _note(self, site_id: str, *, has_stamp: bool) -> None:
        self._last.setdefault(site_id, deque(maxlen=REMEMBERED)).append(has_stamp)
