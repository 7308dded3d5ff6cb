package cgroup

import (
	"slices"
	"strings"
)

// Crowd finds where in a tree most of the paths are, for a full table: who
// makes many cgroups in its own must make room for itself. It follows the tree
// down, each time into the branch that has most of them, as long as that one
// stands out, with one of so many; top is the last such branch, "" for all.
func Crowd(paths []string, standsOut int) (top string) {
	paths = slices.Clone(paths)
	for {
		branches, fullest := map[string]int{}, ""
		for _, p := range paths {
			b := branch(p, len(top))
			branches[b]++
			if branches[b] > branches[fullest] {
				fullest = b
			}
		}
		if len(fullest) <= len(top) || branches[fullest]*standsOut < len(paths) || branches[fullest] == 1 {
			return top
		}
		paths = slices.DeleteFunc(paths, func(p string) bool { return !InBranch(p, fullest) })
		top = fullest
	}
}

// InBranch tells whether a path is top or below it.
func InBranch(path, top string) bool {
	return strings.HasPrefix(path, top) && (top == "" || len(path) == len(top) || path[len(top)] == '/')
}

// branch is the beginning of path up to the first / after so many bytes.
func branch(path string, bytes int) string {
	if len(path) <= bytes {
		return path
	}
	if i := strings.IndexByte(path[bytes+1:], '/'); i >= 0 {
		return path[:bytes+1+i]
	}
	return path
}
