# The programs that answer. Sourced by make.sh.

# fill FILE [SED…] prints a configuration with the paths of this run.
fill() {
	local f=$1
	shift
	sed -e "s|@WORK@|$work|g" "$@" "$here/conf/$f"
}

# serve HOST COMMAND… starts a server in the background.
serve() {
	{
		trap - ERR # cleanup kills it
		on "$@"
	} </dev/null >>"$work/$1.log" 2>&1 &
	disown # its end is not news
}

# await HOST PORT [udp] returns when something listens there.
await() {
	local i
	for ((i = 0; i < 200; i++)); do
		[[ -z $(on "$1" ss -Hln "${3:---tcp}" "sport = :$2") ]] || return 0
		sleep 0.05
	done
	die "nothing listens on port $2 of $1: $(tail -n 5 "$work/$1.log")"
}

start_services() {
	mkdir -p "$work/tmp"
	cp "$here/conf/dnsmasq.conf" "$work/dnsmasq.conf"
	serve dns dnsmasq --conf-file="$work/dnsmasq.conf"
	fill nginx-internet.conf >"$work/nginx-internet.conf"
	serve net nginx -c "$work/nginx-internet.conf"
	printf 'admin:%s\n' "$(openssl passwd -apr1 not-a-real-password)" >"$work/htpasswd"
	fill nginx-vault.conf >"$work/nginx-vault.conf"
	serve v1 nginx -c "$work/nginx-vault.conf"
	start_sshd net support-host
	start_sshd v1 vault-host
	start_slapd ldap "ldaps://10.20.1.10:636 ldap://10.20.1.10:389"
	start_slapd rogue "ldap://10.20.7.7:389"
	start_postgres db 10.20.2.20
	start_proxy
	serve logs nc -lukn 10.20.6.14 514
	await logs 514 --udp
	start_raft v2 10.20.4.17
	start_raft v3 10.20.4.18
	await dns 53 --udp
	await net 443
	await v1 8200
}

# sshd wants its directory for privilege separation; a package's own start makes it.
start_sshd() {
	mkdir -p /run/sshd
	fill sshd_config -e "s|@KEY@|$work/pki/$2|" >"$work/sshd-$1"
	serve "$1" /usr/sbin/sshd -D -e -f "$work/sshd-$1"
	await "$1" 22
}

start_slapd() {
	local d=$work/slapd-$1
	mkdir "$d"
	fill slapd.conf -e "s|@DIR@|$d|" >"$d/slapd.conf"
	quiet slapadd -q -f "$d/slapd.conf" -l "$here/conf/directory.ldif"
	serve "$1" slapd -d 0 -f "$d/slapd.conf" -h "$2"
	await "$1" 389
}

# start_postgres HOST ADDRESS
start_postgres() {
	local d=$work/postgres-$1 bin
	bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort -V | tail -n 1)")
	install -d -o postgres -m 700 "$d"
	cp "$work/pki/db.pem" "$work/pki/db.key" "$d"
	chown postgres "$d"/db.*
	chmod 600 "$d/db.key"
	echo not-a-real-password >"$work/pgpass"
	chmod 644 "$work/pgpass"
	quiet as_postgres "$bin/initdb" -D "$d/data" -U postgres -A scram-sha-256 --pwfile="$work/pgpass" --no-sync
	echo "host all all 0.0.0.0/0 scram-sha-256" >>"$d/data/pg_hba.conf"
	serve "$1" setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$d/data" \
		-c listen_addresses="$2" -c unix_socket_directories="$d" -c ssl=on \
		-c ssl_cert_file="$d/db.pem" -c ssl_key_file="$d/db.key" -c fsync=off
	await "$1" 5432
	local u
	for u in vault vaultadmin; do
		pg "$1" -h "$2" -d postgres -U postgres -c "create role $u login password 'not-a-real-password'"
	done
	pg "$1" -h "$2" -d postgres -U postgres -c 'create database vault owner vault'
}

as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); }

# pg HOST ARGUMENT… runs psql from a host; PGSSLMODE decides about TLS.
pg() { quiet on "$1" env PGPASSWORD=not-a-real-password psql -X "${@:2}"; }

# Replication between nodes stands as a TLS 1.3 service that demands a client certificate.
start_raft() {
	serve "$1" openssl s_server -accept "$2:8443" -tls1_3 -cert "$work/pki/$1.leaf" -key "$work/pki/$1.key" \
		-CAfile "$work/pki/site/cert.pem" -Verify 1 -verify_return_error -num_tickets 0 -quiet -rev
	await "$1" 8443
}

start_proxy() {
	fill tinyproxy.conf >"$work/tinyproxy.conf"
	serve proxy tinyproxy -d -c "$work/tinyproxy.conf"
	await proxy 3128
}

# The services of single scenes, each called with HOST ADDRESS.

start_ftp() {
	mkdir -p "$work/ftp" /var/run/vsftpd/empty
	fill vsftpd.conf -e "s|@ADDRESS@|$2|" >"$work/vsftpd.conf"
	serve "$1" vsftpd "$work/vsftpd.conf"
	await "$1" 21
}

start_redis() {
	serve "$1" redis-server --bind "$2" --port 6379 --save '' --appendonly no --dir "$work/tmp" --protected-mode no \
		--user vaultadmin on '>not-a-real-password' '~*' '+@all'
	await "$1" 6379
}

start_smtp() {
	install -d -o Debian-exim "$work/exim"
	fill exim.conf >"$work/exim.conf"
	serve "$1" exim4 -C "$work/exim.conf" -bdf -oX "$2.25" -oP "$work/exim/pid"
	await "$1" 25
}

# start_quic HOST ADDRESS CERTIFICATE
start_quic() {
	[[ -x $work/quic ]] || (cd "$here/quic" && go build -o "$work/quic" .)
	serve "$1" env QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=1 QUIC_GO_DISABLE_GSO=1 \
		"$work/quic" serve "$2:443" "$work/pki/$3.pem" "$work/pki/$3.key"
	await "$1" 443 --udp
}

start_mqtt() {
	quiet mosquitto_passwd -b -c "$work/mosquitto.users" svc-vault not-a-real-password
	chmod 644 "$work/mosquitto.users"
	printf '%s\n' "listener 1883 $2" "password_file $work/mosquitto.users" "user root" >"$work/mosquitto.conf"
	serve "$1" mosquitto -c "$work/mosquitto.conf"
	await "$1" 1883
}

start_mysql() {
	local d=$work/mysql
	quiet mariadb-install-db --no-defaults --user=root --datadir="$d" --skip-test-db
	echo "create user 'svc-vault'@'%' identified by 'not-a-real-password';" >"$work/mysql.init"
	serve "$1" mariadbd --no-defaults --user=root --datadir="$d" --socket="$d/socket" --pid-file="$d/pid" --bind-address="$2" \
		--skip-name-resolve --init-file="$work/mysql.init"
	await "$1" 3306
}

start_smb() {
	mkdir -p "$work/smb/share"
	chmod 755 "$work/smb" "$work/smb/share"
	fill smb.conf -e "s|@ADDRESS@|$2|" >"$work/smb.conf"
	serve "$1" smbd -F --no-process-group -s "$work/smb.conf"
	await "$1" 445
}

# make_downloads builds what the vendor offers: an archive that the manifest declares, and a program that it does not.
make_downloads() {
	local d=$work/downloads
	mkdir -p "$d/src/vault-8.2.4"
	echo "Acme Vault 8.2.4, as far as a capture needs it." >"$d/src/vault-8.2.4/README"
	head -c 1500 </dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 >"$d/src/vault-8.2.4/vault.bin" 2>/dev/null
	tar -C "$d/src" --sort=name --mtime=@$epoch --owner=0 --group=0 --numeric-owner -cf - vault-8.2.4 |
		gzip -n9 >"$d/vault_8.2.4_linux_amd64.tar.gz"
	gcc -static -nostdlib -s -Wl,--build-id=none -Wl,-z,noseparate-code -o "$d/vault-helper" "$here/conf/helper.s"
	echo '{"latest":"8.2.4"}' >"$d/index.json"
	rm -r "$d/src"
	touch -d @$((epoch - 86400)) "$d"/*
}

# write_manifest puts the keys and hashes of this run into the manifest.
write_manifest() {
	local archive=$work/downloads/vault_8.2.4_linux_amd64.tar.gz
	sed -e "s|@SUPPORT_HOST_KEY@|$(host_key_fingerprint support-host)|" \
		-e "s|@ARCHIVE_SHA256@|$(sha256sum "$archive" | cut -d' ' -f1)|" \
		-e "s|\"@ARCHIVE_SIZE@\"|$(stat -c %s "$archive")|" \
		"$here/acme-vault.json.in" >"$work/out/acme-vault.json"
	jq -e . "$work/out/acme-vault.json" >/dev/null
}
