package judge

import "strings"

// maxProcesses bounds the processes of products that are remembered, on all hosts.
const maxProcesses = 1 << 17

// processKey is a process on a host. Its number is used again after its end.
type processKey struct {
	host uint32
	pid  uint64
}

// process is a process of a product.
type process struct {
	key          processKey
	id, producer string
	exe, user    string
	parent       uint64
	owners       uint64 // a bit for each of the host's products
	used, filled bool
}

// processTable remembers processes of products. When it is full those go that had no child for longest.
type processTable struct {
	max     int
	by      map[processKey]uint32
	ring    []process
	hand    int
	evicted uint64
}

func newProcessTable(limit int) processTable {
	return processTable{max: limit, by: map[processKey]uint32{}}
}

func (t *processTable) clear() {
	clear(t.by)
	t.ring, t.hand = t.ring[:0], 0
}

// find returns the process with a number, nil where none of a product has it. id, where both are known, must be the same.
func (t *processTable) find(k processKey, id, producer string) *process {
	i, ok := t.by[k]
	if !ok || k.pid == 0 {
		return nil
	}
	p := &t.ring[i]
	if id != "" && p.id != "" && id != p.id && producer == p.producer {
		return nil
	}
	p.used = true
	return p
}

func (t *processTable) remove(k processKey) {
	if i, ok := t.by[k]; ok {
		t.ring[i] = process{}
		delete(t.by, k)
	}
}

func (t *processTable) put(p process) {
	p.filled = true
	if i, ok := t.by[p.key]; ok {
		t.ring[i] = p
		return
	}
	i := len(t.ring)
	if i < t.max {
		t.ring = append(t.ring, p)
	} else {
		for t.ring[t.hand].used {
			t.ring[t.hand].used = false
			t.hand = (t.hand + 1) % t.max
		}
		i = t.hand
		t.hand = (t.hand + 1) % t.max
		if t.ring[i].filled {
			delete(t.by, t.ring[i].key)
			t.evicted++
		}
		t.ring[i] = p
	}
	t.by[p.key] = uint32(i)
}

// owners returns which of the host's products a process belongs to, as a bit for each: those whose account runs it,
// whose program it is, or whose process started it.
func (j *Judge) owners(m *monitored, e *HostEvent) uint64 {
	p, parent := &e.Process, &e.Parent
	var owners uint64
	for i, hp := range m.products[:min(len(m.products), 64)] {
		if hp.isUser(p.User) || hp.owns(p.Exe) || p.Asked != "" && hp.owns(p.Asked) || hp.owns(script(p)) ||
			hp.isUser(parent.User) || hp.owns(parent.Exe) {
			owners |= 1 << i
		}
	}
	if known := j.hosts.procs.find(processKey{m.number, p.PID}, p.ID, e.Producer); known != nil && e.Kind != ProcessStarted {
		owners |= known.owners
	}
	if known := j.hosts.procs.find(processKey{m.number, parent.PID}, parent.ID, e.Producer); known != nil {
		owners |= known.owners
	}
	return owners
}

// track finds out whose process has started, fills in what is known of its parent, and remembers it if it is a product's.
func (j *Judge) track(m *monitored, e *HostEvent) uint64 {
	procs := &j.hosts.procs
	owners := j.owners(m, e)
	key := processKey{m.number, e.Process.PID}
	if parent := procs.find(processKey{m.number, e.Parent.PID}, e.Parent.ID, e.Producer); parent != nil {
		if e.Parent.Exe == "" {
			e.Parent.Exe = parent.exe
		}
		if e.Parent.User == "" {
			e.Parent.User = parent.user
		}
	}
	// On Unix a process that executes another program stays the same process. That it has the same parent tells it
	// from a new one with an old number; init has too many children for that.
	if before := procs.find(key, "", ""); before != nil && before.parent == e.Parent.PID && e.Parent.PID > 1 && !windowsPath(e.Process.Exe) {
		owners |= before.owners
	}
	if owners == 0 {
		procs.remove(key)
		return 0
	}
	if key.pid != 0 {
		procs.put(process{
			key: key, id: e.Process.ID, producer: e.Producer, exe: e.Process.Exe, user: e.Process.User, parent: e.Parent.PID, owners: owners,
		})
	}
	return owners
}

// starters are programs that start services; what they start is nobody's child.
var starters = map[string]bool{
	"systemd": true, "systemd-executor": true, "init": true, "launchd": true, "services.exe": true, "runc": true, "crun": true, "containerd-shim": true,
	"containerd-shim-runc-v2": true, "conmon": true, "docker-init": true, "tini": true, "dumb-init": true, "supervisord": true, "runsv": true,
	"s6-supervise": true,
}

// startedAsService reports whether the parent is one that starts services.
func startedAsService(parent *Process) bool {
	return parent.PID == 1 || starters[strings.ToLower(base(parent.Exe))]
}
