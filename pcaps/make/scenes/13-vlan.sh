# A beacon as a trunk port shows it: in VLAN 120; another in VLAN 120 within service VLAN 7 (QinQ). The tags are put
# into the captured frames afterwards.

beacon() { on "$1" curl -sS -4 -o "$work/answer" --cacert "$work/pki/trusted.pem" -A '' "https://cdn.evil.example/i?n=1"; }

# tag FILE ID [OPTION…] puts one more tag in front.
tag() {
	tcprewrite --enet-vlan=add --enet-vlan-cfi=0 --enet-vlan-pri=0 --enet-vlan-tag="$2" "${@:3}" -i "$1" -o "$1.tagged"
	mv "$1.tagged" "$1"
}

part 500 beacon v3
part 510 beacon v2
tag "$scene_dir/part-0500.pcap" 120
tag "$scene_dir/part-0510.pcap" 120
tag "$scene_dir/part-0510.pcap" 7 --enet-vlan-proto=802.1ad
