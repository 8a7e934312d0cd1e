"""What clients of a service see while its storage is away."""

from aiohttp import ClientSession

from tests.support.factories import a_submission
from tests.support.running import until


async def readiness(http: ClientSession) -> tuple[int, list[str]]:
    answer = await http.get("/health/ready")
    return answer.status, (await answer.json()).get("reasons", [])


async def post(http: ClientSession, body: str) -> int:
    answer = await http.post("/api/v1/comments", json=a_submission(body=body))
    if answer.status == 503:
        assert int(answer.headers["Retry-After"]) > 0
        assert (await answer.json())["type"].endswith(":unavailable")
    return answer.status


async def until_ready(http: ClientSession) -> None:
    async def is_ready() -> bool:
        return (await readiness(http))[0] == 200

    await until(is_ready)
