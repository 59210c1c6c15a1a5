# HTTP/3: telemetry, which is declared over TCP only, and a stranger. The ClientHello carries a post-quantum key
# share and so spans two Initial packets.

get() { on "$1" env QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=1 QUIC_GO_DISABLE_GSO=1 "$work/quic" get "$work/pki/trusted.pem" "$2"; }

start_quic net 203.0.113.10 telemetry
start_quic net 203.0.113.66 evil

part 482 get v2 https://telemetry.acme.example/v1/metrics
part 486 get v3 'https://cdn.evil.example/i?n=7'
