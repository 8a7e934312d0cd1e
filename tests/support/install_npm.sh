#!/bin/sh
# Install the packages of FOLDER/package-lock.json into that folder by npm, with Node.js and npm from Debian's packages
# where they are missing and may be installed.
# Prints what happened and never fails: what is missing skips its tests by name, or fails them where CI is set.
# Usage: tests/support/install_npm.sh FOLDER
here=$(dirname "$0")
folder=$1

has_packages() {
    [ -e "$folder/node_modules/.package-lock.json" ] &&
        ! [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]
}

command -v node >/dev/null || "$here/install_program.sh" node nodejs
command -v npm >/dev/null || "$here/install_program.sh" npm npm
has_packages && exit 0
command -v npm >/dev/null || exit 0
echo "Installing the packages of $folder for the tests ..."
npm ci --prefix "$folder" --ignore-scripts --silent && touch "$folder/node_modules/.package-lock.json" && exit 0
echo "The packages of $folder/package-lock.json could not be installed." >&2
echo "Tests with them are skipped by name, or fail where CI is set." >&2
exit 0
