package eve

import "strings"

// The protocols below stats.app_layer: those that count over TCP and UDP apart, and the others.
var (
	appsByTransport = map[string]bool{
		"dcerpc": true, "dns": true, "enip": true, "krb5": true, "ldap": true, "llmnr": true, "nfs": true, "sip": true,
	}
	apps = map[string]bool{
		"bittorrent-dht": true, "dhcp": true, "dnp3": true, "doh2": true, "ftp": true, "ftp-data": true, "http": true,
		"http2": true, "ike": true, "imap": true, "mdns": true, "modbus": true, "mqtt": true, "ntp": true, "pgsql": true,
		"pop3": true, "quic": true, "rdp": true, "rfb": true, "smb": true, "smtp": true, "snmp": true, "ssh": true,
		"telnet": true, "tftp": true, "tls": true, "websocket": true,
	}
)

// AppKey returns the key of a protocol (an app_proto) over TCP or UDP below stats.app_layer.flow, .tx and .error, empty
// if the schema has none.
func AppKey(app string, udp bool) string {
	key := strings.ReplaceAll(app, "-", "_")
	switch {
	case apps[app]:
		return key
	case !appsByTransport[app]:
		return ""
	case udp:
		return key + "_udp"
	}
	return key + "_tcp"
}
