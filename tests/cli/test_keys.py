"""Making a bearer key."""

import hashlib
import re
import tomllib

from click.testing import CliRunner

from moderation_service import cli
from moderation_service.services.accounts import sites_file
from tests.support.factories import SITES


def test_a_new_key_opens_the_site_that_its_line_is_added_to() -> None:
    shown = CliRunner().invoke(cli.main, ["keys", "new"])
    assert shown.exit_code == 0
    [key] = re.findall(r"^[\w-]{43}$", shown.output, re.MULTILINE)
    [line] = re.findall(r"^api_keys = .*$", shown.output, re.MULTILINE)
    assert hashlib.sha256(key.encode()).hexdigest() in line
    listed = re.sub(r"^api_keys = .*$", line, SITES, count=1, flags=re.MULTILINE)
    found = sites_file.parse(tomllib.loads(listed)).of_bearer(key)
    assert found is not None
    assert found.id == "coop"


def test_no_two_keys_are_alike() -> None:
    assert len({CliRunner().invoke(cli.main, ["keys", "new"]).output for _ in range(3)}) == 3
