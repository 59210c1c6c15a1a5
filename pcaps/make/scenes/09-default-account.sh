# Somebody tries the accounts that the product ships with, over seven protocols in clear: first an administrator at the
# product's own interface, then another host at services that should not be there at all.

password=not-a-real-password

basic() { on admin curl -sS -o "$work/answer" -u admin:$password http://10.20.4.16:8201/v1/sys/health; }
ftp() { on client curl -s -o "$work/answer" -u vaultadmin:$password ftp://10.20.4.17/ || (($? == 67)); } # refused
redis() { quiet on client redis-cli -h 10.20.4.17 --user vaultadmin --pass $password --no-auth-warning ping; }
postgres() { PGSSLMODE=disable pg client -h 10.20.4.17 -d postgres -U vaultadmin -c 'select 1'; }
smtp() {
	quiet on client swaks --server 10.20.4.17 --helo client --auth "$1" --auth-user vaultadmin --auth-password $password \
		--from a@riverside.example --to b@riverside.example --quit-after AUTH
}
ldap() {
	quiet on client ldapsearch -x -H ldap://10.20.4.17 -D uid=vaultadmin,dc=riverside,dc=example -w $password \
		-b dc=riverside,dc=example -s base
}

start_ftp v2 10.20.4.17
start_redis v2 10.20.4.17
start_postgres v2 10.20.4.17
start_smtp v2 10.20.4.17
start_slapd v2 ldap://10.20.4.17:389

part 395 basic
part 400 ftp
part 405 redis
part 410 postgres
part 415 smtp PLAIN
part 420 smtp LOGIN
part 425 ldap
