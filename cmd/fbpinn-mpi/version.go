package main

import (
	"runtime/debug"
	"strings"
)

// version is the commit that the program was built from, with a + where the tree had changes.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, mark := "unknown", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				mark = "+"
			}
		}
	}
	return commit + mark
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
