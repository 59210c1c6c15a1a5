package main

import (
	"netsensor/internal/dns"
	"netsensor/internal/http"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/amqp"
	"netsensor/internal/protocol/bacnet"
	"netsensor/internal/protocol/bittorrent"
	"netsensor/internal/protocol/cassandra"
	"netsensor/internal/protocol/coap"
	"netsensor/internal/protocol/dcerpc"
	"netsensor/internal/protocol/dhcp"
	"netsensor/internal/protocol/dnp3"
	"netsensor/internal/protocol/enip"
	"netsensor/internal/protocol/ftp"
	"netsensor/internal/protocol/ike"
	"netsensor/internal/protocol/imap"
	"netsensor/internal/protocol/irc"
	"netsensor/internal/protocol/kafka"
	"netsensor/internal/protocol/krb5"
	"netsensor/internal/protocol/ldap"
	"netsensor/internal/protocol/memcached"
	"netsensor/internal/protocol/modbus"
	"netsensor/internal/protocol/mongodb"
	"netsensor/internal/protocol/mqtt"
	"netsensor/internal/protocol/mysql"
	"netsensor/internal/protocol/nats"
	"netsensor/internal/protocol/netbiosdgm"
	"netsensor/internal/protocol/ntp"
	"netsensor/internal/protocol/openvpn"
	"netsensor/internal/protocol/pgsql"
	"netsensor/internal/protocol/pop3"
	"netsensor/internal/protocol/proxyproto"
	"netsensor/internal/protocol/radius"
	"netsensor/internal/protocol/rdp"
	"netsensor/internal/protocol/redis"
	"netsensor/internal/protocol/rfb"
	"netsensor/internal/protocol/rip"
	"netsensor/internal/protocol/rtsp"
	"netsensor/internal/protocol/sip"
	"netsensor/internal/protocol/smb"
	"netsensor/internal/protocol/smtp"
	"netsensor/internal/protocol/snmp"
	"netsensor/internal/protocol/socks"
	"netsensor/internal/protocol/ssdp"
	"netsensor/internal/protocol/stomp"
	"netsensor/internal/protocol/stun"
	"netsensor/internal/protocol/syslog"
	"netsensor/internal/protocol/tacacs"
	"netsensor/internal/protocol/tds"
	"netsensor/internal/protocol/telnet"
	"netsensor/internal/protocol/tftp"
	"netsensor/internal/protocol/websocket"
	"netsensor/internal/protocol/wireguard"
	"netsensor/internal/protocol/xmpp"
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
		smb.Parser(), ldap.Parser(), krb5.Parser(), rdp.Parser(), dcerpc.Parser(), snmp.Parser(), rfb.Parser(),
		smtp.Parser(), imap.Parser(), pop3.Parser(), ftp.Parser(), telnet.Parser(), xmpp.Parser(), irc.Parser(),
		pgsql.Parser(), mysql.Parser(), mongodb.Parser(), redis.Parser(), kafka.Parser(), amqp.Parser(), mqtt.Parser(),
		tds.Parser(), nats.Parser(), memcached.Parser(), cassandra.Parser(), stomp.Parser(),
		socks.Parser(), proxyproto.Parser(), sip.Parser(), rtsp.Parser(), bittorrent.Parser(), modbus.Parser(), dnp3.Parser(), enip.Parser(), tacacs.Parser(),
		stun.Parser(), dhcp.Parser(), dhcp.V6(), ntp.Parser(), tftp.Parser(), radius.Parser(), syslog.Parser(),
		ssdp.Parser(), ike.Parser(), wireguard.Parser(), openvpn.Parser(), bittorrent.DHT(), bacnet.Parser(), coap.Parser(),
		rip.Parser(), netbiosdgm.Parser(), websocket.Parser(),
	}
}
