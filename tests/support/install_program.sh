#!/bin/sh
# Get a program for the tests from Debian's packages where we may install them; nothing is started.
# Prints what happened and never fails: without it its tests are skipped by name, or fail where CI is set.
# Usage: tests/support/install_program.sh PROGRAM PACKAGE
program=$1
package=$2

has_program() {
    PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null
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
    echo "Installing Debian's $package for the tests ..."
    # Debian starts a service when it installs one, unless this says that it must not.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod +x "$policy"
        remove_policy=yes
    fi
    $as_root apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get -qq install --yes --no-install-recommends "$package" >/dev/null
    installed=$?
    if [ -n "$remove_policy" ]; then $as_root rm -f "$policy"; fi
    return "$installed"
}

has_program && exit 0
install_debians && has_program && exit 0
echo "$program could not be installed." >&2
echo "Tests with it are skipped by name, or fail where CI is set." >&2
exit 0
