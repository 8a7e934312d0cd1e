"""What looks at comments before a moderator does, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from moderation_service.domain.screening.form_stamps import FormStamps
from moderation_service.domain.screening.work import Challenges
from moderation_service.mail.attack import AttackComposer
from moderation_service.runtime.basis import Basis
from moderation_service.services.moderation import reports
from moderation_service.services.moderation.blocks import Blocks
from moderation_service.services.moderation.trust import Trust
from moderation_service.services.screening import pipeline
from moderation_service.services.screening.attack_notices import AttackNotices
from moderation_service.services.screening.forms import FormCheck
from moderation_service.services.screening.learned_score import LearnedScores
from moderation_service.services.screening.outside_checks import OutsideChecks
from moderation_service.services.screening.pipeline import Check, Pipeline
from moderation_service.services.screening.proof_of_work import WorkCheck
from moderation_service.services.screening.rules import SiteRules
from moderation_service.services.screening.traffic import Traffic
from moderation_service.services.screening.trust import TrustCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What looks at comments before a moderator does."""

    pipeline: Pipeline
    of_reports: Pipeline
    blocks: Blocks
    form_stamps: FormStamps
    challenges: Challenges
    work: WorkCheck
    traffic: Traffic
    notices: AttackNotices
    learned: LearnedScores
    outside: OutsideChecks


def built(basis: Basis, trust: Trust, on_released: Callable[[], None]) -> Screening:
    """Build the checks, and put them in the order of what they cost."""
    settings, clock, database, directory = basis.settings, basis.clock, basis.database, basis.directory
    notices = AttackNotices(
        directory,
        AttackComposer(public_url=settings.public_url, sender=settings.mail_from),
        clock=clock,
        new_id=basis.new_id,
    )
    traffic = Traffic(
        database, directory, basis.keys, clock=clock, process_id=basis.new_id(), on_attack=notices.enqueue
    )
    # Reports and objections are counted apart, each process its own: many of them make no comment look suspicious.
    reported = Traffic(
        database, directory, basis.keys, clock=clock, process_id=basis.new_id(), on_attack=notices.enqueue
    )
    blocks = Blocks(database, basis.keys, clock=clock, new_id=basis.new_id)
    learned = LearnedScores(database, directory, clock=clock)
    form_stamps = FormStamps(basis.keys, clock)
    challenges = Challenges(basis.keys, clock)
    work = WorkCheck(challenges, is_wanted_of_all=traffic.is_work_wanted)
    checks = [
        Check("blocks", blocks.look),
        Check("form", FormCheck(form_stamps).look),
        Check("work", work.look),
        Check("traffic", traffic.look, traffic.count),
        Check("appearance", pipeline.by_appearance),
        Check("rules", SiteRules(database, directory, basis.keys, learned.probability).look),
        Check("learned", learned.look),
        Check("trust", TrustCheck(database, basis.keys).look),
    ]
    return Screening(
        pipeline=Pipeline(checks, is_on=settings.screening, within=basis.limits.check_within),
        of_reports=Pipeline(
            [
                Check("blocks", reports.without_texts(blocks.look)),
                Check("form", FormCheck(form_stamps).look),
                Check("traffic", reported.look, reported.count),
            ],
            is_on=settings.screening,
            within=basis.limits.check_within,
        ),
        blocks=blocks,
        form_stamps=form_stamps,
        challenges=challenges,
        work=work,
        traffic=traffic,
        notices=notices,
        learned=learned,
        outside=OutsideChecks(
            database,
            directory,
            basis.keys,
            clock=clock,
            on_released=on_released,
            on_settled=trust.consider,
        ),
    )
