# vault-1 fetches the declared archive, then a program that the manifest does not know, from the declared server.

fetch() { on v1 curl -sS -4 -o "$work/answer" -A 'AcmeVault/8.2.4' "http://updates.acme.example/$1"; }

part 440 fetch vault_8.2.4_linux_amd64.tar.gz
part 450 fetch vault-helper
