package telemetry

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// windowsFields are the members of interest of a Windows event, flat (NXLog, the Mordor data sets) or below "winlog"
// and "event_data" (Winlogbeat). Sysmon for Linux has the same.
type windowsFields struct {
	eventID, computer                      jsonl.Value
	utcTime, eventTime, created, timestamp jsonl.Value

	processID, newProcessID, processGUID    jsonl.Value
	image, newProcessName, processName      jsonl.Value
	commandLine, user                       jsonl.Value
	parentID, parentGUID, parentImage       jsonl.Value
	parentCommandLine, parentUser           jsonl.Value
	parentProcessName                       jsonl.Value
	hashes, imageLoaded                     jsonl.Value
	signed, signature, signatureStatus      jsonl.Value
	protocol, initiated                     jsonl.Value
	sourceIP, sourcePort                    jsonl.Value
	destinationIP, destinationPort          jsonl.Value
	direction, application                  jsonl.Value
	queryName                               jsonl.Value
	subjectUser, subjectDomain, subjectSID  jsonl.Value
	targetUser, targetDomain, targetSID     jsonl.Value
	logonType, authPackage, ipAddress       jsonl.Value
	workstation, status, logonProcess, host jsonl.Value
}

func (w *windowsFields) set(key []byte, v jsonl.Value) {
	switch string(key) {
	case "EventID", "event_id":
		w.eventID = v
	case "Hostname", "Computer", "computer_name", "ComputerName":
		w.computer = v
	case "UtcTime":
		w.utcTime = v
	case "EventTime":
		w.eventTime = v
	case "TimeCreated", "time_created":
		w.created = v
	case "@timestamp":
		w.timestamp = v
	case "ProcessId", "ProcessID":
		w.processID = v
	case "NewProcessId":
		w.newProcessID = v
	case "ProcessGuid":
		w.processGUID = v
	case "Image":
		w.image = v
	case "NewProcessName":
		w.newProcessName = v
	case "ProcessName":
		w.processName = v
	case "CommandLine":
		w.commandLine = v
	case "User":
		w.user = v
	case "ParentProcessId":
		w.parentID = v
	case "ParentProcessGuid":
		w.parentGUID = v
	case "ParentImage":
		w.parentImage = v
	case "ParentCommandLine":
		w.parentCommandLine = v
	case "ParentUser":
		w.parentUser = v
	case "ParentProcessName":
		w.parentProcessName = v
	case "Hashes", "Hash":
		w.hashes = v
	case "ImageLoaded":
		w.imageLoaded = v
	case "Signed":
		w.signed = v
	case "Signature":
		w.signature = v
	case "SignatureStatus":
		w.signatureStatus = v
	case "Protocol":
		w.protocol = v
	case "Initiated":
		w.initiated = v
	case "SourceIp", "SourceAddress":
		w.sourceIP = v
	case "SourcePort":
		w.sourcePort = v
	case "DestinationIp", "DestAddress":
		w.destinationIP = v
	case "DestinationPort", "DestPort":
		w.destinationPort = v
	case "Direction":
		w.direction = v
	case "Application":
		w.application = v
	case "QueryName":
		w.queryName = v
	case "SubjectUserName":
		w.subjectUser = v
	case "SubjectDomainName":
		w.subjectDomain = v
	case "SubjectUserSid":
		w.subjectSID = v
	case "TargetUserName":
		w.targetUser = v
	case "TargetDomainName":
		w.targetDomain = v
	case "TargetUserSid":
		w.targetSID = v
	case "LogonType":
		w.logonType = v
	case "AuthenticationPackageName":
		w.authPackage = v
	case "LogonProcessName":
		w.logonProcess = v
	case "IpAddress":
		w.ipAddress = v
	case "Workstation":
		w.workstation = v
	case "Status":
		w.status = v
	}
}

func (d *Decoder) windows(p Producer, line jsonl.Value) bool {
	w := &d.win
	*w = windowsFields{}
	for o := line.Object(); o.Next(); {
		switch string(o.Key) {
		case "winlog":
			for l := o.Value.Object(); l.Next(); {
				if string(l.Key) != "event_data" {
					w.set(l.Key, l.Value)
					continue
				}
				for e := l.Value.Object(); e.Next(); {
					w.set(e.Key, e.Value)
				}
			}
		case "host":
			w.host = o.Value
		default:
			w.set(o.Key, o.Value)
		}
	}
	id, ok := w.eventID.Uint()
	if !ok {
		return false
	}
	e := d.begin(p)
	if p == WindowsSecurity {
		if !d.security(e, w, id) {
			return false
		}
	} else if !d.sysmon(e, w, id, p == SysmonLinux) {
		return false
	}
	e.EventID = strconv.FormatUint(id, 10)
	d.windowsHost(e, w)
	e.Now = w.time()
	return d.send(e)
}

// windowsHost takes the computer's name. A collector's own host is something else, but for Winlogbeat's, which gives addresses.
func (d *Decoder) windowsHost(e *judge.HostEvent, w *windowsFields) {
	e.Host = given(d.text(w.computer))
	if w.host.Is() != '{' {
		return
	}
	for o := w.host.Object(); o.Next(); {
		switch string(o.Key) {
		case "name":
			if e.Host == "" {
				e.Host = d.text(o.Value)
			}
		case "ip":
			d.addresses(e, o.Value)
		}
	}
}

// time prefers the event's own time, which has no zone in Sysmon because it is UTC, and in NXLog because it is local.
func (w *windowsFields) time() int64 {
	if t := parseTime(w.utcTime); t.ok {
		return t.ns
	}
	collected := parseTime(w.timestamp)
	if t := parseTime(w.eventTime).near(collected); t.ok {
		return t.ns
	}
	if t := parseTime(w.created); t.ok {
		return t.ns
	}
	return collected.ns
}

// addresses takes a list of addresses of the host itself, as many as anybody needs.
func (d *Decoder) addresses(e *judge.HostEvent, v jsonl.Value) {
	add := func(v jsonl.Value) {
		if a := addr(v); a.IsValid() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && len(e.Addrs) < 16 {
			e.Addrs = append(e.Addrs, a)
		}
	}
	if v.Is() == '"' {
		add(v)
	}
	for a := v.Array(); a.Next(); {
		add(a.Value)
	}
}

func (d *Decoder) sysmon(e *judge.HostEvent, w *windowsFields, id uint64, linux bool) bool {
	e.Process = judge.Process{Exe: given(d.text(w.image)), User: given(d.text(w.user))}
	e.Process.PID, _ = w.processID.Uint()
	e.Process.ID = guid(d.text(w.processGUID))
	switch id {
	case 1:
		e.Kind = judge.ProcessStarted
		e.Process.CommandLine, e.Process.Quoting = d.long(w.commandLine), judge.Windows
		e.Parent = judge.Process{
			ID: guid(d.text(w.parentGUID)), Exe: given(d.text(w.parentImage)), User: given(d.text(w.parentUser)),
			CommandLine: d.long(w.parentCommandLine), Quoting: judge.Windows,
		}
		if linux {
			e.Process.Quoting, e.Parent.Quoting = judge.Joined, judge.Joined
		}
		e.Parent.PID, _ = w.parentID.Uint()
		e.SHA256 = d.sysmonHash(w)
	case 3:
		e.Kind = judge.Connected
		e.Proto = proto(w.protocol)
		initiated, _ := w.initiated.Plain()
		e.Inbound = !strings.EqualFold(string(initiated), "true")
		connection(e, w)
	case 5:
		e.Kind = judge.ProcessEnded
	case 7:
		e.Kind = judge.ImageLoaded
		e.File = given(d.text(w.imageLoaded))
		e.SHA256 = d.sysmonHash(w)
		d.sysmonSignature(e, w)
	case 22:
		e.Kind = judge.Queried
		e.Query = strings.TrimSuffix(given(d.text(w.queryName)), ".")
		return e.Query != ""
	default:
		return false
	}
	return true
}

func (d *Decoder) sysmonHash(w *windowsFields) string {
	b, _ := w.hashes.Plain()
	return sha256Hex(string(b[:min(len(b), 512)]))
}

func (d *Decoder) sysmonSignature(e *judge.HostEvent, w *windowsFields) {
	e.Signer, e.SignatureState = given(d.text(w.signature)), given(d.text(w.signatureStatus))
	signed, _ := w.signed.Plain()
	switch {
	case len(signed) == 0:
	case strings.EqualFold(string(signed), "false"): // with the state "Unavailable"
		e.Signature = judge.Unsigned
	case strings.EqualFold(e.SignatureState, "Valid"):
		e.Signature = judge.SignedValid
	default:
		e.Signature = judge.SignedInvalid
	}
}

func connection(e *judge.HostEvent, w *windowsFields) {
	e.Source = netip.AddrPortFrom(addr(w.sourceIP), port(w.sourcePort))
	e.Target = netip.AddrPortFrom(addr(w.destinationIP), port(w.destinationPort))
}

// guid returns a process's unique id, empty for the one that means none.
func guid(s string) string {
	if strings.Trim(s, "{}0-") == "" {
		return ""
	}
	return s
}

func (d *Decoder) security(e *judge.HostEvent, w *windowsFields, id uint64) bool {
	switch id {
	case 4688: // a new process has been created
		e.Kind = judge.ProcessStarted
		user, domain, sid := w.subjectUser, w.subjectDomain, w.subjectSID
		// The target is given where the new process runs as somebody else.
		if given(d.text(w.targetUser)) != "" {
			user, domain, sid = w.targetUser, w.targetDomain, w.targetSID
		}
		e.Process = judge.Process{
			Exe: given(d.text(w.newProcessName)), UID: given(d.text(sid)), CommandLine: given(d.long(w.commandLine)), Quoting: judge.Windows,
			User: domainUser(given(d.text(domain)), given(d.text(user))),
		}
		e.Process.PID, _ = w.newProcessID.Uint()
		e.Parent = judge.Process{Exe: given(d.text(w.parentProcessName))}
		e.Parent.PID, _ = w.processID.Uint()
	case 4689:
		e.Kind = judge.ProcessEnded
		e.Process.Exe = given(d.text(w.processName))
		e.Process.PID, _ = w.processID.Uint()
	case 4624, 4625, 4776:
		return d.logon(e, w, id)
	case 5156: // the filtering platform has permitted a connection
		e.Kind = judge.Connected
		e.Process.Exe = given(d.text(w.application))
		e.Process.PID, _ = w.processID.Uint()
		e.Proto = proto(w.protocol)
		dir, _ := w.direction.Plain()
		e.Inbound = !bytes.Equal(dir, []byte("%%14593"))
		connection(e, w)
	default:
		return false
	}
	return true
}

func (d *Decoder) logon(e *judge.HostEvent, w *windowsFields, id uint64) bool {
	e.Kind = judge.LoggedIn
	e.Login.User = domainUser(given(d.text(w.targetDomain)), given(d.text(w.targetUser)))
	if e.Login.User == "" {
		return false
	}
	e.Login.Outcome = loginAccepted
	if id == 4625 {
		e.Login.Outcome = loginRefused
	}
	e.From = addr(w.ipAddress)
	if e.From.IsLoopback() {
		e.From = netip.Addr{}
	}
	if id == 4776 { // the computer attempted to validate the credentials
		e.Login.Mechanism = "ntlmssp"
		if n, ok := w.status.Uint(); ok && n != 0 {
			e.Login.Outcome = loginRefused
		}
		return true
	}
	e.Process.Exe = given(d.text(w.processName))
	e.Process.PID, _ = w.processID.Uint()
	kind, _ := w.logonType.Uint()
	pack, _ := w.authPackage.Plain()
	switch kind {
	case 4, 5, 0: // batch, service, system
		e.Unattended, e.Login.Mechanism = true, "service"
	case 10, 12: // remote interactive
		e.Login.Mechanism = "rdp"
	case 3, 8, 9: // network, with the password in clear, new credentials
		e.Login.Mechanism = "smb"
		if bytes.EqualFold(pack, []byte("Kerberos")) {
			e.Login.Mechanism = "kerberos"
		} else if bytes.EqualFold(pack, []byte("NTLM")) {
			e.Login.Mechanism = "ntlmssp"
		}
	default: // at the console, unlocked, with cached credentials
		e.Login.Mechanism = "console"
	}
	return true
}

// The outcomes of a login, as in package protocol.
const (
	loginAccepted = 1
	loginRefused  = 2
)
