#!/bin/sh
# Get a browser for the tests: Debian's Chromium where we may install it, else Playwright's own download.
# Its build without windows, chromium-headless-shell, takes a quarter of the time for each page; the whole one will do.
# Prints what happened and never fails: without a browser the tests themselves say so, and fail where CI is set.
# Usage: tests/support/install_browser.sh FOLDER_OF_THE_ENVIRONMENTS_PROGRAMS
bin=${1:-.venv/bin}

has_browser() {
    command -v chromium-headless-shell >/dev/null && return
    "$bin/python" - <<'PYTHON' 2>/dev/null
import pathlib, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not pathlib.Path(playwright.chromium.executable_path).exists())
PYTHON
}

install_debians() {
    command -v apt-get >/dev/null || return
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        return 1
    fi
    echo "Installing Debian's Chromium for the tests ..."
    $as_root apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get -qq install --yes --no-install-recommends chromium-headless-shell >/dev/null
}

install_playwrights() {
    echo "Downloading Playwright's Chromium for the tests ..."
    "$bin/playwright" install chromium
}

has_browser && exit 0
install_debians
command -v chromium-headless-shell >/dev/null && exit 0
command -v chromium >/dev/null && exit 0
install_playwrights && has_browser && exit 0
echo "No browser could be installed: neither Debian's chromium nor Playwright's own." >&2
echo "Browser tests are skipped by name, or fail where CI is set." >&2
exit 0
