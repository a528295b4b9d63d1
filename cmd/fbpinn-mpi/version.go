package main

import (
	"runtime/debug"
	"strings"
)

// commit is set by the Makefile, for builds that do not record the state of the repository.
var commit string

// version is the commit that the program was built from, with a + where the tree had changes.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, mark := commit, ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				mark = "+"
			}
		}
	}
	if revision == "" {
		revision = "unknown"
	}
	return revision + mark
}

// modules lists the libraries with their versions.
func modules() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var list []string
	for _, m := range info.Deps {
		list = append(list, m.Path+" "+m.Version)
	}
	return strings.Join(list, "\n")
}
