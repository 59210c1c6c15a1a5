package manifest

import "strings"

// TLSUse says whether a method runs over TLS (or DTLS, or inside QUIC).
type TLSUse uint8

// The uses of TLS.
const (
	TLSNever  TLSUse = iota
	TLSMay           // by STARTTLS or the like, or as a matter of configuration
	TLSAlways        // nothing of the method is seen in clear
)

// Method is a word that Communication.Method may hold: an application protocol.
type Method struct {
	Name string
	TLS  TLSUse
	// Transport is what it runs over: TCP, UDP, UDPTCP, SCTP, ICMP, IGMP, GRE, ESP or AH.
	Transport Transport
	// Ports are the well-known ones.
	Ports []uint16
}

// methods is the list of known words, by subject.
var methods = []Method{
	{"TLS", TLSAlways, TCP, []uint16{443}},
	{"DTLS", TLSAlways, UDP, nil},
	{"QUIC", TLSAlways, UDP, []uint16{443}},
	{"HTTP", TLSNever, TCP, []uint16{80}},
	{"HTTPS", TLSAlways, TCP, []uint16{443}},
	{"HTTP3", TLSAlways, UDP, []uint16{443}},
	{"WebSocket", TLSMay, TCP, []uint16{80, 443}},
	{"gRPC", TLSMay, TCP, nil},

	{"SSH", TLSNever, TCP, []uint16{22}},
	{"SFTP", TLSNever, TCP, []uint16{22}},
	{"SCP", TLSNever, TCP, []uint16{22}},
	{"Telnet", TLSNever, TCP, []uint16{23}},
	{"RDP", TLSMay, UDPTCP, []uint16{3389}},
	{"VNC", TLSMay, TCP, []uint16{5900}},
	{"WinRM", TLSMay, TCP, []uint16{5985, 5986}},

	{"DNS", TLSNever, UDPTCP, []uint16{53}},
	{"DoT", TLSAlways, TCP, []uint16{853}},
	{"DoH", TLSAlways, UDPTCP, []uint16{443}},
	{"DoQ", TLSAlways, UDP, []uint16{853}},
	{"mDNS", TLSNever, UDP, []uint16{5353}},
	{"LLMNR", TLSNever, UDPTCP, []uint16{5355}},
	{"NBNS", TLSNever, UDP, []uint16{137}},
	{"DHCP", TLSNever, UDP, []uint16{67, 68}},
	{"DHCPv6", TLSNever, UDP, []uint16{546, 547}},
	{"NTP", TLSNever, UDP, []uint16{123}},
	{"PTP", TLSNever, UDP, []uint16{319, 320}},
	{"SSDP", TLSNever, UDP, []uint16{1900}},
	{"WS-Discovery", TLSNever, UDP, []uint16{3702}},
	{"STUN", TLSMay, UDPTCP, []uint16{3478, 5349}},

	{"LDAP", TLSMay, UDPTCP, []uint16{389, 3268}},
	{"LDAPS", TLSAlways, TCP, []uint16{636, 3269}},
	{"Kerberos", TLSNever, UDPTCP, []uint16{88, 464}},
	{"RADIUS", TLSNever, UDP, []uint16{1812, 1813}},
	{"RadSec", TLSAlways, TCP, []uint16{2083}},
	{"TACACS", TLSNever, TCP, []uint16{49}},

	{"SMB", TLSNever, TCP, []uint16{445, 139}},
	{"NFS", TLSMay, UDPTCP, []uint16{2049}},
	{"RPC", TLSNever, UDPTCP, []uint16{111}},
	{"DCERPC", TLSNever, UDPTCP, []uint16{135}},
	{"FTP", TLSMay, TCP, []uint16{21}},
	{"FTPS", TLSAlways, TCP, []uint16{990}},
	{"TFTP", TLSNever, UDP, []uint16{69}},
	{"rsync", TLSNever, TCP, []uint16{873}},
	{"iSCSI", TLSNever, TCP, []uint16{3260}},

	{"SMTP", TLSMay, TCP, []uint16{25, 587}},
	{"SMTPS", TLSAlways, TCP, []uint16{465}},
	{"IMAP", TLSMay, TCP, []uint16{143}},
	{"IMAPS", TLSAlways, TCP, []uint16{993}},
	{"POP3", TLSMay, TCP, []uint16{110}},
	{"POP3S", TLSAlways, TCP, []uint16{995}},

	{"PostgreSQL", TLSMay, TCP, []uint16{5432}},
	{"MySQL", TLSMay, TCP, []uint16{3306}},
	{"TDS", TLSMay, TCP, []uint16{1433}},
	{"Oracle", TLSMay, TCP, []uint16{1521, 2484}},
	{"MongoDB", TLSMay, TCP, []uint16{27017}},
	{"Redis", TLSMay, TCP, []uint16{6379}},
	{"Cassandra", TLSMay, TCP, []uint16{9042}},
	{"Memcached", TLSMay, UDPTCP, []uint16{11211}},
	{"Elasticsearch", TLSMay, TCP, []uint16{9200, 9300}},
	{"etcd", TLSMay, TCP, []uint16{2379, 2380}},
	{"ZooKeeper", TLSMay, TCP, []uint16{2181}},

	{"Kafka", TLSMay, TCP, []uint16{9092}},
	{"AMQP", TLSMay, TCP, []uint16{5672}},
	{"AMQPS", TLSAlways, TCP, []uint16{5671}},
	{"MQTT", TLSMay, TCP, []uint16{1883}},
	{"MQTTS", TLSAlways, TCP, []uint16{8883}},
	{"NATS", TLSMay, TCP, []uint16{4222}},
	{"STOMP", TLSMay, TCP, []uint16{61613}},

	{"SNMP", TLSNever, UDPTCP, []uint16{161, 162}},
	{"Syslog", TLSMay, UDPTCP, []uint16{514, 6514}},
	{"NetFlow", TLSNever, UDP, []uint16{2055}},
	{"IPFIX", TLSMay, UDPTCP, []uint16{4739}},
	{"sFlow", TLSNever, UDP, []uint16{6343}},
	{"IPMI", TLSNever, UDP, []uint16{623}},
	{"BGP", TLSNever, TCP, []uint16{179}},

	{"SIP", TLSMay, UDPTCP, []uint16{5060}},
	{"SIPS", TLSAlways, TCP, []uint16{5061}},
	{"RTP", TLSNever, UDP, nil},
	{"RTSP", TLSMay, UDPTCP, []uint16{554}},
	{"IPP", TLSMay, TCP, []uint16{631}},
	{"LPD", TLSNever, TCP, []uint16{515}},
	{"JetDirect", TLSNever, TCP, []uint16{9100}},

	{"CoAP", TLSMay, UDPTCP, []uint16{5683, 5684}},
	{"Modbus", TLSMay, TCP, []uint16{502}},
	{"BACnet", TLSNever, UDP, []uint16{47808}},
	{"DNP3", TLSMay, UDPTCP, []uint16{20000}},
	{"EtherNet-IP", TLSMay, UDPTCP, []uint16{44818, 2222}},
	{"OPC-UA", TLSNever, TCP, []uint16{4840}},
	{"S7", TLSNever, TCP, []uint16{102}},

	{"IKE", TLSNever, UDP, []uint16{500, 4500}},
	{"WireGuard", TLSNever, UDP, []uint16{51820}},
	{"OpenVPN", TLSMay, UDPTCP, []uint16{1194}},
	{"SOCKS", TLSNever, TCP, []uint16{1080}},
	{"VXLAN", TLSNever, UDP, []uint16{4789}},
	{"GENEVE", TLSNever, UDP, []uint16{6081}},
	{"GRE", TLSNever, GRE, nil},
	{"ESP", TLSNever, ESP, nil},
	{"ICMP", TLSNever, ICMP, nil},
	{"IGMP", TLSNever, IGMP, nil},
}

// Methods returns the known methods in the order of the documentation.
func Methods() []Method { return append([]Method(nil), methods...) }

// LookupMethod finds a method by its word in whatever case.
func LookupMethod(word string) (Method, bool) {
	for _, m := range methods {
		if strings.EqualFold(m.Name, word) {
			return m, true
		}
	}
	return Method{}, false
}

// mechanisms are the words of Account.Protocols: the ways to log in that the wire or a log can show.
var mechanisms = []string{
	"http-basic", "http-digest", "http-form", "https-form", "ftp", "telnet", "pop3", "imap", "smtp", "ldap", "kerberos",
	"ntlmssp", "mongodb", "postgresql", "mysql", "tds", "redis", "mqtt", "amqp", "snmp", "sip", "rdp", "ssh", "smb",
	"rtsp", "vnc", "console",
}

// Mechanisms returns the known words of Account.Protocols.
func Mechanisms() []string { return append([]string(nil), mechanisms...) }
