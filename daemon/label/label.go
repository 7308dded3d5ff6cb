// Package label has the label that asks for the view. The policies and the
// NRI plugin must agree on it.
package label

// Key is on a namespace or a pod. The policies read both; what has reached a
// node is the pod's.
const (
	Key      = "podview.dev/inject"
	Enabled  = "enabled"
	Disabled = "disabled"
)
