# Through the site's egress proxy: CONNECT to a declared name, CONNECT to a stranger's, and a plain request for one.

via_proxy() { on "$1" curl -sS -o "$work/answer" --cacert "$work/pki/trusted.pem" -A "$2" -x http://10.20.8.9:3128 "$3"; }

part 525 via_proxy v1 'AcmeVault/8.2.4' https://telemetry.acme.example/v1/metrics
part 535 via_proxy v3 '' https://drop.evil.example/i?n=1
part 545 via_proxy v2 '' http://drop.evil.example/i?n=2
