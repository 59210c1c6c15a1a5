package convert

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// columns are what CSV files may hold, with further words for them.
var columns = []struct {
	name string
	also []string
}{
	{"host", []string{"url", "name", "domain", "hostname", "fqdn", "address", "ip", "cidr", "network", "destination", "endpoint", "peer"}},
	{"id", nil},
	{"port", []string{"ports", "destination port"}},
	{"transport", []string{"protocol"}},
	{"method", []string{"application protocol"}},
	{"direction", nil},
	{"party", nil},
	{"operator", []string{"owner"}},
	{"role", []string{"source"}},
	{"feature", []string{"area", "component", "service"}},
	{"necessity", []string{"required"}},
	{"depth", nil},
	{"hosting", nil},
	{"reason", []string{"purpose", "description", "notes", "comment"}},
	{"reference", []string{"references", "docs"}},
}

func columnName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, c := range columns {
		if s == c.name || slices.Contains(c.also, s) {
			return c.name
		}
	}
	return ""
}

// firstLine returns the first line that is no comment.
func firstLine(s *source) string {
	for l := range strings.Lines(s.text) {
		if t := strings.TrimSpace(l); t != "" && t[0] != '#' {
			return t
		}
	}
	return ""
}

// delimiter tells what separates the columns of a line.
func delimiter(line string) rune {
	best := ','
	for _, c := range []rune{'\t', ';'} {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

func isCSV(s *source, root *node) bool {
	if root != nil {
		return false
	}
	line := firstLine(s)
	for f := range strings.SplitSeq(line, string(delimiter(line))) {
		if columnName(strings.Trim(f, `"`)) == "host" {
			return true
		}
	}
	return false
}

// table reads a file's rows; known says where they begin to be data. Comments begin with "#".
func (d *draft) table(s *source, row func(at spot, fields []string)) {
	if len(s.text) > MaxBytes || !utf8.ValidString(s.text) {
		d.fail(spot{src: s}, "more than %d bytes, or not valid UTF-8", MaxBytes)
		return
	}
	r := csv.NewReader(strings.NewReader(s.text))
	r.Comma, r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = delimiter(firstLine(s)), '#', -1, true, true
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			at := spot{src: s}
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				at.line, at.column, err = bad.Line, max(1, bad.Column), bad.Err
			}
			d.fail(at, "not valid CSV: %s", err)
			return
		}
		line, column := r.FieldPos(0)
		row(spot{src: s, line: line, column: column}, fields)
	}
}

// csv imports tables of hosts.
func (d *draft) csv(sources []*source) {
	for _, s := range sources {
		t := csvTable{draft: d}
		header := d.opts.Columns
		if len(header) > 0 && !t.header(spot{src: s}, header) {
			return
		}
		d.table(s, func(at spot, fields []string) {
			if t.at == nil {
				t.header(at, fields)
				return
			}
			t.row(at, fields)
		})
	}
	if len(d.m.Roles) == 0 {
		d.role(spot{}, "host", "The hosts of the product")
	}
}

// csvTable is a table whose header has been read.
type csvTable struct {
	*draft
	at map[string]int
}

func (t *csvTable) header(at spot, fields []string) bool {
	t.at = make(map[string]int)
	for i, f := range fields {
		name := columnName(f)
		switch _, twice := t.at[name]; {
		case name == "":
			t.lose(at, "the column "+strict.Quote(f), "not known; left out")
		case twice:
			t.fail(at, "two columns are %q", name)
			return false
		default:
			t.at[name] = i
		}
	}
	if _, ok := t.at["host"]; !ok {
		t.fail(at, `want a header with the column "host"; --columns names the columns of a file without one`)
		return false
	}
	return true
}

func (t *csvTable) row(at spot, fields []string) {
	get := func(name string) string {
		if i, ok := t.at[name]; ok && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	host := get("host")
	if host == "" {
		t.lose(at, "a row without a host", "left out")
		return
	}
	star := manifest.DepthAny
	switch depth := get("depth"); depth {
	case "", "any":
	case "one":
		star = manifest.DepthOne
	default:
		t.fail(at, `depth: want "one" or "any", found %s`, strict.Quote(depth))
		return
	}
	var h hosts
	l, ok := t.pattern(at, host, star, &h)
	if !ok {
		return
	}
	role := get("role")
	if role == "" {
		role = "host"
	}
	here := manifest.Peer{Role: t.role(at, role, "")}
	there := h.peer()
	there.Hosting = word(t.draft, at, "hosting", get("hosting"), "", manifest.Dedicated, manifest.SharedCDN, manifest.Cloud)
	c := manifest.Communication{
		Party:     word(t.draft, at, "party", get("party"), manifest.ThirdParty, manifest.ThirdParty, manifest.Customer),
		Direction: word(t.draft, at, "direction", get("direction"), manifest.Outbound, manifest.Outbound, manifest.Inbound, manifest.Both),
		Operator:  get("operator"), From: here, To: there, Features: t.core(), Reason: get("reason"),
	}
	if f := get("feature"); f != "" {
		c.Features = []string{t.feature(at, f, f, manifest.On)}
	}
	if c.Direction == manifest.Inbound {
		c.From, c.To = there, here
	}
	switch n := strings.ToLower(get("necessity")); n {
	case "":
	case "required", "true", "yes", "minimum":
		c.Necessity = manifest.Required
	default:
		c.Necessity = manifest.Optional
	}
	if c.Reason == "" {
		c.Reason = "Not given in " + at.src.base
	}
	if r := t.uri(at, "the reference", get("reference")); r != "" {
		c.References = []string{r}
	}
	if !t.service(at, &c, l, get("port"), get("transport"), get("method")) {
		return
	}
	if m, known := manifest.LookupMethod(c.Method); known && c.Transport != manifest.AnyIP && m.Transport != c.Transport && !(m.Transport.HasPorts() && c.Transport.HasPorts()) {
		t.lose(at, "the method "+m.Name, "%s does not carry it; any protocol is allowed", c.Transport)
		c.Method = ""
	}
	id := get("id")
	if id == "" {
		id = strings.TrimPrefix(strings.TrimPrefix(host, "*."), ".")
		if _, rest, found := strings.Cut(id, "://"); found {
			id = rest
		}
	}
	t.add(id, c, nil)
}

// service fills in transport, ports and method.
func (t *csvTable) service(at spot, c *manifest.Communication, l location, ports, transport, method string) bool {
	known := schemes[l.scheme]
	c.Method, c.Transport = known.method, known.transport
	if c.Transport == "" {
		c.Transport = manifest.TCP
	}
	if transport != "" {
		if several := t.methods(transport); len(several) > 0 && method == "" {
			// What stands where the transport should is the application protocol.
			if len(several) > 1 {
				t.lose(at, "the protocols "+strict.Quote(transport), "a manifest has one method for an entry; any is allowed on the ports of these")
				return t.anyOf(c, several)
			}
			method, transport = several[0].Name, ""
		} else {
			c.Transport = word(t.draft, at, "transport", strings.ToLower(transport), manifest.AnyIP, manifest.TCP, manifest.UDP, manifest.UDPTCP, manifest.SCTP,
				manifest.ICMP, manifest.IGMP, manifest.GRE, manifest.ESP, manifest.AH, manifest.AnyIP)
		}
	}
	if method != "" {
		m, ok := manifest.LookupMethod(method)
		if !ok {
			t.lose(at, "the method "+strict.Quote(method), "not known; any protocol is allowed")
			c.Method = ""
		} else {
			c.Method = m.Name
			if transport == "" {
				c.Transport = m.Transport
			}
			known.ports = m.Ports
		}
	}
	if !c.Transport.HasPorts() {
		if ports != "" {
			t.lose(at, "the ports "+strict.Quote(ports), "%s has none", c.Transport)
		}
		return true
	}
	for p := range strings.FieldsFuncSeq(ports, func(c rune) bool { return c == ' ' || c == ',' || c == ';' || c == '/' }) {
		port, ok := parsePorts(p)
		if !ok {
			t.lose(at, "the port "+strict.Quote(p), "not a port; the row is left out")
			return false
		}
		c.Ports = append(c.Ports, port)
	}
	switch {
	case len(c.Ports) > 0:
		c.Ports = portList(c.Ports)
	case l.first > 0:
		c.Ports = []manifest.Port{{First: l.first, Last: l.last}}
	case len(known.ports) > 0:
		for _, p := range known.ports {
			c.Ports = append(c.Ports, manifest.Port{First: p, Last: p})
		}
	case transport == "" && method == "" && l.scheme == "":
		c.Transport = manifest.AnyIP
	default:
		c.Ports = allPorts()
	}
	return true
}

// methods parses "HTTPS" and "TLSv1.2/HTTPS"; nil for what is not only methods.
func (t *csvTable) methods(s string) []manifest.Method {
	var all []manifest.Method
	for w := range strings.SplitSeq(s, "/") {
		w = strings.TrimSpace(w)
		if strings.HasPrefix(strings.ToLower(w), "tlsv") {
			w = "TLS"
		}
		m, ok := manifest.LookupMethod(w)
		if !ok {
			return nil
		}
		all = append(all, m)
	}
	return all
}

// anyOf allows the well-known ports of several methods.
func (t *csvTable) anyOf(c *manifest.Communication, several []manifest.Method) bool {
	c.Method, c.Ports, c.Transport = "", nil, several[0].Transport
	for _, m := range several {
		for _, p := range m.Ports {
			c.Ports = append(c.Ports, manifest.Port{First: p, Last: p})
		}
		if m.Transport != c.Transport {
			c.Transport = manifest.UDPTCP
		}
	}
	if c.Ports = portList(c.Ports); len(c.Ports) == 0 || !c.Transport.HasPorts() {
		c.Transport, c.Ports = manifest.AnyIP, nil
	}
	return true
}

// word returns one of the words of a closed list.
func word[T ~string](d *draft, at spot, column, s string, otherwise T, words ...T) T {
	if s == "" {
		return otherwise
	}
	var list []string
	for _, w := range words {
		if strings.EqualFold(string(w), s) {
			return w
		}
		list = append(list, string(w))
	}
	d.fail(at, "%s: want %s, found %s%s", column, strict.OneOf(list), strict.Quote(s), strict.DidYouMean(s, list))
	return otherwise
}

// service is what a URL's scheme says.
type service struct {
	method    string
	transport manifest.Transport
	ports     []uint16
}

var schemes = map[string]service{
	"http": {"HTTP", manifest.TCP, []uint16{80}}, "https": {"HTTPS", manifest.TCP, []uint16{443}},
	"ws": {"WebSocket", manifest.TCP, []uint16{80}}, "wss": {"WebSocket", manifest.TCP, []uint16{443}},
	"grpc": {"gRPC", manifest.TCP, nil}, "grpcs": {"gRPC", manifest.TCP, nil},
	"ssh": {"SSH", manifest.TCP, []uint16{22}}, "sftp": {"SFTP", manifest.TCP, []uint16{22}},
	"ftp": {"FTP", manifest.TCP, []uint16{21}}, "ftps": {"FTPS", manifest.TCP, []uint16{990}},
	"ldap": {"LDAP", manifest.TCP, []uint16{389}}, "ldaps": {"LDAPS", manifest.TCP, []uint16{636}},
	"smtp": {"SMTP", manifest.TCP, []uint16{25}}, "smtps": {"SMTPS", manifest.TCP, []uint16{465}},
	"imap": {"IMAP", manifest.TCP, []uint16{143}}, "imaps": {"IMAPS", manifest.TCP, []uint16{993}},
	"amqp": {"AMQP", manifest.TCP, []uint16{5672}}, "amqps": {"AMQPS", manifest.TCP, []uint16{5671}},
	"mqtt": {"MQTT", manifest.TCP, []uint16{1883}}, "mqtts": {"MQTTS", manifest.TCP, []uint16{8883}},
	"postgres": {"PostgreSQL", manifest.TCP, []uint16{5432}}, "postgresql": {"PostgreSQL", manifest.TCP, []uint16{5432}},
	"mysql": {"MySQL", manifest.TCP, []uint16{3306}}, "mongodb": {"MongoDB", manifest.TCP, []uint16{27017}},
	"redis": {"Redis", manifest.TCP, []uint16{6379}}, "rediss": {"Redis", manifest.TCP, []uint16{6379}},
	"kafka": {"Kafka", manifest.TCP, []uint16{9092}}, "nats": {"NATS", manifest.TCP, []uint16{4222}},
	"ntp": {"NTP", manifest.UDP, []uint16{123}}, "dns": {"DNS", manifest.UDPTCP, []uint16{53}},
	"syslog": {"Syslog", manifest.UDP, []uint16{514}}, "coap": {"CoAP", manifest.UDP, []uint16{5683}},
	"tcp": {"", manifest.TCP, nil}, "udp": {"", manifest.UDP, nil}, "tls": {"TLS", manifest.TCP, []uint16{443}},
}
