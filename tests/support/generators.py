"""Site generators, as `make generators` and the extra `test` install them, and a blog that each can build."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ORIGIN = "https://www.example.org"
TITLE = 'Il "primo" & unico'
_RECIPES = Path(__file__).parents[2] / "integrations"
_PACKAGES = Path(__file__).parent / "generators" / "node_modules"
_SECONDS = 100
_POSTS = ("primo", "secondo")


async def build(name: str, folder: Path, service: str) -> tuple[Path, str]:
    """Build the blog with the comments of a service; the folder with its pages, and what the generator said."""
    command, output, files = _BLOGS[name](service)
    shutil.copytree(_RECIPES / name, folder, dirs_exist_ok=True)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if command[0] == "node":
        (folder / "node_modules").symlink_to(_PACKAGES)
    environ = os.environ | {"PUBLIC_COMMENTS_SERVICE": service, "ASTRO_TELEMETRY_DISABLED": "1", "LANG": "C.UTF-8"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(_SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return folder / output, said.decode()


Blog = tuple[list[str], str, Mapping[str, str]]
"""How a generator is started, where its pages come to lie, and what the blog is written in."""


def _hugo(service: str) -> Blog:
    program = Path(sys.executable).with_name("hugo")
    list_of_posts = '{{ range .Site.RegularPages }}{{ partial "comments-count.html" . }}{{ end }}'
    return (
        [str(program) if program.exists() else _missing("hugo")],
        "public",
        {
            "hugo.toml": f'baseURL = "{ORIGIN}/"\nlanguageCode = "it"\ndefaultContentLanguage = "it"\n'
            f'[params.comments]\nservice = "{service}"\n[security.http]\nurls = [".*"]\n',
            "layouts/_default/single.html": '<main>{{ .Content }}{{ partial "comments.html" . }}</main>',
            "layouts/_default/list.html": f'{list_of_posts}{{{{ partial "comments-count-script.html" . }}}}',
            **{f"content/blog/{one}.md": f"---\ntitle: {TITLE!r}\n---\nTesto." for one in _POSTS},
        },
    )


def _jekyll(service: str) -> Blog:
    program = shutil.which("jekyll") or _missing("jekyll")
    counts = "{% for post in site.posts %}{% include comments-count.html url=post.url %}{% endfor %}"
    return (
        [program, "build"],
        "_site",
        {
            "_config.yml": f"url: {ORIGIN}\nlang: it\npermalink: /blog/:title/\ncomments:\n  service: {service}\n",
            "_layouts/post.html": "<main>{{ content }}{% include comments.html %}</main>",
            "index.html": f"---\n---\n{counts}{{% include comments-count-script.html %}}",
            **{
                f"_posts/2026-01-0{day}-{one}.md": f"---\nlayout: post\ntitle: {TITLE!r}\n---\nTesto."
                for day, one in enumerate(_POSTS, 1)
            },
        },
    )


def _eleventy(service: str) -> Blog:
    options = f'{{ service: "{service}", site: "{ORIGIN}", language: "it" }}'
    counts = "{% for post in collections.post %}{% commentsCount post.url %}{% endfor %}{% commentsCountScript %}"
    return (
        ["node", _package("@11ty/eleventy") + "/cmd.cjs"],
        "_site",
        {
            "package.json": '{"type": "module"}',
            "eleventy.config.js": 'import comments from "./comments.js";\n'
            f"export default (config) => {{ config.addPlugin(comments, {options}); }};\n",
            "_includes/post.njk": "<main>{{ content | safe }}{% comments %}</main>",
            "index.njk": counts,
            **{
                f"blog/{one}.md": f"---\nlayout: post.njk\ntags: post\ntitle: {TITLE!r}\n---\nTesto."
                for one in _POSTS
            },
        },
    )


def _astro(_: str) -> Blog:
    imported = 'import Comments from "../../../Comments.astro";'
    hrefs = [f'<CommentsCount href="/blog/{one}/" />' for one in _POSTS]
    return (
        ["node", _package("astro") + "/astro.js", "build"],
        "dist",
        {
            "package.json": '{"type": "module"}',
            "astro.config.mjs": f'export default {{ site: "{ORIGIN}", trailingSlash: "always" }};\n',
            "src/pages/index.astro": '---\nimport CommentsCount from "../../CommentsCount.astro";\n'
            'import CommentsCountScript from "../../CommentsCountScript.astro";\n---\n'
            f'{"".join(hrefs)}<CommentsCountScript language="it" />\n',
            **{
                f"src/pages/blog/{one}.astro": f"---\n{imported}\nconst title = {TITLE!r};\n---\n"
                '<main>Testo.<Comments title={title} language="it" /></main>\n'
                for one in _POSTS
            },
        },
    )


_BLOGS: Mapping[str, Callable[[str], Blog]] = {
    "hugo": _hugo,
    "jekyll": _jekyll,
    "eleventy": _eleventy,
    "astro": _astro,
}
GENERATORS = tuple(_BLOGS)


def _package(name: str) -> str:
    return str(_PACKAGES / name) if (_PACKAGES / name).is_dir() else _missing(f"the npm package {name}")


def _missing(name: str) -> str:
    """Fail where CI is set, and skip elsewhere."""
    said = f"no {name}; make generators and make .venv/test get it"
    (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    return ""
