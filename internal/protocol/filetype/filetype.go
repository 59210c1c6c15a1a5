// Package filetype tells by content which transferred files are worth a hash (executables, packages, archives,
// scripts) and hashes them as they stream by. Parsers that carry files share it.
package filetype

import (
	"bytes"
	"encoding/binary"
)

// Kind is what a file is, by its first bytes and, for scripts and images without a signature, by its name.
type Kind uint8

// The kinds that are told apart. Other is everything that is not worth a hash.
const (
	Other Kind = iota
	ELF
	PE
	MachO
	Class
	Dex
	Wasm
	Zip // also JAR, APK, OOXML, NuGet, wheels
	Gzip
	XZ
	Zstd
	Bzip2
	LZ4
	SevenZip
	RAR
	Cabinet
	Tar
	Ar // static libraries
	Deb
	RPM
	CompoundFile // MSI, MSP and old Office documents
	DiskImage
	Squashfs
	Firmware
	BrowserExtension
	Shortcut
	Script
)

var names = [...]string{
	Other: "other", ELF: "elf", PE: "pe", MachO: "mach-o", Class: "class", Dex: "dex", Wasm: "wasm", Zip: "zip", Gzip: "gzip", XZ: "xz",
	Zstd: "zstd", Bzip2: "bzip2", LZ4: "lz4", SevenZip: "7z", RAR: "rar", Cabinet: "cab", Tar: "tar", Ar: "ar", Deb: "deb", RPM: "rpm",
	CompoundFile: "cfb", DiskImage: "disk-image", Squashfs: "squashfs", Firmware: "firmware", BrowserExtension: "crx", Shortcut: "lnk",
	Script: "script",
}

// String returns a short lower-case name.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "other"
}

// HeadLen is how many bytes of a file Of needs to be sure: a tar header's magic ends there.
const HeadLen = 263

// Signatures at the start of a file.
var signatures = [...]struct {
	magic string
	kind  Kind
}{
	{"\x7fELF", ELF},
	{"MZ", PE},
	{"\xfe\xed\xfa\xce", MachO}, {"\xfe\xed\xfa\xcf", MachO}, {"\xce\xfa\xed\xfe", MachO}, {"\xcf\xfa\xed\xfe", MachO},
	{"dex\n0", Dex},
	{"\x00asm", Wasm},
	{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip},
	{"\x1f\x8b\x08", Gzip},
	{"\xfd7zXZ\x00", XZ},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"\x04\x22\x4d\x18", LZ4},
	{"7z\xbc\xaf\x27\x1c", SevenZip},
	{"Rar!\x1a\x07", RAR},
	{"MSCF\x00\x00\x00\x00", Cabinet},
	{"!<arch>\ndebian", Deb},
	{"!<arch>\n", Ar},
	{"\xed\xab\xee\xdb", RPM},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", CompoundFile},
	{"hsqs", Squashfs},
	{"\x27\x05\x19\x56", Firmware}, {"ANDROID!", Firmware},
	{"Cr24", BrowserExtension},
	{"\x4c\x00\x00\x00\x01\x14\x02\x00", Shortcut},
	{"#!", Script}, {"\xef\xbb\xbf#!", Script},
}

// Of tells the kind of a file from its first bytes and its name, either of which may be empty. Fewer than HeadLen
// bytes are taken as the whole file.
func Of(b, name []byte) Kind {
	if len(b) >= 2 {
		for i := range signatures {
			s := &signatures[i]
			if b[0] == s.magic[0] && len(b) >= len(s.magic) && string(b[:len(s.magic)]) == s.magic {
				return s.kind
			}
		}
	}
	switch {
	case len(b) >= 8 && string(b[:4]) == "\xca\xfe\xba\xbe":
		// A universal binary has a handful of architectures, a class file a version of at least 45.
		if binary.BigEndian.Uint32(b[4:]) < 45 {
			return MachO
		}
		return Class
	case len(b) >= 4 && string(b[:3]) == "BZh" && b[3] >= '1' && b[3] <= '9':
		return Bzip2
	case len(b) >= HeadLen && string(b[257:262]) == "ustar":
		return Tar
	}
	return byName(name)
}

// byName knows the extensions of files without a signature. Scripts of web pages are left out on purpose.
func byName(name []byte) Kind {
	i := bytes.LastIndexByte(name, '.')
	if i < 0 || len(name)-i > 6 {
		return Other
	}
	var ext [6]byte
	n := copy(ext[:], name[i+1:])
	for j, c := range ext[:n] {
		if c >= 'A' && c <= 'Z' {
			ext[j] = c | 0x20
		}
	}
	switch string(ext[:n]) {
	case "ps1", "psm1", "bat", "cmd", "vbs", "vbe", "wsf", "hta", "jse", "sh", "py":
		return Script
	case "dmg", "iso", "vhd", "vhdx", "img":
		return DiskImage
	}
	return Other
}
