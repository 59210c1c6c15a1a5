# The network: one namespace per host, a router, and the bridge at the product's side that is captured.
# Sourced by make.sh.

prefix=nvp # every namespace and every file under /etc/netns begins with it
bridge=br-vault

# Name, IPv4 address and prefix, gateway. The first three are the product's hosts, on the bridge.
hosts="
v1      10.20.4.16/24   10.20.4.1
v2      10.20.4.17/24   10.20.4.1
v3      10.20.4.18/24   10.20.4.1
dns     10.20.0.53/24   10.20.0.1
ldap    10.20.1.10/24   10.20.1.1
db      10.20.2.20/24   10.20.2.1
admin   10.9.0.5/24     10.9.0.1
rogue   10.20.7.7/24    10.20.7.1
client  10.20.9.20/24   10.20.9.1
proxy   10.20.8.9/24    10.20.8.1
shelf   10.20.3.8/24    10.20.3.1
logs    10.20.6.14/24   10.20.6.1
sensor  10.20.5.2/24    10.20.5.1
net     203.0.113.2/24  203.0.113.1
"

# Addresses of "the internet", all in the ranges that are reserved for documentation (RFC 5737, RFC 3849).
internet="203.0.113.10 203.0.113.11 203.0.113.12 203.0.113.14 203.0.113.15 203.0.113.66 203.0.113.77
198.51.100.20 2001:db8:100::11 2001:db8:40::20"

say() { echo "pcaps: $*" >&2; }

die() {
	say "$*"
	exit 1
}

require_root() { ((EUID == 0)) || die "run as root: network namespaces need it"; }

require_programs() {
	local p missing=()
	for p in curl dnsmasq ethtool exim4 gcc go ip jq ldapsearch logger mariadb mariadbd mosquitto mosquitto_pub nc nginx \
		openssl psql redis-server redis-cli slapd smbclient smbd ssh sshd swaks tcpdump tcprewrite tinyproxy \
		tshark editcap mergecap vsftpd; do
		command -v "$p" >/dev/null || missing+=("$p")
	done
	((${#missing[@]} == 0)) || die "missing: ${missing[*]} (Debian packages: $(paste -sd' ' "$here/packages.txt"); and go)"
}

# on HOST COMMAND… runs a command on a host, under the host's own name: some programs tell it to others.
on() {
	local h=$1
	shift
	ip netns exec "$prefix-$h" unshare --uts -- sh -c 'hostname "$0" && exec "$@"' "$h" "$@"
}

# quiet COMMAND… drops what a command prints.
quiet() { "$@" >/dev/null 2>&1; }

cleanup() {
	local ns pids
	for ns in $(ip netns list | awk -v p="$prefix-" 'index($1, p) == 1 {print $1}'); do
		pids=$(ip netns pids "$ns")
		[[ -z $pids ]] || kill -9 $pids 2>/dev/null || true
		ip netns delete "$ns" || true
	done
	rm -rf /etc/netns/$prefix-*
	rmdir --ignore-fail-on-non-empty /etc/netns
	if [[ -n ${KEEP:-} ]]; then say "kept $work"; else rm -rf "${work:?}"; fi
}

settle() {
	on "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0
	on "$1" ip link set lo up
}

# wire HOST MAC-TAIL joins a host to the router. Checksums and segmentation are done in software, so that the
# capture shows what would be on a cable.
wire() {
	local h=$1 tail=$2
	ip -n $prefix-r link add "to-$h" address "02:00:00:00:01:$tail" type veth \
		peer name eth0 netns "$prefix-$h" address "02:00:00:00:00:$tail"
	quiet on "$h" ethtool -K eth0 tx off rx off tso off gso off gro off
	quiet on r ethtool -K "to-$h" tx off rx off tso off gso off gro off
	on "$h" ip link set eth0 up
	ip -n $prefix-r link set "to-$h" up
}

build_network() {
	local h addr gw a n=16
	ip netns add $prefix-r
	settle r
	on r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n $prefix-r link add $bridge address 02:00:00:00:01:01 type bridge mcast_snooping 0
	ip -n $prefix-r addr add 10.20.4.1/24 dev $bridge
	ip -n $prefix-r addr add 2001:db8:20:4::ff/64 dev $bridge
	ip -n $prefix-r link set $bridge up
	while read -r h addr gw; do
		[[ -n $h ]] || continue
		ip netns add "$prefix-$h"
		settle "$h"
		wire "$h" "$(printf %02x $n)"
		on "$h" ip addr add "$addr" dev eth0
		case $h in
		v?)
			ip -n $prefix-r link set "to-$h" master $bridge
			on "$h" ip addr add "2001:db8:20:4::${h#v}/64" dev eth0
			on "$h" ip route add default via 2001:db8:20:4::ff
			;;
		*) ip -n $prefix-r addr add "$gw/24" dev "to-$h" ;;
		esac
		on "$h" ip route add default via "$gw"
		mkdir -p "/etc/netns/$prefix-$h"
		echo "nameserver 10.20.0.53" >"/etc/netns/$prefix-$h/resolv.conf"
		echo "127.0.0.1 localhost $h" >"/etc/netns/$prefix-$h/hosts"
		echo "hosts: files dns" >"/etc/netns/$prefix-$h/nsswitch.conf"
		n=$((n + 1))
	done <<<"$hosts"

	ip -n $prefix-r route add 198.51.100.0/24 via 203.0.113.2
	ip -n $prefix-r addr add 2001:db8:ff::1/64 dev to-net
	on net ip addr add 2001:db8:ff::2/64 dev eth0
	on net ip route add default via 2001:db8:ff::1
	ip -n $prefix-r route add 2001:db8:100::/48 via 2001:db8:ff::2
	ip -n $prefix-r route add 2001:db8:40::/48 via 2001:db8:ff::2
	for a in $internet; do
		on net ip addr add "$a" dev lo
	done
}

# mirror_to_sensor copies what the product's hosts send and receive to the host sensor, in VXLAN. (What they send to
# each other is copied twice, as with many a switch.)
mirror_to_sensor() {
	local v dir
	on sensor ip link set eth0 mtu 1600
	ip -n $prefix-r link set to-sensor mtu 1600
	ip -n $prefix-r link add mirror mtu 1550 type vxlan id 42 remote 10.20.5.2 local 10.20.5.1 dstport 4789 nolearning
	on r sysctl -qw net.ipv6.conf.mirror.disable_ipv6=1
	ip -n $prefix-r link set mirror up
	for v in v1 v2 v3; do
		on r tc qdisc add dev to-$v clsact
		for dir in ingress egress; do
			on r tc filter add dev to-$v $dir protocol ip u32 match u32 0 0 action mirred egress mirror dev mirror
		done
	done
}
