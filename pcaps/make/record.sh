# Capturing. A scene consists of parts; each part is captured on its own and its clock moved, so that the story
# has the same pace on every machine. Sourced by make.sh.

# What is not captured: neighbour discovery and ARP, which say nothing here.
filter='(ip or ip6) and not icmp6 and not igmp'
capture_host=r
capture_device=$bridge

begin_scene() { mkdir -p "$work/scene/$1"; scene_dir=$work/scene/$1; }

# listen_on HOST INTERFACE FILE FILTER [OPTION…] starts tcpdump and returns when it captures; its id is in $tcpdump_pid.
listen_on() {
	local h=$1 dev=$2 file=$3 what=$4
	shift 4
	: >"$file.log"
	ip netns exec "$prefix-$h" tcpdump -i "$dev" -s 0 -U --immediate-mode -Z root "$@" -w "$file" "$what" 2>"$file.log" &
	tcpdump_pid=$!
	until grep -q 'listening on' "$file.log"; do
		kill -0 $tcpdump_pid || die "tcpdump: $(cat "$file.log")"
		sleep 0.05
	done
}

stop_listening() {
	sleep 0.4 # let the last FIN and its ACK pass
	kill -INT "$1"
	wait "$1" || true
}

# part SECONDS COMMAND… captures at the product's bridge (or where the scene says) while the command runs. The first packet is moved to
# SECONDS after the beginning of the story.
part() {
	local at=$1 raw pid
	shift
	raw=$scene_dir/raw-$(printf %04d "$at")
	listen_on $capture_host $capture_device "$raw" "$filter" ${tcpdump_options:-}
	pid=$tcpdump_pid
	"$@"
	stop_listening $pid
	move_clock "$raw" "$scene_dir/part-$(printf %04d "$at").pcap" "$at"
	rm "$raw"
}

# first_time FILE prints the time of the first packet in nanoseconds.
first_time() {
	local t
	t=$(tshark -n -r "$1" -c 1 -T fields -e frame.time_epoch 2>/dev/null)
	[[ -n $t ]] || die "$1 is empty"
	echo "${t%.*}${t#*.}"
}

# move_clock FROM TO SECONDS writes FROM with its first packet at SECONDS after the beginning.
move_clock() {
	local d sign=
	d=$(((epoch + $3) * 1000000000 - $(first_time "$1")))
	if ((d < 0)); then
		sign=-
		d=$((-d))
	fi
	editcap -F "${pcap_format:-pcap}" -t "$sign$((d / 1000000000)).$(printf %09d $((d % 1000000000)))" "$1" "$2"
}

end_scene() {
	local format=pcap
	[[ ! -f $scene_dir/format ]] || format=$(cat "$scene_dir/format")
	mergecap -F "$format" -w "$work/out/$1.pcap" "$scene_dir"/part-*.pcap
}

# write_story merges the scenes that one sensor on one span port would have seen.
write_story() {
	local f all=()
	for f in "$work"/out/[0-9][0-9]-*.pcap; do
		[[ $f == */13-* ]] || all+=("$f")
	done
	mergecap -F pcap -w "$work/out/story.pcap" "${all[@]}"
}

# check_captures fails where a capture is not whole or not clean: packets lost, broken or cut, neighbour discovery, a
# connection without its beginning or its end.
check_captures() {
	local f found bad='_ws.malformed || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || frame.cap_len < frame.len'
	for f in "$work"/out/*.pcap; do
		found=$(tshark -n -r "$f" -Y "$bad || arp || icmp || icmpv6" 2>/dev/null)
		[[ -z $found ]] || die "${f##*/}: $found"
		[[ $(streams "$f" tcp) == $(streams "$f" 'tcp.flags.syn == 1') ]] || die "${f##*/}: a connection without SYN"
		[[ $(streams "$f" tcp) == $(streams "$f" 'tcp.flags.fin == 1 || tcp.flags.reset == 1') ]] || die "${f##*/}: a connection without FIN"
	done
}

# streams FILE FILTER prints the numbers of the TCP connections that have such packets.
streams() { tshark -n -r "$1" -Y "$2" -T fields -e tcp.stream 2>/dev/null | sort -nu; }

# count_packets README brings the numbers in the table of captures up to date.
count_packets() {
	local f n
	for f in "$work"/out/*.pcap; do
		n=$(capinfos -Mc "$f" | awk -F': *' '/^Number of packets/ {print $2}')
		sed -i -E "s/^(\\| \`$(basename "$f")\` \\| )[0-9]+ /\\1$n /" "$1"
	done
}
