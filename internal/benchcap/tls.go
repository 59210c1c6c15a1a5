package benchcap

import (
	"embed"
	"slices"
)

//go:embed certs/*.der
var certs embed.FS

// shape is how a kind of client builds its ClientHello.
type shape struct {
	share      int // of 100 connections
	ciphers    []uint16
	extensions []uint16
	groups     []uint16
	shares     []uint16 // groups with a key share
	alpn       []string
	grease     bool // RFC 8701
	shuffle    bool // extensions in any order
	old        bool // TLS 1.2 at most
}

// Codes of extensions and groups, from the IANA registries.
const (
	extName, extStatus, extGroups, extPoints, extSignatures, extALPN, extSCT        = 0, 5, 10, 11, 13, 16, 18
	extPadding, extEncryptThenMAC, extMasterSecret, extCompress, extLimit           = 21, 22, 23, 27, 28
	extDelegated, extTicket, extVersions, extModes, extShare, extQUIC               = 34, 35, 43, 45, 51, 57
	extSettings, extECH, extRenegotiation                                           = 17613, 65037, 65281
	groupX25519, groupP256, groupHybrid                                      uint16 = 29, 23, 4588
	grease                                                                   uint16 = 0x0a0a
)

var shapes = []shape{
	{ // Chrome
		share: 45, grease: true, shuffle: true,
		ciphers: []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35},
		extensions: []uint16{extName, extMasterSecret, extRenegotiation, extGroups, extPoints, extTicket, extALPN, extStatus,
			extSignatures, extSCT, extShare, extModes, extVersions, extCompress, extSettings, extECH},
		groups: []uint16{groupHybrid, groupX25519, groupP256, 24}, shares: []uint16{groupHybrid, groupX25519},
		alpn: []string{"h2", "http/1.1"},
	},
	{ // Firefox
		share:   10,
		ciphers: []uint16{0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a, 0xc009, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35},
		extensions: []uint16{extName, extMasterSecret, extRenegotiation, extGroups, extPoints, extTicket, extALPN, extStatus,
			extDelegated, extSCT, extShare, extVersions, extSignatures, extModes, extLimit, extCompress, extECH},
		groups: []uint16{groupHybrid, groupX25519, groupP256, 24, 25, 256, 257}, shares: []uint16{groupHybrid, groupX25519, groupP256},
		alpn: []string{"h2", "http/1.1"},
	},
	{ // Safari
		share: 20, grease: true,
		ciphers: []uint16{0x1301, 0x1302, 0x1303, 0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8, 0xc00a, 0xc009, 0xc014, 0xc013,
			0x9d, 0x9c, 0x35, 0x2f, 0xc008, 0xc012, 0x0a},
		extensions: []uint16{extName, extMasterSecret, extRenegotiation, extGroups, extPoints, extALPN, extStatus, extSignatures,
			extSCT, extShare, extModes, extVersions, extCompress, extPadding},
		groups: []uint16{groupX25519, groupP256, 24, 25}, shares: []uint16{groupX25519},
		alpn: []string{"h2", "http/1.1"},
	},
	{ // OpenSSL
		share: 15,
		ciphers: []uint16{0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x9f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x9e, 0xc024, 0xc028,
			0x6b, 0xc023, 0xc027, 0x67, 0xc00a, 0xc014, 0x39, 0xc009, 0xc013, 0x33, 0x9d, 0x9c, 0x3d, 0x3c, 0x35, 0x2f, 0xff},
		extensions: []uint16{extName, extPoints, extGroups, extTicket, extALPN, extEncryptThenMAC, extMasterSecret, extSignatures,
			extVersions, extModes, extShare},
		groups: []uint16{groupX25519, groupP256, 30, 25, 24, 256, 257}, shares: []uint16{groupX25519},
		alpn: []string{"http/1.1"},
	},
	{ // a device
		share: 10, old: true,
		ciphers:    []uint16{0xc02b, 0xc02f, 0xc023, 0xc027, 0xc009, 0xc013, 0x9c, 0x2f, 0xff},
		extensions: []uint16{extName, extPoints, extGroups, extSignatures, extMasterSecret},
		groups:     []uint16{groupP256, 24},
	},
}

// prefixed appends what fill appends, with its length before it in size bytes.
func prefixed(b []byte, size int, fill func([]byte) []byte) []byte {
	at := len(b)
	b = fill(append(b, make([]byte, size)...))
	n := len(b) - at - size
	for i := range size {
		b[at+i] = byte(n >> (8 * (size - 1 - i)))
	}
	return b
}

func u16s(b []byte, list ...uint16) []byte {
	for _, v := range list {
		b = append(b, byte(v>>8), byte(v))
	}
	return b
}

// clientHello appends a ClientHello handshake message, RFC 8446 section 4.1.2. With parameters it is one of QUIC.
func (g *generator) clientHello(b []byte, s *shape, name string, parameters []byte) []byte {
	odd := grease + uint16(g.rand.IntN(16))*0x1010
	extensions := slices.Clone(s.extensions)
	if s.shuffle {
		g.rand.Shuffle(len(extensions), func(i, j int) { extensions[i], extensions[j] = extensions[j], extensions[i] })
	}
	if parameters != nil {
		extensions = slices.DeleteFunc(extensions, func(e uint16) bool {
			return e == extTicket || e == extPoints || e == extMasterSecret || e == extRenegotiation
		})
		extensions = append(extensions, extQUIC)
	}
	at := len(b)
	b = append(b, 1)
	return prefixed(b, 3, func(b []byte) []byte {
		b = g.random(append(b, 3, 3), 32)
		b = prefixed(b, 1, func(b []byte) []byte {
			if s.old || parameters != nil {
				return b
			}
			return g.random(b, 32)
		})
		b = prefixed(b, 2, func(b []byte) []byte {
			if s.grease {
				b = u16s(b, odd)
			}
			if parameters != nil {
				return u16s(b, 0x1301, 0x1302, 0x1303)
			}
			return u16s(b, s.ciphers...)
		})
		b = append(b, 1, 0)
		return prefixed(b, 2, func(b []byte) []byte {
			if s.grease {
				b = u16s(b, odd, 0)
			}
			for _, e := range extensions {
				b = prefixed(u16s(b, e), 2, func(b []byte) []byte {
					if e == extPadding {
						return append(b, make([]byte, max(0, 508-(len(b)-at)))...)
					}
					return g.extension(b, s, e, odd, name, parameters)
				})
			}
			if s.grease {
				b = append(u16s(b, odd^0x1010), 0, 1, 0)
			}
			return b
		})
	})
}

// extension appends the body of a ClientHello's extension.
func (g *generator) extension(b []byte, s *shape, e, odd uint16, name string, parameters []byte) []byte {
	switch e {
	case extName:
		return prefixed(b, 2, func(b []byte) []byte {
			return prefixed(append(b, 0), 2, func(b []byte) []byte { return append(b, name...) })
		})
	case extStatus:
		return append(b, 1, 0, 0, 0, 0)
	case extGroups:
		return prefixed(b, 2, func(b []byte) []byte {
			if s.grease {
				b = u16s(b, odd)
			}
			return u16s(b, s.groups...)
		})
	case extPoints, extModes, extRenegotiation:
		return append(b, map[uint16]string{extPoints: "\x01\x00", extModes: "\x01\x01", extRenegotiation: "\x00"}[e]...)
	case extSignatures, extDelegated:
		return prefixed(b, 2, func(b []byte) []byte {
			return u16s(b, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
		})
	case extALPN, extSettings:
		return prefixed(b, 2, func(b []byte) []byte {
			protocols := s.alpn
			if parameters != nil {
				protocols = []string{"h3"}
			} else if e == extSettings {
				protocols = protocols[:1]
			}
			for _, p := range protocols {
				b = append(append(b, byte(len(p))), p...)
			}
			return b
		})
	case extCompress:
		return append(b, 2, 0, 2)
	case extLimit:
		return append(b, 0x40, 1)
	case extVersions:
		return prefixed(b, 1, func(b []byte) []byte {
			if s.grease {
				b = u16s(b, odd)
			}
			if parameters != nil {
				return u16s(b, 0x0304)
			}
			return u16s(b, 0x0304, 0x0303)
		})
	case extShare:
		return prefixed(b, 2, func(b []byte) []byte {
			if s.grease {
				b = append(u16s(b, odd), 0, 1, 0)
			}
			for _, group := range s.shares {
				b = g.keyShare(b, group, 1216)
			}
			return b
		})
	case extECH: // an outer hello of no meaning, as browsers send it
		b = append(b, 0, 0, 1, 0, 1, byte(g.rand.Uint32()), 0, 32)
		b = g.random(b, 32)
		return prefixed(b, 2, func(b []byte) []byte { return g.random(b, 144+32*g.rand.IntN(4)) })
	case extQUIC:
		return append(b, parameters...)
	}
	return b
}

// keyShare appends a share; hybrid is the size of one of X25519MLKEM768, which differs by side.
func (g *generator) keyShare(b []byte, group uint16, hybrid int) []byte {
	n := map[uint16]int{groupX25519: 32, groupP256: 65, groupHybrid: hybrid}[group]
	at := len(b) + 4
	b = g.random(u16s(b, group, uint16(n)), n)
	if group == groupP256 {
		b[at] = 4
	}
	return b
}

// serverHello appends a ServerHello handshake message; the session of the client's hello is repeated.
func (g *generator) serverHello(b []byte, s *shape, session []byte, modern bool) []byte {
	return prefixed(append(b, 2), 3, func(b []byte) []byte {
		b = g.random(append(b, 3, 3), 32)
		b = append(append(b, byte(len(session))), session...)
		if modern {
			b = append(b, 0x13, byte(1+g.rand.IntN(2)), 0)
			return prefixed(b, 2, func(b []byte) []byte {
				b = append(u16s(b, extVersions, 2), 3, 4)
				return prefixed(u16s(b, extShare), 2, func(b []byte) []byte { return g.keyShare(b, s.shares[0], 1120) })
			})
		}
		b = append(b, 0xc0, []byte{0x2b, 0x2f}[g.rand.IntN(2)], 0)
		return prefixed(b, 2, func(b []byte) []byte {
			b = append(u16s(b, extRenegotiation, 1), 0)
			b = append(u16s(b, extPoints, 2), 1, 0)
			b = u16s(b, extMasterSecret, 0)
			if len(s.alpn) > 0 {
				p := s.alpn[0]
				b = append(u16s(b, extALPN, uint16(len(p)+3), uint16(len(p)+1)), byte(len(p)))
				b = append(b, p...)
			}
			return b
		})
	})
}

// pick draws a shape.
func (g *generator) pick() *shape {
	n := g.rand.IntN(100)
	for i := range shapes {
		if n -= shapes[i].share; n < 0 {
			return &shapes[i]
		}
	}
	return &shapes[0]
}

// inRecord appends a TLS record with what fill appends.
func inRecord(b []byte, kind, minor byte, fill func([]byte) []byte) []byte {
	return prefixed(append(b, kind, 3, minor), 2, fill)
}

var changeCipher = []byte{20, 3, 3, 0, 1, 1}

// handshake is a TLS handshake of version 1.3 or 1.2, full or resumed.
func (g *generator) handshake(f *flow) {
	s := g.pick()
	at := len(f.buf)
	f.buf = inRecord(f.buf, 22, 1, func(b []byte) []byte { return g.clientHello(b, s, f.name, nil) })
	f.send(false, at)
	if g.percent(60) {
		f.turn(true)
		f.push(true, flagACK, 0, 0, false)
	}
	n := int(f.buf[at+5+38])
	session := slices.Clone(f.buf[at+5+39 : at+5+39+n])
	if !s.old && g.percent(75) {
		g.handshake13(f, s, session)
	} else {
		g.handshake12(f, s, session)
	}
}

func (g *generator) handshake13(f *flow, s *shape, session []byte) {
	at := len(f.buf)
	f.buf = inRecord(f.buf, 22, 3, func(b []byte) []byte { return g.serverHello(b, s, session, true) })
	f.buf = append(f.buf, changeCipher...)
	sizes := []int{30 + g.rand.IntN(20), 1500 + g.rand.IntN(2000), 90 + g.rand.IntN(200), 53}
	if g.percent(40) { // resumed
		sizes = []int{30, 53}
	}
	for _, n := range sizes {
		f.buf = inRecord(f.buf, 23, 3, func(b []byte) []byte { return g.random(b, n) })
	}
	f.send(true, at)
	f.acknowledge()
	at = len(f.buf)
	f.buf = append(f.buf, changeCipher...)
	f.buf = inRecord(f.buf, 23, 3, func(b []byte) []byte { return g.random(b, 53) })
	f.send(false, at)
}

func (g *generator) handshake12(f *flow, s *shape, session []byte) {
	finished := func(b []byte) []byte { return g.random(b, 40) }
	at := len(f.buf)
	resumed := len(session) > 0 && g.chance(3)
	if !resumed {
		session = g.random(nil, 32)
	}
	f.buf = inRecord(f.buf, 22, 3, func(b []byte) []byte { return g.serverHello(b, s, session, false) })
	if !resumed {
		f.buf = g.serverFlight(f.buf)
		f.send(true, at)
		f.acknowledge()
		at = len(f.buf)
		f.buf = inRecord(f.buf, 22, 3, func(b []byte) []byte { return g.random(append(b, 16, 0, 0, 66, 65, 4), 64) })
		f.buf = append(f.buf, changeCipher...)
		f.buf = inRecord(f.buf, 22, 3, finished)
		f.send(false, at)
		at = len(f.buf)
	}
	f.buf = append(f.buf, changeCipher...)
	f.buf = inRecord(f.buf, 22, 3, finished)
	f.send(true, at)
	if resumed {
		at = len(f.buf)
		f.buf = append(f.buf, changeCipher...)
		f.buf = inRecord(f.buf, 22, 3, finished)
		f.send(false, at)
	}
}

// serverFlight appends Certificate, ServerKeyExchange and ServerHelloDone, each in a record.
func (g *generator) serverFlight(b []byte) []byte {
	kind := []string{"ec", "rsa"}[g.rand.IntN(2)]
	chain := []string{"leaf" + string(rune('0'+g.rand.IntN(4))), "ca", "root"}[:2+g.rand.IntN(2)]
	b = inRecord(b, 22, 3, func(b []byte) []byte {
		return prefixed(append(b, 11), 3, func(b []byte) []byte {
			return prefixed(b, 3, func(b []byte) []byte {
				for _, c := range chain {
					der, err := certs.ReadFile("certs/" + kind + "-" + c + ".der")
					if err != nil {
						panic(err) // it is embedded
					}
					b = prefixed(b, 3, func(b []byte) []byte { return append(b, der...) })
				}
				return b
			})
		})
	})
	b = inRecord(b, 22, 3, func(b []byte) []byte {
		return prefixed(append(b, 12), 3, func(b []byte) []byte {
			b = g.random(append(b, 3, 0, 29, 32), 32)
			b = append(b, 8, 4)
			return prefixed(b, 2, func(b []byte) []byte { return g.random(b, map[string]int{"ec": 71, "rsa": 256}[kind]) })
		})
	})
	return append(b, 22, 3, 3, 0, 4, 14, 0, 0, 0)
}
