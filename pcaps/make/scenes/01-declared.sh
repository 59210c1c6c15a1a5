# The product does what its manifest says, and nothing else.

telemetry() {
	on v1 curl -sS -o "$work/answer" --http2 --cacert "$work/pki/trusted.pem" -A 'AcmeVault/8.2.4' \
		-d '{"node":"vault-1","requests":1042}' https://telemetry.acme.example/v1/metrics
	on v2 curl -sS -o "$work/answer" --http2 --cacert "$work/pki/trusted.pem" -A 'AcmeVault/8.2.4' \
		https://riverside.vault.acme.example/v1/tenant
}

# replicate FROM TO speaks three times, as nodes do.
replicate() {
	(
		sleep 0.2
		for term in 1 2 3; do
			echo "append term $term"
			sleep 0.1
		done
	) | quiet on "$1" openssl s_client -quiet -connect "$2:8443" -noservername -tls1_3 -cert "$work/pki/$1.leaf" \
		-key "$work/pki/$1.key" -CAfile "$work/pki/site/cert.pem" -verify_return_error -no_ign_eof
}

raft() {
	replicate v1 10.20.4.17
	replicate v2 10.20.4.18
}

directory() {
	quiet on v1 env LDAPTLS_CACERT="$work/pki/site/cert.pem" ldapsearch -x -H ldaps://10.20.1.10 \
		-D uid=svc-vault,dc=riverside,dc=example -w not-a-real-password -b dc=riverside,dc=example uid=ada uid
}

database() { PGSSLMODE=require pg v1 -h 10.20.2.20 -d vault -U vault -c 'select 1'; }

administration() {
	on admin curl -sS -o "$work/answer" --cacert "$work/pki/trusted.pem" https://10.20.4.16:8200/v1/sys/health
}

ingest() {
	on v2 curl -sS -4 -o "$work/answer" --cacert "$work/pki/trusted.pem" -d @"$work/answer" https://eu1.ingest.acme.example/v1/events
	on v3 curl -sS -6 -o "$work/answer" --cacert "$work/pki/trusted.pem" -d @"$work/answer" https://eu1.ingest.acme.example/v1/events
}

update_check() {
	on v1 curl -sS -o "$work/answer" --http2 --cacert "$work/pki/trusted.pem" https://updates.acme.example/index.json
}

part 0 telemetry
part 10 raft
part 20 directory
part 30 database
part 40 administration
part 50 ingest
part 60 update_check
part 70 on v2 logger --rfc3164 -n 10.20.6.14 -P 514 -d -t vault "node vault-2 unsealed"
