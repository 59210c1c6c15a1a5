package modbus

import (
	"encoding/binary"

	"netsensor/internal/eve"
)

// Functions (Application Protocol, section 5).
const (
	writeCoil         = 5
	writeRegister     = 6
	diagnostic        = 8
	writeCoils        = 15
	writeRegisters    = 16
	maskRegister      = 22
	readWrite         = 23
	encapsulated      = 43
	exceptionFlag     = 0x80
	firstUser         = 65
	lastUser          = 72
	firstUser2        = 100
	lastUser2         = 110
	exceptionCodes    = 12
	functions         = 25
	firstRead         = 1
	lastRead          = 4
	shortestData      = 1
	requestRange      = 4
	readWriteRequired = 9
)

// function is what one is called in EVE, with Suricata's texts.
type function struct{ name, access string }

var names = [functions]function{1: {"RdCoils", "READ | COILS"}, {"RdDiscreteInputs", "READ | DISCRETES"}, {"RdHoldRegs", "READ | HOLDING"},
	{"RdInputRegs", "READ | INPUT"}, {"WrSingleCoil", "WRITE | COILS | SINGLE"}, {"WrSingleReg", "WRITE | HOLDING | SINGLE"}, {"RdExcStatus", "NONE"},
	{"Diagnostic", "NONE"}, {"Program484", "NONE"}, {"Poll484", "NONE"}, {"GetCommEventCtr", "NONE"}, {"GetCommEventLog", "NONE"},
	{"ProgramController", "NONE"}, {"PollController", "NONE"}, {"WrMultCoils", "WRITE | COILS | MULTIPLE"}, {"WrMultRegs", "WRITE | HOLDING | MULTIPLE"},
	{"ReportServerID", "NONE"}, {"Program884", "NONE"}, {"ResetCommLink", "NONE"}, {"RdFileRec", "NONE"}, {"WrFileRec", "NONE"},
	{"MaskWrReg", "WRITE | HOLDING"}, {"RdWrMultRegs", "READ | WRITE | HOLDING | MULTIPLE"}, {"RdFIFOQueue", "NONE"}}

func describe(code byte) function {
	switch {
	case int(code) < len(names) && code != 0:
		return names[code]
	case code == encapsulated:
		return function{"MEI", "NONE"}
	}
	return function{"Unknown", "NONE"}
}

const unassigned = "PUBLIC_UNASSIGNED"

// category says to which part of the codes one belongs (Application Protocol, section 5, and its annex A).
func category(code byte) string {
	switch code {
	case 9, 10, 13, 14, 18, 19, 41, 42, 90, 91, 125, 126, 127:
		return "RESERVED"
	}
	switch {
	case code != 0 && code < functions, code == encapsulated:
		return "PUBLIC_ASSIGNED"
	case code >= firstUser && code <= lastUser, code >= firstUser2 && code <= lastUser2:
		return "USER_DEFINED"
	}
	return unassigned
}

var exceptions = [exceptionCodes]string{1: "IllegalFunction", "IllegalDataAddr", "IllegalDataValue", "ServerDeviceFail", "Ack", "ServerDeviceBusy",
	"NegAck", "MemParityErr", 10: "GatewayPathUnavailable", "GatewayTargetFailToResp"}

var diagnostics = []string{"RetQueryData", "RestartCommOpt", "RetDiagReg", "ChangeInputDelimiter", "ForceListenOnlyMode", 10: "ClearCtrDiagReg",
	"RetBusMsgCount", "RetBusCommErrCount", "RetBusExcErrCount", "RetServerMsgCount", "RetServerNoRespCount", "RetServerNAKCount", "RetServerBusyCount",
	"RetBusCharOverrunCount", "RetOverrunErrCount", "ClearOverrunCounterFlag", "GetClearPlusStats"}

// AppendEVE appends `"modbus":{…}`.
func (e *exchange) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"modbus":`...)
	o := eve.Open(dst, opts)
	o.Int("id", int64(e.id))
	if e.request.adu != nil {
		inner := o.Begin("request")
		e.request.appendTo(&inner)
		o.End(inner)
	}
	if e.response.adu != nil {
		inner := o.Begin("response")
		e.response.appendTo(&inner)
		o.End(inner)
	}
	return o.Close()
}

// message is one message with its header, at least minLength bytes after that.
type message struct {
	adu      []byte
	response bool
}

func (m *message) appendTo(o *eve.Object) {
	code, data := m.adu[offUnit+1], m.adu[offUnit+2:]
	f := describe(code &^ exceptionFlag)
	o.Uint("transaction_id", uint64(binary.BigEndian.Uint16(m.adu)))
	o.Uint("protocol_id", uint64(binary.BigEndian.Uint16(m.adu[offProtocol:])))
	o.Uint("unit_id", uint64(m.adu[offUnit]))
	o.Uint("function_raw", uint64(code))
	o.Str("function_code", f.name)
	o.Str("access_type", f.access)
	o.Str("category", category(code&^exceptionFlag))
	flags := "NONE"
	if m.short(code, len(data)) {
		flags = "DATA_LENGTH"
	}
	o.Str("error_flags", flags)
	switch {
	case flags != "NONE":
	case code&exceptionFlag != 0 && m.response:
		inner := o.Begin("exception")
		inner.Uint("raw", uint64(data[0]))
		inner.Str("code", text(exceptions[:], uint16(data[0]), "Unknown"))
		o.End(inner)
	case code == diagnostic:
		inner := o.Begin("diagnostic")
		sub := binary.BigEndian.Uint16(data)
		inner.Uint("raw", uint64(sub))
		inner.Str("code", text(diagnostics, sub, "Reserved"))
		inner.Bytes("data", data[2:])
		o.End(inner)
	case code >= firstRead && code <= lastRead:
		m.appendRead(o, data)
	case code == readWrite:
		m.appendRead(o, data)
		if !m.response {
			appendWrite(o, data[requestRange:], false)
		}
	case code == writeCoil || code == writeRegister:
		appendWrite(o, data, true)
	case code == writeCoils || code == writeRegisters:
		appendWrite(o, data, m.response)
	case code == maskRegister:
		appendWrite(o, data, false)
	case len(data) > 0:
		o.Bytes("data", data)
	}
}

// short reports whether so many bytes of data are fewer than the function has.
func (m *message) short(code byte, n int) bool {
	switch {
	case code&exceptionFlag != 0 && m.response:
		return n < shortestData
	case code == diagnostic:
		return n < 2
	case code >= firstRead && code <= lastRead, code == readWrite:
		if m.response {
			return n < shortestData
		}
		if code == readWrite {
			return n < readWriteRequired
		}
		return n < requestRange
	case code == writeCoil, code == writeRegister, code == writeCoils, code == writeRegisters, code == maskRegister:
		return n < requestRange
	}
	return false
}

func (m *message) appendRead(o *eve.Object, data []byte) {
	inner := o.Begin("read")
	if m.response {
		inner.Bytes("data", data[1:]) // after the count of bytes
	} else {
		inner.Uint("address", uint64(binary.BigEndian.Uint16(data)))
		inner.Uint("quantity", uint64(binary.BigEndian.Uint16(data[2:])))
	}
	o.End(inner)
}

// appendWrite appends where something is written and, if it is one number, what. The schema has no place for more.
func appendWrite(o *eve.Object, data []byte, one bool) {
	inner := o.Begin("write")
	inner.Uint("address", uint64(binary.BigEndian.Uint16(data)))
	if one {
		inner.Uint("data", uint64(binary.BigEndian.Uint16(data[2:])))
	}
	o.End(inner)
}

func text(of []string, code uint16, otherwise string) string {
	if int(code) < len(of) && of[code] != "" {
		return of[code]
	}
	return otherwise
}
