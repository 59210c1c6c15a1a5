package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"netsensor/internal/capture"
)

// tool makes a program of a function.
func tool(f func(args []string, in io.Reader, out io.Writer) error) func() {
	return func() {
		w := bufio.NewWriter(os.Stdout)
		err := f(os.Args[1:], os.Stdin, w)
		if err = errors.Join(err, w.Flush()); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
			os.Exit(1)
		}
	}
}

// lineCheck passes text on and remembers the first line that is not ok.
type lineCheck struct {
	w    io.Writer
	ok   func(line string) bool
	part []byte
	bad  string
}

func (c *lineCheck) Write(b []byte) (int, error) {
	c.part = append(c.part, b...)
	for {
		i := bytes.IndexByte(c.part, '\n')
		if i < 0 {
			break
		}
		c.see(string(c.part[:i]))
		c.part = c.part[i+1:]
	}
	return c.w.Write(b)
}

func (c *lineCheck) see(line string) {
	if c.bad == "" && !c.ok(line) {
		c.bad = strconv.Quote(line)
	}
}

// finish returns the first line that was not ok. A last line without its end is none.
func (c *lineCheck) finish() string {
	if len(c.part) > 0 && c.bad == "" {
		c.bad = "an unfinished one, " + strconv.Quote(string(c.part))
	}
	return c.bad
}

func isMessage(line string) bool {
	text, ok := strings.CutPrefix(line, "netsensor: ")
	return ok && text != "" && !strings.HasSuffix(text, ".")
}

func isEvent(line string) bool {
	var e struct {
		Timestamp string `json:"timestamp"`
		Type      string `json:"event_type"`
	}
	return strings.HasPrefix(line, `{"timestamp":"`) && json.Unmarshal([]byte(line), &e) == nil && e.Type != ""
}

func isHelp(args []string) bool {
	return slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

func eachEvent(in io.Reader, f func(line []byte) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if err := f(s.Bytes()); err != nil {
			return fmt.Errorf("%w in %s", err, s.Text())
		}
	}
	return s.Err()
}

// alertEvent is what showAlerts shows of an alert.
type alertEvent struct {
	Timestamp string   `json:"timestamp"`
	Type      string   `json:"event_type"`
	VLAN      []uint16 `json:"vlan"`
	Proto     string   `json:"proto"`
	App       string   `json:"app_proto"`
	Alert     struct {
		Severity       int
		Source, Target struct {
			IP   string
			Port int
		}
		Metadata map[string][]string
	} `json:"alert"`
}

// showAlerts prints the alerts of an EVE log in three lines each: when and what; who, to whom; what comes nearest.
func showAlerts(_ []string, in io.Reader, out io.Writer) error {
	n := 0
	err := eachEvent(in, func(line []byte) error {
		var e alertEvent
		if err := json.Unmarshal(line, &e); err != nil || e.Type != "alert" {
			return err
		}
		n++
		m := e.Alert.Metadata
		get := func(k string) string { return strings.Join(m["netsensor_"+k], ", ") }
		// The time of day, down to the millisecond.
		fmt.Fprintf(out, "%s %s, severity %d, confidence %s\n", e.Timestamp[11:23], get("rule"), e.Alert.Severity, get("confidence"))
		fmt.Fprintf(out, "    host %s: %s > %s port %d %s", get("host"), e.Alert.Source.IP, e.Alert.Target.IP, e.Alert.Target.Port, strings.ToLower(e.Proto))
		if e.App != "" {
			fmt.Fprintf(out, " %s", e.App)
		}
		if len(e.VLAN) > 0 {
			fmt.Fprintf(out, " vlan %v", e.VLAN)
		}
		for i, name := range m["netsensor_name"] {
			fmt.Fprintf(out, ", %s (%s)", name, m["netsensor_name_source"][i])
		}
		if a := get("account"); a != "" {
			fmt.Fprintf(out, ", account %s, user %s", a, get("user"))
		}
		near := get("nearest")
		if near == "" {
			near = "none"
		}
		fmt.Fprintf(out, "\n    nearest %s", near)
		if f := get("failed"); f != "" {
			fmt.Fprintf(out, ", differs in %s", f)
		}
		if f := get("folded"); f != "" {
			fmt.Fprintf(out, "; %s folded", f)
		}
		fmt.Fprintln(out)
		return nil
	})
	fmt.Fprintf(out, "%d alerts\n", n)
	return err
}

// countTypes prints how many events there are of each type.
func countTypes(_ []string, in io.Reader, out io.Writer) error {
	n := map[string]int{}
	err := eachEvent(in, func(line []byte) error {
		var e alertEvent
		err := json.Unmarshal(line, &e)
		n[e.Type]++
		return err
	})
	for _, k := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintln(out, k, n[k])
	}
	return err
}

// onlyType prints the events of a type.
func onlyType(args []string, in io.Reader, out io.Writer) error {
	return eachEvent(in, func(line []byte) error {
		var e alertEvent
		err := json.Unmarshal(line, &e)
		if err == nil && e.Type == args[0] {
			_, err = fmt.Fprintf(out, "%s\n", line)
		}
		return err
	})
}

// dropMember prints the events without a member that has a string value.
func dropMember(args []string, in io.Reader, out io.Writer) error {
	member := regexp.MustCompile(`,"` + regexp.QuoteMeta(args[0]) + `":"[^"]*"`)
	return eachEvent(in, func(line []byte) error {
		_, err := fmt.Fprintf(out, "%s\n", member.ReplaceAll(line, nil))
		return err
	})
}

// convert IN OUT FORM writes a capture in another form: gzip, zstd, pcapng, or as many of its first bytes as a number says.
func convert(args []string, _ io.Reader, _ io.Writer) error {
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	return errors.Join(convertTo(args[2], in, out), out.Flush())
}

func convertTo(form string, in io.Reader, out *bufio.Writer) error {
	switch form {
	case "gzip":
		z := gzip.NewWriter(out)
		_, err := io.Copy(z, in)
		return errors.Join(err, z.Close())
	case "zstd":
		z, err := zstd.NewWriter(out)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, in)
		return errors.Join(err, z.Close())
	case "pcapng":
		return writePcapng(in, out)
	}
	n, err := strconv.ParseInt(form, 10, 64)
	if err == nil {
		_, err = io.CopyN(out, in, n)
	}
	return err
}

// writePcapng writes the frames of a capture as pcapng: an interface for each link type, times in nanoseconds.
func writePcapng(in io.Reader, out *bufio.Writer) error {
	src, err := capture.NewReader(in, "standard input", capture.Options{})
	if err != nil {
		return err
	}
	defer src.Close()
	le := binary.LittleEndian
	block := func(typ uint32, body []byte) {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		size := uint32(len(body) + 12)
		b := le.AppendUint32(le.AppendUint32(nil, typ), size)
		_, _ = out.Write(le.AppendUint32(append(b, body...), size)) // Flush tells the error
	}
	// Section header: byte order, version 1.0, length unknown.
	block(0x0a0d0d0a, append(le.AppendUint32(nil, 0x1a2b3c4d), 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255))
	var ifaces []uint16
	var batch capture.Batch
	for {
		switch err := src.Read(&batch, 64); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		for _, f := range batch.Frames {
			i := slices.Index(ifaces, uint16(f.Link))
			if i < 0 {
				i = len(ifaces)
				ifaces = append(ifaces, uint16(f.Link))
				b := le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, uint16(f.Link)), 0), 0)
				b = append(b, 9, 0, 1, 0, 9, 0, 0, 0) // if_tsresol 10^-9
				block(1, append(b, 0, 0, 0, 0))
			}
			b := le.AppendUint32(nil, uint32(i))
			b = le.AppendUint32(le.AppendUint32(b, uint32(uint64(f.Time)>>32)), uint32(f.Time))
			b = le.AppendUint32(le.AppendUint32(b, uint32(len(f.Data))), f.Wire)
			block(6, append(b, f.Data...))
		}
	}
}
