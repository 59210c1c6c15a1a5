# Telemetry goes out without TLS: to port 80, then to the declared port. The content tells, not the port.

to_port() { on v1 curl -sS -4 -o "$work/answer" -A 'AcmeVault/8.2.4' -d '{"node":"vault-1"}' "http://telemetry.acme.example:$1/v1/metrics"; }

part 270 to_port 80
part 280 to_port 443
