// Package render holds the tests of what kustomize/ and overlays/ become.
package render
