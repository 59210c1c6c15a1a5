#!/usr/bin/env bash
# Makes the captures of this folder from real programs in network namespaces of its own.
#
#   sudo pcaps/make/make.sh            all scenes, the story, the manifest; the table in README.md is brought up to date
#   sudo pcaps/make/make.sh 04 07      only these scenes, into a new folder under /tmp, to try something
#
# Nothing leaves the machine: the namespaces have no way out. Nothing is installed; packages.txt says what is needed.
# Files are written only after everything has worked.
set -Eeuo pipefail
trap 'echo "pcaps: failed: $BASH_COMMAND" >&2' ERR

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
epoch=1772445600 # 2026-03-02T10:00:00Z, when the story begins

. "$here/lab.sh"
. "$here/pki.sh"
. "$here/services.sh"
. "$here/record.sh"

require_root
require_programs
work=$(mktemp -d /tmp/pcaps.XXXXXX)
chmod 755 "$work"
trap cleanup EXIT
mkdir "$work/out"

build_network
make_pki
make_downloads
start_services

wanted=("$@")
for file in "$here"/scenes/*.sh; do
	name=$(basename "$file" .sh)
	if ((${#wanted[@]})) && [[ " ${wanted[*]} " != *" ${name%%-*} "* ]]; then
		continue
	fi
	say "scene $name"
	begin_scene "$name"
	(
		# In a subshell, the functions and settings of a scene stay its own.
		. "$file"
	)
	end_scene "$name"
done

check_captures
write_manifest
if ((${#wanted[@]})); then
	out=$(mktemp -d /tmp/pcaps-scenes.XXXXXX)
else
	out=$(dirname "$here")
	write_story
	count_packets "$out/README.md"
fi
install -m 644 "$work"/out/* "$out"
say "done: $out"
