package packet

// Event is a decoder event: a complaint about the form of a packet. Its String is the key below decoder.event in
// Suricata's stats and anomaly records.
type Event uint16

// The decoder events, in the order of the keys of the EVE schema's stats.decoder.event.
const (
	EventARPPacketTooSmall Event = iota
	EventCHDLCPacketTooSmall
	EventERSPANHeaderTooSmall
	EventERSPANUnsupportedVersion
	EventESPPacketTooSmall
	EventETagHeaderTooSmall
	EventEthernetPacketTooSmall
	EventEthernetUnknownEtherType
	EventGREPacketTooSmall
	EventGREVersion0HeaderTooBig
	EventGREVersion0MalformedSREHeader
	EventGREVersion1HeaderTooBig
	EventGREVersion1NoKey
	EventGREVersion1WrongProtocol
	EventGREWrongVersion
	EventICMPv4PacketTooSmall
	EventICMPv6PacketTooSmall
	EventIEEE8021ahHeaderTooSmall
	EventIPRawInvalidIPVersion
	EventIPv4FragmentIgnored
	EventIPv4FragmentOverlap
	EventIPv4FragmentPacketTooLarge
	EventIPv4HeaderLenTooSmall
	EventIPv4ICMPv6
	EventIPv4IPLenSmallerThanHeaderLen
	EventIPv4OptionInvalidLen
	EventIPv4OptionMalformed
	EventIPv4PacketTooSmall
	EventIPv4TruncPacket
	EventIPv4WrongIPVersion
	EventIPv6DataAfterNoneHeader
	EventIPv6ExtensionDuplicateFH
	EventIPv6ExtensionDuplicateHH
	EventIPv6ExtensionDuplicateRH
	EventIPv6ExtensionUselessFH
	EventIPv6FragmentIgnored
	EventIPv6FragmentInvalidLength
	EventIPv6FragmentOverlap
	EventIPv6FragmentPacketTooLarge
	EventIPv6ICMPv4
	EventIPv6PacketTooSmall
	EventIPv6RHType0
	EventIPv6TruncExtension
	EventIPv6TruncPacket
	EventIPv6WrongIPVersion
	EventNullPacketTooSmall
	EventNullUnsupportedType
	EventMPLSHeaderTooSmall
	EventMPLSUnknownPayloadType
	EventNSHBadHeaderLength
	EventNSHHeaderTooSmall
	EventNSHUnknownPayload
	EventNSHUnsupportedVersion
	EventPPPPacketTooSmall
	EventPPPUnsupportedProtocol
	EventPPPoEPacketTooSmall
	EventPPPoEWrongCode
	EventSCTPPacketTooSmall
	EventSLLPacketTooSmall
	EventSLL2PacketTooSmall
	EventTCPHeaderLenTooSmall
	EventTCPPacketTooSmall
	EventUDPHeaderLenTooSmall
	EventUDPLenInvalid
	EventUDPPacketTooSmall
	EventVLANHeaderTooSmall
	EventVLANTooManyLayers
	EventVNTagHeaderTooSmall
	EventVXLANUnknownPayloadType
	EventTooManyLayers

	eventCount
)

// eventKeys are the keys of the events within stats.decoder.
var eventKeys = [eventCount]string{
	EventARPPacketTooSmall:             "event.arp.pkt_too_small",
	EventCHDLCPacketTooSmall:           "event.chdlc.pkt_too_small",
	EventERSPANHeaderTooSmall:          "event.erspan.header_too_small",
	EventERSPANUnsupportedVersion:      "event.erspan.unsupported_version",
	EventESPPacketTooSmall:             "event.esp.pkt_too_small",
	EventETagHeaderTooSmall:            "event.etag.header_too_small",
	EventEthernetPacketTooSmall:        "event.ethernet.pkt_too_small",
	EventEthernetUnknownEtherType:      "event.ethernet.unknown_ethertype",
	EventGREPacketTooSmall:             "event.gre.pkt_too_small",
	EventGREVersion0HeaderTooBig:       "event.gre.version0_hdr_too_big",
	EventGREVersion0MalformedSREHeader: "event.gre.version0_malformed_sre_hdr",
	EventGREVersion1HeaderTooBig:       "event.gre.version1_hdr_too_big",
	EventGREVersion1NoKey:              "event.gre.version1_no_key",
	EventGREVersion1WrongProtocol:      "event.gre.version1_wrong_protocol",
	EventGREWrongVersion:               "event.gre.wrong_version",
	EventICMPv4PacketTooSmall:          "event.icmpv4.pkt_too_small",
	EventICMPv6PacketTooSmall:          "event.icmpv6.pkt_too_small",
	EventIEEE8021ahHeaderTooSmall:      "event.ieee8021ah.header_too_small",
	EventIPRawInvalidIPVersion:         "event.ipraw.invalid_ip_version",
	EventIPv4FragmentIgnored:           "event.ipv4.frag_ignored",
	EventIPv4FragmentOverlap:           "event.ipv4.frag_overlap",
	EventIPv4FragmentPacketTooLarge:    "event.ipv4.frag_pkt_too_large",
	EventIPv4HeaderLenTooSmall:         "event.ipv4.hlen_too_small",
	EventIPv4ICMPv6:                    "event.ipv4.icmpv6",
	EventIPv4IPLenSmallerThanHeaderLen: "event.ipv4.iplen_smaller_than_hlen",
	EventIPv4OptionInvalidLen:          "event.ipv4.opt_invalid_len",
	EventIPv4OptionMalformed:           "event.ipv4.opt_malformed",
	EventIPv4PacketTooSmall:            "event.ipv4.pkt_too_small",
	EventIPv4TruncPacket:               "event.ipv4.trunc_pkt",
	EventIPv4WrongIPVersion:            "event.ipv4.wrong_ip_version",
	EventIPv6DataAfterNoneHeader:       "event.ipv6.data_after_none_header",
	EventIPv6ExtensionDuplicateFH:      "event.ipv6.exthdr_dupl_fh",
	EventIPv6ExtensionDuplicateHH:      "event.ipv6.exthdr_dupl_hh",
	EventIPv6ExtensionDuplicateRH:      "event.ipv6.exthdr_dupl_rh",
	EventIPv6ExtensionUselessFH:        "event.ipv6.exthdr_useless_fh",
	EventIPv6FragmentIgnored:           "event.ipv6.frag_ignored",
	EventIPv6FragmentInvalidLength:     "event.ipv6.frag_invalid_length",
	EventIPv6FragmentOverlap:           "event.ipv6.frag_overlap",
	EventIPv6FragmentPacketTooLarge:    "event.ipv6.frag_pkt_too_large",
	EventIPv6ICMPv4:                    "event.ipv6.icmpv4",
	EventIPv6PacketTooSmall:            "event.ipv6.pkt_too_small",
	EventIPv6RHType0:                   "event.ipv6.rh_type_0",
	EventIPv6TruncExtension:            "event.ipv6.trunc_exthdr",
	EventIPv6TruncPacket:               "event.ipv6.trunc_pkt",
	EventIPv6WrongIPVersion:            "event.ipv6.wrong_ip_version",
	EventNullPacketTooSmall:            "event.ltnull.pkt_too_small",
	EventNullUnsupportedType:           "event.ltnull.unsupported_type",
	EventMPLSHeaderTooSmall:            "event.mpls.header_too_small",
	EventMPLSUnknownPayloadType:        "event.mpls.unknown_payload_type",
	EventNSHBadHeaderLength:            "event.nsh.bad_header_length",
	EventNSHHeaderTooSmall:             "event.nsh.header_too_small",
	EventNSHUnknownPayload:             "event.nsh.unknown_payload",
	EventNSHUnsupportedVersion:         "event.nsh.unsupported_version",
	EventPPPPacketTooSmall:             "event.ppp.pkt_too_small",
	EventPPPUnsupportedProtocol:        "event.ppp.unsup_proto",
	EventPPPoEPacketTooSmall:           "event.pppoe.pkt_too_small",
	EventPPPoEWrongCode:                "event.pppoe.wrong_code",
	EventSCTPPacketTooSmall:            "event.sctp.pkt_too_small",
	EventSLLPacketTooSmall:             "event.sll.pkt_too_small",
	EventSLL2PacketTooSmall:            "event.sll2.pkt_too_small",
	EventTCPHeaderLenTooSmall:          "event.tcp.hlen_too_small",
	EventTCPPacketTooSmall:             "event.tcp.pkt_too_small",
	EventUDPHeaderLenTooSmall:          "event.udp.hlen_too_small",
	EventUDPLenInvalid:                 "event.udp.len_invalid",
	EventUDPPacketTooSmall:             "event.udp.pkt_too_small",
	EventVLANHeaderTooSmall:            "event.vlan.header_too_small",
	EventVLANTooManyLayers:             "event.vlan.too_many_layers",
	EventVNTagHeaderTooSmall:           "event.vntag.header_too_small",
	EventVXLANUnknownPayloadType:       "event.vxlan.unknown_payload_type",
	EventTooManyLayers:                 "event.too_many_layers",
}

// String returns Suricata's name of e, "ipv4.trunc_pkt".
func (e Event) String() string {
	if e >= eventCount {
		return "unknown"
	}
	return eventKeys[e][len("event."):]
}
