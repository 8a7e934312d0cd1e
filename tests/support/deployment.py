"""The configuration that docs/deployment gives for nginx, and whether its addresses lead somewhere."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientSession

from tests.support.processes import ROOT

DEPLOYMENT = ROOT / "docs" / "deployment"

LINKED = re.compile(r'(?:href|src|action|formaction|data-updates|data-desk)="([^"]*)"')

LIST = "/api/v1/comments"


def documented(name: str, folder: Path, port: int) -> str:
    """A file of docs/deployment, for a machine without certificates where all lies in one folder."""
    text = (DEPLOYMENT / name).read_text(encoding="utf-8")
    changes = {
        r"listen 443 ssl;": f"listen 127.0.0.1:{port};",
        r"(?m)^ *ssl_certificate.*\n": "",
        r"/run/moderation\.sock": f"{folder}/http",
        r"/var/(?:log|cache)/nginx/": f"{folder}/",
    }
    for old, new in changes.items():
        text = re.sub(old, new, text)
    return text


def logs_in(folder: Path) -> str:
    return "".join(file.read_text(errors="replace") for file in folder.glob("*.log"))


def below_a_path(folder: Path, port: int, *, path: str, is_stripped: bool) -> str:
    """A website's server with the service below one of its paths."""
    shared = documented("nginx.conf", folder, port).partition("server {\n    listen")[0]
    lines = documented("nginx-path.conf", folder, port).replace("/talk", path)
    if is_stripped:
        lines = lines.replace("proxy_pass http://moderation;", "proxy_pass http://moderation/;")
    assert ("moderation/;" in lines) == is_stripped
    return f"{shared}\nserver {{\nlisten 127.0.0.1:{port};\nabsolute_redirect off;\n{lines}\n}}"


async def follow(http: ClientSession, base: str, url: str) -> str:
    """Fetch a page of ours and all that it leads to on our own host; return its text."""
    answer = await http.get(url)
    text = await answer.text()
    assert answer.status == 200, url
    addresses = [urljoin(url, unescape(found)) for found in LINKED.findall(text)]
    ours = [one for one in addresses if urlsplit(one).netloc == urlsplit(base).netloc]
    assert ours
    for one in ours:
        assert one.startswith(f"{base}/") or one == base, f"{one} on {url}"
        assert (await http.get(one, allow_redirects=False)).status != 404, one
    return text
