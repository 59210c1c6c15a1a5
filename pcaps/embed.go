// Package pcaps holds captures that the project has made itself, with the manifest of the fictional product that is
// seen in them and the bindings of the site: what "netsensor demo" replays and golden tests assert.
//
// README.md says what each capture holds and what must come out. make/make.sh makes them anew.
package pcaps

import (
	"embed"
	"io/fs"
)

//go:embed *.pcap
var captures embed.FS

//go:embed story.pcap
var story []byte

//go:embed acme-vault.json
var manifest []byte

//go:embed site.json
var bindings []byte

// Story returns a capture (pcap, Ethernet, microseconds) of all scenes in the order of their numbers but scene 13. It
// must not be changed.
func Story() []byte { return story }

// Manifest returns the product's behaviour manifest (JSON). It must not be changed.
func Manifest() []byte { return manifest }

// Bindings returns the site's bindings (JSON). They must not be changed.
func Bindings() []byte { return bindings }

// Captures returns all captures, the story too, as files without a folder ("02-beacon.pcap").
func Captures() fs.FS { return captures }
