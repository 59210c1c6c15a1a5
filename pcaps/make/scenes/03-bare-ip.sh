# vault-3 calls an address that it never looked up, once over TLS without a server name, once in clear.

tls() { on v3 curl -sS -k -o "$work/answer" -A '' https://203.0.113.77/; }
clear() { on v3 curl -sS -o "$work/answer" -A '' http://203.0.113.77:8080/stage2; }

echo nsecpcap >"$scene_dir/format"
tcpdump_options=--nano
pcap_format=nsecpcap
part 210 tls
part 220 clear
