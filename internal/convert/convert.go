// Package convert translates between manifests and what others write down about the network behaviour of products.
// What one side cannot say is never dropped silently: every translation returns its losses.
//
// docs/convert.md says for each format what is read and what becomes of it.
package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// File is a file to be imported.
type File struct {
	// Name stands for the file in messages; the manifest keeps it without directories.
	Name string
	Data []byte
}

// Options say what the files do not. Where a member is empty, what the files say is taken, or a placeholder.
type Options struct {
	// From is a format's name; empty: it is told by the content.
	From      string
	ID        string // a URI
	Serial    uint64
	Publisher string
	Domain    string // the publisher's
	Product   string
	// Columns name the columns of CSV files that have no header.
	Columns []string
}

// Imported is a manifest made from other documents.
type Imported struct {
	Manifest *manifest.Manifest
	// JSON is the manifest's text. The same files and options give the same bytes.
	JSON   []byte
	Format string
	// Losses are in the order of their places.
	Losses []Loss
	// Assumed are JSON pointers to members of the manifest that no file says, and that were made up.
	Assumed []string
}

// format is a kind of document that is understood.
type format struct {
	name, title string
	// is tells it by its content; nil: only by name.
	is func(*source, *node) bool
	// one: a manifest is made of one file only.
	one  bool
	read func(*draft, []*source)
}

// Formats returns the names of the formats that can be imported, with what they are.
func Formats() (names, titles []string) {
	for _, f := range importFormats() {
		names = append(names, f.name)
		titles = append(titles, f.title)
	}
	return names, titles
}

// Import makes one manifest of files of one format. An error that lies in a file is of type strict.Errors and names
// the place.
func Import(files []File, o Options) (*Imported, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("no file to import")
	}
	d := newDraft(o)
	for _, f := range files {
		d.sources = append(d.sources, newSource(f))
	}
	f, err := choose(o.From, d.sources)
	if err != nil {
		return nil, err
	}
	if f.one && len(files) > 1 {
		return nil, fmt.Errorf("%s: one file makes one manifest; import %d files one by one", f.name, len(files))
	}
	d.format = f.name
	f.read(d, d.sources)
	return d.finish()
}

// choose returns the format that is asked for, or the one that all files have.
func choose(from string, sources []*source) (*format, error) {
	all := importFormats()
	if from != "" {
		var names []string
		for i := range all {
			if strings.EqualFold(all[i].name, from) {
				return &all[i], nil
			}
			names = append(names, all[i].name)
		}
		return nil, fmt.Errorf("unknown format %s%s; known are %s", strict.Quote(from), strict.DidYouMean(from, names), strings.Join(names, ", "))
	}
	var chosen *format
	for _, s := range sources {
		f, err := recognise(s, all)
		if err != nil {
			return nil, err
		}
		if chosen != nil && chosen.name != f.name {
			return nil, fmt.Errorf("%s: %s, and %s is %s; one manifest is made of one format", s.name, f.name, sources[0].name, chosen.name)
		}
		chosen = f
	}
	return chosen, nil
}

func recognise(s *source, all []format) (*format, error) {
	var root *node
	if s.looksJSON() || looksYAML(s.text) {
		trees, err := s.trees()
		if err != nil {
			return nil, err
		}
		root = trees[0]
	}
	for i := range all {
		if all[i].is != nil && all[i].is(s, root) {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("%s: not a format that is known by its content; name it with --from", s.name)
}

// looksYAML is true for the formats that are YAML; other text would be YAML as well.
func looksYAML(text string) bool {
	return strings.Contains(text, "allowed-endpoints") || strings.Contains(text, "softwarecomposition.kubescape.io")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// finish makes the manifest of what was drafted.
func (d *draft) finish() (*Imported, error) {
	if err := d.errs.Err(); err != nil {
		return nil, err
	}
	d.header()
	for _, h := range sortedNames(d.shared) {
		d.lose(spot{src: d.sources[0]}, "the addresses of "+entries(d.shared[h]),
			"their hosting is %q, where an address alone proves nothing; set it to \"dedicated\" where you know better", h)
	}
	losses := d.placed()
	var sources []map[string]string
	for _, s := range d.sources {
		about := map[string]string{"format": d.format, "file": s.base, "digest": s.digest}
		if d.version != "" {
			about["version"] = d.version
		}
		sources = append(sources, about)
	}
	d.m.Extensions = strict.Extensions{}
	if len(sources) == 1 {
		d.m.Extensions["x-source"] = raw(sources[0])
	} else {
		d.m.Extensions["x-source"] = raw(sources)
	}
	if len(d.assumed) > 0 {
		d.m.Extensions["x-assumed"] = raw(d.assumed)
	}
	if len(losses) > 0 {
		list := make([]map[string]string, len(losses))
		for i, l := range losses {
			list[i] = map[string]string{"place": l.Place, "what": l.What, "why": l.Why}
		}
		d.m.Extensions["x-losses"] = raw(list)
	}
	text, err := d.m.Encode()
	if err != nil {
		return nil, err
	}
	m, err := manifest.Decode("the manifest made of "+d.sources[0].name, text)
	if err != nil {
		return nil, err
	}
	// Nothing that is made here depends on the time: the checks that do are no errors.
	if found := manifest.Check(m, time.Time{}); len(found) > 0 {
		var faults strict.Errors
		for _, f := range found[:min(len(found), strict.MaxErrors)] {
			faults = append(faults, &strict.Error{File: f.File, Line: f.Line, Column: f.Column, Pointer: f.Pointer, Message: f.Message})
		}
		return nil, faults
	}
	return &Imported{Manifest: m, JSON: text, Format: d.format, Losses: losses, Assumed: d.assumed}, nil
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return strconv.Itoa(n) + " entries"
}

// raw is for values that cannot fail to be marshalled: strings, and lists and maps of them.
func raw(v any) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("convert: " + err.Error())
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// header fills in who speaks about what.
func (d *draft) header() {
	m := &d.m
	m.ManifestVersion = manifest.Version
	assume := func(pointer string) { d.assumed = append(d.assumed, pointer) }
	set := func(s *string, given, pointer, placeholder string) {
		switch {
		case given != "":
			*s = given
		case *s == "":
			*s = placeholder
			assume(pointer)
		}
	}
	set(&m.Publisher.Name, d.opts.Publisher, "/publisher/name", "unknown publisher")
	// RFC 6761, section 6.4: nobody has a name below .invalid.
	set(&m.Publisher.Domain, d.opts.Domain, "/publisher/domain", "publisher.invalid")
	set(&m.Product.Name, d.opts.Product, "/product/name", strings.TrimSuffix(d.sources[0].base, extension(d.sources[0].base)))
	if m.Product.Name == "" {
		m.Product.Name = "unnamed product"
	}
	if d.opts.ID != "" {
		m.ID = d.opts.ID
	}
	if m.ID == "" {
		m.ID = nameUUID(d.format, m.Publisher.Domain, m.Product.Name)
	}
	if d.opts.Serial != 0 {
		m.Serial = d.opts.Serial
	}
	if m.Serial == 0 {
		m.Serial = 1
		assume("/serial")
	}
	slices.Sort(d.assumed)
}

// nameUUID returns a UUID of version 8 (RFC 9562, section 5.8) that is made of words.
func nameUUID(words ...string) string {
	sum := sha256.Sum256([]byte("netsensor import\x00" + strings.Join(words, "\x00")))
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i:]
	}
	return ""
}
