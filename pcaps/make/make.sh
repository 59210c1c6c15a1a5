#!/usr/bin/env bash
# Makes the captures of this folder from real programs in network namespaces of its own.
#
#   sudo pcaps/make/make.sh            all scenes, then story.pcap
#   sudo pcaps/make/make.sh 04 07      only these scenes, and no story.pcap
#
# Nothing leaves the machine: the namespaces have no way out. Nothing is installed; see packages.txt.
# What it leaves behind are the captures and acme-vault.json, which carries the keys and hashes of this run.
set -Eeuo pipefail
trap 'echo "pcaps: failed: $BASH_COMMAND" >&2' ERR

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(dirname "$here")
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
		# A scene is run in a subshell: a failing command in it fails the run, its functions stay its own.
		. "$file"
	)
	end_scene "$name"
done

if ((${#wanted[@]} == 0)); then
	write_manifest
	write_story
fi
say "done: $out"
