"""A hundred thousand comments that wait, on a hundred pages."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert, text

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, pages

MANY = 100_000

PAGES = 100

PAGE = 50

LIMIT = PAGE + 1

_AT = datetime(2026, 1, 1, tzinfo=UTC)


def nth(number: int) -> str:
    return str(UUID(int=(7 << 76) | (2 << 62) | (number << 80)))


async def fill(database: Database, count: int) -> None:
    """Store comments that wait, on a hundred pages; every thousandth has a rare word."""
    common = {"site_id": "coop", "status": Status.PENDING, "revision": 1, "author_name": "Giuliana"}
    common |= {"body_html": "", "renderer": 1, "spam_score": 0, "spam_reasons": ""}
    common |= {"created_at": _AT, "changed_at": _AT}
    addresses = [f"https://www.example.org/{number}" for number in range(PAGES)]
    async with database.write() as connection:
        await connection.execute(
            insert(pages),
            [
                {"id": nth(number), "site_id": "coop", "url": url, "created_at": _AT}
                for number, url in enumerate(addresses)
            ],
        )
        await connection.execute(
            insert(comments),
            [
                common
                | {
                    "id": nth(number),
                    "page_id": nth(number % PAGES),
                    "body": "interessante…" if number % 1_000 else "una parola rara",
                }
                for number in range(count)
            ],
        )
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))
