package benchcap

import "encoding/binary"

var (
	sshClients = []string{"SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5", "SSH-2.0-OpenSSH_8.9p1", "SSH-2.0-PuTTY_Release_0.81",
		"SSH-2.0-Go", "SSH-2.0-libssh2_1.11.0", "SSH-2.0-paramiko_3.4.0"}
	sshServers = []string{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", "SSH-2.0-OpenSSH_7.4", "SSH-2.0-dropbear_2022.83",
		"SSH-2.0-babeld-8405b9f3", "SSH-1.99-Cisco-1.25"}
	// Of KEXINIT, RFC 4253 section 7.1; the directions share the lists of ciphers, MACs and compressions.
	sshLists = []string{
		"sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384," +
			"ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256",
		"ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256",
		"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
		"umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256",
		"umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256",
		"none,zlib@openssh.com", "none,zlib@openssh.com", "", "",
	}
)

func (g *generator) ssh(f *flow) {
	for i, banners := range [][]string{sshClients, sshServers} {
		at := len(f.buf)
		f.buf = append(append(f.buf, banners[g.rand.IntN(len(banners))]...), "\r\n"...)
		f.send(i == 1, at)
	}
	f.acknowledge()
	for i := range 2 {
		at := len(f.buf)
		f.buf = g.random(append(f.buf, 20), 16)
		drop := g.rand.IntN(3) // not all implementations offer the first
		for n, list := range sshLists {
			if n == 0 && drop == 0 {
				list = list[len("sntrup761x25519-sha512@openssh.com,"):]
			}
			f.buf = append(binary.BigEndian.AppendUint32(f.buf, uint32(len(list))), list...)
		}
		f.buf = append(f.buf, 0, 0, 0, 0, 0)
		f.sshPacket(i == 1, at)
	}
	at := len(f.buf)
	f.buf = g.random(append(f.buf, 30, 0, 0, 0, 32), 32)
	f.sshPacket(false, at)
	at = len(f.buf)
	f.buf = append(f.buf, 31, 0, 0, 0, 51, 0, 0, 0, 11)
	f.buf = append(f.buf, "ssh-ed25519\x00\x00\x00\x20"...)
	f.buf = g.random(f.buf, 32)
	f.buf = g.random(append(f.buf, 0, 0, 0, 32), 32)
	f.buf = append(f.buf, "\x00\x00\x00\x53\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x40"...)
	f.buf = g.random(f.buf, 64)
	f.sshPacket(true, at)
	for i := range 2 {
		at := len(f.buf)
		f.buf = append(f.buf, 21)
		f.sshPacket(i == 1, at)
	}
	for budget := 10 + 3*g.budget(); len(f.steps) < budget; {
		at := len(f.buf)
		f.buf = g.random(f.buf, 36+8*g.skew(12))
		f.send(g.chance(2), at)
		f.pause += uint32(g.skew(1_000_000))
		if g.chance(2) {
			f.acknowledge()
		}
	}
}

// sshPacket wraps the payload that begins at at as RFC 4253 section 6 says and sends it.
func (f *flow) sshPacket(server bool, at int) {
	n := len(f.buf) - at
	padding := 8 - (5+n)%8
	if padding < 4 {
		padding += 8
	}
	f.buf = append(f.buf, 0, 0, 0, 0, 0)
	copy(f.buf[at+5:], f.buf[at:at+n])
	binary.BigEndian.PutUint32(f.buf[at:], uint32(1+n+padding))
	f.buf[at+4] = byte(padding)
	f.buf = append(f.buf, make([]byte, padding)...)
	f.send(server, at)
}
