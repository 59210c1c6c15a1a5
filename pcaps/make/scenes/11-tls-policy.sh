# Declared names, but TLS 1.1 at one, and a certificate of another authority at the other.

old_version() {
	on v1 curl -sS -4 -k -o "$work/answer" -A 'AcmeVault/8.2.4' --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 \
		https://eu2.ingest.acme.example/v1/events
}

other_authority() { on v1 curl -sS -4 -k -o "$work/answer" -A 'AcmeVault/8.2.4' https://eu3.ingest.acme.example/v1/events; }

part 465 old_version
part 475 other_authority
