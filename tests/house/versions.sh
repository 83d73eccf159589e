#!/usr/bin/env bash
# Version numbers agree: CMakeLists.txt, launch/version.hpp, CITATION.cff, CHANGELOG.md, and what the program says.
set -euo pipefail
gyrus=$1
cd "$(dirname "$0")/../.."
version=$(sed -nE 's/^project\(gyrus VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
grep -q "version = \"$version\"" launch/version.hpp
grep -q "^version: $version$" CITATION.cff
grep -q "^## \[$version\]" CHANGELOG.md
[ "$("$gyrus" version)" = "gyrus $version" ]
