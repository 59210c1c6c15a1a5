package convert

import (
	"path"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// maxArg bounds programs and arguments, in bytes: a manifest's strings have at most 64 KiB.
const maxArg = 8000

// kubescapeExec makes a command of a program and its arguments. In a profile "*" is a star and "⋯" stands for one
// segment or argument; in a manifest "*" stands for any characters.
func (d *draft) kubescapeExec(e *node, role string) {
	program := d.str(e, "path")
	d.others(e, "not known; left out", "path", "args", "envs")
	if envs := d.array(e, "envs"); len(envs) > 0 {
		d.lose(e.member("envs").spot(), "the environment of "+strict.Quote(program), "a manifest does not restrict it")
	}
	switch {
	case len(program) > maxArg:
		d.lose(e.spot(), "the program "+strict.Quote(program), "too long; left out")
		return
	case !strings.HasPrefix(program, "/"):
		d.lose(e.spot(), "the program "+strict.Quote(program), "not an absolute path; left out")
		return
	case strings.Contains(program, "*") || strings.Contains(program, ellipsis+ellipsis):
		d.lose(e.spot(), "the program "+strict.Quote(program), "its wildcard covers any number of directories; left out")
		return
	}
	c := manifest.Command{
		ID: d.unique("command", path.Base(program)), Role: role, Exec: strings.ReplaceAll(program, ellipsis, "*"),
		Features: d.core(), Reason: "Run by " + role + ", as profiled", Observable: []manifest.Observation{manifest.HostLog},
	}
	if args := d.array(e, "args"); len(args) > 0 {
		c.Args = []string{}
		for i, a := range args {
			if a.kind != text && a.in.json {
				d.fail(a.spot(), "want %s, found %s", text, a.kind)
				return
			}
			if i == 0 {
				if a.str() == ellipsis+ellipsis {
					// It covers the name and all arguments.
					if c.Args = nil; len(args) > 1 {
						d.lose(a.spot(), "what follows "+strict.Quote(a.str()), "a manifest has such a wildcard at the end only; any arguments are allowed")
					}
					break
				}
				if a.str() != program && path.Base(a.str()) != path.Base(program) && a.str() != ellipsis {
					d.lose(a.spot(), "the name "+strict.Quote(a.str())+" under which "+strict.Quote(program)+" runs", "a manifest knows the program's path only")
				}
				continue
			}
			if !d.kubescapeArg(a, i == len(args)-1, &c) {
				break
			}
		}
	}
	d.m.Commands = append(d.m.Commands, c)
}

// kubescapeArg adds a pattern. False: the rest is covered by it.
func (d *draft) kubescapeArg(a *node, last bool, c *manifest.Command) bool {
	s := a.str()
	switch {
	case len(s) > maxArg:
		c.Args = append(c.Args, "*")
		d.lose(a.spot(), "the argument "+strict.Quote(s), "too long; any arguments are allowed from here on")
		return false
	case s == ellipsis+ellipsis:
		c.Args = append(c.Args, "*")
		if !last {
			d.lose(a.spot(), "what follows "+strict.Quote(s), "a manifest has such a wildcard at the end only; any arguments are allowed from here on")
		}
		return false
	case s == ellipsis:
		c.Args = append(c.Args, "*")
		if last {
			d.lose(a.spot(), strict.Quote(s), "as the last one it stands for one argument there, and for any that follow in a manifest")
		}
		return true
	case strings.Contains(s, "*"):
		d.lose(a.spot(), "the argument "+strict.Quote(s), "its star is a star there, and stands for any characters in a manifest")
	case strings.Contains(s, ellipsis):
		d.lose(a.spot(), "the argument "+strict.Quote(s), `"⋯" is one segment there, and any characters in a manifest`)
	}
	c.Args = append(c.Args, strings.ReplaceAll(s, ellipsis, "*"))
	return true
}
