# vault-1 says the vendor's name and talks to the attacker: in the TLS server name, then in HTTP's Host. It has looked
# both names up before, so the sensor knows the true addresses.

sni() {
	quiet on v1 getent ahostsv4 telemetry.acme.example
	on v1 curl -sS -k -o "$work/answer" -A '' --connect-to telemetry.acme.example:443:203.0.113.66:443 \
		https://telemetry.acme.example/v1/metrics
}

host() {
	quiet on v1 getent ahostsv4 updates.acme.example
	on v1 curl -sS -o "$work/answer" -A '' -H 'Host: updates.acme.example' http://203.0.113.66/index.json
}

part 370 sni
part 380 host
