package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"netsensor/internal/strict"
)

// maxNotes bounds what is said about the notation of one document.
const maxNotes = 200

// step is one element of a JSON pointer.
type step struct {
	name  string
	index int // where name is empty
}

// pointer returns the JSON pointer that leads through path.
func pointer(path []step) string {
	tokens := make([]string, len(path))
	for i, s := range path {
		tokens[i] = s.name
		if s.name == "" {
			tokens[i] = strconv.Itoa(s.index)
		}
	}
	return strict.JoinPointer(tokens...)
}

// normaliser checks and rewrites what the types of a decoded document cannot say. It visits the document with the
// path to the current value; places are looked up once, at the end.
type normaliser struct {
	doc   *strict.Document
	path  []step
	errs  strict.Errors
	notes []Finding
}

// at visits a member.
func (n *normaliser) at(member string, visit func()) {
	n.path = append(n.path, step{name: member})
	visit()
	n.path = n.path[:len(n.path)-1]
}

func (n *normaliser) fail(format string, args ...any) {
	if len(n.errs) < strict.MaxErrors {
		n.errs = append(n.errs, &strict.Error{Pointer: pointer(n.path), Message: fmt.Sprintf(format, args...)})
	}
}

func (n *normaliser) note(id string, s Severity, message, remedy string) {
	if len(n.notes) < maxNotes {
		n.notes = append(n.notes, Finding{ID: id, Severity: s, Pointer: pointer(n.path), Message: message, Remedy: remedy})
	}
}

// faults returns the errors with their places.
func (n *normaliser) faults() error {
	pointers := make([]string, len(n.errs))
	for i, e := range n.errs {
		pointers[i] = e.Pointer
	}
	for i, p := range n.doc.Locate(pointers) {
		n.errs[i].File = n.doc.Name()
		n.errs[i].Line, n.errs[i].Column = n.doc.Position(p)
	}
	return n.errs.Err()
}

// each visits the elements of a list.
func each[T any](n *normaliser, member string, list []T, visit func(*T)) {
	n.path = append(n.path, step{name: member}, step{})
	for i := range list {
		n.path[len(n.path)-1].index = i
		visit(&list[i])
	}
	n.path = n.path[:len(n.path)-2]
}

// Bounds on what the checks look at more than once.
const (
	maxNamed = 1000 // roles, variables, features, keys
	maxPorts = 1000 // of one entry
)

// eachNamed visits the members of a map whose names are identifiers.
func eachNamed[T any](n *normaliser, member string, all map[string]T, visit func(T) T) {
	if len(all) > maxNamed {
		n.at(member, func() { n.fail("%d members; the limit is %d", len(all), maxNamed) })
		return
	}
	n.path = append(n.path, step{name: member}, step{})
	for _, name := range sortedKeys(all) {
		n.path[len(n.path)-1].name = name
		n.identifier(name)
		all[name] = visit(all[name])
	}
	n.path = n.path[:len(n.path)-2]
}

func (n *normaliser) identifier(s string) {
	if !isIdentifier(s) {
		n.fail("%s cannot be a name here: letters, digits, \".\", \"_\" and \"-\", at most %d, the first a letter or a digit", strict.Quote(s), maxIdentifier)
	}
}

// id checks the member "id" or another one that must be an identifier.
func (n *normaliser) id(member, s string) { n.at(member, func() { n.identifier(s) }) }

// reference checks a member that names something and may be empty when absent.
func (n *normaliser) reference(member, s string) {
	if s != "" {
		n.id(member, s)
	}
}

func (n *normaliser) references(member string, list []string) {
	each(n, member, list, func(s *string) { n.identifier(*s) })
}

func (n *normaliser) strings(member string, list []string) {
	each(n, member, list, func(s *string) {
		if *s == "" {
			n.fail("must not be empty")
		}
	})
}

func (n *normaliser) uri(member, s string) {
	if s != "" {
		n.at(member, func() { n.checkURI(s) })
	}
}

func (n *normaliser) uris(member string, list []string) {
	each(n, member, list, func(s *string) { n.checkURI(*s) })
}

// checkURI checks RFC 3986, section 4.3, only as far as to tell a URI from other text.
func (n *normaliser) checkURI(s string) {
	scheme, rest, found := strings.Cut(s, ":")
	ok := found && rest != "" && scheme != "" && (scheme[0]|0x20 >= 'a' && scheme[0]|0x20 <= 'z')
	for i := range len(scheme) {
		c := scheme[i]
		ok = ok && (c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')
	}
	for i := range len(rest) {
		ok = ok && rest[i] > 0x20 && rest[i] < 0x7f
	}
	if !ok {
		n.fail("want a URI like \"https://acme.example/docs\", found %s", strict.Quote(s))
	}
}

// hex checks lower-case hex digits.
func (n *normaliser) hex(s string, digits int) {
	ok := len(s) == digits
	for i := range len(s) {
		ok = ok && (s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f')
	}
	if !ok {
		n.fail("want %d lower-case hexadecimal digits, found %s", digits, strict.Quote(s))
	}
}

// name brings a name into its normal form with f.
func (n *normaliser) name(s *string, f func(string) (string, error)) {
	normal, err := f(*s)
	if err != nil {
		n.fail("%s", err)
		return
	}
	if normal != *s {
		n.note("name-notation", Info, fmt.Sprintf("%s is taken as %s", strict.Quote(*s), strict.Quote(normal)), "write it so: lower case, A-labels, without a final dot")
		*s = normal
	}
}

// domainName checks what Name must hold.
func (n *normaliser) domainName(d *Name) {
	switch {
	case (d.Exact == "") == (d.Suffix == ""):
		n.fail("want either \"exact\" or \"suffix\"")
	case d.Exact != "" && d.Depth != DepthNone:
		n.fail("\"depth\" belongs to \"suffix\"")
	case d.Exact != "" && d.Apex:
		n.fail("\"apex\" belongs to \"suffix\"")
	case d.Suffix != "" && d.Depth == DepthNone:
		n.fail("\"suffix\" wants \"depth\": \"one\" for exactly one label in front of it, \"any\" for one or more")
	case d.Exact != "":
		if !isNormal(d.Exact) {
			n.at("exact", func() { n.name(&d.Exact, normalTemplate) })
		}
	default:
		if !isNormal(d.Suffix) {
			n.at("suffix", func() { n.name(&d.Suffix, normalTemplate) })
		}
	}
}

func (n *normaliser) cidr(c *CIDR) {
	if masked := c.Prefix.Masked(); masked != c.Prefix {
		n.note("host-bits", Warning, fmt.Sprintf("%s has bits beyond its length; it is taken as %s", c.Prefix, masked), "write "+masked.String())
		c.Prefix = masked
	}
}

func (n *normaliser) method(s *string) {
	if *s == "" {
		return
	}
	if m, known := LookupMethod(*s); known {
		*s = m.Name
	}
}

// ports checks that ports are given if and only if the transport has them.
func (n *normaliser) ports(t Transport, ports []Port) {
	switch {
	case t.HasPorts() && len(ports) == 0:
		n.fail("%s wants \"ports\"; \"1-65535\" is all of them", t)
	case !t.HasPorts() && len(ports) > 0:
		n.at("ports", func() { n.fail("%s has no ports", t) })
	case len(ports) > maxPorts:
		n.at("ports", func() { n.fail("%d elements; the limit is %d", len(ports), maxPorts) })
	}
}
