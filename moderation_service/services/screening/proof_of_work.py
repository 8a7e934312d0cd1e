"""Which comments are asked for work: the suspects, or all of a site; and what is told to whoever sent one."""

from collections.abc import Callable
from dataclasses import replace

from moderation_service.domain.accounts.sites import ProofOfWork, Site
from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.screening import assessment
from moderation_service.domain.screening.assessment import NOTHING, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.work import Challenges

_AWAITED = Finding((Reason(assessment.WORK_AWAITED),), Verdict.SUSPECT)


class WorkCheck:
    """Asks for work by the site's setting `proof_of_work`: never, of suspects, or of all.

    Where all are asked, a comment is a suspect until the work is done.
    """

    def __init__(self, challenges: Challenges, *, is_wanted_of_all: Callable[[Site], bool]) -> None:
        """`is_wanted_of_all` tells of a site that all but exempt networks are to be asked just now."""
        self._challenges = challenges
        self._is_wanted_of_all = is_wanted_of_all

    def look(self, candidate: Candidate) -> Finding:
        """Return that work is awaited, where all are asked for it; an edit is not asked again."""
        asked = candidate.site.screening.proof_of_work
        if candidate.edited_id is not None or asked is ProofOfWork.OFF:
            return NOTHING
        wanted = not candidate.is_exempt and self._is_wanted_of_all(candidate.site)
        return _AWAITED if asked is ProofOfWork.ALWAYS or wanted else NOTHING

    def asking(self, receipt: Receipt, site: Site) -> Receipt:
        """Return a receipt with a challenge, if that comment waits as a suspect and work would make it none."""
        found = receipt.assessment
        if found is None or site.screening.proof_of_work is ProofOfWork.OFF:
            return receipt
        if not found.is_suspect or assessment.after_work(found).is_suspect:
            return receipt
        return replace(receipt, challenge=self._challenges.make(receipt.id))
