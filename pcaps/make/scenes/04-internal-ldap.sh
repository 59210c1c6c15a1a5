# vault-1 binds to a directory that is not the site's.

search() {
	quiet on v1 ldapsearch -x -H ldap://10.20.7.7 -D uid=svc-vault,dc=riverside,dc=example -w not-a-real-password \
		-b dc=riverside,dc=example '(objectClass=inetOrgPerson)' uid
}

part 240 search
