package manifest

// Words returns the kinds of variables.
func (VariableKind) Words() []string {
	return words(KindEndpoints, KindCIDRs, KindDNSLabel, KindDNSName, KindPort)
}

// Words returns the states of a feature.
func (State) Words() []string { return words(On, Off) }

// Words returns the kinds of parties.
func (PartyKind) Words() []string { return words(ThirdParty, Customer) }

// Words returns the directions.
func (Direction) Words() []string { return words(Outbound, Inbound, Both) }

// Words returns the transports.
func (Transport) Words() []string {
	return words(TCP, UDP, UDPTCP, SCTP, ICMP, IGMP, GRE, ESP, AH, AnyIP)
}

// Words returns the necessities.
func (Necessity) Words() []string { return words(Required, Optional) }

// Words returns the kinds of hosting.
func (Hosting) Words() []string { return words(Dedicated, SharedCDN, Cloud) }

// Words returns the versions of TLS.
func (TLSVersion) Words() []string { return []string{"1.0", "1.1", "1.2", "1.3"} }

// Words returns the requirements.
func (Requirement) Words() []string { return words(Always, May, Forbids) }

// Words returns the levels of privileges.
func (PrivilegeLevel) Words() []string { return words(LevelMinimum, LevelFeature) }

// Words returns the places of observation.
func (Observation) Words() []string { return words(HostLog, CleartextWire) }

// Words returns the lifecycles of accounts.
func (Lifecycle) Words() []string { return words(FirstBootOnly, UntilChanged, Permanent) }

// Words returns the kinds of signers.
func (SignerKind) Words() []string { return words(X509CodeSign, OpenPGP, Cosign, TLSAuthority) }

// Words returns the kinds of keys.
func (KeyKind) Words() []string { return words(Ed25519, ECDSAP256) }

// Words returns the modes.
func (Mode) Words() []string { return words(Audit, Enforce) }

// Words returns what can be done with the undecidable.
func (Undecidable) Words() []string {
	return words(UndecidableLog, UndecidableAlert, UndecidableIgnore)
}

// Words returns what can be done with an expired manifest.
func (Expiry) Words() []string { return words(KeepAndWarn, Suspend) }

func words[S ~string](all ...S) []string {
	w := make([]string, len(all))
	for i, s := range all {
		w[i] = string(s)
	}
	return w
}

// Protocols returns the IP protocol numbers, nil for AnyIP.
func (t Transport) Protocols() []uint8 {
	switch t {
	case TCP:
		return []uint8{6}
	case UDP:
		return []uint8{17}
	case UDPTCP:
		return []uint8{6, 17}
	case SCTP:
		return []uint8{132}
	case ICMP:
		return []uint8{1, 58}
	case IGMP:
		return []uint8{2}
	case GRE:
		return []uint8{47}
	case ESP:
		return []uint8{50}
	case AH:
		return []uint8{51}
	}
	return nil
}

// HasPorts reports whether the transport has ports.
func (t Transport) HasPorts() bool { return t == TCP || t == UDP || t == UDPTCP || t == SCTP }

// Number returns the version as on the wire (RFC 8446: 0x0304 for "1.3"), 0 for none.
func (v TLSVersion) Number() uint16 {
	switch v {
	case "1.0":
		return 0x0301
	case "1.1":
		return 0x0302
	case "1.2":
		return 0x0303
	case "1.3":
		return 0x0304
	}
	return 0
}
