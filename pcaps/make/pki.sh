# Keys and certificates, made anew for every run and thrown away with it. Sourced by make.sh.

# ca NAME SUBJECT [ISSUER] makes a certificate authority.
ca() {
	local d=$work/pki/$1
	mkdir -p "$d"
	: >"$d/index.txt"
	echo 01 >"$d/serial"
	openssl ecparam -genkey -name prime256v1 -noout -out "$d/key.pem"
	openssl req -new -key "$d/key.pem" -subj "$2" -out "$d/req.pem"
	if [[ -n ${3:-} ]]; then
		sign "$3" "$d/req.pem" "$d/cert.pem" ca_extensions
	else
		openssl_ca "$1" -selfsign -keyfile "$d/key.pem" -in "$d/req.pem" -out "$d/cert.pem" -extensions ca_extensions
	fi
}

openssl_ca() {
	local name=$1
	shift
	# The dates are fixed: the captures shall look the same whenever they are made.
	quiet env CA="$work/pki/$name" SAN="${SAN:-DNS:unused.invalid}" openssl ca -batch -config "$here/conf/openssl.cnf" -notext -preserveDN \
		-startdate 20260101000000Z -enddate 20360101000000Z "$@"
}

sign() { openssl_ca "$1" -keyfile "$work/pki/$1/key.pem" -cert "$work/pki/$1/cert.pem" -in "$2" -out "$3" -extensions "$4"; }

# leaf CA NAME SUBJECT ALTNAMES makes $work/pki/NAME.key and NAME.pem, with the issuer's certificate behind it.
leaf() {
	local f=$work/pki/$2
	openssl ecparam -genkey -name prime256v1 -noout -out "$f.key"
	openssl req -new -key "$f.key" -subj "$3" -out "$f.req"
	SAN=$4 sign "$1" "$f.req" "$f.leaf" leaf_extensions
	cat "$f.leaf" "$work/pki/$1/cert.pem" >"$f.pem"
	chmod 644 "$f.key" # services that drop root read it too
}

make_pki() {
	# The public web: a root, and the authority that the manifest names.
	ca root "/C=ZZ/O=Example Trust Services/CN=Example Trust Root X1"
	ca r1 "/C=ZZ/O=Example Trust Services/CN=Example Trust TLS R1" root
	leaf r1 telemetry "/CN=telemetry.acme.example" "DNS:telemetry.acme.example,DNS:riverside.vault.acme.example"
	leaf r1 ingest "/CN=*.ingest.acme.example" "DNS:*.ingest.acme.example"
	leaf r1 updates "/CN=updates.acme.example" "DNS:updates.acme.example"
	leaf r1 evil "/CN=cdn.evil.example" "DNS:cdn.evil.example,DNS:drop.evil.example"
	# An attacker's own, and one that opens connections on the way out.
	ca self "/CN=localhost"
	leaf self bare "/CN=localhost" "DNS:localhost"
	ca inspection "/O=Riverside/CN=Riverside TLS Inspection"
	leaf inspection intercepted "/CN=*.ingest.acme.example" "DNS:*.ingest.acme.example"
	# The site's own.
	ca site "/O=Riverside/CN=Riverside Internal CA"
	leaf site v1 "/O=Riverside/CN=vault-1" "IP:10.20.4.16"
	leaf site v2 "/O=Riverside/CN=vault-2" "IP:10.20.4.17"
	leaf site v3 "/O=Riverside/CN=vault-3" "IP:10.20.4.18"
	leaf site ldap "/O=Riverside/CN=directory" "IP:10.20.1.10"
	leaf site db "/O=Riverside/CN=database" "IP:10.20.2.20"
	cat "$work"/pki/{root,site}/cert.pem >"$work/pki/trusted.pem"
	local k
	for k in support-host vault-host user; do
		ssh-keygen -q -t ed25519 -N '' -C "$k" -f "$work/pki/$k"
	done
}

host_key_fingerprint() { ssh-keygen -l -f "$work/pki/$1.pub" | awk '{print $2}'; }
