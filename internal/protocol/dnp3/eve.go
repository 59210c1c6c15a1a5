package dnp3

import (
	"encoding/binary"

	"netsensor/internal/eve"
)

// Functions of responses (IEEE 1815, section 4.2.2.5): all from the first on are.
const (
	functionResponse    = 129
	functionUnsolicited = 130
)

// fragment is the beginning of one fragment of the application layer, and the header of the frame that carries it.
type fragment struct {
	control        byte // of the link
	from, to       uint16
	application    byte // control
	function       byte
	whole          bool // it has no second segment
	response       bool
	indications    [2]byte
	hasIndications bool
}

// read reads a frame and the first block of its data; it reports false where no fragment begins there.
func (f *fragment) read(b, body []byte) bool {
	if len(body) < 3 || body[0]&flagHead == 0 {
		return false
	}
	*f = fragment{
		control: b[3], to: binary.LittleEndian.Uint16(b[4:]), from: binary.LittleEndian.Uint16(b[6:]),
		application: body[1], function: body[2], whole: body[0]&flagLast != 0, response: body[2] >= functionResponse,
	}
	if f.response && len(body) >= 5 {
		f.hasIndications, f.indications = true, [2]byte(body[3:5])
	}
	return true
}

// indicators are the bits of the internal indications, from the lowest (IEEE 1815, section 4.2.2.6), with Suricata's texts.
var indicators = [2][8]string{
	{"all_stations", "class_1_events", "class_2_events", "class_3_events", "need_time", "local_control", "device_trouble", "device_restart"},
	{"no_func_code_support", "object_unknown", "parameter_error", "event_buffer_overflow", "already_executing", "config_corrupt"},
}

// AppendEVE appends `"dnp3":{…}` without the objects.
func (f *fragment) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"dnp3":`...)
	o := eve.Open(dst, opts)
	kind := "request"
	switch {
	case f.function == functionUnsolicited:
		kind = "unsolicited_response"
	case f.response:
		kind = "response"
	}
	o.Str("type", kind)
	link := o.Begin("control")
	link.Bool("dir", f.control&0x80 != 0)
	link.Bool("pri", f.control&0x40 != 0)
	link.Bool("fcb", f.control&0x20 != 0)
	link.Bool("fcv", f.control&0x10 != 0)
	link.Uint("function_code", uint64(f.control&0x0f))
	o.End(link)
	o.Uint("src", uint64(f.from))
	o.Uint("dst", uint64(f.to))
	application := o.Begin("application")
	control := application.Begin("control")
	control.Bool("fir", f.application&0x80 != 0)
	control.Bool("fin", f.application&0x40 != 0)
	control.Bool("con", f.application&0x20 != 0)
	control.Bool("uns", f.application&0x10 != 0)
	control.Uint("sequence", uint64(f.application&0x0f))
	application.End(control)
	application.Uint("function_code", uint64(f.function))
	application.Bool("complete", f.whole)
	o.End(application)
	if f.hasIndications {
		f.appendIndications(&o)
	}
	return o.Close()
}

func (f *fragment) appendIndications(o *eve.Object) {
	inner := o.Begin("iin")
	first := true
	for i, bits := range f.indications {
		for bit, name := range indicators[i] {
			if bits>>bit&1 == 0 || name == "" {
				continue
			}
			if first {
				inner.Key("indicators")
				inner.B = append(inner.B, '[')
			} else {
				inner.B = append(inner.B, ',')
			}
			first = false
			inner.B = eve.AppendString(inner.B, name)
		}
	}
	if !first {
		inner.B = append(inner.B, ']')
	}
	o.End(inner)
}
