package main

import (
	"netsensor/internal/dns"
	"netsensor/internal/http"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/dhcp"
	"netsensor/internal/protocol/ftp"
	"netsensor/internal/protocol/imap"
	"netsensor/internal/protocol/ldap"
	"netsensor/internal/protocol/mongodb"
	"netsensor/internal/protocol/mysql"
	"netsensor/internal/protocol/ntp"
	"netsensor/internal/protocol/pgsql"
	"netsensor/internal/protocol/pop3"
	"netsensor/internal/protocol/radius"
	"netsensor/internal/protocol/smtp"
	"netsensor/internal/protocol/socks"
	"netsensor/internal/protocol/syslog"
	"netsensor/internal/protocol/telnet"
	"netsensor/internal/protocol/tftp"
	"netsensor/internal/quic"
	"netsensor/internal/ssh"
	"netsensor/internal/tls"
)

// parsers lists the protocols in the order in which they are asked: the frequent and unmistakable ones first. It is
// called once per flow table: what one call returns may share caches.
func parsers() []protocol.Parser {
	return []protocol.Parser{
		tls.Parser(), http.Parser(), ssh.Parser(), http.Parser2(),
		dns.Parser(), quic.Parser(), tls.DTLSParser(), dns.MDNS(), dns.LLMNR(), dns.NBNS(),
		smtp.Parser(), imap.Parser(), pop3.Parser(), ftp.Parser(), telnet.Parser(),
		ldap.Parser(),
		pgsql.Parser(), mysql.Parser(), mongodb.Parser(),
		socks.Parser(),
		dhcp.Parser(), dhcp.V6(), ntp.Parser(), tftp.Parser(), radius.Parser(), syslog.Parser(),
	}
}
